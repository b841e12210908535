//! What a posted form asks for: that of the page, or that of a mail program (RFC 8058).

use url::form_urlencoded;

use crate::content::unsubscribe_page::choice::{ChoiceMade, UnsubscribeChoice};

/// What a form says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormAction {
    /// One click in a mail program: it names no choice.
    OneClick,
    /// A button of the page.
    Button(UnsubscribeChoice, ChoiceMade),
}

/// Reads a form; `None` if it says nothing that is known. Mail programs may use either encoding (RFC 8058, section 3.2).
pub(super) fn read(content_type: &str, body: &[u8]) -> Option<FormAction> {
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        // It has one field, whose value is known.
        let body = String::from_utf8_lossy(body);
        let is_one_click = body.contains("\"List-Unsubscribe\"") && body.contains("One-Click");
        return is_one_click.then_some(FormAction::OneClick);
    }
    let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if field("List-Unsubscribe").is_some_and(|value| value.trim().eq_ignore_ascii_case("One-Click")) {
        return Some(FormAction::OneClick);
    }
    let word = field("choice")?;
    let choice = UnsubscribeChoice::EVERY.into_iter().find(|choice| choice.as_str() == word)?;
    match field("do")? {
        "stop" => Some(FormAction::Button(choice, ChoiceMade::Stopped)),
        "resume" => Some(FormAction::Button(choice, ChoiceMade::Resumed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn one_click_comes_in_two_encodings() {
        for (content_type, body) in [
            (FORM, "List-Unsubscribe=One-Click"),
            ("", "List-Unsubscribe=One-Click"),
            (FORM, "List-Unsubscribe=one-click%0A&x=1"),
            (
                "Multipart/Form-Data; boundary=b",
                "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n",
            ),
        ] {
            assert_eq!(read(content_type, body.as_bytes()), Some(FormAction::OneClick), "{body}");
        }
    }

    #[test]
    fn a_button_names_its_choice() {
        for choice in UnsubscribeChoice::EVERY {
            for (word, made) in [("stop", ChoiceMade::Stopped), ("resume", ChoiceMade::Resumed)] {
                let body = format!("choice={}&do={word}", choice.as_str());
                assert_eq!(read(FORM, body.as_bytes()), Some(FormAction::Button(choice, made)));
            }
        }
    }

    #[test]
    fn anything_else_says_nothing() {
        for body in [
            "",
            "choice=all",
            "do=stop",
            "choice=x&do=stop",
            "choice=all&do=x",
            "List-Unsubscribe=1",
            "\u{0}",
        ] {
            assert_eq!(read(FORM, body.as_bytes()), None, "{body}");
            assert_eq!(read("multipart/form-data; boundary=b", body.as_bytes()), None, "{body}");
        }
        assert_eq!(read(FORM, &[0xff, b'=', 0xfe]), None);
    }
}
