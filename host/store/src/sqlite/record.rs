// SPDX-License-Identifier: Apache-2.0
//! Records: writing them, and reading one.

use std::sync::atomic::AtomicI64;

use paasla_core::Record;
use sqlx::{SqliteConnection, SqlitePool};

use super::{begin, failure::failure, usage};
use crate::error::StoreError;

const WHAT: &str = "record";

pub(super) async fn append(
    writer: &SqlitePool,
    pruned_at: &AtomicI64,
    records: &[Record],
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let contents = records.iter().map(content).collect::<Result<Vec<_>, _>>()?;
    let mut transaction = begin(writer).await?;
    for (record, content) in records.iter().zip(contents) {
        insert(&mut transaction, record, content).await?;
    }
    usage::add(&mut transaction, records).await?;
    usage::prune_now_and_then(&mut transaction, pruned_at, records).await?;
    transaction.commit().await.map_err(failure)
}

pub(super) async fn get(readers: &SqlitePool, id: &str) -> Result<Option<Record>, StoreError> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM record WHERE id = $1")
        .bind(id)
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    content.map(|content| read(id, &content)).transpose()
}

/// Reads a stored record. The reader's own error is dropped: it may quote what it could not read.
pub(super) fn read(id: &str, content: &str) -> Result<Record, StoreError> {
    serde_json::from_str(content).map_err(|_| StoreError::Corrupt { what: WHAT, key: id.to_owned() })
}

fn content(record: &Record) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|_| invalid(record))
}

fn invalid(record: &Record) -> StoreError {
    StoreError::Invalid { what: WHAT, key: record.id.clone() }
}

async fn insert(
    connection: &mut SqliteConnection,
    record: &Record,
    content: String,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO record (id, instant, outcome, status, generation, client, service, version, \
         official, case_reference, message_id, request_id, content) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    )
    .bind(&record.id)
    .bind(record.instant)
    .bind(record.outcome.name())
    .bind(i64::from(record.status))
    .bind(i64::try_from(record.generation).map_err(|_| invalid(record))?)
    .bind(record.client.to_string())
    .bind(&record.service)
    .bind(record.version.map(i64::from))
    .bind(&record.official)
    .bind(&record.case)
    .bind(&record.message_id)
    .bind(&record.request_id)
    .bind(content)
    .execute(&mut *connection)
    .await
    .map_err(failure)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Conflict { what: WHAT, key: record.id.clone() });
    }
    for subject in &record.subjects {
        sqlx::query(
            "INSERT INTO record_subject (subject, instant, record) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(subject)
        .bind(record.instant)
        .bind(&record.id)
        .execute(&mut *connection)
        .await
        .map_err(failure)?;
    }
    Ok(())
}
