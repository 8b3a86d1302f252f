//! Whatever an executor says, in whatever pieces: frames or an error.
//!
//! The first byte says how large the pieces are; the rest is what the executor sends.

#![no_main]

use abaqis_daemons::worker::frame::{FromExecutor, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [size, sent @ ..] = data else { return };
    let pieces = frames(usize::from(*size % 32) + 1, sent);
    assert_eq!(pieces, frames(sent.len().max(1), sent));
    for frame in pieces {
        let _ = frame.ran();
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
                Err(_) => return found,
            }
        }
    }
    found
}
