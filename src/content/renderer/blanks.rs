//! Parts that are rendered once for all participants, with blanks for what is personal: most of a render is the same for all of them.
//! Which templates allow it is left to `template_set`.

use std::borrow::Cow;

use crate::content::layout;
use crate::domain::content::MediaType;

/// Stands for the greeting while a part is rendered. No text from outside has control characters.
pub(super) const GREETING: &str = "\0g\0";
/// Stands for the participant's place as JSON-LD.
pub(super) const JSON_LD: &str = "\0j\0";
/// Stands for the time of the event by the participant's own clocks.
pub(super) const OWN_TIME: &str = "\0o\0";
/// Stands for the link that unsubscribes the participant.
pub(super) const UNSUBSCRIBE_URL: &str = "\0u\0";

/// A part with blanks.
#[derive(Debug)]
pub(super) struct Blanks {
    media_type: MediaType,
    /// What stands before each blank, what it is filled with, and in a text part how far it is indented.
    before: Vec<(String, Blank, usize)>,
    /// What stands behind the last one.
    rest: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    Greeting,
    JsonLd,
    OwnTime,
    UnsubscribeUrl,
}

/// What blanks are filled with, for one participant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Personal<'a> {
    /// The greeting.
    pub greeting: &'a str,
    /// Their place as JSON-LD.
    pub json_ld: &'a str,
    /// The time by their own clocks.
    pub own_time: &'a str,
    /// The link that unsubscribes, as this part writes it.
    pub unsubscribe_url: &'a str,
}

impl Blanks {
    /// A rendered part. `None` if a blank cannot be filled so that the part is as if it were rendered with it: in a text part, which is
    /// wrapped, it has to be a line of its own.
    pub fn new(media_type: MediaType, rendered: &str) -> Option<Self> {
        let text = match media_type {
            MediaType::Plain => Cow::Owned(layout::wrap_text(rendered)),
            MediaType::Html => Cow::Borrowed(rendered),
        };
        let (mut before, mut rest) = (Vec::new(), &*text);
        while let Some(at) = rest.find('\0') {
            let (start, found) = rest.split_at(at);
            let mark = found.get(..GREETING.len())?;
            let blank = match mark {
                GREETING => Blank::Greeting,
                JSON_LD => Blank::JsonLd,
                OWN_TIME => Blank::OwnTime,
                UNSUBSCRIBE_URL => Blank::UnsubscribeUrl,
                _ => return None,
            };
            rest = &found[mark.len()..];
            let (mut start, mut indent) = (start, 0);
            if media_type == MediaType::Plain {
                let line = start.rfind('\n').map_or(0, |at| at + 1);
                let is_line = start[line..].bytes().all(|byte| byte == b' ') && blank != Blank::JsonLd;
                rest = rest.strip_prefix('\n').filter(|_| is_line)?;
                indent = start.len() - line;
                start = &start[..line];
            }
            before.push((start.to_owned(), blank, indent));
        }
        Some(Self { media_type, before, rest: rest.to_owned() })
    }

    /// The part for somebody. `None` if it would not be as if it were rendered with this.
    pub fn fill(&self, personal: Personal<'_>) -> Option<String> {
        let Personal { greeting, json_ld, own_time, unsubscribe_url } = personal;
        let length: usize = self.before.iter().map(|(text, ..)| text.len()).sum();
        let values = 2 * greeting.len() + json_ld.len() + own_time.len() + unsubscribe_url.len();
        let mut part = String::with_capacity(length + self.rest.len() + values);
        for (text, blank, indent) in &self.before {
            part.push_str(text);
            let value = match blank {
                Blank::Greeting => greeting,
                Blank::JsonLd => json_ld,
                Blank::OwnTime => own_time,
                Blank::UnsubscribeUrl => unsubscribe_url,
            };
            match self.media_type {
                // Lines of its own are wrapped and spaced together with those around them.
                MediaType::Plain if value.trim().is_empty() || value.contains('\n') => return None,
                MediaType::Plain => part.push_str(&layout::wrap_text(&format!("{:indent$}{value}", ""))),
                MediaType::Html => part.push_str(value),
            }
        }
        part.push_str(&self.rest);
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(media_type: MediaType, text: &str, greeting: &str) -> Option<String> {
        let unsubscribe_url = "https://x.example/?a";
        let personal = Personal { greeting, json_ld: "{}", own_time: "12:00", unsubscribe_url };
        Blanks::new(media_type, text)?.fill(personal)
    }

    #[test]
    fn html_is_filled_anywhere_and_text_on_lines_of_its_own() {
        let html = "<p>\0g\0</p><script>\0j\0</script>\0g\0<a href=\"\0u\0\">";
        let expected = "<p>Hi,</p><script>{}</script>Hi,<a href=\"https://x.example/?a\">";
        assert_eq!(filled(MediaType::Html, html, "Hi,").as_deref(), Some(expected));
        assert_eq!(filled(MediaType::Plain, "a\n\0g\0  \n\n\nb", "Hi,").as_deref(), Some("a\nHi,\n\nb\n"));
        let indented = filled(MediaType::Plain, "a\n    \0o\0\n  \0g\0\nb", "Hi,");
        assert_eq!(indented.as_deref(), Some("a\n    12:00\n  Hi,\nb\n"));
        assert_eq!(
            filled(MediaType::Plain, "\0g\0\n\n\n\0u\0\nb", "Hi,").as_deref(),
            Some("Hi,\n\nhttps://x.example/?a\nb\n")
        );
        for text in ["To \0g\0", "See \0u\0", "\0g\0!", "\0j\0", "\0x\0", "\0", "a\0g"] {
            assert_eq!(filled(MediaType::Plain, text, "Hi,"), None, "{text:?}");
        }
        for greeting in ["", " ", "Hi,\nyou"] {
            assert_eq!(filled(MediaType::Plain, "\0g\0\n", greeting), None, "{greeting:?}");
        }
    }

    proptest! {
        #[test]
        fn a_filled_text_is_as_if_it_were_rendered_so(
            before in "[a \\n]{0,100}\\n? {0,4}",
            greeting in "[a ]{0,200}",
            after in "\\n?[a \\n]{0,100}",
        ) {
            let text = format!("{before}\0g\0{after}");
            if let Some(filled) = filled(MediaType::Plain, &text, &greeting) {
                prop_assert_eq!(filled, layout::wrap_text(&format!("{before}{greeting}{after}")));
            }
        }
    }
}
