// SPDX-License-Identifier: Apache-2.0
//! Rulebooks in the control database.

use std::collections::BTreeSet;

use paasla_core::{ObjectId, ObjectKind, Policy, Rulebook};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Sqlite, SqliteConnection, SqliteExecutor, SqlitePool, query::QueryAs, sqlite::SqliteArguments};

use super::{database::Database, failure::failure, now, row::row};
use crate::{error::StoreError, generation::GenerationInfo, rule::digest};

const WHAT: &str = "rulebook";

row! {
    /// A generation joined with its parts: digest and content of each.
    struct Row {
        generation: i64,
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

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT g.generation, g.vocabulary, v.content AS vocabulary_content, \
             g.services, s.content AS services_content, g.grants, r.content AS grants_content, \
             g.policies, p.content AS policies_content \
             FROM generation AS g \
             JOIN rulebook_part AS v ON v.digest = g.vocabulary \
             JOIN rulebook_part AS s ON s.digest = g.services \
             JOIN rulebook_part AS r ON r.digest = g.grants \
             JOIN rulebook_part AS p ON p.digest = g.policies \
             WHERE g.generation = ",
            $which
        )
    };
}

pub(super) async fn active(database: impl SqliteExecutor<'_>) -> Result<Option<Rulebook>, StoreError> {
    read(database, sqlx::query_as(select!("(SELECT max(generation) FROM generation)"))).await
}

pub(super) async fn at(readers: &SqlitePool, generation: u64) -> Result<Option<Rulebook>, StoreError> {
    // A number that does not fit was never given.
    let Ok(generation) = i64::try_from(generation) else { return Ok(None) };
    read(readers, sqlx::query_as(select!("$1")).bind(generation)).await
}

pub(super) async fn policies_at(
    readers: &SqlitePool,
    generation: u64,
) -> Result<Option<Vec<Policy>>, StoreError> {
    let Ok(number) = i64::try_from(generation) else { return Ok(None) };
    let row: Option<(String, String)> = sqlx::query_as(
        "SELECT p.digest, p.content FROM generation AS g \
         JOIN rulebook_part AS p ON p.digest = g.policies WHERE g.generation = $1",
    )
    .bind(number)
    .fetch_optional(readers)
    .await
    .map_err(failure)?;
    row.map(|(stated, content)| part(generation, &stated, &content)).transpose()
}

pub(super) async fn generations(readers: &SqlitePool) -> Result<Vec<GenerationInfo>, StoreError> {
    let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
        "SELECT generation, installed_at, installed_by, reason, policies FROM generation ORDER BY generation DESC",
    )
    .fetch_all(readers)
    .await
    .map_err(failure)?;
    let info = |(index, (generation, installed_at, by, reason, policies))| {
        let (generation, active) = (number(generation)?, index == 0);
        Ok(GenerationInfo { generation, installed_at, by, reason, policies, active })
    };
    rows.into_iter().enumerate().map(info).collect()
}

/// Every object's kind and name, of each part once. A policy in shadow is none.
const HELD: &str = "\
    SELECT 'service', o.value ->> '$.name' || '/v' || (o.value ->> '$.version') \
        FROM (SELECT DISTINCT services AS digest FROM generation) JOIN rulebook_part USING (digest), json_each(content) AS o \
    UNION SELECT 'grant', o.value ->> '$.id' \
        FROM (SELECT DISTINCT grants AS digest FROM generation) JOIN rulebook_part USING (digest), json_each(content) AS o \
    UNION SELECT 'policy', o.value ->> '$.name' \
        FROM (SELECT DISTINCT policies AS digest FROM generation) JOIN rulebook_part USING (digest), json_each(content) AS o \
        WHERE coalesce(o.value ->> '$.mode', 'enforce') = 'enforce' \
    UNION SELECT o.value ->> '$.kind', o.value ->> '$.iri' \
        FROM (SELECT DISTINCT vocabulary AS digest FROM generation) JOIN rulebook_part USING (digest), \
        json_each(content, '$.concepts') AS o \
    UNION SELECT 'prefix', o.key \
        FROM (SELECT DISTINCT vocabulary AS digest FROM generation) JOIN rulebook_part USING (digest), \
        json_each(content, '$.prefixes') AS o";

pub(super) async fn held_before(readers: &SqlitePool) -> Result<BTreeSet<ObjectId>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(HELD).fetch_all(readers).await.map_err(failure)?;
    let read = |(kind, name): (String, String)| {
        let kind: Option<ObjectKind> = serde_json::from_value(kind.into()).ok();
        let kind = kind.ok_or_else(|| StoreError::Corrupt { what: WHAT, key: name.clone() })?;
        Ok(ObjectId { kind, name })
    };
    rows.into_iter().map(read).collect()
}

pub(super) async fn install(
    database: &Database,
    rulebook: &Rulebook,
    by: &str,
    reason: &str,
) -> Result<u64, StoreError> {
    let mut transaction = database.begin().await?;
    let active = active(&mut *transaction).await?;
    if let Some(active) = active.as_ref().filter(|active| same_content(active, rulebook)) {
        return Ok(active.generation);
    }
    let next =
        insert(&mut transaction, active.map_or(0, |active| active.generation), rulebook, by, reason).await?;
    transaction.commit().await?;
    Ok(next)
}

/// Installs a rulebook as the next generation after `expected`, inside a transaction of the caller.
pub(super) async fn install_at(
    connection: &mut SqliteConnection,
    rulebook: &Rulebook,
    expected: u64,
    by: &str,
    reason: &str,
) -> Result<u64, StoreError> {
    let newest: i64 = sqlx::query_scalar("SELECT coalesce(max(generation), 0) FROM generation")
        .fetch_one(&mut *connection)
        .await
        .map_err(failure)?;
    if number(newest)? != expected {
        return Err(StoreError::Conflict { what: "generation", key: newest.to_string() });
    }
    insert(connection, expected, rulebook, by, reason).await
}

/// Writes the generation after `active`.
async fn insert(
    connection: &mut SqliteConnection,
    active: u64,
    rulebook: &Rulebook,
    by: &str,
    reason: &str,
) -> Result<u64, StoreError> {
    refuse_unknown_rules(connection, &rulebook.policies).await?;
    let next = active.saturating_add(1);
    let vocabulary = put_part(connection, next, &rulebook.vocabulary).await?;
    let services = put_part(connection, next, &rulebook.services).await?;
    let grants = put_part(connection, next, &rulebook.grants).await?;
    let policies = put_part(connection, next, &rulebook.policies).await?;
    sqlx::query(
        "INSERT INTO generation \
         (generation, installed_at, installed_by, reason, vocabulary, services, grants, policies) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(i64::try_from(next).map_err(|_| StoreError::Invalid { what: WHAT, key: next.to_string() })?)
    .bind(now())
    .bind(by)
    .bind(reason)
    .bind(vocabulary)
    .bind(services)
    .bind(grants)
    .bind(policies)
    .execute(connection)
    .await
    .map_err(failure)?;
    Ok(next)
}

fn same_content(a: &Rulebook, b: &Rulebook) -> bool {
    a.vocabulary == b.vocabulary
        && a.services == b.services
        && a.grants == b.grants
        && a.policies == b.policies
}

async fn refuse_unknown_rules(
    connection: &mut SqliteConnection,
    policies: &[Policy],
) -> Result<(), StoreError> {
    let named: Vec<&str> = policies.iter().map(|policy| policy.rule.as_str()).collect();
    let named = serde_json::to_string(&named).unwrap_or_default();
    let unknown: Option<String> = sqlx::query_scalar(
        "SELECT value FROM json_each($1) WHERE value NOT IN (SELECT digest FROM rule) LIMIT 1",
    )
    .bind(named)
    .fetch_optional(connection)
    .await
    .map_err(failure)?;
    if let Some(digest) = unknown {
        let policy = policies.iter().find(|policy| policy.rule == digest);
        let policy = policy.map(|policy| policy.name.clone()).unwrap_or_default();
        return Err(StoreError::UnknownRule { policy, digest });
    }
    Ok(())
}

/// Stores one part, unless it is there already, and returns its digest.
async fn put_part(
    connection: &mut SqliteConnection,
    generation: u64,
    part: &(impl Serialize + Sync),
) -> Result<String, StoreError> {
    let content = serde_json::to_string(part)
        .map_err(|_| StoreError::Invalid { what: WHAT, key: generation.to_string() })?;
    let digest = digest(content.as_bytes());
    sqlx::query("INSERT INTO rulebook_part (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(&digest)
        .bind(content)
        .execute(connection)
        .await
        .map_err(failure)?;
    Ok(digest)
}

async fn read(
    database: impl SqliteExecutor<'_>,
    query: QueryAs<'_, Sqlite, Row, SqliteArguments>,
) -> Result<Option<Rulebook>, StoreError> {
    let Some(row) = query.fetch_optional(database).await.map_err(failure)? else { return Ok(None) };
    let generation = number(row.generation)?;
    Ok(Some(Rulebook {
        generation,
        vocabulary: part(generation, &row.vocabulary, &row.vocabulary_content)?,
        services: part(generation, &row.services, &row.services_content)?,
        grants: part(generation, &row.grants, &row.grants_content)?,
        policies: part(generation, &row.policies, &row.policies_content)?,
    }))
}

fn part<T: DeserializeOwned>(generation: u64, stated: &str, content: &str) -> Result<T, StoreError> {
    let corrupt = || StoreError::Corrupt { what: WHAT, key: generation.to_string() };
    if digest(content.as_bytes()) != stated {
        return Err(corrupt());
    }
    serde_json::from_str(content).map_err(|_| corrupt())
}

fn number(generation: i64) -> Result<u64, StoreError> {
    u64::try_from(generation).map_err(|_| StoreError::Corrupt { what: WHAT, key: generation.to_string() })
}
