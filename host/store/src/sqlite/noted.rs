// SPDX-License-Identifier: Apache-2.0
//! How much of the log the database has noted.

use sqlx::{AssertSqlSafe, SqlitePool};

use super::failure::failure;
use crate::{error::StoreError, log::Written};

/// How far the log is noted.
pub(super) struct Noted {
    /// Segments that may grow, and the first byte of each that was not looked at.
    pub(super) open: Vec<(i64, i64)>,
    /// The last segment that was looked at; 0 before the first.
    pub(super) last: i64,
}

/// A column of a `SELECT`: how far the log is noted, for [`Noted::of`].
pub(super) const NOTED: &str = "(SELECT json_array((SELECT coalesce(max(number), 0) FROM segment), \
     (SELECT json_group_array(json_array(number, noted)) FROM segment WHERE NOT ended)))";

impl Noted {
    pub(super) fn of(column: &str) -> Result<Self, StoreError> {
        let read = serde_json::from_str(column);
        let (last, open) = read.map_err(|_| StoreError::Corrupt { what: "segment", key: "all".into() })?;
        Ok(Self { open, last })
    }

    pub(super) async fn read(readers: &SqlitePool) -> Result<Self, StoreError> {
        let column: String = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {NOTED}")))
            .fetch_one(readers)
            .await
            .map_err(failure)?;
        Self::of(&column)
    }

    /// Whether what was written up to there is noted.
    pub(super) fn covers(&self, written: Written) -> bool {
        let segment = i64::from(written.segment);
        match self.open.iter().find(|(number, _)| *number == segment) {
            Some((_, noted)) => u64::try_from(*noted).is_ok_and(|noted| written.to <= noted),
            None => segment <= self.last,
        }
    }
}
