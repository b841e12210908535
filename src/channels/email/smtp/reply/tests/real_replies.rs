//! What the relays of large providers really reply, with its source. A reply that is classified wrongly gets a row here
//! first.

use super::*;

/// One row of the table.
struct Row {
    phase: Phase,
    code: u16,
    text: String,
    class: Class,
    line: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("real_replies.tsv").lines();
    lines.filter(|line| !line.starts_with('#')).skip(1).map(row).collect()
}

fn row(line: &'static str) -> Row {
    let [_provider, phase, reply, class, source]: [&str; 5] =
        line.split('\t').collect::<Vec<_>>().try_into().expect(line);
    assert!(source.starts_with("https://") || source.starts_with("http://"), "without a source: {line}");
    let phases = [Connect, Sender, Recipient, Data, AfterDot];
    let phase = phases.into_iter().find(|known| format!("{known:?}") == phase).expect(line);
    // As `RelayStream::read_reply` joins the lines.
    let texts: Vec<&str> = reply.split("\\n").map(|line| line[3..].trim_start_matches(['-', ' '])).collect();
    let code = reply[..3].parse().expect(line);
    Row { phase, code, text: texts.join("\n"), class: class_of(class, code), line }
}

fn class_of(word: &str, code: u16) -> Class {
    match word {
        "transient" => TRANSIENT,
        "permanent" => PERMANENT,
        // 552 to RCPT is 452; no row of the table has that.
        "suspect" if code < 500 => SUSPECT_4YZ,
        "suspect" => SUSPECT_5YZ,
        "limit" => SUSPECT_4YZ,
        "rate" => RATE,
        "connections" => CONNECTIONS,
        "mails per connection" => MAILS_PER_CONNECTION,
        "breakdown" => BREAKDOWN,
        "relay failure" => RELAY_FAILURE,
        _ => panic!("unknown class: {word}"),
    }
}

#[test]
fn the_replies_of_large_providers_have_their_classes() {
    let rows = rows();
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let class = classify(row.phase, Some(row.code), &row.text);
            (class != row.class).then(|| format!("{class:?} for {}", row.line))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn upper_case_and_line_ends_change_nothing() {
    for Row { phase, code, text, class, line } in rows() {
        let shouted = text.to_uppercase().replace('\n', "\r\n  ");
        assert_eq!(classify(phase, Some(code), &shouted), class, "{line}");
    }
}
