//! The filter `plural`: writes a text of the language of the mail in the form that a number takes in it.
//!
//! `{{ metadata.seats | plural(text="seats_left") }}`, with `seats_left = { one = "One seat is left.", other = "{count} seats are left." }`

use std::sync::Arc;

use tera::{Error, Filter, Kwargs, State, TeraResult, Value};

use crate::content::filters::arguments::{LOCALE, language};
use crate::content::locales::Locales;
use crate::content::text::{COUNT, Form};

/// Its name.
pub(crate) const NAME: &str = "plural";

/// The argument that names the text. All others fill its placeholders.
pub(crate) const TEXT: &str = "text";

/// The filter.
pub(super) struct PluralFilter {
    /// The texts.
    pub locales: Arc<Locales>,
}

impl Filter<Value, TeraResult<Value>> for PluralFilter {
    fn call(&self, value: Value, kwargs: Kwargs, state: &State<'_>) -> TeraResult<Value> {
        if value.is_none() {
            return Ok(Value::none());
        }
        let name = kwargs.must_get::<&str>(TEXT)?;
        let number = value.to_string();
        if number.parse::<i64>().is_err() {
            let shown: String = number.chars().take(40).collect();
            return Err(Error::message(format!(
                "the filter {NAME} needs a whole number, and got \"{shown}\""
            )));
        }
        let [language, of_dates] = ["lang", "dates"].map(|field| language(NAME, field, &kwargs, state));
        // The locale of the mail has its layout as well, against which a text may run.
        let (language, of_mail) = (language?, self.locales.locale(of_dates?));
        let locale = if of_mail.words.language == language { of_mail } else { self.locales.locale(language) };
        let text = locale.words.get(name).ok_or_else(|| Error::message(unknown(name)))?;
        let others = kwargs.iter().filter_map(|(key, value)| Some((key.as_str()?, value.to_string())));
        let arguments: Vec<(&str, String)> = others
            .filter(|(key, _)| ![TEXT, LOCALE].contains(key))
            .chain([(COUNT, number.clone())])
            .collect();
        let argument =
            |name: &str| arguments.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        if let Some(missing) = text.arguments().find(|name| argument(name).is_none()) {
            return Err(Error::message(not_given(name, missing)));
        }
        Ok(if state.autoescaping_enabled() {
            Value::safe_string(&locale.words.write(name, Form::Html, argument))
        } else {
            Value::normal_string(&locale.words.write(name, Form::Plain, argument))
        })
    }
}

/// What is said of a text that there is not.
pub(crate) fn unknown(name: &str) -> String {
    format!(
        "the filter {NAME} does not know the text \"{name}\"; put it into the texts.toml of each language, as {{ other = \"…\" }} with its other forms"
    )
}

/// What is said of an argument that a text has and the template does not give.
pub(crate) fn not_given(name: &str, argument: &str) -> String {
    format!(
        "the text \"{name}\" has {{{argument}}}; give it to the filter: {NAME}(text=\"{name}\", {argument}=…)"
    )
}
