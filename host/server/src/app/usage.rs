// SPDX-License-Identifier: Apache-2.0
//! How many persons a client asked about: what the store counted, and what is under way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use paasla_core::{Attribute, ClientId, Value, Window};
use paasla_store::{Store, StoreError};

type Key = (ClientId, String);

/// Persons in queries that are decided but not yet recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashMap<Key, u64>>>);

/// A query's own place among those under way; leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    all: UnderWay,
    key: Key,
    persons: u64,
    /// Persons in other queries of the same client and basis, when this one came.
    before: u64,
}

impl UnderWay {
    /// Takes a place. Counting the others and joining them is one step, so of two queries at a time one sees the
    /// other.
    pub(crate) fn enter(&self, client: &ClientId, basis: &str, persons: u64) -> Place {
        let key = (client.clone(), basis.to_owned());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(key.clone()).or_default();
        let before = *count;
        *count += persons;
        drop(all);
        Place { all: self.clone(), key, persons, before }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.key) {
            *count = count.saturating_sub(self.persons);
            if *count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

/// The names of the facts.
pub(crate) fn names() -> impl Iterator<Item = (Window, String)> {
    Window::ALL.into_iter().map(|window| (window, format!("usage.client.last-{}", window.name())))
}

/// The facts for a query. The store is asked after the place was taken: what is recorded in between is counted
/// twice rather than not at all.
pub(crate) async fn facts(store: &dyn Store, place: &Place, now: i64) -> Result<Vec<Attribute>, StoreError> {
    let (client, basis) = &place.key;
    let usage = store.usage(client, basis, now).await?;
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
        assert!(all.0.lock().unwrap().is_empty());
    }
}
