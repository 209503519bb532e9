// SPDX-License-Identifier: Apache-2.0
//! Proposals in the control database.

use sqlx::{SqliteConnection, SqlitePool};

use super::{read, written};
use crate::{error::StoreError, governance::proposal::Proposal, sqlite::failure::failure};

const WHAT: &str = "proposal";

pub(super) async fn all(readers: &SqlitePool, waiting: bool) -> Result<Vec<Proposal>, StoreError> {
    let statement = if waiting {
        "SELECT id, content FROM proposal WHERE waiting = 1 ORDER BY id DESC"
    } else {
        "SELECT id, content FROM proposal ORDER BY id DESC"
    };
    let rows: Vec<(i64, String)> = sqlx::query_as(statement).fetch_all(readers).await.map_err(failure)?;
    rows.into_iter().map(whole).collect()
}

pub(super) async fn one(readers: &SqlitePool, id: i64) -> Result<Option<Proposal>, StoreError> {
    let row: Option<(i64, String)> = sqlx::query_as("SELECT id, content FROM proposal WHERE id = $1")
        .bind(id)
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    row.map(whole).transpose()
}

fn whole((id, content): (i64, String)) -> Result<Proposal, StoreError> {
    let proposal: Proposal = read(WHAT, &id.to_string(), &content)?;
    Ok(Proposal { id, ..proposal })
}

pub(super) async fn put(connection: &mut SqliteConnection, proposal: &Proposal) -> Result<i64, StoreError> {
    sqlx::query_scalar("INSERT INTO proposal (waiting, content) VALUES ($1, $2) RETURNING id")
        .bind(proposal.state.is_pending())
        .bind(written(WHAT, "new", proposal)?)
        .fetch_one(connection)
        .await
        .map_err(failure)
}

pub(super) async fn decide(connection: &mut SqliteConnection, proposal: &Proposal) -> Result<(), StoreError> {
    let key = proposal.id.to_string();
    let done = sqlx::query("UPDATE proposal SET waiting = $2, content = $3 WHERE id = $1 AND waiting = 1")
        .bind(proposal.id)
        .bind(proposal.state.is_pending())
        .bind(written(WHAT, &key, proposal)?)
        .execute(connection)
        .await
        .map_err(failure)?;
    if done.rows_affected() == 0 { Err(StoreError::Conflict { what: WHAT, key }) } else { Ok(()) }
}
