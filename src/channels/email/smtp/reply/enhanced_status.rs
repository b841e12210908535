//! Enhanced status codes (RFC 3463, registry of RFC 5248): reads the one in the text of a reply. What a code means is
//! left to `classify`.

/// The second and third number of an enhanced status code: `5.1.2` is subject 1, detail 2. The first one is not kept:
/// relays send codes of another class than the reply (`550 4.7.1`), and the reply code decides what SMTP does next
/// (RFC 5321 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnhancedStatus {
    /// 1 address, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The number within the subject.
    pub detail: u16,
}

/// The largest subject of the registry.
const SUBJECT_MAX: u16 = 7;

/// The largest detail (RFC 3463 section 2).
const DETAIL_MAX: u16 = 999;

impl EnhancedStatus {
    /// The first code in `text`. Relays put words before it, such as `[internal]`, a host or an address, and signs
    /// around it: `(#5.1.1)`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::parse)
    }

    /// Reads one word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let mut numbers = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).split('.');
        let mut number =
            || numbers.next().filter(|number| is_number(number)).and_then(|number| number.parse().ok());
        let (class, subject, detail): (u16, u16, u16) = (number()?, number()?, number()?);
        let valid = matches!(class, 4 | 5) && subject <= SUBJECT_MAX && detail <= DETAIL_MAX;
        (valid && numbers.next().is_none()).then_some(Self { subject, detail })
    }
}

/// Whether `text` has digits only: `parse` alone would take a sign, too.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_the_ways_that_relays_write_them() {
        for (text, found) in [
            ("5.1.1 user unknown", Some((1, 1))),
            ("#5.1.0 Address rejected.", Some((1, 0))),
            ("sorry, no mailbox here by that name. (#5.1.1)", Some((1, 1))),
            ("[internal] 4.4.0 no MX could be reached", Some((4, 0))),
            ("<ann@example.com>: 5.7.515 Access denied", Some((7, 515))),
            ("4.2.2\nThe account is over quota", Some((2, 2))),
            ("", None),
            ("2.1.5 ok", None),
            ("192.0.2.5 is blocked; see 5.1.1.2", None),
            ("4.94.2 of Exim", None),
            ("5.1", None),
            ("5.+1.1 5.1.1000 5..1", None),
        ] {
            let status = EnhancedStatus::find(text).map(|status| (status.subject, status.detail));
            assert_eq!(status, found, "{text}");
        }
    }
}
