//! Which of several forms a number takes in a language, by the data of CLDR: `one` and `other` in English, up to six in others.

use icu_plurals::{PluralCategory, PluralRules};

use crate::content::date_formats::icu_locale;
use crate::content::tag::Tag;

/// Every number up to this one needs a form. French has one of its own for millions, which is `other` where it is left out.
const NUMBERS: u32 = 100;

/// The form that every text has.
const OTHER: &str = "other";

/// Forms for numbers.
#[derive(Debug)]
pub(crate) struct Plural<T> {
    rules: PluralRules,
    /// All but `other`.
    forms: Vec<(PluralCategory, T)>,
}

impl<T> Plural<T> {
    /// From the forms of a language by their names. Returns `other`, too.
    ///
    /// # Errors
    /// When one is missing, or is none of this language, in words that go on after the name of a text.
    pub fn new(tag: Tag, named: Vec<(String, T)>) -> Result<(Self, T), String> {
        let rules = icu_locale(tag).and_then(|locale| PluralRules::try_new_cardinal((&locale).into()).ok());
        let rules = rules.ok_or_else(|| "has forms for numbers, and this language has none".to_owned())?;
        let (mut forms, mut other) = (Vec::new(), None);
        for (name, form) in named {
            let category = PluralCategory::get_for_cldr_string(&name)
                .filter(|category| rules.categories().any(|known| known == *category));
            match category {
                None => {
                    let known: Vec<&str> = rules.categories().map(name_of).collect();
                    return Err(format!("has the form \"{name}\"; this language has: {}", known.join(", ")));
                }
                Some(PluralCategory::Other) => other = Some(form),
                Some(category) => forms.push((category, form)),
            }
        }
        let other = other.ok_or_else(|| format!("has no form \"{OTHER}\""))?;
        let missing =
            (0..=NUMBERS).map(|number| (number, rules.category_for(number))).find(|(_, category)| {
                *category != PluralCategory::Other && forms.iter().all(|(known, _)| known != category)
            });
        match missing {
            Some((number, category)) => {
                Err(format!("has no form \"{}\", which {number} needs in this language", name_of(category)))
            }
            None => Ok((Self { rules, forms }, other)),
        }
    }

    /// The form for a whole number, written with digits. `None`: `other`.
    pub fn form(&self, number: &str) -> Option<&T> {
        let category = self.rules.category_for(number.parse::<i64>().ok()?);
        self.forms.iter().find(|(known, _)| *known == category).map(|(_, form)| form)
    }

    /// All but `other`.
    pub fn forms(&self) -> impl Iterator<Item = &T> {
        self.forms.iter().map(|(_, form)| form)
    }
}

/// As CLDR calls it.
fn name_of(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plural(language: &str, forms: &[&'static str]) -> Result<Plural<&'static str>, String> {
        let named = forms.iter().map(|name| ((*name).to_owned(), *name)).collect();
        Plural::new(Tag::read(language).unwrap(), named).map(|(plural, _)| plural)
    }

    #[test]
    fn each_language_counts_in_its_way() {
        for (language, forms, expected) in [
            ("en", &["one", "other"][..], ["other", "one", "other", "other", "other", "other"]),
            ("fr", &["one", "other"], ["one", "one", "other", "other", "other", "other"]),
            ("ja", &["other"], ["other"; 6]),
            ("pl", &["one", "few", "many", "other"], ["many", "one", "few", "many", "few", "many"]),
            (
                "ar",
                &["zero", "one", "two", "few", "many", "other"],
                ["zero", "one", "two", "few", "many", "other"],
            ),
        ] {
            let plural = plural(language, forms).unwrap();
            let found =
                ["0", "1", "2", "5", "22", "100"].map(|number| *plural.form(number).unwrap_or(&"other"));
            assert_eq!(found, expected, "{language}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (language, forms, told) in [
            ("en", &["one", "two", "other"][..], "has the form \"two\"; this language has: one, other"),
            ("en", &["once", "other"], "has the form \"once\"; this language has: one, other"),
            ("en", &["one"], "has no form \"other\""),
            ("pl", &["one", "other"], "has no form \"many\", which 0 needs in this language"),
        ] {
            assert_eq!(plural(language, forms).unwrap_err(), told, "{language}");
        }
    }
}
