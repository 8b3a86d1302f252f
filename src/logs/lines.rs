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

/// Lets bytes through or drops whole lines of them, and says so where they are missing.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Lines dropped since the last that went through.
    dropped: u64,
    /// What went through last had no end.
    open: bool,
    /// What was dropped last had no end: what follows belongs to it.
    cut: bool,
}

/// What a gate has let through.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// A note about lines that are missing, if there is to be one, and what follows it.
    pub(super) bytes: Vec<u8>,
    note: usize,
    before: (u64, bool),
}

impl Gate {
    /// What is to be written of `bytes`: nothing, unless there is `room`.
    pub(super) fn pass(&mut self, bytes: &[u8], room: bool) -> Option<Passed> {
        if !room {
            self.lose(bytes);
            return None;
        }
        let mut rest = bytes;
        if self.cut {
            let end = bytes.iter().position(|&byte| byte == b'\n')?;
            self.dropped += 1;
            self.cut = false;
            rest = &bytes[end + 1..];
        }
        let before = (self.dropped, self.open);
        let mut bytes = self.note().unwrap_or_default();
        let note = bytes.len();
        bytes.extend_from_slice(rest);
        if let Some(last) = rest.last() {
            self.open = *last != b'\n';
        }
        (!bytes.is_empty()).then_some(Passed { bytes, note, before })
    }

    /// There was no room for it after all.
    pub(super) fn take_back(&mut self, passed: &Passed) {
        (self.dropped, self.open) = passed.before;
        self.lose(passed.bytes.get(passed.note..).unwrap_or_default());
    }

    /// These are dropped.
    pub(super) fn lose(&mut self, bytes: &[u8]) {
        self.dropped += newlines(bytes);
        if let Some(last) = bytes.last() {
            self.cut = *last != b'\n';
        }
    }

    /// So many more lines have been dropped.
    pub(super) fn lose_lines(&mut self, lines: u64) {
        self.dropped += lines;
    }

    /// How many have been dropped since that was last said.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// `[17 lines dropped]`, on a line of its own, if it has to be said.
    pub(super) fn note(&mut self) -> Option<Vec<u8>> {
        let note = note(self.dropped, self.open)?;
        (self.dropped, self.open) = (0, false);
        Some(note)
    }
}

/// `[17 lines dropped]`. One of them may have begun to be written and is still `open`: it
/// is marked.
pub(super) fn note(dropped: u64, open: bool) -> Option<Vec<u8>> {
    let start = if open { " [cut]\n" } else { "" };
    let lines = if dropped == 1 { "line" } else { "lines" };
    (dropped > 0).then(|| format!("{start}[{dropped} {lines} dropped]\n").into_bytes())
}

/// How many lines end in `bytes`.
#[expect(clippy::naive_bytecount, reason = "the compiler makes this as fast as memory")]
pub(super) fn newlines(bytes: &[u8]) -> u64 {
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

    fn pass(gate: &mut Gate, bytes: &[u8], room: bool) -> String {
        gate.pass(bytes, room).map_or_else(String::new, |passed| String::from_utf8(passed.bytes).unwrap())
    }

    #[test]
    fn what_is_taken_back_is_counted_with_what_was_missing_before() {
        let mut gate = Gate::default();
        gate.lose(b"one\ntwo\n");
        let passed = gate.pass(b"three\n", true).unwrap();
        assert_eq!(passed.bytes, b"[2 lines dropped]\nthree\n");
        gate.take_back(&passed);
        assert_eq!(pass(&mut gate, b"four\n", true), "[3 lines dropped]\nfour\n");
    }

    #[test]
    fn whole_lines_are_dropped_and_counted() {
        let mut gate = Gate::default();
        assert_eq!(pass(&mut gate, b"one\ntw", true), "one\ntw");
        assert_eq!(pass(&mut gate, b"o\nthree\nfo", false), "");
        assert_eq!(pass(&mut gate, b"u", true), "");
        assert_eq!(pass(&mut gate, b"r\nfive\n", true), " [cut]\n[3 lines dropped]\nfive\n");
        assert_eq!(pass(&mut gate, b"six\n", true), "six\n");
        assert_eq!(pass(&mut gate, b"seven\n", false), "");
        assert_eq!(gate.note().unwrap(), b"[1 line dropped]\n");
        assert_eq!(gate.note(), None);
    }
}
