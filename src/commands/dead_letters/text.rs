//! Texts of publishers for a terminal: they could change what it shows.

/// Longest text of a publisher on a line, in characters.
const MAX_SHOWN: usize = 200;

/// A publisher's text on one line, cut, with control characters escaped.
pub(super) fn escaped_line(text: &str) -> String {
    let mut line: String = text.chars().take(MAX_SHOWN).map(escaped).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        line.push('…');
    }
    line
}

/// The whole text with its lines.
pub(super) fn escaped_lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c.to_string() } else { escaped(c) }).collect()
}

fn escaped(c: char) -> String {
    match c {
        '"' | '\'' | '\\' => c.to_string(),
        _ => c.escape_debug().to_string(),
    }
}

/// JSON with a value on a line. Order and numbers stay as they were written.
pub(super) fn set_in_lines(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let new_line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    for c in json.chars() {
        if in_string {
            text.push(c);
            in_string = c != '"' || is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            '{' | '[' => {
                depth += 1;
                text.push(c);
                new_line(&mut text, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                let is_empty = text.trim_end().ends_with(['{', '[']);
                text.truncate(text.trim_end().len());
                if !is_empty {
                    new_line(&mut text, depth);
                }
                text.push(c);
            }
            ',' => {
                text.push(c);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c if c.is_whitespace() => {}
            c => {
                in_string = c == '"';
                text.push(c);
            }
        }
    }
    text
}

/// Bytes that are no text: 16 on a line, with their place and with the letters among them.
pub(super) fn hex_lines(bytes: &[u8]) -> String {
    let line = |(number, bytes): (usize, &[u8])| {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown =
            |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let letters: String = bytes.iter().map(shown).collect();
        format!("{:08x}  {:<47}  {letters}\n", number * 16, hex.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_the_terminal() {
        assert_eq!(escaped_line("{\"a\":\n\u{1b}[31mred\u{202e} \\"), "{\"a\":\\n\\u{1b}[31mred\\u{202e} \\");
        assert_eq!(escaped_lines("a\n\u{1b}[2Jb"), "a\n\\u{1b}[2Jb");
        assert_eq!(escaped_line(&"x".repeat(5000)), format!("{}…", "x".repeat(MAX_SHOWN)));
    }

    #[test]
    fn json_in_lines_keeps_order_numbers_and_strings() {
        let json = r#"{"b":123456789012345678901234567890,"a":[ ], "c":[{"d":"x\"{,\\"},null],"e":{}}"#;
        let lines = set_in_lines(json);
        insta::assert_snapshot!(lines, @r#"
        {
          "b": 123456789012345678901234567890,
          "a": [],
          "c": [
            {
              "d": "x\"{,\\"
            },
            null
          ],
          "e": {}
        }
        "#);
        let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(same(&lines), same(json));
    }

    #[test]
    fn bytes_are_shown_as_they_are() {
        assert_eq!(
            hex_lines(b"\x1f\x8b0123456789abcdef"),
            "00000000  1f 8b 30 31 32 33 34 35 36 37 38 39 61 62 63 64  ..0123456789abcd\n\
             00000010  65 66                                            ef\n"
        );
    }
}
