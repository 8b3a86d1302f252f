//! Where a command's output goes: a terminal with a width and colors, or a plain stream.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::control::status::State;

/// The standard output of a command.
///
/// In a pipe everything is whole and plain, for the next program; on a terminal it fits
/// the width, for the eye.
pub struct Screen<'a> {
    to: Box<dyn Write + 'a>,
    terminal: Option<Size>,
    colors: bool,
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// What a text means, hence how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// On its way.
    Moving,
    /// Needs a look.
    Bad,
    /// Of less interest.
    Faint,
    /// Stands out: a heading.
    Strong,
    /// Nothing in particular.
    Plain,
}

impl Tone {
    /// How a state looks.
    pub fn of(state: State) -> Self {
        match state {
            State::Ready | State::Running => Self::Good,
            State::Waiting | State::Starting | State::Backoff | State::Stopping => Self::Moving,
            State::Failed => Self::Bad,
            State::Stopped | State::Completed => Self::Faint,
        }
    }
}

impl<'a> Screen<'a> {
    /// The process's standard output.
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal().then(size);
        Self { to: Box::new(io::BufWriter::new(stdout)), terminal, colors: terminal.is_some() && colors() }
    }

    /// Any writer, as if it were a terminal of that size, or not one.
    pub fn new(to: impl Write + 'a, terminal: Option<Size>, colors: bool) -> Self {
        Self { to: Box::new(to), terminal, colors }
    }

    /// The terminal's size, if it is one.
    pub fn terminal(&self) -> Option<Size> {
        self.terminal
    }

    /// Asks the terminal again how large it is.
    pub fn measure(&mut self) {
        if self.terminal.is_some() {
            self.terminal = Some(size());
        }
    }

    /// The same, with lines as long as they are.
    pub fn unbounded(&mut self) -> Screen<'_> {
        Screen { to: Box::new(&mut self.to), terminal: None, colors: self.colors }
    }

    /// Another writer that looks as this one does.
    pub fn paper<'p>(&self, to: impl Write + 'p) -> Screen<'p> {
        Screen { to: Box::new(to), terminal: self.terminal, colors: self.colors }
    }

    /// Writes a line of pieces: whole in a pipe, cut to the width on a terminal.
    ///
    /// Characters that would steer the terminal are shown, not sent: what daemons say of
    /// themselves ends up here.
    pub fn line(&mut self, pieces: &[(Tone, &str)]) -> io::Result<()> {
        let mut left = self.terminal.map_or(usize::MAX, |size| size.columns);
        let blank_from = pieces.iter().rposition(|(_, text)| !text.trim_end().is_empty());
        for (i, (tone, text)) in pieces.iter().enumerate() {
            let last = blank_from.is_none_or(|last| i >= last);
            let text = plain(if last { text.trim_end() } else { text });
            let text = cut(&text, left);
            left = left.saturating_sub(text.chars().count());
            self.piece(*tone, &text)?;
        }
        writeln!(self.to)
    }

    fn piece(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let code = match tone {
            Tone::Good => "32",
            Tone::Moving => "33",
            Tone::Bad => "1;31",
            Tone::Faint => "2",
            Tone::Strong => "1",
            Tone::Plain => "",
        };
        if self.colors && !code.is_empty() && !text.is_empty() {
            write!(self.to, "\x1b[{code}m{text}\x1b[0m")
        } else {
            self.to.write_all(text.as_bytes())
        }
    }
}

/// `text` with every control character replaced by what shows it: `\n`, `\u{1b}`.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// The first `width` characters of `text`; the last of them `…` when there are more.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().nth(width).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    Cow::Owned(short)
}

impl Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen")
            .field("terminal", &self.terminal)
            .field("colors", &self.colors)
            .finish_non_exhaustive()
    }
}

fn size() -> Size {
    let (columns, rows) =
        terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0));
    // A terminal that says 0 × 0 (a serial line) has its size yet to be told.
    Size {
        columns: if columns == 0 { 80 } else { usize::from(columns) },
        rows: if rows == 0 { 24 } else { usize::from(rows) },
    }
}

/// Whether the operator's environment allows colors: see <https://no-color.org>.
fn colors() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(terminal: Option<usize>, colors: bool, pieces: &[(Tone, &str)]) -> String {
        let mut bytes = Vec::new();
        let size = terminal.map(|columns| Size { columns, rows: 24 });
        Screen::new(&mut bytes, size, colors).line(pieces).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_pipe_gets_it_whole_and_plain() {
        assert_eq!(line(None, false, &[(Tone::Bad, "abc  "), (Tone::Plain, "def  ")]), "abc  def\n");
        assert_eq!(line(None, false, &[(Tone::Bad, "abc  "), (Tone::Plain, "  ")]), "abc\n");
    }

    #[test]
    fn a_terminal_gets_what_fits_in_color() {
        let pieces = [(Tone::Bad, "failed "), (Tone::Plain, "for good")];
        assert_eq!(line(Some(15), true, &pieces), "\x1b[1;31mfailed \x1b[0mfor good\n");
        assert_eq!(line(Some(12), true, &pieces), "\x1b[1;31mfailed \x1b[0mfor …\n");
        assert_eq!(line(Some(4), false, &pieces), "fai…\n");
    }

    #[test]
    fn what_would_steer_the_terminal_is_shown_instead() {
        assert_eq!(line(None, true, &[(Tone::Plain, "a\nb\x1b[2Jc\u{9b}")]), "a\\nb\\u{1b}[2Jc\\u{9b}\n");
    }

    #[test]
    fn a_cut_counts_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("a", 0), "");
    }
}
