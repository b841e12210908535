//! Whom mails may reach: for systems for tests, which have copies of real people.

use crate::config::reader::{Reader, parse_host};

/// Whom mails may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Every mail goes to this address instead of its recipient's (`EMAIL_REDIRECT_TO`).
    pub redirect_to: Option<String>,
    /// Only people with an address in one of these domains get mails (`EMAIL_ALLOW_DOMAINS`), in small letters; empty: everyone does.
    pub allow_domains: Vec<String>,
}

impl Reach {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let expected = "domains of mail addresses with commas between them, such as example.org,example.net; write a domain \
                        with non-ASCII letters in its xn-- form";
        let domains = reader.parsed("EMAIL_ALLOW_DOMAINS", expected, |value| {
            value.split(',').map(|part| domain(part.trim())).collect::<Option<Vec<_>>>()
        });
        Self { redirect_to: reader.address("EMAIL_REDIRECT_TO"), allow_domains: domains.unwrap_or_default() }
    }

    /// Whether people with an address in this domain get mails. Domains below an allowed one are other domains.
    #[must_use]
    pub fn allows(&self, domain: &str) -> bool {
        self.allow_domains.is_empty()
            || self.allow_domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
    }

    /// Who gets mails, for logs, `check` and `status`; `None` if everyone does.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let domains = || self.allow_domains.join(", ");
        match (&self.redirect_to, self.allow_domains.is_empty()) {
            (None, true) => None,
            (None, false) => Some(format!(
                "only people with addresses in {} get mails (EMAIL_ALLOW_DOMAINS); all others are skipped",
                domains()
            )),
            (Some(address), true) => {
                Some(format!("every mail goes to {address} (EMAIL_REDIRECT_TO), and none to its recipient"))
            }
            (Some(address), false) => Some(format!(
                "every mail goes to {address} (EMAIL_REDIRECT_TO), and none to its recipient; people with addresses outside {} \
                 are skipped (EMAIL_ALLOW_DOMAINS)",
                domains()
            )),
        }
    }
}

/// A domain in small letters.
fn domain(text: &str) -> Option<String> {
    let is_domain = text.is_ascii() && parse_host(text).is_some();
    is_domain.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(set: &[(&str, &str)]) -> Result<Reach, String> {
        let value =
            |wanted: &str| set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(&value).map(|config| config.email.reach).map_err(|errors| errors.to_string())
    }

    #[test]
    fn domains_are_compared_without_capitals_and_as_a_whole() {
        let reach = read(&[("EMAIL_ALLOW_DOMAINS", "example.org, Example.NET")]).unwrap();
        for allowed in ["example.org", "EXAMPLE.org", "example.net"] {
            assert!(reach.allows(allowed), "{allowed}");
        }
        for other in ["sub.example.org", "example.com", "xample.org", ""] {
            assert!(!reach.allows(other), "{other}");
        }
        assert!(Reach::default().allows("example.com"));
    }

    #[test]
    fn what_is_no_address_and_no_domain_is_refused() {
        for (name, value) in [
            ("EMAIL_REDIRECT_TO", "Me <me@example.org>"),
            ("EMAIL_REDIRECT_TO", "me"),
            ("EMAIL_ALLOW_DOMAINS", "example.org,,example.net"),
            ("EMAIL_ALLOW_DOMAINS", "@example.org"),
            ("EMAIL_ALLOW_DOMAINS", "*.example.org"),
            ("EMAIL_ALLOW_DOMAINS", "bücher.example"),
        ] {
            let problem = read(&[(name, value)]).unwrap_err();
            assert!(problem.contains(name) && problem.contains("expected"), "{problem}");
        }
    }

    #[test]
    fn people_are_told_who_gets_mails() {
        let told = |set: &[(&str, &str)]| read(set).unwrap().describe();
        assert_eq!(told(&[]), None);
        let redirect = ("EMAIL_REDIRECT_TO", "me@example.org");
        let allow = ("EMAIL_ALLOW_DOMAINS", "example.org,example.net");
        assert!(told(&[redirect]).unwrap().starts_with("every mail goes to me@example.org "));
        assert!(told(&[allow]).unwrap().contains("in example.org, example.net get mails"));
        assert!(told(&[redirect, allow]).unwrap().ends_with("are skipped (EMAIL_ALLOW_DOMAINS)"));
    }
}
