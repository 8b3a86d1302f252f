//! Whatever is written is read back, and whatever is read is survived.

use bytes::BytesMut;
use proptest::prelude::*;

use crate::beanstalk::{
    Command, Decoder, Delay, Job, JobId, JobStatistics, MAX_LINE, Priority, Refusal, Reply, ServerStatistics,
    Statistics, Ttr, TubeStatistics, tube_list,
};

fn reply() -> impl Strategy<Value = Reply> {
    let id = any::<u64>().prop_map(JobId);
    let body = prop::collection::vec(any::<u8>(), 0..300);
    let job = (id.clone(), body.clone()).prop_map(|(id, body)| Job { id, body: body.into() });
    prop_oneof![
        id.clone().prop_map(Reply::Inserted),
        prop::option::of(id).prop_map(Reply::Buried),
        "[a-z0-9+/;.$_()][-a-z0-9+/;.$_()]{0,199}".prop_map(|tube| Reply::Using(tube.parse().unwrap())),
        job.clone().prop_map(Reply::Reserved),
        job.prop_map(Reply::Found),
        body.prop_map(|body| Reply::Data(body.into())),
        any::<u64>().prop_map(Reply::Watching),
        prop::option::of(any::<u64>()).prop_map(Reply::Kicked),
        prop::sample::select(vec![
            Reply::DeadlineSoon,
            Reply::TimedOut,
            Reply::Deleted,
            Reply::Released,
            Reply::Touched,
            Reply::NotIgnored,
            Reply::NotFound,
            Reply::Paused,
            Reply::Refused(Refusal::OutOfMemory),
            Reply::Refused(Refusal::JobTooBig),
        ]),
    ]
}

/// As the server would write it.
fn written(reply: &Reply) -> Vec<u8> {
    let word = reply.word();
    let with_body = |head: String, body: &[u8]| [head.as_bytes(), body, b"\r\n"].concat();
    match reply {
        Reply::Inserted(id) | Reply::Buried(Some(id)) => format!("{word} {id}\r\n").into_bytes(),
        Reply::Watching(count) | Reply::Kicked(Some(count)) => format!("{word} {count}\r\n").into_bytes(),
        Reply::Using(tube) => format!("{word} {tube}\r\n").into_bytes(),
        Reply::Reserved(job) | Reply::Found(job) => {
            with_body(format!("{word} {} {}\r\n", job.id, job.body.len()), &job.body)
        }
        Reply::Data(body) => with_body(format!("{word} {}\r\n", body.len()), body),
        _ => format!("{word}\r\n").into_bytes(),
    }
}

/// Reads `stream` in pieces of the sizes given, over and over.
fn read_in_pieces(stream: &[u8], sizes: &[usize], max_body: usize) -> Vec<Reply> {
    let mut decoder = Decoder::new(max_body);
    let (mut input, mut found, mut rest) = (BytesMut::new(), Vec::new(), stream);
    for size in sizes.iter().cycle() {
        let (piece, more) = rest.split_at((*size).min(rest.len()));
        input.extend_from_slice(piece);
        rest = more;
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(reply)) => found.push(reply),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
        let held = input.len();
        assert!(held <= (max_body + 2).max(MAX_LINE), "{held} bytes are held without an error");
        if rest.is_empty() {
            break;
        }
    }
    found
}

proptest! {
    #[test]
    fn replies_survive_any_split(
        replies in prop::collection::vec(reply(), 1..20),
        sizes in prop::collection::vec(1..50usize, 1..10),
    ) {
        let stream: Vec<u8> = replies.iter().flat_map(written).collect();
        prop_assert_eq!(read_in_pieces(&stream, &sizes, 300), replies);
    }

    #[test]
    fn a_changed_byte_is_survived(
        replies in prop::collection::vec(reply(), 1..5),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut stream: Vec<u8> = replies.iter().flat_map(written).collect();
        let at = at.index(stream.len());
        stream[at] = byte;
        read_in_pieces(&stream, &[7], 300);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read_in_pieces(&bytes, &[1, 100], 300);
        let _ = Statistics::parse(&bytes, &[]);
        let _ = (ServerStatistics::parse(&bytes), TubeStatistics::parse(&bytes), JobStatistics::parse(&bytes));
        let _ = tube_list(&bytes);
    }

    #[test]
    fn a_command_is_one_line_and_its_body(
        priority in any::<u32>(), delay in any::<u32>(), ttr in any::<u32>(),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut out = BytesMut::new();
        let put = Command::Put { priority: Priority(priority), delay: Delay(delay), ttr: Ttr(ttr), body: &body };
        put.encode(&mut out).unwrap();
        let head = format!("put {priority} {delay} {} {}\r\n", ttr.max(1), body.len());
        prop_assert_eq!(&out[..], [head.as_bytes(), &body, b"\r\n"].concat());
    }
}
