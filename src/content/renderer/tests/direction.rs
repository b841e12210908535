//! Mails for people who read from right to left.

use super::languages::mails;
use super::*;

#[test]
fn a_language_from_right_to_left_has_a_mirrored_mail() {
    let html = mails(&[("ar/texts.toml", "created_badge = \"مسجّل\"")], &["ar-EG"]).remove(0);
    let html = html.text(MediaType::Html).to_owned();
    for expected in [
        "<html lang=\"ar-EG\" dir=\"rtl\">",
        "<div role=\"article\" aria-roledescription=\"email\" lang=\"ar-EG\"\n dir=\"rtl\"",
        "align=\"right\"",
        "padding-right:20px",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    assert!(!html.contains("align=\"left\"") && !html.contains("padding-left"), "{html}");
}

/// The layout is that of the reader, and English words in it run as English does.
#[test]
fn words_that_a_language_lacks_keep_their_direction_in_a_mirrored_mail() {
    let html = mails(&[], &["he-IL"]).remove(0);
    let html = html.text(MediaType::Html).to_owned();
    for expected in [
        "<html lang=\"en\" dir=\"rtl\">",
        "align=\"right\"",
        "<p dir=\"ltr\" style=\"margin:0 0 14px\"><span lang=\"en\" dir=\"ltr\">Hi <bdi>Ada Lovelace</bdi>,</span></p>",
        "<p dir=\"ltr\" style=\"margin:0 0 8px\">\n<span lang=\"en\" dir=\"ltr\">You get this mail because",
        "<bdi lang=\"he-IL\">יום חמישי, 24 בדצמבר 2026</bdi>",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    assert!(!html.contains("align=\"left\"") && !html.contains("padding-left"), "{html}");
}
