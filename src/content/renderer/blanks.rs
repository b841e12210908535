//! Parts that are rendered once for all participants, with blanks for what is personal: most of a render is the same for all of them.
//! Which templates allow it is left to `template_set`.

use std::borrow::Cow;

use crate::content::layout;
use crate::domain::content::MediaType;

/// Stands for the greeting while a part is rendered. No text from outside has control characters.
pub(super) const GREETING: &str = "\0g\0";
/// Stands for the participant's place as JSON-LD.
pub(super) const JSON_LD: &str = "\0j\0";

/// A part with blanks.
#[derive(Debug)]
pub(super) struct Blanks {
    media_type: MediaType,
    /// What stands before each blank, and what it is filled with.
    before: Vec<(String, Blank)>,
    /// What stands behind the last one.
    rest: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    Greeting,
    JsonLd,
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
                _ => return None,
            };
            rest = &found[mark.len()..];
            if media_type == MediaType::Plain {
                let is_line = (start.is_empty() || start.ends_with('\n')) && blank == Blank::Greeting;
                rest = rest.strip_prefix('\n').filter(|_| is_line)?;
            }
            before.push((start.to_owned(), blank));
        }
        Some(Self { media_type, before, rest: rest.to_owned() })
    }

    /// The part for somebody. `None` if it would not be as if it were rendered with this.
    pub fn fill(&self, greeting: &str, json_ld: &str) -> Option<String> {
        let greeting = match self.media_type {
            // Lines of its own are wrapped and spaced together with those around them.
            MediaType::Plain if greeting.trim().is_empty() || greeting.contains('\n') => return None,
            MediaType::Plain => Cow::Owned(layout::wrap_text(greeting)),
            MediaType::Html => Cow::Borrowed(greeting),
        };
        let length: usize = self.before.iter().map(|(text, _)| text.len()).sum();
        let mut part = String::with_capacity(length + self.rest.len() + 2 * greeting.len() + json_ld.len());
        for (text, blank) in &self.before {
            part.push_str(text);
            part.push_str(match blank {
                Blank::Greeting => &greeting,
                Blank::JsonLd => json_ld,
            });
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
        Blanks::new(media_type, text)?.fill(greeting, "{}")
    }

    #[test]
    fn html_is_filled_anywhere_and_text_on_lines_of_its_own() {
        let html = "<p>\0g\0</p><script>\0j\0</script>\0g\0";
        let expected = "<p>Hi,</p><script>{}</script>Hi,";
        assert_eq!(filled(MediaType::Html, html, "Hi,").as_deref(), Some(expected));
        assert_eq!(filled(MediaType::Plain, "a\n\0g\0  \n\n\nb", "Hi,").as_deref(), Some("a\nHi,\n\nb\n"));
        for text in ["To \0g\0", "\0g\0!", "\0j\0", "\0x\0", "\0", "a\0g"] {
            assert_eq!(filled(MediaType::Plain, text, "Hi,"), None, "{text:?}");
        }
        for greeting in ["", " ", "Hi,\nyou"] {
            assert_eq!(filled(MediaType::Plain, "\0g\0\n", greeting), None, "{greeting:?}");
        }
    }

    proptest! {
        #[test]
        fn a_filled_text_is_as_if_it_were_rendered_so(
            before in "[a \\n]{0,100}\\n?",
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
