//! Whose a domain is, as far as its name tells.

use std::net::IpAddr;

use crate::domain::address;
use crate::text::domain_name::is_same_or_below;

/// Names that the public DNS never has (RFC 2606, RFC 6761, RFC 6762, RFC 8375), and `internal`, which ICANN has set aside.
const NOT_PUBLIC: [&str; 11] = [
    "example",
    "example.com",
    "example.net",
    "example.org",
    "home.arpa",
    "internal",
    "invalid",
    "local",
    "localhost",
    "onion",
    "test",
];

/// Domains of mail providers, of which only the provider's own servers can send, with the domain of its relays.
const PROVIDERS: [(&str, &str); 45] = [
    ("126.com", "126.com"),
    ("163.com", "163.com"),
    ("aol.com", "aol.com"),
    ("bluewin.ch", "bluewin.ch"),
    ("comcast.net", "comcast.net"),
    ("fastmail.com", "fastmail.com"),
    ("free.fr", "free.fr"),
    ("freenet.de", "freenet.de"),
    ("gmail.com", "gmail.com"),
    ("gmx.at", "gmx.net"),
    ("gmx.ch", "gmx.net"),
    ("gmx.com", "gmx.com"),
    ("gmx.de", "gmx.net"),
    ("gmx.net", "gmx.net"),
    ("googlemail.com", "gmail.com"),
    ("hotmail.co.uk", "outlook.com"),
    ("hotmail.com", "outlook.com"),
    ("hotmail.de", "outlook.com"),
    ("hotmail.fr", "outlook.com"),
    ("icloud.com", "me.com"),
    ("laposte.net", "laposte.net"),
    ("libero.it", "libero.it"),
    ("live.com", "outlook.com"),
    ("mac.com", "me.com"),
    ("mail.com", "mail.com"),
    ("mail.ru", "mail.ru"),
    ("me.com", "me.com"),
    ("msn.com", "outlook.com"),
    ("orange.fr", "orange.fr"),
    ("outlook.com", "outlook.com"),
    ("outlook.de", "outlook.com"),
    ("pm.me", "protonmail.ch"),
    ("proton.me", "protonmail.ch"),
    ("protonmail.com", "protonmail.ch"),
    ("qq.com", "qq.com"),
    ("sfr.fr", "sfr.fr"),
    ("t-online.de", "t-online.de"),
    ("wanadoo.fr", "orange.fr"),
    ("web.de", "web.de"),
    ("yahoo.co.uk", "yahoo.com"),
    ("yahoo.com", "yahoo.com"),
    ("yahoo.de", "yahoo.com"),
    ("yahoo.fr", "yahoo.com"),
    ("yandex.ru", "yandex.ru"),
    ("ymail.com", "yahoo.com"),
];

/// Second labels below which countries register domains for anyone, such as `co` in `co.uk`. The list of public suffixes has them all, and
/// changes all the time; here a wrong guess makes or omits a note.
const REGISTRIES: [&str; 14] =
    ["ac", "asso", "co", "com", "edu", "go", "gob", "gov", "gv", "ltd", "ne", "net", "or", "org"];

/// The domain of an address, in small letters and in its `xn--` form.
pub(super) fn domain_of(address: &str) -> String {
    let domain = address::parse(address).map(|address| address.domain().to_owned());
    domain
        .unwrap_or_else(|_| address.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned())
        .to_ascii_lowercase()
}

/// Whether the public DNS could have such a name.
pub(super) fn is_public(domain: &str) -> bool {
    domain.contains('.') && !NOT_PUBLIC.iter().any(|name| is_same_or_below(domain, name))
}

/// Whether it is an address in the place of a name.
pub(super) fn is_literal(domain: &str) -> bool {
    domain.starts_with('[') || domain.parse::<IpAddr>().is_ok()
}

/// For the domain of a mail provider: whether this relay is one of the provider's own. `None` for any other domain.
pub(super) fn provider(domain: &str, relay: Option<&str>) -> Option<bool> {
    let (_, own) = PROVIDERS.iter().find(|(name, _)| *name == domain)?;
    let relay = relay.map(str::to_ascii_lowercase);
    // Microsoft has relays at two domains.
    let is_microsoft = |relay: &str| *own == "outlook.com" && is_same_or_below(relay, "office365.com");
    Some(relay.is_some_and(|relay| is_same_or_below(&relay, own) || is_microsoft(&relay)))
}

/// Whether two domains belong to one organisation, which relaxed alignment asks (RFC 7489 section 3.1).
pub(super) fn is_one_organisation(one: &str, other: &str) -> bool {
    is_same_or_below(one, other) || is_same_or_below(other, one) || {
        let same = one.rsplit('.').zip(other.rsplit('.')).take_while(|(one, other)| one == other).count();
        let second = one.rsplit('.').nth(1).unwrap_or_default();
        let is_of_country = one.rsplit('.').next().is_some_and(|top| top.len() == 2);
        same >= if is_of_country && REGISTRIES.contains(&second) { 3 } else { 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_an_address_is_as_dns_has_it() {
        for (address, domain) in [
            ("Events@Sender.ORG", "sender.org"),
            ("events@bücher.de", "xn--bcher-kva.de"),
            ("me@[192.0.2.1]", "[192.0.2.1]"),
            ("nobody", ""),
        ] {
            assert_eq!(domain_of(address), domain, "{address}");
        }
        assert!(
            is_literal("[192.0.2.1]") && is_literal("192.0.2.1") && is_literal("::1") && !is_literal("1.org")
        );
    }

    #[test]
    fn reserved_and_private_names_are_not_public() {
        for (domain, expected) in [
            ("example.com", false),
            ("mail.example.org", false),
            ("sender.example", false),
            ("x.localhost", false),
            ("mail.corp.internal", false),
            ("printer.local", false),
            ("localhost", false),
            ("com", false),
            ("", false),
            ("myexample.com", true),
            ("example.community", true),
            ("sender.org", true),
        ] {
            assert_eq!(is_public(domain), expected, "{domain}");
        }
    }

    #[test]
    fn a_provider_sends_for_its_own_domains() {
        for (domain, relay, expected) in [
            ("gmail.com", None, Some(false)),
            ("gmail.com", Some("relay.example.org"), Some(false)),
            ("gmail.com", Some("notgmail.com"), Some(false)),
            ("gmail.com", Some("SMTP.Gmail.com"), Some(true)),
            ("hotmail.com", Some("smtp.office365.com"), Some(true)),
            ("gmx.de", Some("mail.gmx.net"), Some(true)),
            ("yahoo.fr", Some("smtp.mail.yahoo.com"), Some(true)),
            ("sender.org", Some("smtp.gmail.com"), None),
            ("mail.gmail.com", None, None),
        ] {
            assert_eq!(provider(domain, relay), expected, "{domain} {relay:?}");
        }
        assert!(PROVIDERS.is_sorted());
    }

    #[test]
    fn an_organisation_has_domains_below_one() {
        for (one, other, expected) in [
            ("sender.org", "sender.org", true),
            ("mail.sender.org", "sender.org", true),
            ("sender.org", "bounces.sender.org", true),
            ("mail.sender.org", "bounces.sender.org", true),
            ("a.bmw.de", "b.bmw.de", true),
            ("sender.org", "relay.org", false),
            ("sender.org", "mysender.org", false),
            ("sender.co.uk", "relay.co.uk", false),
            ("a.sender.co.uk", "b.sender.co.uk", true),
            ("sender.org", "org.sender", false),
        ] {
            assert_eq!(is_one_organisation(one, other), expected, "{one} {other}");
        }
    }
}
