//! Whatever comes over the control socket, from either end: what is taken is the same when it
//! is written and read again, and a refusal has words.

#![no_main]

use abaqis_daemons::control::messages::{Hello, Request, Response};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

fn same<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(line: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(line).ok()?;
    let written = serde_json::to_string(&value).unwrap();
    assert!(!written.contains('\n'), "a frame is a line: {written}");
    assert_eq!(serde_json::from_str::<T>(&written).unwrap(), value, "{written}");
    Some(value)
}

fuzz_target!(|line: &[u8]| {
    let _ = same::<Hello>(line);
    let _ = same::<Request>(line);
    if let Some(Response::Refused(refusal)) = same::<Response>(line) {
        assert!(!refusal.to_string().is_empty());
    }
});
