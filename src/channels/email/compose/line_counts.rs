//! What decides the encoding of a text, line by line: a text that differs from another one in some lines is not counted anew. Which
//! encoding follows is left to `encoding`.

use crate::channels::email::compose::encoding::{Encoding, is_too_long};

/// What decides the encoding of a text, added up over its lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LineCounts {
    /// Without line ends, as `characters`.
    bytes: usize,
    characters: usize,
    lines: usize,
    long_lines: usize,
}

impl LineCounts {
    /// Of one line.
    pub fn of_line(line: &str) -> Self {
        Self {
            bytes: line.len(),
            characters: line.chars().count(),
            lines: 1,
            long_lines: is_too_long(line).into(),
        }
    }

    /// With one more line.
    pub const fn with(self, line: Self) -> Self {
        Self {
            bytes: self.bytes + line.bytes,
            characters: self.characters + line.characters,
            lines: self.lines + line.lines,
            long_lines: self.long_lines + line.long_lines,
        }
    }

    /// Without one of its lines.
    pub const fn without(self, line: Self) -> Self {
        Self {
            bytes: self.bytes - line.bytes,
            characters: self.characters - line.characters,
            lines: self.lines - line.lines,
            long_lines: self.long_lines - line.long_lines,
        }
    }

    /// The encoding for the text that consists of these lines: that of [`Encoding::of`].
    pub fn encoding(self) -> Encoding {
        let line_ends = self.lines.saturating_sub(1);
        let [bytes, characters] = [self.bytes, self.characters].map(|count| count + line_ends);
        Encoding::suited(bytes, characters, || self.long_lines > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channels::email::compose::encoding::lines;

    proptest! {
        #[test]
        fn lines_decide_as_the_whole_text_does(text in "([ -~]{0,90}|[.=\n\t ü漢]){0,50}") {
            let counts = lines(&text).map(LineCounts::of_line).fold(LineCounts::default(), LineCounts::with);
            prop_assert_eq!(counts.encoding(), Encoding::of(&text));
            let line = LineCounts::of_line("ü");
            prop_assert_eq!(counts.with(line).without(line), counts);
        }
    }
}
