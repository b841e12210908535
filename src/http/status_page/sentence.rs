//! Sentences with commands in them, so that a page can show what to type as such.

use serde::Serialize;

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    text: String,
    /// Whether it is to be typed.
    is_command: bool,
}

/// The pieces of a sentence. Commands begin with `fanmail` and a verb, perhaps with a variable in front, and end with the clause.
pub(super) fn pieces(sentence: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = sentence;
    while let Some(start) = find_command(rest) {
        let (before, from) = rest.split_at(start);
        let (command, after) = from.split_at(end_of_clause(from));
        push(&mut pieces, before, false);
        push(&mut pieces, command, true);
        rest = after;
    }
    push(&mut pieces, rest, false);
    pieces
}

fn push(pieces: &mut Vec<Piece>, text: &str, is_command: bool) {
    if !text.is_empty() {
        pieces.push(Piece { text: text.to_owned(), is_command });
    }
}

/// Where a command begins: behind a colon or a backtick, so that `fanmail` as a subject is none.
fn find_command(text: &str) -> Option<usize> {
    let is_verb = |at: usize| {
        let verb = &text[at + "fanmail ".len()..];
        let before = text[..at].trim_end_matches(' ');
        let is_marked = [":", "`", "=True"].iter().any(|mark| before.ends_with(mark));
        verb.starts_with(|first: char| first.is_ascii_lowercase()) && is_marked
    };
    text.match_indices("fanmail ").map(|(at, _)| at).find(|at| is_verb(*at))
}

fn end_of_clause(text: &str) -> usize {
    let ends = [". ", "; ", ", ", ")", "`", "\n"].iter().filter_map(|end| text.find(end));
    let without_dot = text.trim_end_matches('.').len();
    ends.min().unwrap_or(without_dot).min(without_dot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_words() {
        let shown = |sentence: &str| {
            let marked =
                |piece: Piece| if piece.is_command { format!("[{}]", piece.text) } else { piece.text };
            pieces(sentence).into_iter().map(marked).collect::<String>()
        };
        for (sentence, expected) in [
            (
                "Who, and why: fanmail failures --notification 7. Retry with: fanmail retry --notification 7",
                "Who, and why: [fanmail failures --notification 7]. Retry with: [fanmail retry --notification 7]",
            ),
            ("look for rows that fanmail did not write", "look for rows that fanmail did not write"),
            (
                "a `fanmail retry` was interrupted; send with: fanmail retry --notification 3.",
                "a `[fanmail retry]` was interrupted; send with: [fanmail retry --notification 3].",
            ),
            ("start one with: OUTBOX=True fanmail worker", "start one with: OUTBOX=True [fanmail worker]"),
            ("<b>fanmail</b> é: fanmail check", "<b>fanmail</b> é: [fanmail check]"),
            ("", ""),
        ] {
            assert_eq!(shown(sentence), expected);
        }
    }
}
