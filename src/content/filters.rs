//! The filters that templates have beside those of Tera. How a language writes what they show is left to `date_formats` and `words`.

mod arguments;
pub(crate) mod date;
pub(crate) mod plural;

use std::sync::Arc;

use tera::Tera;

use crate::content::filters::date::DateFilter;
use crate::content::filters::plural::PluralFilter;
use crate::content::locales::Locales;

/// Lets templates use the filters.
pub(crate) fn register(tera: &mut Tera, locales: &Arc<Locales>) {
    tera.register_filter(date::NAME, DateFilter { locales: Arc::clone(locales) });
    tera.register_filter(plural::NAME, PluralFilter { locales: Arc::clone(locales) });
}
