//! The same thing again and again, on a screen of its own, until the operator has seen enough.

use std::io::{self, IsTerminal, Write, stdin};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};

use super::exit::{Error, Exit};
use super::screen::{Screen, Tone};

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;

/// Whether something can be shown so: there is a screen, and keys to end it.
pub(crate) fn possible(screen: &Screen<'_>) -> bool {
    screen.terminal().is_some() && stdin().is_terminal()
}

/// Shows with `draw` what `look` sees, again after each `period`, until q or Ctrl-C.
///
/// Whoever is asked and is away (just restarted) is shown as such, and asked again.
pub(crate) fn run<T>(
    screen: &mut Screen<'_>,
    period: Duration,
    mut look: impl FnMut() -> Result<T, Error>,
    mut draw: impl FnMut(&mut Screen<'_>, T) -> Result<(), Error>,
) -> Result<Exit, Error> {
    if !possible(screen) {
        return Err(Error::new(Exit::Usage, "--watch needs a terminal"));
    }
    // What is wrong at once is wrong with the command; later it may pass.
    let mut seen = look();
    if let Err(error) = seen {
        return Err(error);
    }
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, ended.clone())?;
    }
    let period = PollTimeout::try_from(period).unwrap_or(PollTimeout::MAX);
    let _raw = Raw::enter()?;
    let _own = OwnScreen::enter(screen)?;
    while !ended.load(Ordering::Relaxed) {
        screen.measure();
        let mut page = Vec::new();
        let mut paper = screen.paper(&mut page);
        match seen {
            Ok(seen) => draw(&mut paper, seen)?,
            Err(error) => paper.line(&[(Tone::Bad, &error.to_string())])?,
        }
        paper.flush()?;
        drop(paper);
        show(screen, &page)?;
        if quit(period)? {
            break;
        }
        seen = look();
    }
    Ok(Exit::Success)
}

/// Puts `page` on the screen without a flicker: over what is there, line by line. The last
/// line, which sums up, is always shown.
fn show(screen: &mut Screen<'_>, page: &[u8]) -> io::Result<()> {
    let rows = screen.terminal().map_or(0, |size| size.rows);
    let text = String::from_utf8_lossy(page);
    let lines: Vec<&str> = text.lines().collect();
    screen.write_all(b"\x1b[H")?;
    let (last, body) = lines.split_last().map_or(("", &[][..]), |(last, body)| (*last, body));
    let room = rows.saturating_sub(2);
    if body.len() <= room {
        for line in body {
            write!(screen, "{line}\x1b[K\r\n")?;
        }
    } else {
        let shown = room.saturating_sub(1);
        for line in &body[..shown] {
            write!(screen, "{line}\x1b[K\r\n")?;
        }
        write!(screen, "… {} lines more\x1b[K\r\n", body.len() - shown)?;
    }
    write!(screen, "{last}  (q to quit)\x1b[K\x1b[J")?;
    screen.flush()
}

/// Waits for the next look; true when a key says that it was the last.
fn quit(period: PollTimeout) -> io::Result<bool> {
    let input = stdin();
    let mut ready = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    match poll(&mut ready, period) {
        // A signal: of a changed size, or to end.
        Ok(0) | Err(nix::errno::Errno::EINTR) => return Ok(false),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut key = [0];
    let read = nix::unistd::read(input.as_fd(), &mut key)?;
    Ok(read == 0 || matches!(key[0], b'q' | b'Q' | CTRL_C | CTRL_D))
}

/// Keys come one by one and are not shown, until this is dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
        raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(stdin(), SetArg::TCSANOW, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.0);
    }
}

/// The terminal's second screen without a cursor; what was there before is back afterwards.
struct OwnScreen;

impl OwnScreen {
    fn enter(screen: &mut Screen<'_>) -> io::Result<Self> {
        screen.write_all(b"\x1b[?1049h\x1b[?25l\x1b[H\x1b[J")?;
        Ok(Self)
    }
}

impl Drop for OwnScreen {
    fn drop(&mut self) {
        let mut out = io::stdout();
        let _ = out.write_all(b"\x1b[?25h\x1b[?1049l");
        let _ = out.flush();
    }
}
