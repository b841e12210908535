//! A text of a route with fields of the message in it, such as `{{ payload.first_name }} {{ payload.last_name }}`: the name or the
//! locale of a recipient. The mails themselves are left to `content`.

use tera::{Context, Tera};

use crate::routes::field::{ROOTS, Said};
use crate::text::clean::one_line;

/// How the template is called. Nothing is escaped in one of this name.
const NAME: &str = "text";

/// A text with fields of the message in it.
#[derive(Debug, Clone)]
pub(super) struct TextTemplate {
    tera: Tera,
}

impl TextTemplate {
    /// Parses the text.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tera = Tera::default();
        tera.add_raw_template(NAME, text).map_err(|error| format!("is {text:?}: {}", reason(&error)))?;
        let unknown = tera.get_template_variables(NAME).map_err(|error| reason(&error))?;
        let unknown = unknown.into_iter().find(|name| !ROOTS.contains(name));
        match unknown {
            Some(name) => Err(format!(
                "is {text:?}: {name:?} is not known; expected fields such as {{{{ payload.first_name }}}}"
            )),
            None => Ok(Self { tera }),
        }
    }

    /// The text for this message, on one line; `None` when it is empty.
    ///
    /// # Errors
    /// When a field is missing, or cannot be shown.
    pub fn render(&self, said: &Said) -> Result<Option<String>, String> {
        let mut context = Context::new();
        context.insert("payload", &said.payload);
        context.insert("meta", &said.meta);
        let text = self.tera.render(NAME, &context).map_err(|error| reason(&error))?;
        Ok(Some(one_line(&text)).filter(|text| !text.is_empty()))
    }
}

/// The error in one line.
fn reason(error: &tera::Error) -> String {
    match error.kind() {
        tera::ErrorKind::SyntaxError(report) | tera::ErrorKind::RenderingError(report) => {
            report.message().to_string()
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(text: &str) -> Result<Option<String>, String> {
        let payload =
            json!({"first": "Ada", "last": "<Love\nlace>", "empty": ""}).as_object().unwrap().clone();
        TextTemplate::parse(text)?.render(&Said { payload, ..Said::default() })
    }

    #[test]
    fn fields_are_shown_as_they_are_and_on_one_line() {
        assert_eq!(
            rendered("{{ payload.first }} {{ payload.last }}"),
            Ok(Some("Ada <Love lace>".to_owned()))
        );
        assert_eq!(rendered("{{ payload.empty }} "), Ok(None));
        assert_eq!(rendered("{{ payload.none | default(value=\"?\") }}"), Ok(Some("?".to_owned())));
    }

    #[test]
    fn a_field_that_is_missing_is_an_error_and_an_unknown_one_is_found_before() {
        let error = rendered("{{ payload.none }}").unwrap_err();
        assert!(error.contains("none"), "{error}");
        for (text, told) in [
            ("{{ payload.first", "is \"{{ payload.first\": "),
            ("{{ first }}", "\"first\" is not known; expected fields such as {{ payload.first_name }}"),
            ("{{ payload.first | nofilter }}", "nofilter"),
        ] {
            let error = TextTemplate::parse(text).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
