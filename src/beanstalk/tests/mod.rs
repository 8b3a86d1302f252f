//! What the codec promises.

mod commands;
mod properties;
mod replies;
mod statistics;

use bytes::BytesMut;

use super::{Conversation, Decoder, MAX_BODY, Malformed, Reply, Verb};

/// The reply in `bytes`, which it fills.
fn decoded(bytes: &[u8]) -> Result<Reply, Malformed> {
    let mut input = BytesMut::from(bytes);
    let reply = Decoder::new(MAX_BODY).decode(&mut input)?.expect("a whole reply");
    assert!(input.is_empty(), "{input:?} is left");
    Ok(reply)
}

/// What comes of `bytes` when `verb` was asked.
fn answer(verb: Verb, bytes: &[u8]) -> Result<Option<(Verb, Reply)>, Malformed> {
    let mut conversation = Conversation::new(MAX_BODY);
    commands::with_command(verb, |command| conversation.ask(command, &mut BytesMut::new()).unwrap());
    conversation.answer(&mut BytesMut::from(bytes))
}
