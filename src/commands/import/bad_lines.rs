//! The lines of a file that cannot be imported: the first ones with their reasons, and how many there are.

/// Most lines that are named.
const SHOWN: usize = 20;

/// Bad lines of one file.
#[derive(Debug, Default)]
pub struct BadLines {
    shown: Vec<(u64, String)>,
    /// How many there are.
    pub count: u64,
}

impl BadLines {
    /// Adds a line with what is wrong.
    pub fn add(&mut self, line: u64, reasons: &[String]) {
        self.count += 1;
        self.shown.push((line, reasons.join("; ")));
        // Lines come in any order within a batch: those that are kept are the first ones.
        self.shown.sort_by_key(|(line, _)| *line);
        self.shown.truncate(SHOWN);
    }

    /// A line for each that is named, and one for the others.
    pub fn report(&self, file: &str) -> Vec<String> {
        let others = self.count - self.shown.len() as u64;
        let named = self.shown.iter().map(|(line, reasons)| format!("{file}, line {line}: {reasons}"));
        let rest = (others > 0).then(|| format!("{file}: {others} more bad lines"));
        named.chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_named_and_the_others_counted() {
        let mut bad = BadLines::default();
        for line in (2..=30).rev() {
            bad.add(line, &["id is empty".to_owned(), "title is empty".to_owned()]);
        }
        let report = bad.report("a.csv");
        assert_eq!((report.len(), bad.count), (21, 29));
        assert_eq!(report[0], "a.csv, line 2: id is empty; title is empty");
        assert_eq!(report[20], "a.csv: 9 more bad lines");
    }
}
