//! Shares what a host has among the pools that want it.
//!
//! ```text
//!     wants    ▇▇▇▇▇▇▇▇   ▇▇        ▇▇▇▇▇▇     16 wanted, 12 there are
//!     has      ▇▇▇▇▇      ▇▇        ▇▇▇▇▇      5 + 2 + 5
//!              └──────── the level ─────────┘
//! ```
//!
//! Each gets what it wants, up to a level that is the same for all, but never less than its floor. What one
//! does not need, the others get. The same claims in the same order give the same shares.

/// What one pool claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What it gets in any case.
    pub floor: u32,
    /// What it wants; not below the floor.
    pub wants: u32,
}

impl Claim {
    fn at(self, level: u32) -> u32 {
        level.clamp(self.floor, self.wants.max(self.floor))
    }
}

/// How much of `all` each claim gets. Together they get more than `all` only if their floors do.
pub fn share(claims: &[Claim], all: u32) -> Vec<u32> {
    let sum = |level: u32| claims.iter().map(|claim| u64::from(claim.at(level))).sum::<u64>();
    let highest = claims.iter().map(|claim| claim.wants).max().unwrap_or_default();
    // The highest level that fits: everything up to `low` does, nothing from `high` on.
    let (mut low, mut high) = (0, highest.saturating_add(1));
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if sum(middle) <= u64::from(all) { low = middle } else { high = middle }
    }
    let mut left = u64::from(all).saturating_sub(sum(low));
    let mut shares = Vec::with_capacity(claims.len());
    for claim in claims {
        let (own, next) = (claim.at(low), claim.at(low.saturating_add(1)));
        // What is too little for all goes to the first.
        let more = u64::from(next - own).min(left);
        left -= more;
        shares.push(if more > 0 { next } else { own });
    }
    shares
}
