// SPDX-License-Identifier: Apache-2.0
//! The quarantine list in the control database.

use sqlx::{SqliteConnection, SqlitePool};

use super::{database::Database, failure::failure, now, row::row};
use crate::{
    error::StoreError,
    quarantine::{Action, Lifted, NewQuarantine, Quarantine},
};

const WHAT: &str = "quarantine";

row! {
    struct Row {
        id: i64,
        policy: String,
        rule: String,
        settings: String,
        since: i64,
        faults: i64,
        kind: String,
        action: String,
        lifted_at: Option<i64>,
        lifted_by: Option<String>,
        lift_reason: Option<String>,
    }
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, policy, rule, settings, since, faults, kind, action, lifted_at, lifted_by, lift_reason \
             FROM quarantine ",
            $which
        )
    };
}

pub(super) async fn put(database: &Database, entry: &NewQuarantine) -> Result<i64, StoreError> {
    let mut transaction = database.begin().await?;
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO quarantine (policy, rule, settings, since, faults, kind, action) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(&entry.policy)
    .bind(&entry.rule)
    .bind(&entry.settings)
    .bind(entry.since)
    .bind(entry.faults)
    .bind(&entry.kind)
    .bind(entry.action.name())
    .fetch_optional(&mut *transaction)
    .await
    .map_err(failure)?;
    let id = match id {
        Some(id) => id,
        // The stricter of both holds.
        None => sqlx::query_scalar(
            "UPDATE quarantine SET action = iif($4 = 'refuse', $4, action) \
             WHERE policy = $1 AND rule = $2 AND settings = $3 AND lifted_at IS NULL RETURNING id",
        )
        .bind(&entry.policy)
        .bind(&entry.rule)
        .bind(&entry.settings)
        .bind(entry.action.name())
        .fetch_one(&mut *transaction)
        .await
        .map_err(failure)?,
    };
    transaction.commit().await?;
    Ok(id)
}

pub(super) async fn in_force(readers: &SqlitePool) -> Result<Vec<Quarantine>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(select!("WHERE lifted_at IS NULL ORDER BY id"))
        .fetch_all(readers)
        .await
        .map_err(failure)?;
    rows.into_iter().map(read).collect()
}

pub(super) async fn all(readers: &SqlitePool) -> Result<Vec<Quarantine>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(select!("ORDER BY id")).fetch_all(readers).await.map_err(failure)?;
    rows.into_iter().map(read).collect()
}

pub(super) async fn lift(
    database: &Database,
    policy: &str,
    by: &str,
    reason: &str,
) -> Result<Vec<Quarantine>, StoreError> {
    let mut transaction = database.begin().await?;
    let lifted = lift_in(&mut transaction, policy, by, reason).await?;
    transaction.commit().await?;
    Ok(lifted)
}

/// The same inside a transaction of the caller.
pub(super) async fn lift_in(
    connection: &mut SqliteConnection,
    policy: &str,
    by: &str,
    reason: &str,
) -> Result<Vec<Quarantine>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "UPDATE quarantine SET lifted_at = $2, lifted_by = $3, lift_reason = $4 \
         WHERE policy = $1 AND lifted_at IS NULL RETURNING *",
    )
    .bind(policy)
    .bind(now())
    .bind(by)
    .bind(reason)
    .fetch_all(connection)
    .await
    .map_err(failure)?;
    if rows.is_empty() {
        return Err(StoreError::NotFound { what: WHAT, key: policy.to_owned() });
    }
    let mut lifted = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    lifted.sort_by_key(|quarantine| quarantine.id);
    Ok(lifted)
}

fn read(row: Row) -> Result<Quarantine, StoreError> {
    let corrupt = || StoreError::Corrupt { what: WHAT, key: row.id.to_string() };
    let action = match row.action.as_str() {
        "refuse" => Action::Refuse,
        "previous" => Action::Previous,
        _ => return Err(corrupt()),
    };
    let faults = u32::try_from(row.faults).map_err(|_| corrupt())?;
    let lifted = match (row.lifted_at, row.lifted_by, row.lift_reason) {
        (Some(at), Some(by), Some(reason)) => Some(Lifted { at, by, reason }),
        _ => None,
    };
    let entry = NewQuarantine {
        policy: row.policy,
        rule: row.rule,
        settings: row.settings,
        since: row.since,
        faults,
        kind: row.kind,
        action,
    };
    Ok(Quarantine { id: row.id, entry, lifted })
}
