//! Rows and columns, to fit a terminal or to be read by another program.
//!
//! ```text
//!     INSTANCE          STATE    PID  SINCE      title, strong
//!     abaqis/worker/1   ready   4711  3m12s      one row an instance, never broken
//!     abaqis/worker/2   failed     -  2s
//!         bin/worker: No such file or directory  its notes, on a terminal only
//! ```

use std::io;

use super::screen::{Screen, Tone, cut};

/// Between two columns.
const GAP: usize = 2;
/// Before a note.
const INDENT: &str = "    ";
/// The narrowest a column is cut to.
const NARROWEST: usize = 8;

/// What happens to a column when the terminal is too narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It stays whole.
    Whole,
    /// It is cut once nothing is left to be dropped.
    Cut,
    /// It is left out; higher numbers go first.
    Drop(u8),
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// Numbers stand to the right.
    pub right: bool,
    /// When there is too little room.
    pub fit: Fit,
}

impl Column {
    /// A column of words.
    pub const fn left(title: &'static str, fit: Fit) -> Self {
        Self { title, right: false, fit }
    }

    /// A column of numbers.
    pub const fn right(title: &'static str, fit: Fit) -> Self {
        Self { title, right: true, fit }
    }
}

/// A row, and what is to be said of it.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// One for each column.
    pub cells: Vec<Cell>,
    /// Lines below it.
    pub notes: Vec<(Tone, String)>,
}

/// A text and its looks.
pub type Cell = (Tone, String);

/// A value that may not be known.
pub fn optional(value: Option<impl ToString>) -> Cell {
    value.map_or((Tone::Faint, "-".to_owned()), |value| (Tone::Plain, value.to_string()))
}

/// Rows and columns.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Table {
    /// Without rows.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// One row more.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Writes it, title first.
    pub fn print(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let widths = self.widths(screen.terminal().map(|size| size.columns));
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| (Tone::Strong, column.title.to_owned())).collect();
        self.print_row(screen, &widths, &titles)?;
        for row in &self.rows {
            self.print_row(screen, &widths, &row.cells)?;
            if screen.terminal().is_some() {
                for (tone, note) in &row.notes {
                    screen.line(&[(Tone::Plain, INDENT), (*tone, note)])?;
                }
            }
        }
        Ok(())
    }

    fn print_row(&self, screen: &mut Screen<'_>, widths: &[Option<usize>], cells: &[Cell]) -> io::Result<()> {
        let mut pieces = Vec::with_capacity(cells.len() * 2);
        for ((column, width), (tone, text)) in self.columns.iter().zip(widths).zip(cells) {
            let Some(width) = *width else { continue };
            let text = cut(text, width);
            let blank = " ".repeat(width - text.chars().count());
            let gap = " ".repeat(GAP);
            let (before, after) = if column.right { (blank, gap) } else { (String::new(), blank + &gap) };
            pieces.extend([(Tone::Plain, before), (*tone, text.into_owned()), (Tone::Plain, after)]);
        }
        let pieces: Vec<(Tone, &str)> = pieces.iter().map(|(tone, text)| (*tone, text.as_str())).collect();
        screen.line(&pieces)
    }

    /// How wide each column is; `None`: left out.
    fn widths(&self, room: Option<usize>) -> Vec<Option<usize>> {
        let mut widths: Vec<Option<usize>> = (0..self.columns.len())
            .map(|i| {
                let cells = self.rows.iter().filter_map(|row| row.cells.get(i));
                let widest = cells.map(|(_, text)| text.chars().count()).max().unwrap_or(0);
                Some(widest.max(self.columns[i].title.len()))
            })
            .collect();
        let Some(room) = room else { return widths };
        while total(&widths) > room {
            let drop = |(i, column): (usize, &Column)| match column.fit {
                Fit::Drop(order) if widths[i].is_some() => Some((order, i)),
                _ => None,
            };
            let Some((_, i)) = self.columns.iter().enumerate().filter_map(drop).max() else { break };
            widths[i] = None;
        }
        let over = total(&widths).saturating_sub(room);
        if let Some(i) = self.columns.iter().position(|column| column.fit == Fit::Cut) {
            widths[i] = widths[i].map(|width| width.saturating_sub(over).max(NARROWEST.min(width)));
        }
        widths
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1)
}

/// How many characters a note has on a terminal of `columns`.
pub fn note_width(columns: usize) -> usize {
    columns.saturating_sub(INDENT.len()).max(NARROWEST)
}

/// `text` broken into lines of at most `width` characters, between words where it can be;
/// of more than `most` lines the last says how many are missing.
pub fn fold(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.trim_end().lines() {
        let mut rest = line.trim_end();
        while rest.chars().nth(width).is_some() {
            let end = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
            // A break in the first half would leave ragged lines of long words.
            let space = if rest[end..].starts_with(' ') { Some(end) } else { rest[..end].rfind(' ') };
            let at = space.filter(|&at| at * 2 > end).unwrap_or(end);
            lines.push(rest[..at].to_owned());
            rest = rest[at..].trim_start();
        }
        lines.push(rest.to_owned());
    }
    if lines.len() > most {
        let missing = lines.len() - (most - 1);
        lines.truncate(most - 1);
        lines.push(format!("… {missing} lines more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_folded_between_words() {
        assert_eq!(fold("one two three", 7, 9), ["one two", "three"]);
        assert_eq!(fold("one two three", 8, 9), ["one two", "three"]);
        assert_eq!(fold("abcdefghij", 4, 9), ["abcd", "efgh", "ij"]);
        assert_eq!(fold("a\n\nb\n", 4, 9), ["a", "", "b"]);
        assert_eq!(fold("a\nb\nc\nd", 4, 3), ["a", "b", "… 2 lines more"]);
    }

    proptest! {
        #[test]
        fn folding_loses_nothing_but_blanks(text in "[a-zä ]{0,200}", width in 1_usize..40) {
            let lines = fold(&text, width, usize::MAX);
            for line in &lines {
                prop_assert!(line.chars().count() <= width);
            }
            let without_blanks = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without_blanks(&lines.concat()), without_blanks(&text));
        }
    }
}
