// SPDX-License-Identifier: Apache-2.0
//! Usage buckets in the control database: they grow with each audit record.

use std::sync::atomic::{AtomicI64, Ordering};

use paasla_core::{UsageDelta, Window};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    failure::failure,
    now,
    projection::{HIGH_WATER_MARK, HighWaterMark},
};
use crate::{
    error::StoreError,
    usage::{Grain, Usage, additions, since},
};

/// How often old buckets are dropped.
const PRUNE_EVERY_MILLIS: i64 = 600_000;

/// The sum over one window: `$1` client, `$2` basis, then the window's grain and oldest bucket. It has no end: what was
/// counted under a clock that was ahead still counts when the clock is set back.
macro_rules! sum {
    ($grain:literal, $since:literal) => {
        concat!(
            "(SELECT coalesce(sum(persons), 0) FROM usage_bucket WHERE client = $1 AND basis = $2 AND grain = ",
            $grain,
            " AND start >= ",
            $since,
            ")"
        )
    };
}

/// What the buckets count, and how far the log was in them then.
pub(super) async fn of(
    connection: &mut SqliteConnection,
    client: &str,
    basis: &str,
    now: i64,
) -> Result<(Usage, HighWaterMark), StoreError> {
    // One statement, one snapshot: the windows agree with each other, and with the high-water mark.
    const SUMS: &str = concat!(
        "SELECT ",
        sum!("$3", "$4"),
        ", ",
        sum!("$5", "$6"),
        ", ",
        sum!("$7", "$8"),
        ", ",
        sum!("$9", "$10")
    );
    let mut query =
        sqlx::query_as(AssertSqlSafe(format!("{SUMS}, {HIGH_WATER_MARK}"))).bind(client).bind(basis);
    for window in [Window::Hour, Window::Day, Window::Month, Window::Year] {
        query = query.bind(Grain::of(window).millis()).bind(since(window, now));
    }
    let (hour, day, month, year, noted): (i64, i64, i64, i64, String) =
        query.fetch_one(connection).await.map_err(failure)?;
    let persons = |sum: i64| u64::try_from(sum).unwrap_or(0);
    let usage = Usage { hour: persons(hour), day: persons(day), month: persons(month), year: persons(year) };
    Ok((usage, HighWaterMark::of(&noted)?))
}

/// Adds what records count, and now and then drops what no window needs any more.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    pruned_at: &AtomicI64,
    counted: &[UsageDelta],
) -> Result<(), StoreError> {
    /// The order of the texts and numbers is that of the columns.
    const ADDED: &str = "INSERT INTO usage_bucket (client, basis, grain, start, persons) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1) WHERE true \
         ON CONFLICT (client, basis, grain, start) DO UPDATE SET persons = persons + excluded.persons";
    if counted.is_empty() {
        return Ok(());
    }
    prune_now_and_then(connection, pruned_at).await?;
    let rows: Vec<_> = additions(counted)
        .into_iter()
        .map(|(bucket, persons)| (bucket.client, bucket.basis, bucket.grain.millis(), bucket.start, persons))
        .collect();
    let rows = serde_json::to_string(&rows).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    sqlx::query(ADDED).bind(rows).execute(connection).await.map(drop).map_err(failure)
}

/// Drops buckets that no window needs any more, if that was not done lately.
async fn prune_now_and_then(
    connection: &mut SqliteConnection,
    pruned_at: &AtomicI64,
) -> Result<(), StoreError> {
    let now = now();
    let last = pruned_at.load(Ordering::Relaxed);
    if now.saturating_sub(last).saturating_abs() < PRUNE_EVERY_MILLIS {
        return Ok(());
    }
    pruned_at.store(now, Ordering::Relaxed);
    prune(connection).await
}

/// Keeps the newest buckets of each count, as many as its longest window can hold and some more. No clock is asked: a
/// wrong one would drop what is still needed.
async fn prune(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    for grain in Grain::ALL {
        sqlx::query(
            "DELETE FROM usage_bucket WHERE grain = $1 AND (client, basis, start) IN ( \
             SELECT client, basis, start FROM (SELECT client, basis, start, \
             row_number() OVER (PARTITION BY client, basis ORDER BY start DESC) AS place \
             FROM usage_bucket WHERE grain = $1) WHERE place > $2)",
        )
        .bind(grain.millis())
        .bind(grain.buckets_kept())
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

    async fn usage(store: &SqliteStore, client: &str, now: i64) -> Usage {
        let mut connection = store.database.readers().unwrap().acquire().await.unwrap();
        of(&mut connection, client, "b", now).await.unwrap().0
    }

    /// Pruning leaves every window as it was, an hour's slack of the clock included.
    #[tokio::test]
    async fn pruning_changes_no_window() {
        const NOW: i64 = 1_790_000_123_456;
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        let client = "EE/GOV/70008440/rr";
        let mut transaction = store.database.begin().await.unwrap();
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
        let usage = async |now| usage(&store, client, now).await;
        let earlier = NOW - Grain::Hour.millis();
        let before = [usage(NOW).await, usage(earlier).await];
        assert_eq!(before[0], Usage { hour: 61, day: 25, month: 31, year: 366 });

        let mut write = store.database.begin().await.unwrap();
        prune(&mut write).await.unwrap();
        write.commit().await.unwrap();
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM usage_bucket")
            .fetch_one(store.database.readers().unwrap())
            .await
            .unwrap();
        assert!(left < 700, "{left} of 3000 buckets are left");
        assert_eq!([usage(NOW).await, usage(earlier).await], before);
    }

    /// A clock that was far ahead for a while wipes nothing out and opens no window, and neither does one set back.
    #[tokio::test]
    async fn a_wrong_clock_loses_no_usage() {
        const NOW: i64 = 1_790_000_123_456;
        const DAY: i64 = 86_400_000;
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        let client = "EE/COM/1/a";
        let counted = |instant, persons| UsageDelta {
            id: String::new(),
            holder: client.to_owned(),
            basis: "b".to_owned(),
            instant,
            persons,
        };
        let mut connection = store.database.begin().await.unwrap();
        let never = || AtomicI64::new(i64::MIN);
        for (instant, persons) in [(NOW, 19), (NOW + 400 * DAY, 1), (NOW + 400 * DAY + 1, 1), (NOW + 2, 1)] {
            add(&mut connection, &never(), &[counted(instant, persons)]).await.unwrap();
        }
        connection.commit().await.unwrap();
        let usage = async |now| usage(&store, client, now).await;
        let all = Usage { hour: 22, day: 22, month: 22, year: 22 };
        assert_eq!(usage(NOW + 3).await, all);
        assert_eq!(usage(NOW - 40 * DAY).await, all);
    }
}
