// SPDX-License-Identifier: Apache-2.0
//! Usage of an access right and its caps: facts for rules, and reservations of persons. The host keeps caps itself:
//! persons are reserved before a query reads, and what is not disclosed is given back.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use paasla_core::{Attribute, Cap, Decision, Quota, Reason, Value, Window};
use paasla_store::{
    Store, StoreError,
    usage::{Claim, LEASE, Reserved, Usage},
};

use super::access::Resolved;
use crate::problem::{Capped, Opens};

const PREFIX: &str = "usage.client.last-";

/// The persons that a query has reserved.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    /// Since when, if anything is.
    since: Option<Instant>,
}

impl Reservation {
    /// Reserves the persons that the query may disclose, and gives how many rows that are at most. None, unless a cap holds.
    pub(super) async fn make(
        &mut self,
        store: &dyn Store,
        resolved: &Resolved<'_>,
        decision: &Decision,
        limit: u32,
    ) -> Result<Result<u32, Capped>, StoreError> {
        let caps = caps(decision, &resolved.query.grant.quotas);
        if caps.is_empty() {
            return Ok(Ok(limit));
        }
        let named = resolved.query.subjects.count;
        let bounds: Vec<(Window, u64)> = caps.iter().map(|cap| (cap.window, cap.persons.into())).collect();
        let claim = Claim {
            id: &resolved.query.id,
            holder: &resolved.grant.client,
            basis: &resolved.usage_basis,
            instant: resolved.query.instant,
            least: u64::from(named).max(1),
            // The persons named are the persons disclosed.
            most: u64::from(if named > 0 { named } else { limit.max(1) }),
            caps: &bounds,
        };
        let since = Instant::now();
        match store.reserve(&claim).await? {
            Reserved::Granted(persons) => {
                self.since = Some(since);
                Ok(Ok(limit.min(u32::try_from(persons).unwrap_or(u32::MAX))))
            }
            Reserved::Full(full) => {
                let is_in_the_way = |cap: &&Cap| full.iter().any(|full| full.window == cap.window);
                // One that never opens is the last to open.
                let last = full.iter().max_by_key(|full| (full.opens.is_none(), full.opens));
                let opens = |at: i64| {
                    let after = u64::try_from(at.saturating_sub(claim.instant)).unwrap_or(0);
                    Opens { at, after: Duration::from_millis(after) }
                };
                Ok(Err(Capped {
                    reasons: caps.iter().filter(is_in_the_way).map(|cap| cap.reason.clone()).collect(),
                    window: last.map_or(Window::Year, |full| full.window),
                    left: last.map_or(0, |full| full.left),
                    opens: last.and_then(|full| full.opens).map(opens),
                }))
            }
        }
    }

    /// Says how many persons the query discloses; none, and all is given back. Where that cannot be said, what was set aside
    /// stays so until the record is counted, or no record can come any more.
    pub(super) async fn settle(&self, store: &dyn Store, id: &str, persons: u64) {
        if self.since.is_some()
            && let Err(error) = store.settle(id, persons).await
        {
            tracing::warn!(id, %error, "what a query had reserved could not be settled");
        }
    }

    /// Whether the query may still be answered: what is set aside is not given to others yet.
    pub(super) fn holds(&self) -> bool {
        self.since.is_none_or(|since| since.elapsed() < LEASE)
    }
}

/// The caps that hold for a query, the lowest for each window.
pub(super) fn caps(decision: &Decision, quotas: &[Quota]) -> Vec<Cap> {
    let of_grant = quotas.iter().map(|quota| Cap {
        window: quota.window,
        persons: quota.persons,
        reason: exceeded(quota.window),
    });
    let all: BTreeSet<Cap> = decision.caps.iter().cloned().chain(of_grant).collect();
    // In order of windows, then of persons.
    let lowest = |window| all.iter().find(|cap| cap.window == window).cloned();
    Window::ALL.into_iter().filter_map(lowest).collect()
}

fn exceeded(window: Window) -> Reason {
    let (code, message) = match window {
        Window::Hour => {
            ("grant.quota-hour", "The access right's cap on persons in an hour does not allow it.")
        }
        Window::Day => ("grant.quota-day", "The access right's cap on persons in a day does not allow it."),
        Window::Month => {
            ("grant.quota-month", "The access right's cap on persons in 30 days does not allow it.")
        }
        Window::Year => {
            ("grant.quota-year", "The access right's cap on persons in 365 days does not allow it.")
        }
    };
    Reason::new("grant", code, message)
}

/// The persons asked about before under the access right that a query stands on.
pub(super) async fn of(store: &dyn Store, resolved: &Resolved<'_>) -> Result<Usage, StoreError> {
    store.usage(&resolved.grant.client, &resolved.usage_basis, resolved.query.instant).await
}

/// The codes of the caps that would have refused a query, without the `disclosed` persons of its own answer. For comparisons.
pub(crate) async fn refusals(
    store: &dyn Store,
    resolved: &Resolved<'_>,
    decision: &Decision,
    disclosed: u64,
) -> Result<BTreeSet<Reason>, StoreError> {
    let query = &resolved.query;
    let caps = caps(decision, &query.grant.quotas);
    if caps.is_empty() {
        return Ok(BTreeSet::new());
    }
    let usage = of(store, resolved).await?;
    let least = u64::from(query.subjects.count).max(1);
    let is_in_the_way = |cap: &Cap| {
        let before = usage.within(cap.window).saturating_sub(disclosed);
        before.saturating_add(least) > cap.persons.into()
    };
    Ok(caps.into_iter().filter(is_in_the_way).map(|cap| cap.reason).collect())
}

/// The names of the facts.
pub(crate) fn names() -> impl Iterator<Item = (Window, String)> {
    Window::ALL.into_iter().map(|window| (window, format!("{PREFIX}{}", window.name())))
}

/// Whether a fact is one of these.
pub(crate) fn supplies(fact: &str) -> bool {
    fact.strip_prefix(PREFIX).is_some_and(|name| Window::named(name).is_some())
}

/// The facts for a query.
pub(super) async fn facts(store: &dyn Store, resolved: &Resolved<'_>) -> Result<Vec<Attribute>, StoreError> {
    let usage = of(store, resolved).await?;
    let fact = |(window, name)| {
        let persons = i64::try_from(usage.within(window)).unwrap_or(i64::MAX);
        Attribute { name, value: Value::Integer(persons) }
    };
    Ok(names().map(fact).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supplies_what_it_names() {
        assert!(names().all(|(_, name)| supplies(&name)));
        assert!(
            !supplies("usage.client.last-") && !supplies("usage.client.last-week") && !supplies("last-hour")
        );
    }

    #[test]
    fn the_lowest_cap_of_a_window_holds() {
        let mut decision = Decision::widest(0);
        let cap =
            |window, persons| Cap { window, persons, reason: Reason::new("quota", "q.e", "It is full.") };
        decision.caps.extend([cap(Window::Month, 20), cap(Window::Year, 100), cap(Window::Month, 7)]);
        let quotas = [Quota { window: Window::Year, persons: 40 }, Quota { window: Window::Day, persons: 9 }];
        let found = caps(&decision, &quotas);
        let found: Vec<_> =
            found.iter().map(|cap| (cap.window, cap.persons, cap.reason.code.as_str())).collect();
        let expected = [
            (Window::Day, 9, "grant.quota-day"),
            (Window::Month, 7, "q.e"),
            (Window::Year, 40, "grant.quota-year"),
        ];
        assert_eq!(found, expected);
    }
}
