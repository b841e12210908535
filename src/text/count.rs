//! Numbers with their noun.

/// `1 notification`, `2 notifications`: `noun` forms its plural with an s.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `1,000,000`: a number for people, with a comma before each three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let comma = |at: usize| if at > 0 && (digits.len() - at).is_multiple_of(3) { "," } else { "" };
    digits.char_indices().map(|(at, digit)| format!("{}{digit}", comma(at))).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "mail")), ["0 mails", "1 mail", "2 mails"]);
    }

    #[test]
    fn long_numbers_have_commas() {
        let shown = [0, 999, 1000, 12_345, 100_000, 1_000_000].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "100,000", "1,000,000"]);
    }
}
