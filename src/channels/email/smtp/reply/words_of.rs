//! Reads the text of a reply as the tables of `words` expect it: in lower case, without what may spell anything, such as
//! addresses and names of hosts.

use crate::channels::email::smtp::reply::words::BLOCKLIST_HOSTS;

/// The words of a reply: in lower case, in one line, a space for each hyphen, without addresses, links, names of hosts and
/// enhanced status codes.
#[must_use]
pub fn words_of(text: &str) -> String {
    let text = without_bracketed_addresses(text);
    let words = text
        .split_whitespace()
        .filter(|word| !word.contains('@') && !word.contains("://"))
        .map(without_names)
        .filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>().join(" ").to_lowercase();
    words.replace(['-', '_'], " ").replace('\u{2019}', "'")
}

/// `text` without `<local@domain>`: a quoted local part may contain spaces (RFC 5321 section 4.1.2).
fn without_bracketed_addresses(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (address, after))) =
        rest.split_once('<').and_then(|(before, behind)| Some((before, behind.split_once('>')?)))
    {
        kept.push_str(before);
        kept.push(' ');
        if !address.contains('@') {
            kept.push_str(address);
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// One word without the names in it, each with the character behind it: `relay.example.com[192.0.2.1]:`. Behind a name, a
/// slash begins the path of a link.
fn without_names(word: &str) -> String {
    // Exchange names its reason like this: STOREDRV.Submission.Exception:SubmissionQuotaExceededException.
    if word.to_ascii_lowercase().starts_with("storedrv.") {
        return word.to_owned();
    }
    let is_part = |c: char| c.is_alphanumeric() || ".-_".contains(c);
    let mut kept = String::with_capacity(word.len());
    for piece in word.split_inclusive(|c| !is_part(c)) {
        let is_named = is_name(piece.trim_matches(|c: char| !c.is_alphanumeric()));
        if is_named && piece.ends_with('/') {
            break;
        }
        if !is_named {
            kept.push_str(piece);
        }
    }
    kept
}

/// Whether it names a host, or is an address, a version or an enhanced status code. Without a dot, names of hosts and
/// providers' own codes end with a number: `outbound-mail-07`.
fn is_name(word: &str) -> bool {
    if BLOCKLIST_HOSTS.occur_in(&word.to_lowercase()) {
        return false;
    }
    if !word.contains('.') {
        return word.starts_with(char::is_alphabetic) && word.ends_with(|c: char| c.is_ascii_digit());
    }
    word.split('.').all(|label| !label.is_empty()) && !is_end_of_sentence(word)
}

/// Whether the only dot ends a sentence, and the space behind it is missing: `exceeded.Please`.
fn is_end_of_sentence(word: &str) -> bool {
    word.split_once('.').is_some_and(|(before, behind)| {
        !behind.contains('.')
            && before.ends_with(char::is_lowercase)
            && behind.starts_with(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_free_of_addresses_links_and_codes() {
        assert_eq!(
            words_of(
                "5.1.1 <\"rate limit\"@x.org>: Mailbox FULL,\n5.1.1 see https://x.org/spam for ann@x.org Grey-listed"
            ),
            ": mailbox full, see for grey listed"
        );
        assert_eq!(words_of("<localhost>: Helo command rejected <"), "localhost: helo command rejected <");
    }

    #[test]
    fn names_are_no_words() {
        for (text, words) in [
            ("mail.example.com Service not available", "service not available"),
            ("host Mail-Limit.EXAMPLE.com[192.0.2.1]:25 said: no", "host :25 said: no"),
            ("outbound-mail-07 is full (#5.2.2) OFR_417", "is full (#"),
            ("(rate.example.org)", "("),
            ("rate.example.org/limit?too=many.", ""),
            ("wait 30s. 24-hour limit", "wait 30s. 24 hour limit"),
            ("limit exceeded.Please retry...later", "limit exceeded.please retry...later"),
            ("bekannt/User", "bekannt/user"),
            ("listed by zen.Spamhaus.org.", "listed by zen.spamhaus.org."),
            ("STOREDRV.Submission.Exception:Quota.Exceeded", "storedrv.submission.exception:quota.exceeded"),
        ] {
            assert_eq!(words_of(text), words, "{text}");
        }
    }
}
