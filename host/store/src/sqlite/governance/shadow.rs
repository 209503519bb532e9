// SPDX-License-Identifier: Apache-2.0
//! What policies in shadow would have done.

use std::collections::BTreeSet;

use sqlx::{SqliteConnection, SqlitePool};

use super::{read, written};
use crate::{
    error::StoreError,
    governance::shadow::{Difference, ShadowChange, ShadowCount, ShadowOutcome, ShadowSeen, ShadowTally},
    sqlite::{begin, failure::failure},
};

pub(super) async fn add(writer: &SqlitePool, seen: &[ShadowSeen]) -> Result<(), StoreError> {
    if seen.is_empty() {
        return Ok(());
    }
    let mut transaction = begin(writer).await?;
    for one in seen {
        let faulted;
        let (queries, changed, faults, missed, differences): (_, _, _, _, &[Difference]) = match &one.what {
            ShadowOutcome::Same => (1, 0, 0, 0, &[]),
            ShadowOutcome::Missed => (0, 0, 0, 1, &[]),
            ShadowOutcome::Changed(differences) => (1, 1, 0, 0, differences),
            ShadowOutcome::Fault(kind) => {
                let kind = format!("fault.{kind}");
                let (field, was, would_be) = (None, None, Some("refused".to_owned()));
                faulted =
                    [Difference { kind: "fault".to_owned(), field, was, would_be, reasons: vec![kind] }];
                (1, 1, 1, 0, &faulted)
            }
        };
        if changed > 0 && !note(&mut transaction, one, differences).await? {
            continue;
        }
        sqlx::query(
            "INSERT INTO shadow_count (version, client, queries, changed, faults, missed) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (version, client) DO UPDATE SET \
             queries = queries + excluded.queries, changed = changed + excluded.changed, \
             faults = faults + excluded.faults, missed = missed + excluded.missed",
        )
        .bind(&one.version)
        .bind(one.client.to_string())
        .bind(queries)
        .bind(changed)
        .bind(faults)
        .bind(missed)
        .execute(&mut *transaction)
        .await
        .map_err(failure)?;
        tally(&mut transaction, one, differences).await?;
    }
    transaction.commit().await.map_err(failure)
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

async fn tally(
    connection: &mut SqliteConnection,
    seen: &ShadowSeen,
    differences: &[Difference],
) -> Result<(), StoreError> {
    let mut kinds = BTreeSet::new();
    for difference in differences {
        let field = difference.field.as_deref().unwrap_or("");
        let reasons = difference.reasons.iter().map(String::as_str);
        let reasons = reasons.chain(difference.reasons.is_empty().then_some(""));
        kinds.extend(reasons.map(|reason| (difference.kind.as_str(), field, reason)));
    }
    for (kind, field, reason) in kinds {
        sqlx::query(
            "INSERT INTO shadow_tally (version, client, kind, field, reason, queries) \
             VALUES ($1, $2, $3, $4, $5, 1) \
             ON CONFLICT (version, client, kind, field, reason) DO UPDATE SET queries = queries + 1",
        )
        .bind(&seen.version)
        .bind(seen.client.to_string())
        .bind(kind)
        .bind(field)
        .bind(reason)
        .execute(&mut *connection)
        .await
        .map_err(failure)?;
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
