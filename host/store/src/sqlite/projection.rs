// SPDX-License-Identifier: Apache-2.0
//! The projection of the log into the database: its high-water mark, and what is stored of each segment.

use sqlx::{AssertSqlSafe, SqlitePool};

use super::{database::Database, failure::failure};
use crate::{
    error::StoreError,
    fault::{FaultKind, LogFault},
    log::{Id, NotedSegment, NotedSegments, Written},
};

/// The high-water mark: how far the log is projected.
pub(super) struct HighWaterMark {
    /// Segments that may grow, and the first byte of each that was not looked at.
    pub(super) open: Vec<(i64, i64)>,
    /// The last segment that was looked at; 0 before the first.
    pub(super) last: i64,
}

/// A column of a `SELECT`: how far the log is projected, for [`HighWaterMark::of`].
pub(super) const HIGH_WATER_MARK: &str = "(SELECT json_array((SELECT coalesce(max(number), 0) FROM segment), \
     (SELECT json_group_array(json_array(number, noted)) FROM segment WHERE NOT ended)))";

impl HighWaterMark {
    pub(super) fn of(column: &str) -> Result<Self, StoreError> {
        let read = serde_json::from_str(column);
        let (last, open) = read.map_err(|_| corrupt())?;
        Ok(Self { open, last })
    }

    pub(super) async fn read(readers: &SqlitePool) -> Result<Self, StoreError> {
        let column: String = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {HIGH_WATER_MARK}")))
            .fetch_one(readers)
            .await
            .map_err(failure)?;
        Self::of(&column)
    }

    /// Whether what was written up to there is projected.
    pub(super) fn covers(&self, written: Written) -> bool {
        let segment = i64::from(written.segment);
        match self.open.iter().find(|(number, _)| *number == segment) {
            Some((_, noted)) => u64::try_from(*noted).is_ok_and(|noted| written.to <= noted),
            None => segment <= self.last,
        }
    }
}

/// What is stored of every segment.
pub(super) async fn segments(readers: &SqlitePool) -> Result<NotedSegments, StoreError> {
    let rows: Vec<(i64, i64, Option<Vec<u8>>)> =
        sqlx::query_as("SELECT number, noted, id FROM segment").fetch_all(readers).await.map_err(failure)?;
    let segment = |(number, noted, id): (i64, i64, Option<Vec<u8>>)| {
        let id = id.map(Id::try_from).transpose().ok()?;
        Some((u32::try_from(number).ok()?, NotedSegment { to: u64::try_from(noted).ok()?, id }))
    };
    rows.into_iter().map(segment).collect::<Option<_>>().ok_or_else(corrupt)
}

/// Stores the ids of segments that were projected without.
pub(super) async fn put_ids(database: &Database, ids: &[(u32, Id)]) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    for (number, id) in ids {
        sqlx::query("UPDATE segment SET id = $2 WHERE number = $1 AND id IS NULL")
            .bind(i64::from(*number))
            .bind(id.to_vec())
            .execute(&mut *transaction)
            .await
            .map_err(failure)?;
    }
    transaction.commit().await
}

/// What is wrong with the log and was accepted.
pub(super) async fn accepted(readers: &SqlitePool) -> Result<Vec<LogFault>, StoreError> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as("SELECT first, last, content FROM accepted_loss")
        .fetch_all(readers)
        .await
        .map_err(failure)?;
    let fault = |(first, last, content): (i64, i64, String)| {
        let kind: FaultKind = serde_json::from_str(&content).ok()?;
        Some(LogFault { segments: u32::try_from(first).ok()?..=u32::try_from(last).ok()?, kind })
    };
    rows.into_iter().map(fault).collect::<Option<_>>().ok_or_else(corrupt)
}

fn corrupt() -> StoreError {
    StoreError::Corrupt { what: "segment", key: "all".into() }
}
