//! In which language a page is: that of the mail, else the first of those of the browser that there are texts in.

use crate::content::tag::Tag;
use crate::content::unsubscribe_page::PreferredLanguage;

/// Most languages of a browser that are looked at.
const ACCEPTED_MAX: usize = 16;

/// One of `written`, or the default.
pub(super) fn choose(preferred: PreferredLanguage<'_>, written: &[Tag], default: Tag) -> Tag {
    let find = |tag: Tag| tag.and_broader().find(|tag| written.contains(tag));
    let of_link = preferred.locale.and_then(Tag::read).and_then(find);
    of_link.or_else(|| accepted(preferred.accept_language?).into_iter().find_map(find)).unwrap_or(default)
}

/// The languages of `Accept-Language`, the most wanted first (RFC 9110, section 12.5.4).
fn accepted(header: &str) -> Vec<Tag> {
    let mut tags: Vec<(f32, Tag)> = header.split(',').take(ACCEPTED_MAX).filter_map(weighted).collect();
    // A stable sort: of equal ones, the first is wanted more.
    tags.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    tags.into_iter().map(|(_, tag)| tag).collect()
}

/// A language with its weight; `None` for one that is not wanted.
fn weighted(item: &str) -> Option<(f32, Tag)> {
    let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight =
        parameters.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok())?;
    Some((weight, Tag::read(tag)?)).filter(|(weight, _)| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(locale: Option<&str>, accept_language: Option<&str>) -> String {
        let written = ["de", "en", "fr"].map(|tag| Tag::read(tag).unwrap());
        choose(PreferredLanguage { locale, accept_language }, &written, Tag::ENGLISH).to_string()
    }

    #[test]
    fn the_mail_decides_before_the_browser() {
        assert_eq!(chosen(Some("de_AT"), Some("fr")), "de");
        assert_eq!(chosen(Some("ja"), Some("fr-CA, en;q=0.5")), "fr");
        assert_eq!(chosen(Some("German"), None), "en");
        assert_eq!(chosen(None, None), "en");
    }

    #[test]
    fn a_browser_says_what_it_wants_most() {
        for (header, tag) in [
            ("en;q=0.3, de;q=0.8, fr;q=0.5", "de"),
            ("ja, de-CH;q=0.1", "de"),
            ("de;q=0, fr;q=0.1", "fr"),
            ("de;q=x, fr", "fr"),
            ("*", "en"),
            (",;;,q=1", "en"),
            ("\u{0}", "en"),
        ] {
            assert_eq!(chosen(None, Some(header)), tag, "{header}");
        }
        assert_eq!(chosen(None, Some(&"ja,".repeat(10_000))), "en");
    }
}
