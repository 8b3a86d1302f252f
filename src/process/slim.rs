//! Gives back memory that was needed once.
//!
//! ```text
//!     free blocks of the allocator                       ─► to the system
//!     pages of programs that only a start has touched    ─► unmapped; back by a minor fault
//! ```
//!
//! To read a configuration takes a parser, its trees and the directory of users; to keep
//! processes running takes none of them. The kernel would find out under pressure, by looking at
//! every page again and again; here somebody knows.

use std::fs;
use std::ops::Range;

/// Bytes from which on a block has a mapping of its own, so that it is gone once it is free.
#[cfg(target_env = "gnu")]
const OWN_MAPPING: libc::c_int = 64 * 1024;

/// Bytes that may lie free at the end of the heap.
#[cfg(target_env = "gnu")]
const FREE_END: libc::c_int = 128 * 1024;

/// From now on large blocks are given back when they are freed. Left alone, the allocator takes
/// the first that is freed for a sign that there will be more, and keeps room for them.
pub fn stay_slim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets two numbers, under the allocator's own lock. That it may refuse them changes nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_MAPPING);
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_END);
    }
}

/// Gives back what this process does not need while nothing happens. Costs a millisecond, and as
/// much again when what was given back is needed after all.
pub fn slim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks and touches only what is free.
    unsafe {
        libc::malloc_trim(0);
    }
    // Without /proc all stays as it is.
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    for Range { start, end } in unchanged(&smaps) {
        // SAFETY: the mapping cannot be written to, and nothing in it is other than in its
        // file, so it reads the same afterwards. What does not exist any more is an error.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
}

/// The mappings of files that cannot be written to, and of which no page is this process's own:
/// none was relocated, and no debugger has set a breakpoint there.
fn unchanged(smaps: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first.strip_suffix(':') {
            // `7f00-7f80 r-xp 00000000 fe:00 5349380   /usr/bin/x` begins the next.
            None => {
                found.extend(candidate.take());
                candidate = range(first).filter(|_| rest.starts_with("r--p") || rest.starts_with("r-xp"));
                candidate = candidate.filter(|_| rest.contains(" /"));
            }
            // An own page may be in the swap.
            Some("Anonymous" | "Swap" | "Locked") if rest.trim() != "0 kB" => {
                candidate = None;
            }
            Some("Rss") if rest.trim() == "0 kB" => candidate = None,
            Some(_) => {}
        }
    }
    found.extend(candidate);
    found
}

fn range(text: &str) -> Option<Range<usize>> {
    let (start, end) = text.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(head: &str, fields: &[(&str, u32)]) -> String {
        let fields = fields.iter().map(|(name, kib)| format!("{name}:  {kib:>10} kB\n"));
        format!("{head}\n{}VmFlags: rd mr mw me\n", fields.collect::<String>())
    }

    #[test]
    fn what_is_in_its_file_only_is_found() {
        let clean = [("Size", 64), ("Rss", 64), ("Anonymous", 0), ("Swap", 0)];
        let changed = [("Rss", 64), ("Anonymous", 4), ("Swap", 0)];
        let swapped = [("Rss", 4), ("Anonymous", 0), ("Swap", 4)];
        let never_read = [("Rss", 0), ("Anonymous", 0), ("Swap", 0)];
        let smaps = [
            mapping("1000-2000 r--p 00000000 fe:00 7                  /usr/bin/x", &clean),
            mapping("2000-3000 r-xp 00001000 fe:00 7                  /usr/bin/x", &clean),
            mapping("3000-4000 r--p 00002000 fe:00 7                  /usr/bin/x", &changed),
            mapping("4000-5000 r--p 00003000 fe:00 7                  /usr/bin/x", &swapped),
            mapping("5000-6000 rw-p 00004000 fe:00 7                  /usr/bin/x", &clean),
            mapping("6000-7000 r--s 00000000 fe:00 8                  /run/shared", &clean),
            mapping("7000-8000 r--p 00000000 fe:00 9                  /usr/lib/never", &never_read),
            mapping("8000-9000 r-xp 00000000 00:00 0                  [vdso]", &clean),
            mapping("9000-a000 r--p 00000000 00:00 0 ", &clean),
            mapping("a000-b000 r-xp 00000000 fe:00 9                  /usr/lib/last", &clean),
        ];
        let found: Vec<usize> = unchanged(&smaps.concat()).into_iter().map(|range| range.start).collect();
        assert_eq!(found, [0x1000, 0x2000, 0xa000]);
    }

    #[test]
    fn what_is_no_list_of_mappings_names_none() {
        for text in ["", "x-y r-xp\n", "Rss:\n:\n", "10-20\n", "10 r-xp /x\n-\n"] {
            assert!(unchanged(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn who_was_slimmed_goes_on_as_before() {
        let before = format!("{:?}", std::env::args());
        slim();
        assert_eq!(format!("{:?}", std::env::args()), before);
    }
}
