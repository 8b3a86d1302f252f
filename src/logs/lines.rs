//! Bytes into lines, and what is dropped of them (pure).

/// Longer lines are broken up, in bytes.
const LONGEST: usize = 8 * 1024;

/// Cuts what is read into lines.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    partial: Vec<u8>,
}

impl Splitter {
    /// Calls `line` with each line that ends in `bytes`, without its end.
    pub(super) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            for part in piece.chunks(LONGEST) {
                if self.partial.len() + part.len() > LONGEST + 1 {
                    self.flush(&mut line);
                }
                self.partial.extend_from_slice(part);
                if self.partial.last() == Some(&b'\n') {
                    self.partial.pop();
                    self.emit(&mut line);
                }
            }
        }
    }

    /// Calls `line` with what has no end yet.
    pub(super) fn flush(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            self.emit(&mut line);
        }
    }

    /// Takes what has no end yet.
    pub(super) fn take_partial(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }

    /// Whether there is something without an end.
    pub(super) fn is_waiting(&self) -> bool {
        !self.partial.is_empty()
    }

    fn emit(&mut self, line: &mut impl FnMut(&[u8])) {
        line(self.partial.strip_suffix(b"\r").unwrap_or(&self.partial));
        self.partial.clear();
        // Most lines are short: one long one is not to be paid for ever.
        self.partial.shrink_to(512);
    }
}

/// Lines that were dropped, since that was last said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Missed {
    lines: u64,
    /// The last of them has not ended: what follows belongs to it.
    cut: bool,
}

impl Missed {
    /// So many.
    pub(super) fn lines(lines: u64) -> Self {
        Self { lines, cut: false }
    }

    /// These are dropped.
    pub(super) fn lose(&mut self, bytes: &[u8]) {
        self.lines += newlines(bytes);
        if let Some(last) = bytes.last() {
            self.cut = *last != b'\n';
        }
    }

    /// These were dropped after that.
    pub(super) fn add(&mut self, later: &Self) {
        if !later.is_nothing() {
            self.lines += later.lines;
            self.cut = later.cut;
        }
    }

    /// What of `bytes` does not belong to a line whose beginning was dropped.
    pub(super) fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if !self.cut {
            return bytes;
        }
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return &[] };
        self.lines += 1;
        self.cut = false;
        &bytes[end + 1..]
    }

    /// Nothing more comes: a line that has not ended is one all the same.
    pub(super) fn end(&mut self) {
        self.lines += u64::from(std::mem::take(&mut self.cut));
    }

    /// Whether nothing is missing.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// `[17 lines dropped]`, on a line of its own, once whole lines are missing. If what stands before it is a
    /// line that is still `open`, that one is marked, for its end is among them.
    pub(super) fn note(&self, open: bool) -> Option<Vec<u8>> {
        let start = if open { " [cut]\n" } else { "" };
        let lines = if self.lines == 1 { "line" } else { "lines" };
        (self.lines > 0).then(|| format!("{start}[{} {lines} dropped]\n", self.lines).into_bytes())
    }
}

/// How many lines end in `bytes`.
#[expect(clippy::naive_bytecount, reason = "the compiler makes this as fast as memory")]
fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut splitter = Splitter::default();
        let mut take = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
        for piece in pieces {
            splitter.push(piece, &mut take);
        }
        splitter.flush(&mut take);
        lines
    }

    #[test]
    fn lines_come_out_whole_however_they_came_in() {
        assert_eq!(split(&[b"a\nb", b"c\n", b"\r\n\n", b"d"]), ["a", "bc", "", "", "d"]);
        assert!(split(&[]).is_empty());
    }

    #[test]
    fn a_very_long_line_is_broken_up() {
        let lines = split(&[&vec![b'x'; 3 * LONGEST + 5], b"\ny\n"]);
        assert_eq!(lines.iter().map(String::len).sum::<usize>(), 3 * LONGEST + 6);
        assert!(lines.iter().all(|line| line.len() <= LONGEST + 1));
        assert_eq!(lines.last().unwrap(), "y");
        // One that is just as long as may be stays in one piece.
        assert_eq!(split(&[&vec![b'x'; LONGEST], b"\n"]).len(), 1);
    }

    fn said(missed: &Missed, open: bool) -> String {
        missed.note(open).map_or_else(String::new, |note| String::from_utf8(note).unwrap())
    }

    #[test]
    fn whole_lines_are_dropped_and_counted() {
        let mut missed = Missed::default();
        assert_eq!(missed.skip(b"one\ntw"), b"one\ntw");
        missed.lose(b"o\nthree\nfo");
        assert_eq!(missed.skip(b"u"), b"");
        assert_eq!(missed.skip(b"r\nfive\n"), b"five\n");
        assert_eq!(said(&missed, true), " [cut]\n[3 lines dropped]\n");
        assert_eq!(said(&missed, false), "[3 lines dropped]\n");
        assert_eq!(said(&Missed::default(), true), "");
    }

    #[test]
    fn a_line_is_counted_once_whichever_parts_of_it_were_dropped_where() {
        let (mut first, mut later) = (Missed::default(), Missed::default());
        first.lose(b"one\ntw");
        later.lose(b"o");
        first.add(&later);
        first.add(&Missed::default());
        assert_eq!(first.skip(b"\nthree"), b"three");
        assert_eq!(said(&first, false), "[2 lines dropped]\n");
        first.lose(b" is its end\nfou");
        first.end();
        first.end();
        assert_eq!(said(&first, false), "[4 lines dropped]\n");
    }
}
