// SPDX-License-Identifier: Apache-2.0
//! Places that all who act share: how much of the host's time and memory acts take at one time, and that one token has at
//! most a quarter of it. Whoever waits holds nothing but a connection.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{actor::Actor, refusal::Refusal};

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many share what one has at most.
const SHARES: usize = 4;

/// A number of places.
#[derive(Debug)]
pub(crate) struct Shares {
    all: Arc<Semaphore>,
    /// How many one may have.
    most: usize,
    /// What is left of the share of each who has or waits for a place.
    own: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    patience: Duration,
}

/// A place. It is free again when the last copy is gone.
#[derive(Debug, Clone)]
pub struct Place {
    _permits: Arc<[OwnedSemaphorePermit; 2]>,
}

impl Shares {
    /// So many places.
    pub(crate) fn new(places: usize) -> Self {
        let most = (places / SHARES).max(1);
        Self { all: Arc::new(Semaphore::new(places)), most, own: Mutex::default(), patience: PATIENCE }
    }

    /// A place for an actor.
    pub(crate) async fn place(&self, actor: &Actor) -> Result<Place, Refusal> {
        let own = self.own(actor.token.as_deref().unwrap_or_default());
        let place = async {
            // Their own first: who has all of it waits where nobody else does.
            let own = own.acquire_owned().await.ok()?;
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Place { _permits: Arc::new([own, all]) })
        };
        match tokio::time::timeout(self.patience, place).await {
            Ok(Some(place)) => Ok(place),
            _ => Err(Refusal::busy("too much is under way; nothing changed; try again a little later")),
        }
    }

    fn own(&self, whose: &str) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        // Permits and those who wait hold the others.
        own.retain(|name, share| name == whose || Arc::strong_count(share) > 1);
        Arc::clone(own.entry(whose.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.most))))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::refusal::RefusalKind, *};

    /// Of a place that is not free until the test lets go of it, it does not matter how long anybody waits.
    fn shares(places: usize) -> Shares {
        Shares { patience: Duration::from_millis(5), ..Shares::new(places) }
    }

    fn actor(token: &str) -> Actor {
        Actor { token: Some(token.to_owned()), ..Actor::host() }
    }

    #[tokio::test]
    async fn one_token_has_a_quarter_and_no_more() {
        let shares = shares(8);
        let greedy = [shares.place(&actor("a")).await.unwrap(), shares.place(&actor("a")).await.unwrap()];
        assert_eq!(shares.place(&actor("a")).await.unwrap_err().kind, RefusalKind::Unavailable);
        let others: Vec<Place> = {
            let mut others = Vec::new();
            for other in ["b", "c", "d", "b", "c", "d"] {
                others.push(shares.place(&actor(other)).await.unwrap());
            }
            others
        };
        assert_eq!(
            shares.place(&actor("e")).await.unwrap_err().kind,
            RefusalKind::Unavailable,
            "all are taken"
        );
        drop((greedy, others));
        shares.place(&actor("e")).await.unwrap();
        let own = shares.own.lock().unwrap();
        assert!(own.len() <= 2, "who has no place is forgotten: {own:?}");
    }

    #[tokio::test]
    async fn a_place_is_kept_as_long_as_anybody_has_it() {
        let shares = shares(1);
        let place = shares.place(&actor("a")).await.unwrap();
        let copy = place.clone();
        drop(place);
        assert!(shares.place(&actor("b")).await.is_err());
        drop(copy);
        shares.place(&actor("b")).await.unwrap();
    }
}
