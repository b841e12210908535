//! Where links may lead to, and which links would lead elsewhere than their text says.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::content::view::web_address;
use crate::text::links::may_become_link;

/// Longest mail address (RFC 5321 section 4.5.3.1).
const ADDRESS_MAX: usize = 254;

/// How the names of files end that look like domains. A name of a file has none of `IN_ADDRESS`.
const FILES: [&str; 10] =
    [".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".jpg", ".png", ".html"];
const IN_ADDRESS: &[char] = &['/', ':', '?', '#', '@', '\\', '／', '：', '？', '＃', '＠', '﹕', '﹫'];

/// What stands for itself in the address of a `mailto:` link (RFC 6068 section 2).
const IN_MAILTO: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'~')
    .remove(b'+')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'*')
    .remove(b'\'');

/// The destination of a link in its one form: http or https without a user name, a mail address, or a phone number. None for all
/// others, such as `javascript:` and addresses within a page.
pub(crate) fn target(destination: &str) -> Option<String> {
    let destination = destination.trim();
    if let Some(address) = after_scheme(destination, "mailto:") {
        // Without what comes behind it: it could write the mail, and copy it to others.
        let address = address.split('?').next().unwrap_or_default();
        return mail(&percent_encoding::percent_decode_str(address).decode_utf8().ok()?);
    }
    if let Some(number) = after_scheme(destination, "tel:") {
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ' ' | '(' | ')');
        let kept: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        return ((3..=15).contains(&digits) && number.chars().all(is_number)).then(|| format!("tel:{kept}"));
    }
    web(destination)
}

/// The target of a web address, with its scheme or beginning with `www.`.
pub(crate) fn web(address: &str) -> Option<String> {
    let address = match after_scheme(address, "www.") {
        Some(_) => format!("http://{address}"),
        None => address.to_owned(),
    };
    web_address(&address)
}

/// The target of a mail address.
pub(crate) fn mail(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let is_clean =
        |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '"' | ',' | ';' | '<' | '>'));
    let is_one =
        !local.is_empty() && !local.contains('@') && domain.contains('.') && address.len() <= ADDRESS_MAX;
    (is_one && address.chars().all(is_clean)).then(|| mailto(address))
}

/// A mail address as RFC 6068 writes it.
pub(crate) fn mailto(address: &str) -> String {
    format!("mailto:{}", utf8_percent_encode(address, IN_MAILTO))
}

/// The text behind `scheme`, in any capitals.
fn after_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (begin, rest) = text.split_at_checked(scheme.len())?;
    begin.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Whether the text of a link names a web address, a domain or a mail address other than the one that the link leads to: the trick of
/// mails that steal passwords.
pub(crate) fn misleads(text: &str, href: &str) -> bool {
    let mut words =
        text.split_whitespace().filter(|word| may_become_link(word)).map(str::to_lowercase).peekable();
    if words.peek().is_none() {
        return false;
    }
    // Once for all words: a text may consist of them.
    let host = host(&href.to_lowercase());
    words.any(|word| !leads_to(word.trim_matches(is_around), href, host.as_deref()))
}

/// What may stand around an address in a sentence.
fn is_around(c: char) -> bool {
    c.is_ascii_punctuation() && c != '/'
}

/// Whether `href`, which is on this host, leads to the place that `word` names.
fn leads_to(word: &str, href: &str, host_of_href: Option<&str>) -> bool {
    if FILES.iter().any(|ending| word.ends_with(ending)) && !word.contains(IN_ADDRESS) {
        return true;
    }
    if word.contains('@') && !word.contains("://") {
        let named = if word.starts_with("mailto:") { target(word) } else { mail(word) };
        return named.is_some_and(|named| named.eq_ignore_ascii_case(href));
    }
    let named = if word.contains("://") { word.to_owned() } else { format!("http://{word}") };
    match (host(&named), host_of_href) {
        (Some(named), Some(host)) => host == named || host.ends_with(&format!(".{named}")),
        _ => false,
    }
}

fn host(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let host = url.host_str()?;
    Some(host.strip_prefix("www.").unwrap_or(host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_web_to_mailboxes_and_to_phones() {
        for (destination, expected) in [
            (" https://example.org/a b ", "https://example.org/a%20b"),
            ("WWW.example.org", "http://www.example.org/"),
            ("mailto:Ann+x@example.org?bcc=all@example.org&body=x", "mailto:Ann+x@example.org"),
            ("MAILTO:j%C3%BCrgen@example.org", "mailto:j%C3%BCrgen@example.org"),
            ("tel:+49 (30) 123-45", "tel:+493012345"),
        ] {
            assert_eq!(target(destination).as_deref(), Some(expected));
        }
    }

    #[test]
    fn other_destinations_are_none() {
        for destination in [
            "",
            "javascript:alert(1)",
            " JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "/events/1",
            "#top",
            "//example.org",
            "example.org",
            "https://bank.example@evil.example/",
            "https://user:password@example.org",
            "mailto:ann",
            "mailto:a@b.example,c@d.example",
            "mailto:%22a%20b%22@example.org",
            "mailto:%ff@example.org",
            "tel:112;ext=x",
            "tel:*#06#",
            "ftp://example.org",
            "é",
        ] {
            assert_eq!(target(destination), None, "{destination}");
        }
    }

    #[test]
    fn a_text_that_names_another_place_misleads() {
        let href = "https://evil.example/bank.example";
        for text in [
            "https://bank.example",
            "log in at https://bank.example/x now",
            "www.bank.org",
            "bank.example",
            "ann@bank.example",
            "https://evil.example@bank.example",
            "https://bank.example/login.html",
            "bank.example/terms.pdf",
            "www.bank.example?page=1.html",
        ] {
            assert!(misleads(text, href), "{text}");
        }
        for text in
            ["", "here", "https://www.evil.example/other", "evil.example", "(Programme.pdf)", "Dr.Smith"]
        {
            assert!(!misleads(text, href), "{text}");
        }
        assert!(!misleads("example.org", "https://www.events.example.org/"));
        assert!(!misleads("Ann@example.org", "mailto:ann@example.org"));
        assert!(misleads("ann@example.org", "mailto:bob@evil.example"));
        assert!(misleads("ann@example.org", "mailto:ann@example.org.evil.example"));
        assert!(misleads("ann@example.org", "mailto:joann@example.org"));
        assert!(!misleads("(mailto:Jürgen&Ann@example.org).", "mailto:j%C3%BCrgen%26ann@EXAMPLE.org"));
    }
}
