//! One text of the mails, with places for arguments, and how it is written as plain text and as HTML. Which texts there are is left to
//! `texts`.

use crate::content::layout;
use crate::content::plural::Plural;
use crate::content::tag::Tag;
use crate::domain::content::MediaType;

/// The argument that has the number of a text with plural forms.
pub(crate) const COUNT: &str = "count";

/// A text such as `We are sorry: *{title}* will not take place.`, taken apart.
#[derive(Debug)]
pub(crate) struct Text {
    pieces: Vec<Piece>,
    /// Of a text that is not the same for all numbers: what it is for some of them.
    plural: Option<Plural<Vec<Piece>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `{name}`
    Argument(String),
    /// `*`, before and after what is strong.
    Strong,
}

/// Where a text is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Into a subject or a text part.
    Plain,
    /// Into HTML: arguments are escaped, and cannot change the direction of what is around them.
    Html,
}

impl Form {
    /// That of a part.
    pub fn of(media_type: MediaType) -> Self {
        match media_type {
            MediaType::Plain => Self::Plain,
            MediaType::Html => Self::Html,
        }
    }
}

impl Text {
    /// Takes a text apart.
    ///
    /// # Errors
    /// What is wrong with it, in words that go on after its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { pieces: Self::pieces(text)?, plural: None })
    }

    /// The same of the forms for numbers that a text has in a language, by their names: `one`, `other`.
    ///
    /// # Errors
    /// What is wrong with one, in words that go on after the name of the text.
    pub fn parse_plural(tag: Tag, forms: Vec<(String, String)>) -> Result<Self, String> {
        let parsed = forms.into_iter().map(|(name, text)| Ok((name, Self::pieces(&text)?)));
        let (plural, pieces) = Plural::new(tag, parsed.collect::<Result<_, String>>()?)?;
        Ok(Self { pieces, plural: Some(plural) })
    }

    fn pieces(text: &str) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}', '*']) {
            if at > 0 {
                pieces.push(Piece::Literal(rest[..at].to_owned()));
            }
            rest = match rest.as_bytes()[at] {
                b'{' => {
                    let end = rest.find('}').ok_or_else(|| format!("has no }} behind {}", &rest[at..]))?;
                    let name = &rest[at + 1..end];
                    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                    {
                        return Err(format!(
                            "has {{{name}}}; a placeholder has small letters and underscores only"
                        ));
                    }
                    pieces.push(Piece::Argument(name.to_owned()));
                    &rest[end + 1..]
                }
                b'}' => return Err("has a } without a { before it".to_owned()),
                _ => {
                    pieces.push(Piece::Strong);
                    &rest[at + 1..]
                }
            };
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        if pieces.iter().filter(|piece| **piece == Piece::Strong).count() % 2 == 1 {
            return Err("has a * without another one; they stand around what is to be strong".to_owned());
        }
        Ok(pieces)
    }

    /// Whether it has forms for numbers.
    pub fn is_plural(&self) -> bool {
        self.plural.is_some()
    }

    /// The names of its arguments, in order; those of all forms.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        let forms = self.plural.iter().flat_map(Plural::forms).flatten();
        self.pieces.iter().chain(forms).filter_map(|piece| match piece {
            Piece::Argument(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The text with these arguments; one without a value is left out. Its form is that for [`COUNT`].
    pub fn write<'a>(&self, form: Form, value: impl Fn(&str) -> Option<&'a str>) -> String {
        let of_number = self.plural.as_ref().and_then(|plural| plural.form(value(COUNT)?));
        let pieces = of_number.unwrap_or(&self.pieces);
        match form {
            Form::Plain => plain(pieces, value),
            Form::Html => layout::wrap_source(&html(pieces, value)),
        }
    }
}

fn plain<'a>(pieces: &[Piece], value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Argument(name) => text.push_str(value(name).unwrap_or_default()),
            Piece::Strong => {}
        }
    }
    text
}

fn html<'a>(pieces: &[Piece], value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut html = String::new();
    let mut is_strong = false;
    for piece in pieces {
        match piece {
            Piece::Literal(text) => html.push_str(&layout::escape(text)),
            Piece::Argument(name) => {
                if let Some(value) = value(name) {
                    html.push_str("<bdi>");
                    html.push_str(&layout::escape(value));
                    html.push_str("</bdi>");
                }
            }
            Piece::Strong => {
                is_strong = !is_strong;
                html.push_str(if is_strong { "<strong>" } else { "</strong>" });
            }
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, form: Form) -> String {
        let value = |name: &str| (name == "title").then_some("<b>\"Rust\" & more");
        Text::parse(text).unwrap().write(form, value)
    }

    #[test]
    fn arguments_are_shown_literally_and_apart_from_the_text_around_them() {
        let text = "We're sorry: *{title}* & {none}so on";
        assert_eq!(written(text, Form::Plain), "We're sorry: <b>\"Rust\" & more & so on");
        assert_eq!(
            written(text, Form::Html),
            "We&#39;re sorry: <strong><bdi>&lt;b&gt;&quot;Rust&quot; &amp;\nmore</bdi></strong> &amp; so on"
        );
    }

    #[test]
    fn an_argument_that_looks_like_a_placeholder_is_not_one() {
        let text = Text::parse("{a} {b}").unwrap();
        assert_eq!(text.write(Form::Plain, |_| Some("{a} *x*")), "{a} *x* {a} *x*");
        assert_eq!(text.arguments().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, told) in [
            ("a {title", "has no } behind {title"),
            ("a title}", "has a } without a { before it"),
            ("{ title }", "has { title }; a placeholder has small letters and underscores only"),
            ("{}", "has {}; a placeholder has small letters and underscores only"),
            ("5 * 3", "has a * without another one; they stand around what is to be strong"),
        ] {
            assert_eq!(Text::parse(text).unwrap_err(), told, "{text}");
        }
    }
}
