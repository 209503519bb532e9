// SPDX-License-Identifier: Apache-2.0
//! Reservations: persons set aside for queries that a cap holds for, from before they read until their records are counted.
//!
//! Whether there is room is asked and the reservation written in one transaction, so of two queries at a time, on whatever
//! host, one sees the other. The transaction that projects what a record counts ends the record's reservation: at every moment
//! a query counts once. What a program that was killed leaves is given back when the lease is over by everybody's clock
//! that only goes forward, and no record is found.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use paasla_core::{ClientId, UsageDelta, Window};
use sqlx::SqliteConnection;

use super::{
    audit_log::{AuditLog, UnprojectedUsage},
    database::Database,
    failure::failure,
    row::row,
    usage,
};
use crate::{
    error::StoreError,
    usage::{Claim, Full, Grain, LEASE, Reserved, Usage, opens, since},
};

/// How often it is looked whether something can be given back.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// When a query that others under way are in the way of may be tried again.
const OPENS_SOON_MILLIS: i64 = 1_000;

#[derive(Debug)]
pub(super) struct Reservations {
    /// With a connection of its own that writes.
    database: Database,
    records: Arc<AuditLog>,
    /// Since when this program knows of each.
    known: Mutex<HashMap<String, Instant>>,
}

/// What counts for one holder on one basis.
struct Counts {
    usage: Usage,
    open: Vec<Open>,
    /// Records that are in no bucket yet, and were not reserved for.
    recent: Vec<UnprojectedUsage>,
}

row! {
    #[derive(Debug)]
    struct Open {
        id: String,
        instant: i64,
        persons: i64,
        settled: bool,
    }
}

impl Open {
    fn persons(&self) -> u64 {
        u64::try_from(self.persons).unwrap_or(0)
    }
}

impl Reservations {
    pub(super) fn new(database: Database, records: Arc<AuditLog>) -> Self {
        Self { database, records, known: Mutex::default() }
    }

    /// See [`Store::reserve`](crate::Store::reserve).
    pub(super) async fn reserve(&self, claim: &Claim<'_>) -> Result<Reserved, StoreError> {
        let Claim { id, holder, basis, instant, least, most, caps } = *claim;
        let recent = self.records.recent_of(holder, basis);
        let holder = holder.to_string();
        let mut transaction = self.database.begin().await?;
        let counts = counts(&mut transaction, &holder, basis, instant, recent).await?;
        let left = |&(window, persons): &(Window, u64)| persons.saturating_sub(counts.usage.within(window));
        let mut full = Vec::new();
        for cap in caps.iter().filter(|cap| left(cap) < least) {
            let opens = match cap.1.checked_sub(least) {
                Some(most) => {
                    Some(counts.opens(&mut transaction, &holder, basis, cap.0, instant, most).await?)
                }
                None => None,
            };
            full.push(Full { window: cap.0, left: left(cap), opens });
        }
        if !full.is_empty() {
            // Nothing was written.
            transaction.commit().await?;
            return Ok(Reserved::Full(full));
        }
        let granted = caps.iter().map(left).min().unwrap_or(u64::MAX).min(most.max(least));
        let insert = "INSERT INTO usage_reservation (id, client, basis, instant, persons, settled) \
                      VALUES ($1, $2, $3, $4, $5, 0)";
        sqlx::query(insert)
            .bind(id)
            .bind(holder)
            .bind(basis)
            .bind(instant)
            .bind(i64::try_from(granted).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await
            .map_err(failure)?;
        transaction.commit().await?;
        Ok(Reserved::Granted(granted))
    }

    /// See [`Store::settle`](crate::Store::settle).
    pub(super) async fn settle(&self, id: &str, persons: u64) -> Result<(), StoreError> {
        let query = if persons == 0 {
            sqlx::query("DELETE FROM usage_reservation WHERE id = $1").bind(id)
        } else {
            let persons = i64::try_from(persons).unwrap_or(i64::MAX);
            sqlx::query("UPDATE usage_reservation SET persons = $2, settled = 1 WHERE id = $1")
                .bind(id)
                .bind(persons)
        };
        let mut transaction = self.database.begin().await?;
        query.execute(&mut *transaction).await.map_err(failure)?;
        transaction.commit().await
    }

    /// What is counted, projected, written or reserved.
    pub(super) async fn usage(&self, client: &ClientId, basis: &str, now: i64) -> Result<Usage, StoreError> {
        let recent = self.records.recent_of(client, basis);
        // One snapshot for all that is asked.
        let mut transaction = self.records.readers()?.begin().await.map_err(failure)?;
        Ok(counts(&mut transaction, &client.to_string(), basis, now, recent).await?.usage)
    }

    /// Gives back what was not disclosed, until the task is aborted.
    pub(super) async fn sweep_always(reservations: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = reservations.sweep(Instant::now()).await {
                tracing::warn!(%error, "what queries that have ended had reserved could not be given back; it is tried again");
            }
        }
    }

    /// Gives back what is known for as long as a lease is and has no record.
    async fn sweep(&self, now: Instant) -> Result<(), StoreError> {
        let open: Vec<String> = sqlx::query_scalar("SELECT id FROM usage_reservation")
            .fetch_all(self.records.readers()?)
            .await
            .map_err(failure)?;
        for id in self.overdue(open, now) {
            let record = AuditLog::get(&self.records, &id).await?;
            let persons = record.map_or(0, |record| record.persons());
            self.settle(&id, persons).await?;
        }
        Ok(())
    }

    /// Learns of what is reserved, and tells what has been so for as long as a lease is.
    fn overdue(&self, open: Vec<String>, now: Instant) -> Vec<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let open: BTreeSet<String> = open.into_iter().collect();
        known.retain(|id, _| open.contains(id));
        let is_over = |id: &String| {
            let since = *known.entry(id.clone()).or_insert(now);
            now.saturating_duration_since(since) >= LEASE
        };
        open.into_iter().filter(is_over).collect()
    }

    pub(super) async fn close(&self) {
        self.database.close_writer().await;
    }
}

/// Ends what was reserved for these records: they are in the buckets now.
pub(super) async fn end(connection: &mut SqliteConnection, counted: &[UsageDelta]) -> Result<(), StoreError> {
    let ids: Vec<&str> = counted.iter().map(|counted| counted.id.as_str()).collect();
    let ids = serde_json::to_string(&ids).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let delete = "DELETE FROM usage_reservation WHERE id IN (SELECT value FROM json_each($1))";
    sqlx::query(delete).bind(ids).execute(connection).await.map(drop).map_err(failure)
}

/// All that counts, each query once. What is reserved counts towards every window.
async fn counts(
    connection: &mut SqliteConnection,
    holder: &str,
    basis: &str,
    now: i64,
    mut recent: Vec<UnprojectedUsage>,
) -> Result<Counts, StoreError> {
    let (mut usage, mark) = usage::of(connection, holder, basis, now).await?;
    let select =
        "SELECT id, instant, persons, settled FROM usage_reservation WHERE client = $1 AND basis = $2";
    let open: Vec<Open> =
        sqlx::query_as(select).bind(holder).bind(basis).fetch_all(connection).await.map_err(failure)?;
    let reserved: BTreeSet<&str> = open.iter().map(|open| open.id.as_str()).collect();
    recent.retain(|recent| !mark.covers(recent.written) && !reserved.contains(recent.id.as_str()));
    for recent in &recent {
        usage.add(recent.persons, recent.instant, now);
    }
    usage.add(open.iter().map(Open::persons).fold(0, u64::saturating_add), now, now);
    Ok(Counts { usage, open, recent })
}

impl Counts {
    /// From when on no more than `most` persons count in a window, if nobody asks meanwhile.
    async fn opens(
        &self,
        connection: &mut SqliteConnection,
        holder: &str,
        basis: &str,
        window: Window,
        now: i64,
        most: u64,
    ) -> Result<i64, StoreError> {
        let under_way = self.open.iter().filter(|open| !open.settled).map(Open::persons);
        let under_way = under_way.fold(0, u64::saturating_add);
        if self.usage.within(window).saturating_sub(under_way) <= most {
            return Ok(now.saturating_add(OPENS_SOON_MILLIS));
        }
        let grain = Grain::of(window);
        let select = "SELECT start, persons FROM usage_bucket \
                      WHERE client = $1 AND basis = $2 AND grain = $3 AND start >= $4";
        let counted: Vec<(i64, i64)> = sqlx::query_as(select)
            .bind(holder)
            .bind(basis)
            .bind(grain.millis())
            .bind(since(window, now))
            .fetch_all(connection)
            .await
            .map_err(failure)?;
        let counted =
            counted.into_iter().map(|(start, persons)| (start, u64::try_from(persons).unwrap_or(0)));
        let recent = self.recent.iter().map(|recent| (grain.start(recent.instant), recent.persons));
        let open = self.open.iter().map(|open| (grain.start(open.instant), open.persons()));
        let mut buckets: BTreeMap<i64, u64> = BTreeMap::new();
        for (start, persons) in counted.chain(recent).chain(open) {
            let sum = buckets.entry(start).or_default();
            *sum = sum.saturating_add(persons);
        }
        Ok(opens(window, &buckets, most).unwrap_or_else(|| now.saturating_add(OPENS_SOON_MILLIS)))
    }
}

#[cfg(test)]
mod tests {
    use paasla_core::{AuditRecord, Entry};
    use proptest::{
        prelude::*,
        test_runner::{Config, TestRunner},
    };
    use serde_json::json;

    use super::*;
    use crate::{SqliteStore, Store as _};

    const NOW: i64 = 1_790_000_123_456;
    const DAY: i64 = 86_400_000;
    const BASIS: &str = "b";
    const CAP: u64 = 10;

    fn holder() -> ClientId {
        "EE/COM/1/a".parse().unwrap()
    }

    fn entry(id: &str, named: u64, returned: u64, instant: i64) -> Entry {
        let subjects: Vec<String> = (0..named).map(|n| n.to_string()).collect();
        let record: AuditRecord = serde_json::from_value(json!({
            "id": id, "instant": instant, "outcome": "answered", "status": 200, "codes": ["ok"], "generation": 1,
            "channel": "xroad", "client": "EE/COM/1/a", "subjects": subjects, "usageBasis": BASIS,
            "returned": returned, "cost": 0, "durationUs": 0,
        }))
        .unwrap();
        Entry::of(&record).unwrap()
    }

    async fn reserve(store: &SqliteStore, id: &str, least: u64, most: u64, instant: i64) -> Reserved {
        let holder = holder();
        let caps = [(Window::Month, CAP), (Window::Year, 3 * CAP)];
        let claim = Claim { id, holder: &holder, basis: BASIS, instant, least, most, caps: &caps };
        store.reserve(&claim).await.unwrap()
    }

    async fn month(store: &SqliteStore, now: i64) -> u64 {
        store.usage(&holder(), BASIS, now).await.unwrap().month
    }

    /// What happens to queries on two hosts of one store.
    #[derive(Debug, Clone)]
    enum Step {
        Reserve {
            host: usize,
            least: u64,
            more: u64,
        },
        /// One of those that have reserved is answered, with as few of its persons.
        Answer {
            which: usize,
            fewer: u64,
            settles: bool,
        },
        /// One ends without an answer, and says so.
        Release {
            which: usize,
        },
        /// One is cut off, before or after it has settled.
        Crash {
            which: usize,
            settled: bool,
        },
        Note {
            host: usize,
        },
        /// A lease passes by.
        Sweep {
            host: usize,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        let (host, which) = (0..2_usize, 0..8_usize);
        prop_oneof![
            6 => (host.clone(), 1..5_u64, 0..12_u64).prop_map(|(host, least, more)| Step::Reserve { host, least, more }),
            5 => (which.clone(), 0..4_u64, prop::bool::weighted(0.8))
                .prop_map(|(which, fewer, settles)| Step::Answer { which, fewer, settles }),
            2 => which.clone().prop_map(|which| Step::Release { which }),
            2 => (which, any::<bool>()).prop_map(|(which, settled)| Step::Crash { which, settled }),
            2 => host.clone().prop_map(|host| Step::Note { host }),
            1 => host.prop_map(|host| Step::Sweep { host }),
        ]
    }

    /// Persons set aside for a query that is under way.
    struct UnderWay {
        id: String,
        host: usize,
        least: u64,
        granted: u64,
    }

    async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let hosts = [SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap()];
        let (mut under_way, mut told, mut queries): (Vec<UnderWay>, u64, u32) = (Vec::new(), 0, 0);
        let mut clock = Instant::now();
        let take = |under_way: &mut Vec<UnderWay>, which: usize| {
            (!under_way.is_empty()).then(|| under_way.remove(which % under_way.len()))
        };
        for step in steps {
            match step {
                Step::Reserve { host, least, more } => {
                    queries += 1;
                    let id = format!("query-{queries}");
                    match reserve(&hosts[host], &id, least, least + more, NOW).await {
                        Reserved::Granted(granted) => {
                            prop_assert!((least..=least + more).contains(&granted), "{granted}");
                            under_way.push(UnderWay { id, host, least, granted });
                        }
                        Reserved::Full(full) => prop_assert!(full.iter().all(|full| full.left < least)),
                    }
                }
                Step::Answer { which, fewer, settles } => {
                    let Some(query) = take(&mut under_way, which) else { continue };
                    let persons = query.granted.saturating_sub(fewer).max(query.least);
                    if settles {
                        hosts[query.host].settle(&query.id, persons).await.unwrap();
                    }
                    hosts[query.host].append(&[entry(&query.id, 1, persons, NOW)]).unwrap();
                    told += persons;
                    prop_assert!(told <= CAP, "{told} of {CAP} were told");
                }
                Step::Release { which } => {
                    let Some(query) = take(&mut under_way, which) else { continue };
                    hosts[query.host].settle(&query.id, 0).await.unwrap();
                }
                Step::Crash { which, settled } => {
                    let Some(query) = take(&mut under_way, which) else { continue };
                    if settled {
                        hosts[query.host].settle(&query.id, query.least).await.unwrap();
                    }
                }
                Step::Note { host } => AuditLog::project_all(&hosts[host].records).await.unwrap(),
                Step::Sweep { host } => {
                    // Nobody answers any more who has begun before.
                    under_way.clear();
                    hosts[host].reservations.sweep(clock).await.unwrap();
                    clock += LEASE;
                    hosts[host].reservations.sweep(clock).await.unwrap();
                }
            }
            for host in &hosts {
                let counted = month(host, NOW).await;
                prop_assert!(told <= counted, "{told} were told, {counted} are counted");
            }
        }
        for host in &hosts {
            host.reservations.sweep(clock).await.unwrap();
            host.reservations.sweep(clock + LEASE).await.unwrap();
        }
        for host in &hosts {
            prop_assert_eq!(month(host, NOW).await, told, "nothing blocks but what was told");
            AuditLog::project_all(&host.records).await.unwrap();
        }
        for host in &hosts {
            prop_assert_eq!(month(host, NOW).await, told);
        }
        if told < CAP {
            prop_assert_eq!(reserve(&hosts[0], "last", 1, 99, NOW).await, Reserved::Granted(CAP - told));
        }
        Ok(())
    }

    #[test]
    fn a_cap_holds_whoever_crashes_when() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let mut runner =
            TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
        let all = prop::collection::vec(step(), 1..40);
        runner.run(&all, |steps| runtime.block_on(run(steps))).unwrap();
    }

    #[tokio::test]
    async fn a_search_gets_what_is_left_and_who_names_more_is_told_when() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        let opens = |instant: i64| instant - instant.rem_euclid(DAY) + 31 * DAY;
        store.append(&[entry("a", 4, 4, NOW - 5 * DAY), entry("b", 4, 4, NOW - DAY)]).unwrap();
        let full = |left, opens| Reserved::Full(vec![Full { window: Window::Month, left, opens }]);
        assert_eq!(reserve(&store, "c", 3, 3, NOW).await, full(2, Some(opens(NOW - 5 * DAY))));
        assert_eq!(reserve(&store, "c", 7, 7, NOW).await, full(2, Some(opens(NOW - DAY))));
        assert_eq!(reserve(&store, "c", 11, 11, NOW).await, full(2, None));
        // As it is told, so it is.
        assert_eq!(
            reserve(&store, "c", 3, 3, opens(NOW - 5 * DAY) - 1).await,
            full(2, Some(opens(NOW - 5 * DAY)))
        );
        assert_eq!(reserve(&store, "c", 3, 3, opens(NOW - 5 * DAY)).await, Reserved::Granted(3));
        store.settle("c", 0).await.unwrap();

        assert_eq!(reserve(&store, "d", 1, 100, NOW).await, Reserved::Granted(2));
        // Only who is under way stands in the way.
        assert_eq!(reserve(&store, "e", 1, 100, NOW).await, full(0, Some(NOW + OPENS_SOON_MILLIS)));
        store.settle("d", 1).await.unwrap();
        assert_eq!(reserve(&store, "e", 1, 100, NOW).await, Reserved::Granted(1));
    }
}
