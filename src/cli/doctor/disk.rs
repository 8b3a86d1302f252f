//! Disks: whether there is room for what has to be written.

use std::path::PathBuf;

use super::finding::Finding;
use crate::cli::human::bytes;

/// Less than this much of a disk, in per cent, is little,
const FEW: u128 = 5;
/// unless it is more than this, in bytes;
const MANY: u64 = 10 << 30;
/// and less than this, in bytes, is little on any disk.
const TIGHT: u64 = 100 << 20;

/// The room on the disk with a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    /// Which disk it is, as a number.
    pub(super) device: u64,
    /// The folder.
    pub(super) folder: PathBuf,
    /// What is written there: `the binlog of beanstalkd 127.0.0.1:11300`.
    pub(super) what: String,
    /// How much it can hold, in bytes.
    pub(super) total: u64,
    /// How much more, in bytes, of users other than root.
    pub(super) free: u64,
}

/// Which disks are nearly full: each once.
pub(super) fn judge(rooms: &[Room]) -> Vec<Finding> {
    let mut told = Vec::new();
    let mut findings = Vec::new();
    for room in rooms.iter().filter(|room| is_tight(room)) {
        if told.contains(&room.device) {
            continue;
        }
        told.push(room.device);
        let used = 100 - u128::from(room.free) * 100 / u128::from(room.total.max(1));
        let what = format!("its disk is {used} % full, {} are left for {}", bytes(room.free), room.what);
        findings.push(Finding::new("disk", room.folder.display().to_string(), what, "make room"));
    }
    findings
}

fn is_tight(room: &Room) -> bool {
    let few = u128::from(room.free) * 100 < u128::from(room.total) * FEW;
    room.total > 0 && (few && room.free < MANY || room.free < TIGHT && room.free < room.total / 2)
}
