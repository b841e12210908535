//! Numbers with their noun.

/// `1 notification`, `2 notifications`: `noun` forms its plural with an s.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "mail")), ["0 mails", "1 mail", "2 mails"]);
    }
}
