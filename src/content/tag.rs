//! Which language somebody reads, read from what the application says: `de-AT`, but also `de_AT.UTF-8`. Which languages fanmail writes is
//! left to `locales`.

use std::fmt;

/// Most bytes of a locale that are looked at.
const LOCALE_MAX: usize = 64;

/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 9] = ["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ur", "yi"];

/// Scripts that are.
const SCRIPTS_RIGHT_TO_LEFT: [&str; 7] = ["Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"];

/// Language, script and region of a BCP 47 tag (RFC 5646), each in its usual capitals. Variants and extensions are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag {
    language: Subtag<3>,
    script: Subtag<4>,
    region: Subtag<3>,
}

/// How a language is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// As English is.
    LeftToRight,
    /// As Arabic and Hebrew are.
    RightToLeft,
}

impl Direction {
    /// As HTML has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftToRight => "ltr",
            Self::RightToLeft => "rtl",
        }
    }
}

/// Up to `N` ASCII letters and digits, filled with zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Subtag<const N: usize>([u8; N]);

impl<const N: usize> Subtag<N> {
    const NONE: Self = Self([0; N]);

    fn new(text: &str) -> Self {
        let mut bytes = [0; N];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// With these capitals: all of them, or those of the beginning.
    fn with_capitals(mut self, capitals: usize) -> Self {
        self.0.make_ascii_lowercase();
        self.0.iter_mut().take(capitals).for_each(u8::make_ascii_uppercase);
        self
    }

    fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        // It was made of ASCII.
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Subtag<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Tag {
    /// English, in which all built-in texts are there.
    pub const ENGLISH: Self =
        Self { language: Subtag([b'e', b'n', 0]), script: Subtag::NONE, region: Subtag::NONE };

    /// What a locale says in any common spelling: `de-AT`, `DE_at`, `de_AT.UTF-8@euro`, `zh-Hant-TW-x-y`. `None` for what is no tag of a
    /// language, such as `German` or `C`.
    pub fn read(locale: &str) -> Option<Self> {
        let locale = locale.trim();
        let end = locale.find(['.', '@']).unwrap_or(locale.len());
        let mut subtags = locale[..end].split(['-', '_']);
        let language = subtags.next().filter(|text| matches!(text.len(), 2 | 3) && is_letters(text))?;
        if locale.len() > LOCALE_MAX {
            return None;
        }
        let mut tag = Self {
            language: renamed(Subtag::new(language).with_capitals(0)),
            script: Subtag::NONE,
            region: Subtag::NONE,
        };
        for subtag in subtags {
            if subtag.len() == 4
                && is_letters(subtag)
                && tag.script == Subtag::NONE
                && tag.region == Subtag::NONE
            {
                tag.script = Subtag::new(subtag).with_capitals(1);
            } else if is_region(subtag) && tag.region == Subtag::NONE {
                tag.region = Subtag::new(subtag).with_capitals(3);
            } else {
                break;
            }
        }
        Some(tag)
    }

    /// The tag itself, and those that say less, up to the language alone.
    pub fn and_broader(self) -> impl Iterator<Item = Self> {
        let of_script = Self { region: Subtag::NONE, ..self };
        let of_region = Self { script: Subtag::NONE, ..self };
        let of_language = Self { script: Subtag::NONE, ..of_script };
        let all = [self, of_script, of_region, of_language];
        (0..all.len()).filter(move |at| !all[..*at].contains(&all[*at])).map(move |at| all[at])
    }

    /// Whether both are the same language, wherever it is spoken.
    pub fn has_language_of(self, other: Self) -> bool {
        self.language == other.language
    }

    /// Whether it is this language, such as `de`.
    pub fn is_of(self, language: &str) -> bool {
        self.language.as_str() == language
    }

    /// How it is written.
    pub fn direction(self) -> Direction {
        let is_right_to_left = match self.script.as_str() {
            "" => RIGHT_TO_LEFT.contains(&self.language.as_str()),
            script => SCRIPTS_RIGHT_TO_LEFT.contains(&script),
        };
        if is_right_to_left { Direction::RightToLeft } else { Direction::LeftToRight }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.language.as_str())?;
        for subtag in [self.script.as_str(), self.region.as_str()].into_iter().filter(|text| !text.is_empty())
        {
            write!(f, "-{subtag}")?;
        }
        Ok(())
    }
}

/// Languages have had other names: Java, and Android with it, still writes them.
fn renamed(language: Subtag<3>) -> Subtag<3> {
    match language.as_str() {
        "iw" => Subtag::new("he"),
        "in" => Subtag::new("id"),
        "ji" => Subtag::new("yi"),
        _ => language,
    }
}

fn is_letters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Two letters of ISO 3166, or three digits of UN M.49.
fn is_region(text: &str) -> bool {
    match text.len() {
        2 => is_letters(text),
        3 => text.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(locale: &str) -> Option<String> {
        Tag::read(locale).map(|tag| tag.to_string())
    }

    #[test]
    fn a_tag_is_read_in_any_common_spelling() {
        for (locale, expected) in [
            ("de", "de"),
            ("de-AT", "de-AT"),
            ("DE_de", "de-DE"),
            (" de_DE.UTF-8@euro ", "de-DE"),
            ("zh-Hant-TW", "zh-Hant-TW"),
            ("ZH_hant", "zh-Hant"),
            ("sr-Latn-RS-ekavsk", "sr-Latn-RS"),
            ("es-419", "es-419"),
            ("de-1901", "de"),
            ("en-u-hc-h12", "en"),
            ("ckb-IQ", "ckb-IQ"),
            ("iw-IL", "he-IL"),
            ("in", "id"),
        ] {
            assert_eq!(read(locale).as_deref(), Some(expected), "{locale}");
        }
    }

    #[test]
    fn what_is_no_tag_is_none() {
        let long = "de-".repeat(100);
        for locale in ["", " ", "C", "POSIX", "German", "Deutsch", "日本", "d€", "-de", ".UTF-8", "1", &long]
        {
            assert_eq!(read(locale), None, "{locale}");
        }
    }

    #[test]
    fn broader_tags_end_with_the_language() {
        let broader = |locale: &str| -> Vec<String> {
            Tag::read(locale).unwrap().and_broader().map(|tag| tag.to_string()).collect()
        };
        assert_eq!(broader("de"), ["de"]);
        assert_eq!(broader("de-AT"), ["de-AT", "de"]);
        assert_eq!(broader("zh-Hant-TW"), ["zh-Hant-TW", "zh-Hant", "zh-TW", "zh"]);
    }

    #[test]
    fn the_script_says_the_direction_or_else_the_language() {
        let dir = |locale: &str| Tag::read(locale).unwrap().direction().as_str();
        assert_eq!(["ar", "he-IL", "fa", "ur", "az-Arab"].map(dir), ["rtl"; 5]);
        assert_eq!(["en", "de", "az", "ur-Latn", "zz"].map(dir), ["ltr"; 5]);
    }

    proptest! {
        #[test]
        fn no_text_confuses_it(locale: String) {
            if let Some(tag) = Tag::read(&locale) {
                prop_assert_eq!(Tag::read(&tag.to_string()), Some(tag));
            }
        }
    }
}
