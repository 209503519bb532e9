// SPDX-License-Identifier: Apache-2.0
//! Usage: buckets that grow with each record.

use std::sync::atomic::{AtomicI64, Ordering};

use paasla_core::{Counted, Window};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    failure::failure,
    noted::{NOTED, Noted},
    now,
};
use crate::{
    error::StoreError,
    usage::{Grain, Usage, additions, since},
};

/// How often old buckets are dropped.
const PRUNE_EVERY_MILLIS: i64 = 600_000;

/// The sum over one window: `$1` client, `$2` basis, `$3` now, then the window's grain and oldest bucket.
macro_rules! sum {
    ($grain:literal, $since:literal) => {
        concat!(
            "(SELECT coalesce(sum(persons), 0) FROM usage_bucket WHERE client = $1 AND basis = $2 AND grain = ",
            $grain,
            " AND start BETWEEN ",
            $since,
            " AND $3)"
        )
    };
}

/// What the buckets count, and how far the log was in them then.
pub(super) async fn of(
    connection: &mut SqliteConnection,
    client: &str,
    basis: &str,
    now: i64,
) -> Result<(Usage, Noted), StoreError> {
    // One statement, one snapshot: the windows agree with each other, and with what is noted.
    const SUMS: &str = concat!(
        "SELECT ",
        sum!("$4", "$5"),
        ", ",
        sum!("$6", "$7"),
        ", ",
        sum!("$8", "$9"),
        ", ",
        sum!("$10", "$11")
    );
    let mut query =
        sqlx::query_as(AssertSqlSafe(format!("{SUMS}, {NOTED}"))).bind(client).bind(basis).bind(now);
    for window in [Window::Hour, Window::Day, Window::Month, Window::Year] {
        query = query.bind(Grain::of(window).millis()).bind(since(window, now));
    }
    let (hour, day, month, year, noted): (i64, i64, i64, i64, String) =
        query.fetch_one(connection).await.map_err(failure)?;
    let persons = |sum: i64| u64::try_from(sum).unwrap_or(0);
    let usage = Usage { hour: persons(hour), day: persons(day), month: persons(month), year: persons(year) };
    Ok((usage, Noted::of(&noted)?))
}

/// Adds what records count, and now and then drops what no window needs any more.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    pruned_at: &AtomicI64,
    counted: &[Counted],
) -> Result<(), StoreError> {
    /// The order of the texts and numbers is that of the columns.
    const ADDED: &str = "INSERT INTO usage_bucket (client, basis, grain, start, persons) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1) WHERE true \
         ON CONFLICT (client, basis, grain, start) DO UPDATE SET persons = persons + excluded.persons";
    let Some(newest) = counted.iter().map(|counted| counted.instant).max() else { return Ok(()) };
    prune_now_and_then(connection, pruned_at, newest).await?;
    let rows: Vec<_> = additions(counted)
        .into_iter()
        .map(|(bucket, persons)| (bucket.client, bucket.basis, bucket.grain.millis(), bucket.start, persons))
        .collect();
    let rows = serde_json::to_string(&rows).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    sqlx::query(ADDED).bind(rows).execute(connection).await.map(drop).map_err(failure)
}

/// Drops buckets that no window needs any more, if that was not done lately. `newest` is the instant of a record that
/// is about to be counted.
async fn prune_now_and_then(
    connection: &mut SqliteConnection,
    pruned_at: &AtomicI64,
    newest: i64,
) -> Result<(), StoreError> {
    let now = now();
    let last = pruned_at.load(Ordering::Relaxed);
    if now.saturating_sub(last).saturating_abs() < PRUNE_EVERY_MILLIS {
        return Ok(());
    }
    pruned_at.store(now, Ordering::Relaxed);
    // The earlier of the two, so that one record with an instant far ahead does not wipe usage out.
    prune(connection, now.min(newest)).await
}

async fn prune(connection: &mut SqliteConnection, now: i64) -> Result<(), StoreError> {
    for grain in Grain::ALL {
        sqlx::query("DELETE FROM usage_bucket WHERE grain = $1 AND start < $2")
            .bind(grain.millis())
            .bind(now.saturating_sub(grain.kept_millis()))
            .execute(&mut *connection)
            .await
            .map_err(failure)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;

    /// Pruning leaves every window as it was, an hour's slack of the clock included.
    #[tokio::test]
    async fn pruning_changes_no_window() {
        const NOW: i64 = 1_790_000_123_456;
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        let client = "EE/GOV/70008440/rr";
        let mut transaction = store.writer.begin().await.unwrap();
        for grain in Grain::ALL {
            for back in 0..1_000 {
                sqlx::query("INSERT INTO usage_bucket VALUES ($1, 'b', $2, $3, 1)")
                    .bind(client)
                    .bind(grain.millis())
                    .bind(grain.start(NOW) - back * grain.millis())
                    .execute(&mut *transaction)
                    .await
                    .unwrap();
            }
        }
        transaction.commit().await.unwrap();
        let usage =
            async |now| of(&mut *store.readers.acquire().await.unwrap(), client, "b", now).await.unwrap().0;
        let earlier = NOW - Grain::Hour.millis();
        let before = [usage(NOW).await, usage(earlier).await];
        assert_eq!(before[0], Usage { hour: 61, day: 25, month: 31, year: 366 });

        prune(&mut store.writer.acquire().await.unwrap(), NOW).await.unwrap();
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM usage_bucket").fetch_one(&store.readers).await.unwrap();
        assert!(left < 700, "{left} of 3000 buckets are left");
        assert_eq!([usage(NOW).await, usage(earlier).await], before);
    }
}
