//! Whatever a server sends, in whatever pieces: replies or an error, in bounded memory.
//!
//! The first byte says how large the pieces are, the second which commands were asked;
//! the rest is what the server sends.

#![no_main]

use abaqis_daemons::beanstalk::{
    Command, Conversation, Decoder, Delay, JobId, JobStatistics, MAX_LINE, Priority, Reply, ServerStatistics,
    TubeStatistics, Ttr, tube_list,
};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

const MAX_BODY: usize = 1000;

fuzz_target!(|data: &[u8]| {
    let [size, asked, sent @ ..] = data else { return };
    decode(usize::from(*size % 32) + 1, sent);
    converse(*asked, sent);
});

/// The same replies must come whole and in pieces.
fn decode(size: usize, sent: &[u8]) {
    let pieces = replies(size, sent);
    assert_eq!(pieces, replies(sent.len().max(1), sent));
    for reply in pieces {
        if let Reply::Data(yaml) = reply {
            let _ = (ServerStatistics::parse(&yaml), TubeStatistics::parse(&yaml));
            let _ = (JobStatistics::parse(&yaml), tube_list(&yaml));
        }
    }
}

fn replies(size: usize, sent: &[u8]) -> Vec<Reply> {
    let mut decoder = Decoder::new(MAX_BODY);
    let (mut input, mut found) = (BytesMut::new(), Vec::new());
    for piece in sent.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(reply)) => found.push(reply),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
        assert!(input.len() <= (MAX_BODY + 2).max(MAX_LINE), "{} bytes are held", input.len());
    }
    found
}

/// A reply that is let through is one to the command it is due to.
fn converse(asked: u8, sent: &[u8]) {
    let (job, priority, delay) = (JobId(1), Priority(2), Delay(3));
    let commands = [
        Command::Put { priority, delay, ttr: Ttr(4), body: sent },
        Command::Reserve,
        Command::Delete(job),
        Command::Release { job, priority, delay },
        Command::Kick(5),
        Command::Stats,
        Command::ListTubeUsed,
        Command::PeekReady,
    ];
    let mut conversation = Conversation::new(MAX_BODY);
    let mut out = BytesMut::new();
    for (bit, command) in commands.iter().enumerate() {
        if asked & (1 << bit) != 0 && conversation.ask(command, &mut out).is_err() {
            return;
        }
    }
    let due = asked.count_ones() as usize;
    let mut input = BytesMut::from(sent);
    let mut answered = 0;
    while let Ok(Some((verb, reply))) = conversation.answer(&mut input) {
        answered += 1;
        assert!(reply.answers(verb), "{reply:?} to {verb:?}");
    }
    assert!(answered <= due);
}
