//! Records of the form `v=DKIM1; k=rsa; p=…` (RFC 6376 section 3.2), as DKIM and DMARC have them.

/// The value of a tag, without white space; `None` if the record does not have it. Names have one spelling; `name` is it.
pub(super) fn value(record: &str, name: &str) -> Option<String> {
    record.split(';').find_map(|part| {
        let (found, value) = part.split_once('=')?;
        (found.trim() == name).then(|| value.split_whitespace().collect())
    })
}

/// The same in small letters, for values that are words.
pub(super) fn word(record: &str, name: &str) -> Option<String> {
    value(record, name).map(|value| value.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_may_be_spaced_and_folded() {
        let record = "v=DKIM1 ; k = RSA; p=MII B\tCD=; n=a=b;;t";
        for (name, expected) in [
            ("v", Some("DKIM1")),
            ("k", Some("RSA")),
            ("p", Some("MIIBCD=")),
            ("n", Some("a=b")),
            ("t", None),
            ("P", None),
            ("", None),
        ] {
            assert_eq!(value(record, name).as_deref(), expected, "{name}");
        }
        assert_eq!(word(record, "k").as_deref(), Some("rsa"));
    }
}
