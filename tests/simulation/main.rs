//! The supervisor's core in a world that is made up: processes that crash, hang, ignore signals,
//! leave children behind and tell of it late; operators who contradict each other; configurations
//! that change under all of it; a clock that jumps.
//!
//! ```text
//!     seed ─► World ── Event ──► Core ── Action ──► World      after every event: Checks
//! ```
//!
//! Every decision of the world comes from a seed, which is printed. To replay one:
//!
//! ```text
//!     SIMULATION_SEED=123 cargo test --test simulation -- --nocapture
//! ```

mod checks;
#[path = "../support/made_up.rs"]
mod made_up;
mod operator;
mod pools;
mod process;
mod queue;
mod random;
mod settings;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use world::World;

/// Events of all seeds together.
const EVENTS: u64 = 1_000_000;
/// Events of one seed before its world comes to rest.
const EVENTS_A_SEED: u64 = 20_000;

/// How many events there were, and how often workers became more or fewer because of the load.
fn run(seed: u64) -> (u64, u64) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed);
        world.live(EVENTS_A_SEED);
        world.come_to_rest();
        world.shut_down();
        (world.events(), world.resized())
    }));
    result.unwrap_or_else(|panic| {
        println!("replay: SIMULATION_SEED={seed} cargo test --test simulation -- --nocapture");
        resume_unwind(panic)
    })
}

#[test]
fn a_million_events_break_no_rule() {
    if let Ok(seed) = std::env::var("SIMULATION_SEED") {
        println!("{:?} events and changes of size", run(seed.parse().expect("SIMULATION_SEED is a number")));
        return;
    }
    // Another set of seeds where it is asked for, the same one otherwise.
    let first: u64 = std::env::var("SIMULATION_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (next, events, resized) = (AtomicU64::new(first), AtomicU64::new(0), AtomicU64::new(0));
    let worker = || {
        while events.load(Relaxed) < EVENTS {
            let (more, sizes) = run(next.fetch_add(1, Relaxed));
            events.fetch_add(more, Relaxed);
            resized.fetch_add(sizes, Relaxed);
        }
    };
    thread::scope(|scope| {
        scope.spawn(worker);
        worker();
    });
    let resized = resized.load(Relaxed);
    assert!(resized > 300, "workers became more or fewer {resized} times only");
    println!("{resized} changes of size");
    println!("seeds {first} to {}: {} events", next.load(Relaxed) - 1, events.load(Relaxed));
}
