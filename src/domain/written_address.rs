//! A mail address as people and programs write it: in a field of its own, within a text, or in the texts of JSON. Found in any
//! capitals, with blanks around it, and with its domain in any script. Where texts are kept is left to `store::person`.

use serde_json::{Map, Value};

use crate::domain::address_hash::normalized;

/// What stands in place of an address that was erased.
pub const ERASED: &str = "(erased)";

/// Longest domain that is looked at, in characters, and longest text before an address.
const LONGEST: usize = 255;

/// An address that is looked for.
#[derive(Debug, Clone)]
pub struct WrittenAddress {
    normalized: String,
    /// What stands before the `@`.
    local: String,
}

impl WrittenAddress {
    /// The address that [`normalized`] has returned.
    #[must_use]
    pub fn new(normalized: &str) -> Self {
        let local = normalized.rsplit_once('@').map_or(normalized, |(local, _)| local);
        Self { normalized: normalized.to_owned(), local: local.to_owned() }
    }

    /// It, normalised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.normalized
    }

    /// Whether a field that is for one address has this one. A field to which no mail can be sent may have more in it: a name, or several
    /// addresses.
    #[must_use]
    pub fn is(&self, field: &str) -> bool {
        normalized(field).map_or_else(|| self.is_in(field), |other| other == self.normalized)
    }

    /// Whether it occurs in a text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    /// The text with [`ERASED`] in place of the address; `None` if it does not occur.
    #[must_use]
    pub fn erase(&self, text: &str) -> Option<String> {
        let (mut rest, mut erased) = (text, String::new());
        while let Some((start, end)) = self.find(rest) {
            erased.push_str(&rest[..start]);
            erased.push_str(ERASED);
            rest = &rest[end..];
        }
        (rest.len() < text.len()).then(|| erased + rest)
    }

    /// Whether it occurs in the texts of JSON. What is no JSON is a text.
    #[must_use]
    pub fn is_in_json(&self, json: &str) -> bool {
        self.erase_in_json(json).is_some()
    }

    /// The same as [`Self::erase`] with the texts of JSON. What is no JSON is a text.
    #[must_use]
    pub fn erase_in_json(&self, json: &str) -> Option<String> {
        let Ok(mut value) = serde_json::from_str::<Value>(json) else { return self.erase(json) };
        self.erase_in_value(&mut value).then(|| value.to_string())
    }

    fn erase_in_value(&self, value: &mut Value) -> bool {
        let mut changed = false;
        match value {
            Value::String(text) => {
                if let Some(erased) = self.erase(text) {
                    *text = erased;
                    changed = true;
                }
            }
            Value::Array(values) => {
                for value in values {
                    changed |= self.erase_in_value(value);
                }
            }
            Value::Object(fields) => {
                for (_, value) in fields.iter_mut() {
                    changed |= self.erase_in_value(value);
                }
                if fields.keys().any(|key| self.is_in(key)) {
                    let named = std::mem::take(fields).into_iter();
                    *fields = named
                        .map(|(key, value)| (self.erase(&key).unwrap_or(key), value))
                        .collect::<Map<_, _>>();
                    changed = true;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        changed
    }

    /// Patterns for LIKE over texts in small letters, of which at least one finds each text with the address. They find others, too.
    #[must_use]
    pub fn patterns(&self) -> [String; 2] {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || ".-+=".contains(*c);
        // A wildcard in place of what LIKE, or the capitals of a database, may take for something else.
        let local: String = self.local.chars().map(|c| if is_plain(&c) { c } else { '%' }).collect();
        [format!("%{local}@%"), format!("%{local}%40%")]
    }

    /// Where it stands first.
    fn find(&self, text: &str) -> Option<(usize, usize)> {
        let mut from = 0;
        while let Some((at, length)) = next_sign(text, from) {
            from = at + length;
            if let Some(start) = self.start_of_local_part(&text[..at])
                && let Some(length) = self.length_of_domain(&text[from..])
            {
                return Some((start, from + length));
            }
        }
        None
    }

    /// Where the local part begins that ends the text, if it is that of the address.
    fn start_of_local_part(&self, text: &str) -> Option<usize> {
        let length = self.local.chars().count();
        let start = text.char_indices().rev().nth(length.checked_sub(1)?)?.0;
        if text[start..].to_lowercase() != self.local {
            return None;
        }
        let before: String =
            text[..start].chars().rev().take(LONGEST).take_while(|c| !ends_word(*c)).collect();
        // `to=ann@example.org`, `to%3Dann%40example.org`; but not `joann@example.org`, `jo.ann@example.org` or `o'ann@example.org`.
        let is_apart = before.starts_with('=')
            || ends_with_encoded_sign(&text[..start])
            || !before.contains(char::is_alphanumeric);
        is_apart.then_some(start)
    }

    /// How many bytes the domain has that begins the text, if it is that of the address.
    fn length_of_domain(&self, text: &str) -> Option<usize> {
        let is_it =
            |domain: &str| normalized(&format!("{}@{domain}", self.local)).as_ref() == Some(&self.normalized);
        let until = |ends: fn(char) -> bool| {
            let end =
                text.char_indices().take(LONGEST).find(|(_, c)| ends(*c)).map_or(text.len(), |(at, _)| at);
            text[..end].trim_end_matches(|c: char| !c.is_alphanumeric())
        };
        let literal = text.find(']').filter(|_| text.starts_with('[')).map(|end| &text[..=end]);
        // `ann@example.org's`, `ann@example.org%20and`; and text of a language without blanks may follow.
        let candidates =
            [literal.unwrap_or_default(), until(ends_domain), until(|c| !c.is_ascii() || ends_domain(c))];
        candidates.into_iter().find(|domain| !domain.is_empty() && is_it(domain)).map(str::len)
    }
}

/// The next `@`, or `%40` as in a URL, with its length.
fn next_sign(text: &str, from: usize) -> Option<(usize, usize)> {
    let at = |sign: &str| text[from..].find(sign).map(|at| (from + at, sign.len()));
    [at("@"), at("%40")].into_iter().flatten().min()
}

/// Whether the text ends with a character that is in no address, or with `=`, encoded as in a URL.
fn ends_with_encoded_sign(text: &str) -> bool {
    let code = text.len().checked_sub(3).and_then(|at| text.get(at..)?.strip_prefix('%'));
    let encoded = code.and_then(|code| u8::from_str_radix(code, 16).ok()).map(char::from);
    encoded.is_some_and(|c| c.is_ascii() && (c == '=' || ends_word(c)))
}

/// Characters that are in no address without quotes.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "<>()[]:;,\"\\/?&|{}".contains(c)
}

/// Characters that are in no domain.
fn ends_domain(c: char) -> bool {
    ends_word(c) || (c.is_ascii() && !c.is_ascii_alphanumeric() && !".-".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ann() -> WrittenAddress {
        WrittenAddress::new(&normalized("Ann@B\u{fc}cher.example").unwrap())
    }

    #[test]
    fn an_address_is_found_in_all_its_spellings() {
        for text in [
            "ann@b\u{fc}cher.example",
            " ANN@B\u{dc}CHER.Example\r\n",
            "Ann <ann@xn--bcher-kva.example>",
            "550 5.1.1 <ann@xn--bcher-kva.example>: unknown",
            "mailto:ann@XN--BCHER-KVA.example?subject=x",
            "to=ann@b\u{fc}cher.example, stat=Deferred",
            "'ann@b\u{fc}cher.example'.",
            "https://relay.example/?who=ann%40xn--bcher-kva.example&why=1",
            "zoe@example.org,ann@b\u{fc}cher.example;li@example.org",
            "ann@b\u{fc}cher.example's mailbox",
            "https://relay.example/?who=ann@xn--bcher-kva.example%20and&why=1",
            "https://relay.example/?to=mailto%3aann%40xn--bcher-kva.example%2Czoe%40example.org",
            "ann@b\u{fc}cher.example\u{3002}",
            "\u{9023}\u{7d61}\u{5148} ann@xn--bcher-kva.example\u{307e}\u{3067}",
        ] {
            assert!(ann().is(text) && ann().is_in(text), "{text}");
            assert!(!ann().is_in(&ann().erase(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn addresses_of_others_are_not_taken_for_it() {
        for text in [
            "",
            "@",
            "ann@",
            "joann@b\u{fc}cher.example",
            "jo.ann@b\u{fc}cher.example",
            "jo+ann@b\u{fc}cher.example",
            "o'ann@b\u{fc}cher.example",
            "jo%2Bann%40xn--bcher-kva.example",
            "jo%ann@b\u{fc}cher.example",
            "ann@b\u{fc}cher.example.org",
            "ann@sub.b\u{fc}cher.example",
            "ann@bucher.example",
            "a***@b\u{fc}cher.example",
        ] {
            assert!(!ann().is(text) && !ann().is_in(text), "{text}");
            assert_eq!(ann().erase(text), None);
        }
    }

    #[test]
    fn texts_of_json_are_erased_and_the_rest_stays() {
        let json = r#"{"note":"write to\nann@b\u00fccher.example","ids":[1,"ann@bücher.example"],"ann@bücher.example":null}"#;
        let erased = ann().erase_in_json(json).unwrap();
        let expected =
            serde_json::json!({"note": "write to\n(erased)", "ids": [1, "(erased)"], "(erased)": null});
        assert_eq!(serde_json::from_str::<Value>(&erased).unwrap(), expected);
        assert_eq!(ann().erase_in_json(&erased), None);
        assert_eq!(ann().erase_in_json("{ann@b\u{fc}cher.example").as_deref(), Some("{(erased)"));
    }

    #[test]
    fn patterns_find_what_sql_compares() {
        assert_eq!(ann().patterns(), ["%ann@%", "%ann%40%"]);
        assert_eq!(WrittenAddress::new("j\u{fc}_x%\\'@example.org").patterns()[0], "%j%%x%%%@%");
    }

    #[test]
    fn literal_and_quoted_addresses_are_found() {
        for address in ["ann@[192.0.2.1]", "\"a.n\"@example.org"] {
            let Some(normalized) = normalized(address) else { continue };
            let written = WrittenAddress::new(&normalized);
            assert_eq!(
                written.erase(&format!("to <{address}>!")).as_deref(),
                Some("to <(erased)>!"),
                "{address}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_and_nothing_is_left(text in "(ann|@|%40|b\u{fc}cher\\.example|[a-z. <>\"\\\\=\u{130}\u{3002}]){0,12}") {
            let erased = ann().erase(&text);
            prop_assert_eq!(erased.is_some(), ann().is_in(&text));
            if let Some(erased) = erased {
                prop_assert!(!ann().is_in(&erased), "{:?}", erased);
            }
        }
    }
}
