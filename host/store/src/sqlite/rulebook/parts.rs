// SPDX-License-Identifier: Apache-2.0
//! Rulebooks as they were kept before they were kept as objects: four parts of JSON. They are brought over when a database
//! that has them is opened.

use paasla_core::Rulebook;
use serde::de::DeserializeOwned;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{Generation, WHAT, add, number};
use crate::{
    error::StoreError,
    rule::digest,
    sqlite::{database::Database, failure::failure, row::row},
};

row! {
    /// A generation joined with its parts: digest and content of each.
    struct InParts {
        generation: i64,
        installed_at: i64,
        installed_by: String,
        reason: String,
        vocabulary: String,
        vocabulary_content: String,
        services: String,
        services_content: String,
        grants: String,
        grants_content: String,
        policies: String,
        policies_content: String,
    }
}

/// Brings every generation over, in order, and drops what they were kept in: all or nothing.
///
/// # Errors
/// [`StoreError::Corrupt`] when one was changed behind the program's back.
pub(in crate::sqlite) async fn bring_over(database: &Database) -> Result<(), StoreError> {
    if !are_there(database.readers()?).await? {
        return Ok(());
    }
    let mut write = database.begin().await?;
    // Another program may have done it meanwhile.
    if !are_there(&mut *write).await? {
        return Ok(());
    }
    let all: Vec<i64> = sqlx::query_scalar("SELECT generation FROM generation_in_parts ORDER BY generation")
        .fetch_all(&mut *write)
        .await
        .map_err(failure)?;
    for generation in all {
        bring(&mut write, generation).await?;
    }
    for drop in ["DROP TABLE generation_in_parts", "DROP TABLE rulebook_part"] {
        sqlx::query(drop).execute(&mut *write).await.map_err(failure)?;
    }
    write.commit().await
}

async fn are_there(database: impl SqliteExecutor<'_>) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'generation_in_parts')")
        .fetch_one(database)
        .await
        .map_err(failure)
}

async fn bring(connection: &mut SqliteConnection, generation: i64) -> Result<(), StoreError> {
    let row: InParts = sqlx::query_as(
        "SELECT g.generation, g.installed_at, g.installed_by, g.reason, \
         g.vocabulary, v.content AS vocabulary_content, g.services, s.content AS services_content, \
         g.grants, r.content AS grants_content, g.policies, p.content AS policies_content \
         FROM generation_in_parts AS g \
         JOIN rulebook_part AS v ON v.digest = g.vocabulary \
         JOIN rulebook_part AS s ON s.digest = g.services \
         JOIN rulebook_part AS r ON r.digest = g.grants \
         JOIN rulebook_part AS p ON p.digest = g.policies \
         WHERE g.generation = $1",
    )
    .bind(generation)
    .fetch_one(&mut *connection)
    .await
    .map_err(failure)?;
    let generation = number(row.generation)?;
    let rulebook = Rulebook {
        generation,
        vocabulary: part(generation, &row.vocabulary, &row.vocabulary_content)?,
        services: part(generation, &row.services, &row.services_content)?,
        grants: part(generation, &row.grants, &row.grants_content)?,
        policies: part(generation, &row.policies, &row.policies_content)?,
    };
    let installed =
        Generation { generation, at: row.installed_at, by: &row.installed_by, reason: &row.reason };
    add(connection, installed, &rulebook).await
}

fn part<T: DeserializeOwned>(generation: u64, stated: &str, content: &str) -> Result<T, StoreError> {
    let corrupt = || StoreError::Corrupt { what: WHAT, key: generation.to_string() };
    if digest(content.as_bytes()) != stated {
        return Err(corrupt());
    }
    serde_json::from_str(content).map_err(|_| corrupt())
}
