// SPDX-License-Identifier: Apache-2.0
//! The fingerprint by which the host's secret is recognised.

use sqlx::SqlitePool;

use super::{database::Database, failure::failure};
use crate::error::StoreError;

pub(super) async fn get(readers: &SqlitePool) -> Result<Option<String>, StoreError> {
    let known = sqlx::query_scalar("SELECT value FROM secret_check");
    known.fetch_optional(readers).await.map_err(failure)
}

pub(super) async fn put(database: &Database, check: &str) -> Result<(), StoreError> {
    let mut write = database.begin().await?;
    sqlx::query("INSERT INTO secret_check (one, value) VALUES (1, $1) ON CONFLICT DO NOTHING")
        .bind(check)
        .execute(&mut *write)
        .await
        .map_err(failure)?;
    let known: String =
        sqlx::query_scalar("SELECT value FROM secret_check").fetch_one(&mut *write).await.map_err(failure)?;
    write.commit().await?;
    if known == check {
        return Ok(());
    }
    Err(StoreError::Conflict { what: "secret", key: "check".to_owned() })
}
