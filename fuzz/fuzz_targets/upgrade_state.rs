//! Whatever stands in the state that one program image hands to the next: a core that goes
//! on to its end, with no instance twice on the way, or a reason.

#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use abaqis_daemons::lifecycle::{Exit, ProcessEvent, Run, Time};
use abaqis_daemons::supervisor::core::{Action, Core, Event, Settings};
use abaqis_daemons::supervisor::driver::understand_state;
use libfuzzer_sys::fuzz_target;

const SETTINGS: Settings = Settings { herd: 2, seed: 1 };

fuzz_target!(|state: &[u8]| {
    let mut core = match understand_state(state, SETTINGS) {
        Ok(core) => core,
        Err(reason) => return assert!(!reason.is_empty()),
    };
    let again = Core::restore(core.snapshot(), SETTINGS).expect("what was restored can be restored");
    // Written down: how often the one in memory has changed is nobody's to keep.
    let written = |core: &Core| serde_json::to_string(&core.snapshot()).unwrap();
    assert_eq!(written(&again), written(&core));
    assert_eq!(again.next_deadline(), core.next_deadline());
    let mut now = core.next_deadline().unwrap_or_default();
    for _ in 0..20 {
        one_process_each(&core);
        let ended: Vec<Run> = core.processes().map(|(run, _, _)| run).step_by(2).collect();
        now = happens(&mut core, Event::Tick, now);
        now = all_end(&mut core, &ended, now);
    }
    end(&mut core, now);
});

fn one_process_each(core: &Core) {
    let mut seen = BTreeSet::new();
    for (_, _, spec) in core.processes() {
        assert!(seen.insert(&spec.id), "{} has two processes", spec.id);
    }
}

/// Something happens, and every start that follows goes well. Gives the time of the next event.
fn happens(core: &mut Core, event: Event, now: Time) -> Time {
    let mut actions = Vec::new();
    core.handle(event, now, &mut actions);
    let mut started = Vec::new();
    for action in actions {
        if let Action::Spawn { run, .. } = action {
            let spawned = ProcessEvent::Spawned { pid: u32::try_from(run.0 % 100_000).unwrap() + 2 };
            core.handle(Event::Process(run, spawned), now, &mut started);
        }
    }
    core.next_deadline().unwrap_or(now).max(now + Duration::from_millis(1))
}

/// Processes end, and nothing is left of them.
fn all_end(core: &mut Core, runs: &[Run], mut now: Time) -> Time {
    for &run in runs {
        let exited = ProcessEvent::Exited { exit: Exit::Code(1), survivors: false };
        now = happens(core, Event::Process(run, exited), now);
        now = happens(core, Event::Process(run, ProcessEvent::Gone), now);
    }
    now
}

/// A supervisor that is to end does, however it was found.
fn end(core: &mut Core, mut now: Time) {
    now = happens(core, Event::Shutdown, now);
    now = happens(core, Event::ShutdownNow, now);
    let left: Vec<Run> = core.processes().map(|(run, _, _)| run).collect();
    all_end(core, &left, now);
    let left: Vec<String> = core.processes().map(|(_, _, spec)| spec.id.to_string()).collect();
    assert!(left.is_empty() && core.is_leaving(), "{left:?} do not end");
    let summary = core.summary();
    assert_eq!(summary.total(), 0, "{summary:?}");
}
