//! Phone numbers in words: with the `+` or the `00` of their country, because every other row of digits may be an order, a date or a
//! price.

use std::ops::{Range, RangeInclusive};

use crate::content::rich_text::Found;

/// How many digits a number has with its country (ITU-T E.164 has 15 at most).
const DIGITS: RangeInclusive<usize> = 8..=15;

/// Most signs between two groups of digits, as in `0 / 1`.
const SIGNS_MAX: usize = 3;

/// Appends the phone numbers in this part of `text`.
pub(crate) fn find(text: &str, part: Range<usize>, found: &mut Vec<Found>) {
    let mut at = part.start;
    while let Some(begin) = next_begin(&text[at..part.end]).map(|begin| at + begin) {
        at = begin + 1;
        if !may_follow(&text[..begin], text[begin..].starts_with('+')) {
            continue;
        }
        if let Some((length, digits)) = number(&text[begin..part.end]) {
            let range = begin..begin + length;
            at = range.end;
            found.push(Found { range, href: format!("tel:+{digits}") });
        }
    }
}

/// Where a number may begin.
fn next_begin(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'+', b'0', bytes).find(|&at| bytes[at] == b'+' || bytes.get(at + 1) == Some(&b'0'))
}

/// Length in bytes and digits of the number that `text` begins with.
fn number(text: &str) -> Option<(usize, String)> {
    let (prefix, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (2, text.strip_prefix("00")?),
    };
    let mut digits = String::new();
    let mut end = 0;
    let mut is_grouped = false;
    let mut trunk = rest.len();
    let mut open = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '0'..='9' => {
                // The zero of `+49 (0)30` is dialled within the country only.
                if at != trunk {
                    digits.push(c);
                }
                end = at + 1;
                // Else a long row of digits would be read again and again.
                if digits.len() > *DIGITS.end() {
                    return None;
                }
            }
            ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')' if is_separator(&rest[at..]) => {
                is_grouped |= !digits.is_empty();
                if rest[at..].starts_with("(0)") {
                    trunk = at + 1;
                }
                match c {
                    '(' if !is_group(&rest[at + 1..]) => break,
                    '(' => open += 1,
                    ')' if open == 0 => break,
                    ')' => {
                        open -= 1;
                        end = at + 1;
                    }
                    _ => {}
                }
            }
            _ => break,
        }
    }
    let is_ended = rest[end..].chars().next().is_none_or(|c| !c.is_alphanumeric());
    let is_number = DIGITS.contains(&digits.len()) && !digits.starts_with('0') && is_ended;
    // `0012345678` is rather the number of an order.
    (is_number && (prefix == 1 || is_grouped)).then_some((prefix + end, digits))
}

/// Whether the digits continue behind this sign, with a few other signs between at most.
fn is_separator(text: &str) -> bool {
    let is_sign = |c: &char| matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')');
    let signs = text.chars().take_while(is_sign).count();
    let digits_follow = text.chars().nth(signs).is_some_and(|c| c.is_ascii_digit());
    signs <= SIGNS_MAX && digits_follow || text.starts_with(')')
}

/// Whether an opened parenthesis has digits only, as that of an area code. `(9 to 5)` has not.
fn is_group(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(')')
}

/// Whether a number may begin behind this text.
fn may_follow(before: &str, is_plus: bool) -> bool {
    let mut before = before.chars().rev();
    match before.next() {
        None => true,
        // `12:00 1234` is a time.
        Some(':') => is_plus || before.next().is_none_or(|c| !c.is_ascii_digit()),
        Some(c) => c.is_whitespace() || "([\"'„“«/".contains(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<(&str, String)> {
        let mut found = Vec::new();
        find(text, 0..text.len(), &mut found);
        found.into_iter().map(|found| (&text[found.range], found.href)).collect()
    }

    #[test]
    fn numbers_with_their_country_are_found() {
        for (text, number, href) in [
            ("+493012345678", "+493012345678", "tel:+493012345678"),
            ("Tel.: +49 (0)30 / 1234-567.", "+49 (0)30 / 1234-567", "tel:+49301234567"),
            ("(+1 (212) 555-0100)", "+1 (212) 555-0100", "tel:+12125550100"),
            ("Tel:0049 30 1234567, Ann", "0049 30 1234567", "tel:+49301234567"),
            ("+49 30 1234567 (9 to 5)", "+49 30 1234567", "tel:+49301234567"),
            ("+49 30 1234567 (9-5)", "+49 30 1234567", "tel:+49301234567"),
            ("+33\u{a0}1.23.45.67.89", "+33\u{a0}1.23.45.67.89", "tel:+33123456789"),
        ] {
            assert_eq!(numbers(text), [(number, href.to_owned())], "{text}");
        }
        assert_eq!(numbers("+49 30 1234567, +49 30 7654321").len(), 2);
    }

    #[test]
    fn dates_orders_prices_and_offsets_are_no_numbers() {
        for text in [
            "",
            "+",
            "++",
            "00",
            "2026-12-03",
            "03.12.2026 18:00",
            "Order 0012345678",
            "order A0049 30 1234567",
            "12+49301234567",
            "UTC+02:00",
            "+02:00 2026-12-03",
            "+100 points",
            "+1,000,000 people",
            "1000000000",
            "100 000 000 000",
            "+49 30",
            "+1234567890123456",
            "+49301234567abc",
            "030 1234567",
        ] {
            assert_eq!(numbers(text), [], "{text}");
        }
    }
}
