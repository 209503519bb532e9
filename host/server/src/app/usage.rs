// SPDX-License-Identifier: Apache-2.0
//! How many persons a client asked about: what the store counted, and what is under way.
//!
//! The store is not asked for each query. What it said is kept for a second, as long as its windows count the same
//! buckets, and what this host records meanwhile is added. While one query asks it again, the others go by what is kept,
//! for another second at most. So what other hosts record on the same store counts here within two seconds of being
//! noted there. What is recorded while the store is being read is added too: for that second it may be counted
//! twice, rather than not at all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use paasla_core::{Attribute, ClientId, Value, Window};
use paasla_store::{Store, StoreError, Usage, usage::same_buckets};

/// How long what the store said is kept; twice as long while somebody asks again.
const KEPT: Duration = Duration::from_secs(1);

const PREFIX: &str = "usage.client.last-";

type Key = (ClientId, String);

/// What is counted for each holder of access rights and each basis; the rulebook bounds how many there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashMap<Arc<Key>, Count>>>);

#[derive(Debug, Default)]
struct Count {
    /// Persons in queries that are decided but not yet recorded.
    under_way: u64,
    /// Persons in queries that were recorded since the count began.
    recorded: u64,
    kept: Option<Kept>,
    /// When somebody began to ask the store, and has not said yet what it said.
    asking: Option<Instant>,
}

/// What the store said, with what was recorded since.
#[derive(Debug, Clone, Copy)]
struct Kept {
    usage: Usage,
    /// Where its windows end.
    now: i64,
    read: Instant,
}

impl Kept {
    /// Whether it may be gone by. `asking` says since when somebody asks the store again.
    fn may_stand(&self, asking: Option<Instant>, now: i64) -> bool {
        let asked = asking.is_some_and(|since| since.elapsed() < KEPT);
        self.read.elapsed() < if asked { 2 * KEPT } else { KEPT } && same_buckets(self.now, now)
    }
}

/// A query's own place among those under way; leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    all: UnderWay,
    key: Arc<Key>,
    persons: u64,
    /// Persons in other queries of the same client and basis, when this one came.
    before: u64,
}

impl UnderWay {
    /// Takes a place. Counting the others and joining them is one step, so of two queries at a time one sees the
    /// other.
    pub(crate) fn enter(&self, client: &ClientId, basis: &str, persons: u64) -> Place {
        let key = Arc::new((client.clone(), basis.to_owned()));
        let mut all = self.lock();
        let count = all.entry(Arc::clone(&key)).or_default();
        let before = count.under_way;
        count.under_way += persons;
        drop(all);
        Place { all: self.clone(), key, persons, before }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Key>, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Leaves the place for what was recorded, in one step: a query that comes meets the one or the other.
    pub(crate) fn recorded(mut self, persons: u64) {
        let mut all = self.all.lock();
        if let Some(count) = all.get_mut(&self.key) {
            count.under_way = count.under_way.saturating_sub(self.persons);
            count.recorded = count.recorded.saturating_add(persons);
            if let Some(kept) = &mut count.kept {
                add(&mut kept.usage, persons);
            }
        }
        drop(all);
        self.persons = 0;
    }

    /// What the store counts. It is asked after the place was taken: what is recorded in between is counted twice
    /// rather than not at all.
    async fn usage(&self, store: &dyn Store, now: i64) -> Result<Usage, StoreError> {
        let read = Instant::now();
        let recorded = match self.all.lock().get_mut(&self.key) {
            Some(count) => match count.kept {
                Some(kept) if kept.may_stand(count.asking, now) => return Ok(kept.usage),
                _ => {
                    count.asking = Some(read);
                    count.recorded
                }
            },
            None => 0,
        };
        let (client, basis) = &*self.key;
        let asked = store.usage(client, basis, now).await;
        let mut all = self.all.lock();
        let mut count = all.get_mut(&self.key);
        if let Some(count) = &mut count
            && count.asking == Some(read)
        {
            count.asking = None;
        }
        let mut usage = asked?;
        if let Some(count) = count {
            add(&mut usage, count.recorded.saturating_sub(recorded));
            // Of two who read at a time the later one stays.
            if count.kept.is_none_or(|kept| kept.read < read) {
                count.kept = Some(Kept { usage, now, read });
            }
        }
        Ok(usage)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(count) = all.get_mut(&self.key) {
            count.under_way = count.under_way.saturating_sub(self.persons);
            if count.under_way == 0 && count.kept.is_none() {
                all.remove(&self.key);
            }
        }
    }
}

fn add(usage: &mut Usage, persons: u64) {
    for sum in [&mut usage.hour, &mut usage.day, &mut usage.month, &mut usage.year] {
        *sum = sum.saturating_add(persons);
    }
}

/// The names of the facts.
pub(crate) fn names() -> impl Iterator<Item = (Window, String)> {
    Window::ALL.into_iter().map(|window| (window, format!("{PREFIX}{}", window.name())))
}

/// Whether a fact is one of these.
pub(crate) fn supplies(fact: &str) -> bool {
    let window = fact.strip_prefix(PREFIX);
    window.is_some_and(|name| Window::ALL.into_iter().any(|window| window.name() == name))
}

/// The facts for a query.
pub(crate) async fn facts(store: &dyn Store, place: &Place, now: i64) -> Result<Vec<Attribute>, StoreError> {
    let usage = place.usage(store, now).await?;
    let fact = |(window, name)| {
        let persons = usage.within(window).saturating_add(place.before);
        Attribute { name, value: Value::Integer(i64::try_from(persons).unwrap_or(i64::MAX)) }
    };
    Ok(names().map(fact).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_queries_at_a_time_the_second_sees_the_first() {
        let client: ClientId = "EE/COM/1/a".parse().unwrap();
        let all = UnderWay::default();
        let first = all.enter(&client, "f", 3);
        let second = all.enter(&client, "f", 1);
        let other = all.enter(&client, "e", 1);
        assert_eq!((first.before, second.before, other.before), (0, 3, 0));
        drop(first);
        assert_eq!(all.enter(&client, "f", 1).before, 1);
        drop((second, other));
        assert!(all.lock().is_empty());
    }

    /// What this host records counts at once; what others record, when the store is read again.
    #[tokio::test]
    async fn what_is_recorded_is_counted_without_asking_the_store() {
        const NOW: i64 = 1_790_000_123_456;
        let folder = tempfile::tempdir().unwrap();
        let store = paasla_store::SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        let client: ClientId = "EE/COM/1/a".parse().unwrap();
        let all = UnderWay::default();
        let first = all.enter(&client, "f", 3);
        assert_eq!(first.usage(&store, NOW).await.unwrap(), Usage::default());
        first.recorded(2);
        let second = all.enter(&client, "f", 1);
        assert_eq!(second.before, 0);
        let counted = Usage { hour: 2, day: 2, month: 2, year: 2 };
        assert_eq!(second.usage(&store, NOW).await.unwrap(), counted);
        // In the next minute the windows count other buckets: the store knows nothing of the two.
        assert_eq!(second.usage(&store, NOW + 60_000).await.unwrap(), Usage::default());
    }

    #[test]
    fn supplies_what_it_names() {
        assert!(names().all(|(_, name)| supplies(&name)));
        assert!(
            !supplies("usage.client.last-") && !supplies("usage.client.last-week") && !supplies("last-hour")
        );
    }
}
