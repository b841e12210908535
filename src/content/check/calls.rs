//! Finds errors in the arguments of filters, as far as they are texts in the template: also in branches that no sample takes. What a filter
//! does with the others is left to it.

use crate::content::catalogue::source::Source;
use crate::content::check::names::Name;
use crate::content::error::TemplateError;
use crate::content::filters::date::{self, format::Format};

/// # Errors
/// The first argument with which its filter would fail.
pub(super) fn check_calls(names: &[Name<'_>], source: &Source) -> Result<(), TemplateError> {
    let mut filter = "";
    for name in names {
        let Some(text) = name.text else {
            filter = name.root;
            continue;
        };
        let checked = match (filter, name.root) {
            (date::NAME, date::FORMAT) => Format::parse(text).map(drop),
            (date::NAME, date::TIMEZONE) => date::read_zone(text).map(drop),
            _ => Ok(()),
        };
        checked
            .map_err(|problem| TemplateError(format!("{}, line {}: {problem}", source.path, name.line)))?;
    }
    Ok(())
}
