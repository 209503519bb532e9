// SPDX-License-Identifier: Apache-2.0
//! Admission control for acts: how many may be under way at one time, and that one token has at most a quarter of them.
//! An act takes the host's time and memory; whoever waits for a permit holds nothing but a connection.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{actor::Actor, refusal::Refusal};

/// How long somebody waits for a permit.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// One token has at most one in so many of the permits.
const SHARE_OF_A_TOKEN: usize = 4;

/// A number of permits.
#[derive(Debug)]
pub(crate) struct ActAdmission {
    all: Arc<Semaphore>,
    /// How many one token may have.
    share: usize,
    /// What is left of the share of each token that has or waits for a permit.
    own: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    max_wait: Duration,
}

/// A permit to act. It is free again when the last copy is gone.
#[derive(Debug, Clone)]
pub struct Permit {
    _permits: Arc<[OwnedSemaphorePermit; 2]>,
}

impl ActAdmission {
    /// So many permits.
    pub(crate) fn new(permits: usize) -> Self {
        let share = (permits / SHARE_OF_A_TOKEN).max(1);
        Self { all: Arc::new(Semaphore::new(permits)), share, own: Mutex::default(), max_wait: MAX_WAIT }
    }

    /// A permit for an actor.
    pub(crate) async fn acquire(&self, actor: &Actor) -> Result<Permit, Refusal> {
        let own = self.own(actor.token.as_deref().unwrap_or_default());
        let permit = async {
            // Their own first: who has all of it waits where nobody else does.
            let own = own.acquire_owned().await.ok()?;
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Permit { _permits: Arc::new([own, all]) })
        };
        match tokio::time::timeout(self.max_wait, permit).await {
            Ok(Some(permit)) => Ok(permit),
            _ => Err(Refusal::busy("too much is under way; nothing changed; try again a little later")),
        }
    }

    fn own(&self, whose: &str) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        // Permits and those who wait hold the others.
        own.retain(|name, share| name == whose || Arc::strong_count(share) > 1);
        Arc::clone(own.entry(whose.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.share))))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::refusal::RefusalKind, *};

    /// Of a permit that is not free until the test lets go of it, it does not matter how long anybody waits.
    fn shares(permits: usize) -> ActAdmission {
        ActAdmission { max_wait: Duration::from_millis(5), ..ActAdmission::new(permits) }
    }

    fn actor(token: &str) -> Actor {
        Actor { token: Some(token.to_owned()), ..Actor::host() }
    }

    #[tokio::test]
    async fn one_token_has_a_quarter_and_no_more() {
        let shares = shares(8);
        let greedy = [shares.acquire(&actor("a")).await.unwrap(), shares.acquire(&actor("a")).await.unwrap()];
        assert_eq!(shares.acquire(&actor("a")).await.unwrap_err().kind, RefusalKind::Unavailable);
        let others: Vec<Permit> = {
            let mut others = Vec::new();
            for other in ["b", "c", "d", "b", "c", "d"] {
                others.push(shares.acquire(&actor(other)).await.unwrap());
            }
            others
        };
        assert_eq!(
            shares.acquire(&actor("e")).await.unwrap_err().kind,
            RefusalKind::Unavailable,
            "all are taken"
        );
        drop((greedy, others));
        shares.acquire(&actor("e")).await.unwrap();
        let own = shares.own.lock().unwrap();
        assert!(own.len() <= 2, "who has no permit is forgotten: {own:?}");
    }

    #[tokio::test]
    async fn a_permit_is_held_as_long_as_anybody_has_it() {
        let shares = shares(1);
        let permit = shares.acquire(&actor("a")).await.unwrap();
        let copy = permit.clone();
        drop(permit);
        assert!(shares.acquire(&actor("b")).await.is_err());
        drop(copy);
        shares.acquire(&actor("b")).await.unwrap();
    }
}
