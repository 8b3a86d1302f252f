//! Whatever an executor says, in whatever pieces: frames or an error.
//!
//! The first byte says how large the pieces are; the rest is what the executor sends.

#![no_main]

use abaqis_daemons::ayl::{Handler, Outcome, Tries, Verdict, decide};
use abaqis_daemons::worker::frame::{FromExecutor, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [size, sent @ ..] = data else { return };
    let pieces = frames(usize::from(*size % 32) + 1, sent);
    assert_eq!(pieces, frames(sent.len().max(1), sent));
    // Whatever it says, there is a verdict for its job.
    for ran in pieces.into_iter().filter_map(FromExecutor::ran) {
        let handler = Handler::Decay { count: 3, delay: 60 };
        let verdict = decide(ran.outcome, handler, Tries { reserves: 1, deaths: 1 });
        let known = match verdict {
            Verdict::Delete(_) => matches!(ran.outcome, Outcome::Returned | Outcome::Exited(_)),
            Verdict::Bury(_) => ran.outcome == Outcome::Bury,
            Verdict::Release { .. } => matches!(ran.outcome, Outcome::Raised | Outcome::Decay(_)),
        };
        assert!(known, "{ran:?}: {verdict:?}");
    }
});

fn frames(size: usize, sent: &[u8]) -> Vec<FromExecutor> {
    let (mut input, mut found) = (Vec::new(), Vec::new());
    for piece in sent.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match decode(&mut input) {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => {
                    // There is no way back into step.
                    assert!(decode::<FromExecutor>(&mut input).is_err());
                    return found;
                }
            }
        }
    }
    found
}
