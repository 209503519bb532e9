// SPDX-License-Identifier: Apache-2.0
//! Rules in the control database.

use sqlx::{SqliteExecutor, SqlitePool};

use super::{failure::failure, now};
use crate::{
    error::StoreError,
    rule::{RuleInfo, StoredRule},
};

pub(super) async fn put(writer: impl SqliteExecutor<'_>, rule: &StoredRule) -> Result<bool, StoreError> {
    rule.check()?;
    let done = sqlx::query(
        "INSERT INTO rule (digest, name, version, summary, stored_at, bytes) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING",
    )
    .bind(&rule.digest)
    .bind(&rule.name)
    .bind(&rule.version)
    .bind(&rule.summary)
    .bind(now())
    .bind(&rule.bytes)
    .execute(writer)
    .await
    .map_err(failure)?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn get(readers: &SqlitePool, digest: &str) -> Result<Option<StoredRule>, StoreError> {
    let row: Option<(Vec<u8>, String, String, String)> =
        sqlx::query_as("SELECT bytes, name, version, summary FROM rule WHERE digest = $1")
            .bind(digest)
            .fetch_optional(readers)
            .await
            .map_err(failure)?;
    let Some((bytes, name, version, summary)) = row else { return Ok(None) };
    let rule = StoredRule { digest: digest.to_owned(), bytes, name, version, summary };
    rule.check().map_err(|_| StoreError::Corrupt { what: "rule", key: digest.to_owned() })?;
    Ok(Some(rule))
}

pub(super) async fn list(readers: &SqlitePool) -> Result<Vec<RuleInfo>, StoreError> {
    let rows: Vec<(String, String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT digest, name, version, summary, length(bytes), stored_at FROM rule \
         ORDER BY name, stored_at, digest",
    )
    .fetch_all(readers)
    .await
    .map_err(failure)?;
    let info = |(digest, name, version, summary, size, stored_at): (String, _, _, _, i64, _)| {
        let size =
            u64::try_from(size).map_err(|_| StoreError::Corrupt { what: "rule", key: digest.clone() })?;
        Ok(RuleInfo { digest, name, version, summary, size, stored_at })
    };
    rows.into_iter().map(info).collect()
}
