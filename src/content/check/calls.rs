//! Finds errors in the arguments of filters, as far as they are texts in the template: also in branches that no sample takes. What a filter
//! does with the others is left to it.

use crate::content::catalogue::source::Source;
use crate::content::check::names::Name;
use crate::content::error::TemplateError;
use crate::content::filters::date::{self, format::Format};
use crate::content::filters::plural;
use crate::content::locales::Locales;
use crate::content::text::COUNT;

/// # Errors
/// The first argument with which its filter would fail.
pub(super) fn check_calls(
    names: &[Name<'_>],
    source: &Source,
    locales: &Locales,
) -> Result<(), TemplateError> {
    for name in names {
        let (Some(filter), Some(text)) = (name.call, name.text) else { continue };
        let checked = match (filter, name.root) {
            (date::NAME, date::FORMAT) => Format::parse(text).map(drop),
            (date::NAME, date::TIMEZONE) => date::read_zone(text).map(drop),
            (plural::NAME, plural::TEXT) => check_plural(text, names, locales),
            _ => Ok(()),
        };
        checked
            .map_err(|problem| TemplateError(format!("{}, line {}: {problem}", source.path, name.line)))?;
    }
    Ok(())
}

/// In each language that has the text, the template gives it all arguments.
fn check_plural(name: &str, names: &[Name<'_>], locales: &Locales) -> Result<(), String> {
    if locales.texts(name).next().is_none() {
        return Err(plural::unknown(name));
    }
    let is_in_call =
        |argument: &str| names.iter().any(|name| name.call == Some(plural::NAME) && name.root == argument);
    let is_given = |argument: &str| argument == COUNT || is_in_call(argument);
    let missing = locales.texts(name).find_map(|(texts, text)| {
        text.arguments().find(|argument| !is_given(argument)).map(|argument| (texts, argument))
    });
    missing.map_or(Ok(()), |(texts, argument)| {
        Err(format!("{} (in {})", plural::not_given(name, argument), texts.path))
    })
}
