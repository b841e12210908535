//! The form of a mail that follows `DATA`: CRLF line ends, stuffed dots, the final dot (RFC 5321 sections 2.3.8, 4.5.2).

/// Builds a mail in the form that follows `DATA`. It grows by whole lines only.
#[derive(Debug, Clone, Default)]
pub struct DotStuffed {
    data: String,
    /// Dots that the receiver removes.
    added_dots: usize,
}

/// A place in a mail, between two lines.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Position {
    bytes: usize,
    added_dots: usize,
}

impl DotStuffed {
    /// An empty mail with space for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { data: String::with_capacity(capacity), added_dots: 0 }
    }

    /// Appends lines with any line ends. A bare CR or LF becomes CRLF: relays disagree about what such a byte ends, and
    /// a line that a relay takes for the final dot would let the content start another mail (SMTP smuggling).
    pub fn lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            for piece in line.split('\r') {
                self.line(piece);
            }
        }
    }

    /// Appends one line. `line` has neither CR nor LF.
    pub(crate) fn line(&mut self, line: &str) {
        self.begin_line(line);
        self.append("\r\n");
    }

    /// Appends one line that consists of these pieces. They have neither CR nor LF.
    pub(crate) fn line_of(&mut self, pieces: &[&str]) {
        let (first, others) = pieces.split_first().unwrap_or((&"", &[]));
        self.begin_line(first);
        for piece in others {
            self.append(piece);
        }
        self.append("\r\n");
    }

    /// Appends the lines of `other`.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.extend_between(other, Position::default(), other.position());
    }

    /// Appends the lines of `other` between two places.
    pub(crate) fn extend_between(&mut self, other: &Self, from: Position, to: Position) {
        self.data.push_str(&other.data[from.bytes..to.bytes]);
        self.added_dots += to.added_dots - from.added_dots;
    }

    /// The place behind the last line.
    pub(crate) const fn position(&self) -> Position {
        Position { bytes: self.data.len(), added_dots: self.added_dots }
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Begins a line, and stuffs its dot.
    pub(crate) fn begin_line(&mut self, text: &str) {
        if text.starts_with('.') {
            self.data.push('.');
            self.added_dots += 1;
        }
        self.data.push_str(text);
    }

    /// Continues the line.
    pub(crate) fn append(&mut self, text: &str) {
        self.data.push_str(text);
    }

    /// The mail with its final dot, and its size in bytes as RFC 1870 counts it: without the final dot and the stuffed
    /// ones.
    #[must_use]
    pub fn finish(mut self) -> (String, usize) {
        let size = self.data.len() - self.added_dots;
        self.data.push_str(".\r\n");
        (self.data, size)
    }
}

/// The mail as the receiver stores it: without the final dot and the stuffed ones.
#[must_use]
pub fn unstuff(data: &str) -> String {
    let content = data.strip_suffix(".\r\n").unwrap_or(data);
    content.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(content: &str) -> String {
        let mut stuffed = DotStuffed::default();
        stuffed.lines(content);
        let (data, size) = stuffed.finish();
        assert_eq!(unstuff(&data).len(), size);
        data
    }

    #[test]
    fn a_body_of_dots_is_received_unchanged() {
        let dots = ".\r\n..\r\nx.\r\n.y\r\n";
        assert_eq!(stuffed(dots), "..\r\n...\r\nx.\r\n..y\r\n.\r\n");
        assert_eq!(unstuff(&stuffed(dots)), dots);
        assert_eq!(stuffed(""), ".\r\n");
        assert_eq!(stuffed("no line end"), "no line end\r\n.\r\n");
    }

    #[test]
    fn no_content_ends_the_mail_early() {
        for trick in ["a\n.\nb", "a\r.\rb", "a\n.\r\nb", "a\r\n.\nb", "a\r\r\n.\r\r\nb"] {
            let data = stuffed(trick);
            assert_eq!(data.matches("\r\n.\r\n").count(), 1, "{trick:?} became {data:?}");
            assert!(!data.replace("\r\n", "").contains(['\r', '\n']), "{data:?}");
        }
    }
}
