//! Whatever stands in the state that one program image hands to the next: a core that goes
//! on, or a reason.

#![no_main]

use abaqis_daemons::supervisor::core::{Core, Settings, Snapshot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|state: &[u8]| {
    let Ok(snapshot) = serde_json::from_slice::<Snapshot>(state) else { return };
    match Core::restore(snapshot, Settings { herd: 2, seed: 1 }) {
        Ok(core) => {
            let again = Core::restore(core.snapshot(), Settings { herd: 2, seed: 1 });
            let again = again.expect("what was restored can be restored");
            assert_eq!(again.snapshot(), core.snapshot());
            assert_eq!(again.next_deadline(), core.next_deadline());
        }
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
});
