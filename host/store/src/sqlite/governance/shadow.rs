// SPDX-License-Identifier: Apache-2.0
//! Results of shadow runs in the control database.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{SqliteConnection, SqlitePool};

use super::{read, written};
use crate::{
    error::StoreError,
    governance::shadow::{
        Difference, SHADOW_CHANGES_KEPT, ShadowChange, ShadowCount, ShadowMissed, ShadowOutcome, ShadowSeen,
        ShadowTally,
    },
    sqlite::{database::Database, failure::failure},
};

/// How many changes are added before old ones are looked for again.
const BETWEEN_SWEEPS: u32 = 1_000;

/// How many changes are deleted in one transaction.
const SWEEP_BATCH_ROWS: u32 = 250;

/// What is added to the sums of one client.
#[derive(Default)]
struct Sums {
    queries: i64,
    changed: i64,
    faults: i64,
    missed: i64,
}

type Whose<'a> = (&'a str, String);

/// Adds what was seen, in one transaction; gives back how many changes are new.
pub(super) async fn add(
    database: &Database,
    seen: &[ShadowSeen],
    missed: &[ShadowMissed],
) -> Result<u32, StoreError> {
    if seen.is_empty() && missed.is_empty() {
        return Ok(0);
    }
    let mut changes = 0_u32;
    let mut sums: BTreeMap<Whose<'_>, Sums> = BTreeMap::new();
    let mut tallies: BTreeMap<(Whose<'_>, [String; 3]), i64> = BTreeMap::new();
    let mut transaction = database.begin().await?;
    for one in seen {
        let (changed, fault, differences) = match &one.what {
            ShadowOutcome::Same => (false, false, Vec::new()),
            ShadowOutcome::Changed(differences) => (true, false, differences.clone()),
            ShadowOutcome::Fault { kind, changed } => (*changed, true, vec![fault(kind)]),
        };
        if changed && !note(&mut transaction, one, &differences).await? {
            continue;
        }
        changes = changes.saturating_add(u32::from(changed));
        let whose = (one.version.as_str(), one.client.to_string());
        for difference in lines(&differences) {
            *tallies.entry((whose.clone(), difference)).or_default() += 1;
        }
        let sum = sums.entry(whose).or_default();
        sum.queries += 1;
        sum.changed += i64::from(changed);
        sum.faults += i64::from(fault);
    }
    for ShadowMissed { version, client, queries } in missed {
        let sum = sums.entry((version, client.to_string())).or_default();
        sum.missed = sum.missed.saturating_add(i64::try_from(*queries).unwrap_or(i64::MAX));
    }
    for (whose, sum) in &sums {
        count_up(&mut transaction, whose, sum).await?;
    }
    for ((whose, line), queries) in &tallies {
        tally(&mut transaction, whose, line, *queries).await?;
    }
    transaction.commit().await?;
    Ok(changes)
}

/// A rule that broke, as a difference.
fn fault(kind: &str) -> Difference {
    Difference {
        kind: "fault".to_owned(),
        field: None,
        was: None,
        would_be: Some("refused".to_owned()),
        reasons: vec![format!("fault.{kind}")],
    }
}

/// Kind, field and reason of every difference, each once for a query.
fn lines(differences: &[Difference]) -> BTreeSet<[String; 3]> {
    let mut lines = BTreeSet::new();
    for Difference { kind, field, reasons, .. } in differences {
        let reasons = reasons.iter().cloned().chain(reasons.is_empty().then(String::new));
        lines.extend(reasons.map(|reason| [kind.clone(), field.clone().unwrap_or_default(), reason]));
    }
    lines
}

/// Notes a query that would have been decided otherwise; false when it is there already.
async fn note(
    connection: &mut SqliteConnection,
    seen: &ShadowSeen,
    differences: &[Difference],
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO shadow_change (version, record, instant, client, service, content) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(&seen.version)
    .bind(&seen.record)
    .bind(seen.instant)
    .bind(seen.client.to_string())
    .bind(&seen.service)
    .bind(written("shadow change", &seen.record, &differences)?)
    .execute(connection)
    .await
    .map_err(failure)?;
    Ok(done.rows_affected() > 0)
}

async fn count_up(
    connection: &mut SqliteConnection,
    (version, client): &Whose<'_>,
    sum: &Sums,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO shadow_count (version, client, queries, changed, faults, missed) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (version, client) DO UPDATE SET \
         queries = queries + excluded.queries, changed = changed + excluded.changed, \
         faults = faults + excluded.faults, missed = missed + excluded.missed",
    )
    .bind(version)
    .bind(client)
    .bind(sum.queries)
    .bind(sum.changed)
    .bind(sum.faults)
    .bind(sum.missed)
    .execute(connection)
    .await
    .map_err(failure)?;
    Ok(())
}

async fn tally(
    connection: &mut SqliteConnection,
    (version, client): &Whose<'_>,
    [kind, field, reason]: &[String; 3],
    queries: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO shadow_tally (version, client, kind, field, reason, queries) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (version, client, kind, field, reason) DO UPDATE SET queries = queries + excluded.queries",
    )
    .bind(version)
    .bind(client)
    .bind(kind)
    .bind(field)
    .bind(reason)
    .bind(queries)
    .execute(connection)
    .await
    .map_err(failure)?;
    Ok(())
}

/// Deletes old changes once so many have been added that there may be too many. What was added stands in any case.
pub(super) async fn sweep_now_and_then(database: &Database, unswept: &AtomicU32, added: u32) {
    let before =
        unswept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_add(added)));
    if added == 0 || before.is_ok_and(|before| before.saturating_add(added) < BETWEEN_SWEEPS) {
        return;
    }
    unswept.store(0, Ordering::Relaxed);
    if sweep(database).await.is_err() {
        // As if nothing had been swept: the next addition tries again.
        unswept.store(BETWEEN_SWEEPS, Ordering::Relaxed);
    }
}

async fn sweep(database: &Database) -> Result<(), StoreError> {
    let readers = database.readers()?;
    let versions: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT version FROM shadow_count")
        .fetch_all(readers)
        .await
        .map_err(failure)?;
    for (version,) in versions {
        let newest_too_many: Option<(String,)> = sqlx::query_as(
            "SELECT record FROM shadow_change WHERE version = $1 ORDER BY record DESC LIMIT 1 OFFSET $2",
        )
        .bind(&version)
        .bind(i64::from(SHADOW_CHANGES_KEPT))
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
        let Some((newest_too_many,)) = newest_too_many else { continue };
        loop {
            // A few at a time: whoever else writes waits meanwhile.
            let mut write = database.begin().await?;
            let done = sqlx::query(
                "DELETE FROM shadow_change WHERE version = $1 AND record IN (SELECT record FROM shadow_change \
                 WHERE version = $1 AND record <= $2 ORDER BY record LIMIT $3)",
            )
            .bind(&version)
            .bind(&newest_too_many)
            .bind(i64::from(SWEEP_BATCH_ROWS))
            .execute(&mut *write)
            .await
            .map_err(failure)?;
            write.commit().await?;
            if done.rows_affected() < u64::from(SWEEP_BATCH_ROWS) {
                break;
            }
        }
    }
    Ok(())
}

pub(super) async fn counts(readers: &SqlitePool, version: &str) -> Result<Vec<ShadowCount>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT client, queries, changed, faults, missed FROM shadow_count WHERE version = $1 \
         ORDER BY changed DESC, client",
    )
    .bind(version)
    .fetch_all(readers)
    .await
    .map_err(failure)?;
    let read = |(client, queries, changed, faults, missed)| ShadowCount {
        client,
        queries: count(queries),
        changed: count(changed),
        faults: count(faults),
        missed: count(missed),
    };
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn tallies(readers: &SqlitePool, version: &str) -> Result<Vec<ShadowTally>, StoreError> {
    let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
        "SELECT client, kind, field, reason, queries FROM shadow_tally WHERE version = $1 \
         ORDER BY queries DESC, client, kind, field, reason",
    )
    .bind(version)
    .fetch_all(readers)
    .await
    .map_err(failure)?;
    let read = |(client, kind, field, reason, queries)| {
        let queries = count(queries);
        ShadowTally { client, kind, field, reason, queries }
    };
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn changes(
    readers: &SqlitePool,
    version: &str,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<ShadowChange>, StoreError> {
    // Records are named by UUIDs of version 7: their order is that of time.
    let rows: Vec<(String, i64, String, String, String)> = sqlx::query_as(
        "SELECT record, instant, client, service, content FROM shadow_change \
         WHERE version = $1 AND ($2 IS NULL OR record < $2) ORDER BY record DESC LIMIT $3",
    )
    .bind(version)
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await
    .map_err(failure)?;
    let change = |(record, instant, client, service, content): (String, _, _, _, String)| {
        let differences = read("shadow change", &record, &content)?;
        Ok(ShadowChange { record, instant, client, service, differences })
    };
    rows.into_iter().map(change).collect()
}

fn count(sum: i64) -> u64 {
    u64::try_from(sum).unwrap_or(0)
}
