//! Domain names as labels with dots between. What a domain belongs to is left to those who ask.

/// Whether a domain is `other`, or below it. Both are in small letters.
#[must_use]
pub fn is_same_or_below(domain: &str, other: &str) -> bool {
    domain.strip_suffix(other).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_count_as_a_whole() {
        for (domain, other, expected) in [
            ("example.org", "example.org", true),
            ("a.b.example.org", "example.org", true),
            ("badexample.org", "example.org", false),
            ("example.org", "a.example.org", false),
            ("org", "example.org", false),
        ] {
            assert_eq!(is_same_or_below(domain, other), expected, "{domain} {other}");
        }
    }
}
