//! Lists as a language writes them, by the data of CLDR: `a, b and c`, `a, b, and c`, `a, b e ioga`.

use icu_list::ListFormatter;
use icu_list::options::ListFormatterOptions;

use crate::content::date_formats::icu_locale;
use crate::content::tag::Tag;

/// All of these.
pub(crate) fn and(tag: Tag, items: &[String]) -> String {
    let locale = icu_locale(tag);
    let formatter = locale.and_then(|locale| {
        ListFormatter::try_new_and((&locale).into(), ListFormatterOptions::default()).ok()
    });
    match formatter {
        Some(formatter) => formatter.format_to_string(items.iter()),
        None => items.join(", "),
    }
}

/// With a capital at the beginning, as that of a sentence.
pub(crate) fn capitalised(tag: Tag, text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        // Turkish and Azerbaijani have an i with a dot in both sizes.
        Some('i') if ["tr", "az"].iter().any(|language| tag.is_of(language)) => {
            format!("İ{}", letters.as_str())
        }
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(language: &str, items: &[&str]) -> String {
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        and(Tag::read(language).unwrap(), &items)
    }

    #[test]
    fn each_language_has_its_way() {
        for (language, items, expected) in [
            ("en", &["a", "b", "c"][..], "a, b and c"),
            ("en-US", &["a", "b", "c"], "a, b, and c"),
            ("de", &["a", "b", "c"], "a, b und c"),
            ("fr", &["a", "b"], "a et b"),
            ("es", &["horario", "idioma"], "horario e idioma"),
            ("ja", &["a", "b"], "a、b"),
            ("ar", &["أ", "ب"], "أ وب"),
            ("de", &["a"], "a"),
            ("de", &[], ""),
        ] {
            assert_eq!(list(language, items), expected, "{language}");
        }
        assert!(list("tlh", &["a", "b"]).starts_with("a, "));
    }

    #[test]
    fn a_sentence_begins_with_a_capital() {
        for (language, text, expected) in [
            ("de", "ähnlich", "Ähnlich"),
            ("tr", "ilk", "İlk"),
            ("en", "ilk", "Ilk"),
            ("ar", "جديد", "جديد"),
            ("en", "", ""),
        ] {
            assert_eq!(capitalised(Tag::read(language).unwrap(), text), expected);
        }
    }
}
