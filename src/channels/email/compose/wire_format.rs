//! A mail on the wire: CRLF line ends, dots stuffed, the final dot (RFC 5321 sections 2.3.8, 4.5.2).

/// A mail that is being written as it goes on the wire after `DATA`. It grows by whole lines, and by nothing else.
#[derive(Debug, Default)]
pub struct DotStuffed {
    wire: String,
    /// Dots that the receiver takes off again.
    added: usize,
}

impl DotStuffed {
    /// An empty mail with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { wire: String::with_capacity(capacity), added: 0 }
    }

    /// Appends lines, whatever ends them. A bare CR or LF becomes CRLF: relays disagree about what such a byte ends,
    /// and a line that one of them takes for the final dot would let content start a mail of its own.
    pub fn lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            for piece in line.split('\r') {
                self.line(piece);
            }
        }
    }

    /// Appends one line, in which there is neither CR nor LF.
    pub(crate) fn line(&mut self, line: &str) {
        self.begin(line);
        self.go_on("\r\n");
    }

    /// Appends one line that consists of these pieces, in the same way.
    pub(crate) fn line_of(&mut self, pieces: &[&str]) {
        let (first, others) = pieces.split_first().unwrap_or((&"", &[]));
        self.begin(first);
        others.iter().for_each(|piece| self.go_on(piece));
        self.go_on("\r\n");
    }

    /// Begins a line, in the same way.
    pub(crate) fn begin(&mut self, text: &str) {
        if text.starts_with('.') {
            self.wire.push('.');
            self.added += 1;
        }
        self.wire.push_str(text);
    }

    /// Goes on with the line that was begun.
    pub(crate) fn go_on(&mut self, text: &str) {
        self.wire.push_str(text);
    }

    /// The mail with its final dot, and its size as RFC 1870 counts it: without that and without the dots added.
    #[must_use]
    pub fn finish(mut self) -> (String, usize) {
        let size = self.wire.len() - self.added;
        self.wire.push_str(".\r\n");
        (self.wire, size)
    }
}

/// What a receiver makes of a mail on the wire.
#[must_use]
pub fn unstuff(wire: &str) -> String {
    let content = wire.strip_suffix(".\r\n").unwrap_or(wire);
    content.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(content: &str) -> String {
        let mut stuffed = DotStuffed::default();
        stuffed.lines(content);
        let (wire, size) = stuffed.finish();
        assert_eq!(unstuff(&wire).len(), size);
        wire
    }

    #[test]
    fn a_body_of_dots_survives() {
        let dots = ".\r\n..\r\nx.\r\n.y\r\n";
        assert_eq!(stuffed(dots), "..\r\n...\r\nx.\r\n..y\r\n.\r\n");
        assert_eq!(unstuff(&stuffed(dots)), dots);
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
