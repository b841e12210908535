//! The body on the wire: CRLF line ends, dots stuffed, the final dot (RFC 5321 sections 2.3.8, 4.5.2).

/// Writes `content` into `wire`, which is emptied first, as it goes after `DATA`, final dot included.
///
/// A bare CR or LF becomes CRLF: relays disagree about what such a byte ends, and a line that one of them
/// takes for the final dot would let content start a mail of its own.
pub fn stuff(content: &str, wire: &mut String) {
    wire.clear();
    wire.reserve(content.len() + 64);
    for line in content.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        for piece in line.split('\r') {
            if piece.starts_with('.') {
                wire.push('.');
            }
            wire.push_str(piece);
            wire.push_str("\r\n");
        }
    }
    wire.push_str(".\r\n");
}

#[cfg(test)]
mod tests {
    use super::stuff;

    fn stuffed(content: &str) -> String {
        let mut wire = String::from("left over");
        stuff(content, &mut wire);
        wire
    }

    #[test]
    fn a_body_of_dots_survives() {
        assert_eq!(stuffed(".\r\n..\r\nx.\r\n.y\r\n"), "..\r\n...\r\nx.\r\n..y\r\n.\r\n");
        assert_eq!(stuffed(""), ".\r\n");
        assert_eq!(stuffed("no line end"), "no line end\r\n.\r\n");
    }

    #[test]
    fn nothing_in_the_body_can_end_it_early() {
        for trick in ["a\n.\nb", "a\r.\rb", "a\n.\r\nb", "a\r\n.\nb", "a\r\r\n.\r\r\nb"] {
            let wire = stuffed(trick);
            assert_eq!(wire.matches("\r\n.\r\n").count(), 1, "{trick:?} became {wire:?}");
            assert!(!wire.replace("\r\n", "").contains(['\r', '\n']), "{wire:?}");
        }
    }
}
