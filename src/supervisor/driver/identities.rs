//! As whom processes run: users with all their groups, known before anything is started.

use std::collections::HashMap;
use std::sync::Arc;

use super::reading::Identified;
use crate::config::Account;
use crate::process::Identity;

/// What is known of users.
#[derive(Default)]
pub(super) struct Identities(HashMap<Arc<Account>, Arc<Identity>>);

impl Identities {
    /// With what an earlier program knew.
    pub(super) fn adopt(known: impl Iterator<Item = (Account, Identity)>) -> Self {
        Self(known.map(|(account, identity)| (Arc::new(account), Arc::new(identity))).collect())
    }

    /// Takes note of what was found, of those that are known as well: a user may have joined a group since.
    /// One that cannot be found just now stays as it was.
    pub(super) fn learn(&mut self, found: Identified) {
        for (account, found) in found {
            match found {
                Ok(identity) => drop(self.0.insert(account, Arc::new(identity))),
                Err(error) => tracing::warn!(%error, "cannot look up the groups of user {}", account.user),
            }
        }
    }

    /// All that are known.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Account, &Identity)> {
        self.0.iter().map(|(account, identity)| (&**account, &**identity))
    }

    /// Who a process of `account` becomes; `None`: that could never be found out.
    pub(super) fn of(&self, account: &Account) -> Option<Arc<Identity>> {
        self.0.get(account).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::plan::made_up::account;

    #[test]
    fn who_joins_a_group_is_in_it_from_the_next_look_on_and_nobody_is_forgotten() {
        let account = Arc::new(account());
        let mut known = Identities::default();
        assert_eq!(known.of(&account), None);
        let mut look = |found: io::Result<Vec<u32>>| {
            let found = found.map(|groups| Identity { uid: 7, gid: 7, groups });
            known.learn(vec![(account.clone(), found)]);
            known.of(&account).unwrap().groups.clone()
        };
        assert_eq!(look(Ok(vec![7])), [7]);
        assert_eq!(look(Ok(vec![7, 44])), [7, 44]);
        assert_eq!(look(Err(io::ErrorKind::TimedOut.into())), [7, 44]);
    }
}
