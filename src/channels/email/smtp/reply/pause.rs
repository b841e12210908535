//! The pause that a reply names: "try again in 5 minutes".

use std::time::Duration;

/// Longest pause that is believed.
const PAUSE_MAX: Duration = Duration::from_secs(60 * 60);

/// How many words may stand between "again" and the number: "again after at least 5 minutes".
const DISTANCE: usize = 4;

/// Words that stand before a pause. Without one of them, a time may be the period of a limit: "100 mails in 60 minutes".
const BEFORE: [&str; 12] = [
    "again",
    "retry",
    "later",
    "back",
    "wait",
    "delay",
    "resend",
    "reconnect",
    "erneut",
    "wieder",
    "warten",
    "reessayer",
];

/// Beginnings of the words for units, and their seconds.
const UNITS: [(&str, u64); 6] =
    [("sec", 1), ("sek", 1), ("min", 60), ("hour", 3600), ("stunde", 3600), ("heure", 3600)];

/// The pause that the words of a reply name, of at most an hour.
#[must_use]
pub fn pause_in(words: &str) -> Option<Duration> {
    let words: Vec<&str> = words
        .split(|c: char| c.is_whitespace() || ",.;:()".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    (0..words.len()).find_map(|at| {
        let begin = at.saturating_sub(DISTANCE);
        let announced = words[begin..at].iter().any(|word| BEFORE.contains(word));
        announced.then(|| duration_at(&words[at..])).flatten()
    })
}

/// The duration that `words` begin with: a number and a unit, in two words or in one.
fn duration_at(words: &[&str]) -> Option<Duration> {
    let first = words.first()?;
    let digits = first.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = first.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = if rest.is_empty() { words.get(1)? } else { rest };
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => UNITS.iter().find(|(begin, _)| unit.starts_with(begin))?.1,
    };
    Some(Duration::from_secs(number.saturating_mul(seconds)).min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read_and_periods_are_not() {
        for (words, seconds) in [
            ("try again in 5 minutes", Some(300)),
            ("please try again in 30 seconds.", Some(30)),
            ("retry after 90s", Some(90)),
            ("please wait at least 2 min", Some(120)),
            ("come back in 1 hour", Some(3600)),
            ("try again in 24 hours", Some(3600)),
            ("try again after 18446744073709551615 hours", Some(3600)),
            ("max 100 mails in 60 minutes exceeded", None),
            ("too many messages, 30 per 60 seconds", None),
            ("try again later", None),
            ("try again in a few minutes", None),
            ("again 5", None),
            ("", None),
        ] {
            assert_eq!(pause_in(words), seconds.map(Duration::from_secs), "{words}");
        }
    }
}
