//! Tables for a terminal: aligned, without columns that say nothing, and no wider than the terminal. Which rows there are and what they
//! say is left to the callers.

use crate::text::screen::{Screen, Tone, fit, shown_width};

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    is_number: bool,
    /// Left out if no row has anything there.
    if_any: bool,
    /// To how many cells of a terminal it may be cut.
    least: Option<usize>,
    /// When it is left out where the table is too wide: those with the smallest number first.
    goes: Option<u8>,
}

impl Column {
    /// A column of numbers, which end below each other.
    #[must_use]
    pub const fn number(title: &'static str) -> Self {
        Self { is_number: true, ..Self::text(title) }
    }

    /// A column of texts, which begin below each other.
    #[must_use]
    pub const fn text(title: &'static str) -> Self {
        Self { title, is_number: false, if_any: false, least: None, goes: None }
    }

    /// The same, left out if each row has 0 or nothing there.
    #[must_use]
    pub const fn if_any(self) -> Self {
        Self { if_any: true, ..self }
    }

    /// The same, cut where the table is too wide, but to no less than `least` cells of a terminal.
    #[must_use]
    pub const fn cut_to(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }

    /// The same, left out where the table is too wide even when its texts are cut: the column with the smallest number first. A line below
    /// the table names it then.
    #[must_use]
    pub const fn goes(self, number: u8) -> Self {
        Self { goes: Some(number), ..self }
    }
}

/// A text in a table, without line ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text in the colour of `tone`.
    #[must_use]
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    /// A number that is bad unless it is 0.
    #[must_use]
    pub fn bad(number: u64) -> Self {
        Self::new(number.to_string(), if number == 0 { Tone::Plain } else { Tone::Bad })
    }

    fn is_empty(&self) -> bool {
        matches!(self.text.as_str(), "" | "0")
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        number.to_string().into()
    }
}

/// The table of these rows with its titles; each row has a cell for each column.
#[must_use]
pub fn table(columns: &[Column], rows: &[Vec<Cell>], screen: Screen) -> String {
    let layout = Layout::of(columns, rows, screen);
    let mut text = layout.titles();
    for row in rows {
        text.push_str(&layout.line(row));
    }
    text.push_str(&layout.left_out());
    text
}

/// How wide the columns of a table are, and which of them are shown. Later rows may be printed with the layout of the first ones.
#[derive(Debug)]
pub struct Layout<'a> {
    columns: &'a [Column],
    /// The index and the width of each column that is shown.
    shown: Vec<(usize, usize)>,
    /// Titles of those that have no place.
    left_out: Vec<&'static str>,
    screen: Screen,
}

impl<'a> Layout<'a> {
    /// The layout that shows these rows.
    #[must_use]
    pub fn of(columns: &'a [Column], rows: &[Vec<Cell>], screen: Screen) -> Self {
        let has_any = |index: usize| rows.iter().any(|row| !row[index].is_empty());
        let width = |index: usize| {
            let title = shown_width(columns[index].title);
            rows.iter().map(|row| shown_width(&row[index].text)).max().unwrap_or(0).max(title)
        };
        let indices = (0..columns.len()).filter(|&index| !columns[index].if_any || has_any(index));
        let shown = indices.map(|index| (index, width(index))).collect();
        let mut layout = Self { columns, shown, left_out: Vec::new(), screen };
        if let Some(width) = screen.width {
            layout.fit(width);
        }
        layout
    }

    /// Cuts the widest of the texts that may be cut. If that is not enough, leaves a column out and begins again.
    fn fit(&mut self, width: usize) {
        let whole = self.shown.clone();
        loop {
            let too_wide = self.width().saturating_sub(width);
            if too_wide == 0 {
                return;
            }
            if let Some((position, least)) = self.widest_to_cut() {
                self.shown[position].1 = self.shown[position].1.saturating_sub(too_wide).max(least);
            } else if let Some(gone) = self.next_to_go() {
                self.shown =
                    whole.iter().copied().filter(|(index, _)| self.has(*index) && *index != gone).collect();
                self.left_out.push(self.columns[gone].title);
            } else {
                return;
            }
        }
    }

    /// The column that is left out next.
    fn next_to_go(&self) -> Option<usize> {
        let numbers = self.shown.iter().filter_map(|(index, _)| Some((self.columns[*index].goes?, *index)));
        numbers.min().map(|(_, index)| index)
    }

    fn has(&self, index: usize) -> bool {
        self.shown.iter().any(|(shown, _)| *shown == index)
    }

    /// The position of the widest column that can still be cut, and to what width.
    fn widest_to_cut(&self) -> Option<(usize, usize)> {
        let least = |index: usize| {
            let column = &self.columns[index];
            column.least.map(|least| least.max(shown_width(column.title)))
        };
        let can_be_cut = self.shown.iter().enumerate().filter_map(|(position, (index, width))| {
            least(*index).filter(|least| least < width).map(|least| (*width, position, least))
        });
        can_be_cut.max().map(|(_, position, least)| (position, least))
    }

    fn width(&self) -> usize {
        let gaps = self.shown.windows(2).map(|pair| self.gap(pair[0].0, pair[1].0));
        self.shown.iter().map(|(_, width)| width).chain(&gaps.collect::<Vec<_>>()).sum()
    }

    /// Blanks between two columns: one between numbers, else two.
    fn gap(&self, left: usize, right: usize) -> usize {
        if self.columns[left].is_number && self.columns[right].is_number { 1 } else { 2 }
    }

    /// The line of the titles.
    #[must_use]
    pub fn titles(&self) -> String {
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| Cell::new(column.title, Tone::Strong)).collect();
        self.line(&titles)
    }

    /// A line with the cells of a row, with its line end.
    #[must_use]
    pub fn line(&self, cells: &[Cell]) -> String {
        let mut line = String::new();
        let mut before: Option<usize> = None;
        // Blanks are written before the next cell only: no line ends with some.
        let mut blanks = 0;
        for &(index, width) in &self.shown {
            let cell = &cells[index];
            let text = fit_column(&self.columns[index], &cell.text, width);
            let padding = width.saturating_sub(shown_width(&text));
            blanks += before.map_or(0, |before| self.gap(before, index));
            let (left, right) = if self.columns[index].is_number { (padding, 0) } else { (0, padding) };
            blanks += left;
            if !text.is_empty() {
                line.push_str(&" ".repeat(blanks));
                line.push_str(&self.screen.paint(&text, cell.tone));
                blanks = 0;
            }
            blanks += right;
            before = Some(index);
        }
        line.push('\n');
        line
    }

    /// A line that names the columns which have no place; nothing if all have.
    #[must_use]
    pub fn left_out(&self) -> String {
        if self.left_out.is_empty() {
            return String::new();
        }
        format!("(too narrow to show: {})\n", self.left_out.join(", "))
    }
}

/// Later rows may have longer texts than those that the layout was made of. Only what may be cut is.
fn fit_column(column: &Column, text: &str, width: usize) -> String {
    if column.least.is_some() { fit(text, width) } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
