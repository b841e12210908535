//! What filters are given: their arguments, and the language of the mail.

use tera::{Kwargs, State, TeraResult, Value};

use crate::content::tag::Tag;

/// The argument, and the variable, that says which language the recipient reads.
pub(super) const LOCALE: &str = "locale";

/// A language of the mail, by its name among the fields of `locale`: that of an argument, or that of the variable. A component sees no
/// variables.
pub(super) fn language(
    filter: &str,
    field: &'static str,
    kwargs: &Kwargs,
    state: &State<'_>,
) -> TeraResult<Tag> {
    let given = kwargs.get::<Value>(LOCALE)?;
    let locale = match given {
        Some(locale) => Some(locale),
        None => state.get::<Value>(LOCALE)?,
    };
    let tag = locale.as_ref().and_then(|locale| match locale.as_map() {
        Some(fields) => fields.get(&field.into())?.as_str(),
        None => locale.as_str(),
    });
    tag.and_then(Tag::read).ok_or_else(|| {
        tera::Error::message(format!(
            "the filter {filter} does not know the language here; in a component, give it one: {filter}(locale=locale)"
        ))
    })
}

/// # Errors
/// When there is an argument of another name.
pub(super) fn check_arguments(filter: &str, known: &[&str], kwargs: &Kwargs) -> TeraResult<()> {
    let unknown = kwargs.iter().find_map(|(name, _)| name.as_str().filter(|name| !known.contains(name)));
    unknown.map_or(Ok(()), |name| {
        Err(tera::Error::message(format!(
            "the filter {filter} has no argument {name} (it has: {})",
            known.join(", ")
        )))
    })
}
