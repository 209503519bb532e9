// SPDX-License-Identifier: Apache-2.0
//! Rulebooks in the control database: the objects that each generation holds. A change writes what it changes.

mod objects;
mod parts;

use std::collections::{BTreeSet, HashMap};

use paasla_core::{ObjectId, ObjectKind, Policy, Rulebook};
use sqlx::{SqliteConnection, SqliteExecutor, SqlitePool};

use self::objects::{Membership, Stored, difference, put_together, taken_apart};
pub(super) use self::parts::bring_over;
use super::{database::Database, failure::failure, now, row::row};
use crate::{error::StoreError, generation::GenerationInfo, governance::object::ObjectVersion, rule::digest};

const WHAT: &str = "rulebook";

row! {
    /// One object of a generation.
    struct Row {
        kind: String,
        name: String,
        digest: String,
        content: String,
    }
}

/// The objects that hold at a generation, those of each list in their order: of every name the newest row up to it.
macro_rules! held_at {
    ($only:literal) => {
        concat!(
            "SELECT m.kind, m.name, m.digest, o.content \
             FROM (SELECT kind, name, place, digest, max(generation) FROM member \
                   WHERE generation <= $1 ",
            $only,
            " GROUP BY kind, name) AS m \
             JOIN object AS o ON o.digest = m.digest ORDER BY m.place"
        )
    };
}

pub(super) async fn active(readers: &SqlitePool) -> Result<Option<Rulebook>, StoreError> {
    let mut connection = readers.acquire().await.map_err(failure)?;
    active_in(&mut connection).await
}

async fn active_in(connection: &mut SqliteConnection) -> Result<Option<Rulebook>, StoreError> {
    match newest(&mut *connection).await? {
        0 => Ok(None),
        newest => at_in(connection, newest).await,
    }
}

/// The number of the newest generation; 0 before the first.
pub(super) async fn newest(database: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(generation) FROM generation")
        .fetch_one(database)
        .await
        .map_err(failure)?;
    number(newest.unwrap_or(0))
}

pub(super) async fn at(readers: &SqlitePool, generation: u64) -> Result<Option<Rulebook>, StoreError> {
    let mut connection = readers.acquire().await.map_err(failure)?;
    at_in(&mut connection, generation).await
}

async fn at_in(connection: &mut SqliteConnection, generation: u64) -> Result<Option<Rulebook>, StoreError> {
    let Some(stated) =
        stated(&mut *connection, generation, "SELECT digest FROM generation WHERE generation = $1").await?
    else {
        return Ok(None);
    };
    let rulebook = put_together(generation, held(connection, generation, held_at!("")).await?)?;
    // Each object has the digest that names it; that all of them are there, in their order, is said by this one.
    if rulebook.digest() != stated {
        return Err(StoreError::Corrupt { what: WHAT, key: generation.to_string() });
    }
    Ok(Some(rulebook))
}

pub(super) async fn policies_at(
    readers: &SqlitePool,
    generation: u64,
) -> Result<Option<Vec<Policy>>, StoreError> {
    let mut connection = readers.acquire().await.map_err(failure)?;
    let stated =
        stated(&mut *connection, generation, "SELECT policies FROM generation WHERE generation = $1").await?;
    let Some(stated) = stated else { return Ok(None) };
    let rows = held(&mut connection, generation, held_at!("AND kind IN ('policy', 'shadow')")).await?;
    let policies = put_together(generation, rows)?.policies;
    if policies_digest(&policies)? != stated {
        return Err(StoreError::Corrupt { what: WHAT, key: generation.to_string() });
    }
    Ok(Some(policies))
}

/// A digest that is stated of a generation; none when there is no such generation.
async fn stated(
    database: impl SqliteExecutor<'_>,
    generation: u64,
    statement: &'static str,
) -> Result<Option<String>, StoreError> {
    // A number that does not fit was never given.
    let Ok(generation) = i64::try_from(generation) else { return Ok(None) };
    sqlx::query_scalar(statement).bind(generation).fetch_optional(database).await.map_err(failure)
}

async fn held(
    connection: &mut SqliteConnection,
    generation: u64,
    statement: &'static str,
) -> Result<Vec<Stored>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as(statement).bind(stored(generation)?).fetch_all(connection).await.map_err(failure)?;
    rows.into_iter()
        .map(|Row { kind, name, digest, content }| Ok(Stored { id: id(kind, name)?, digest, content }))
        .collect()
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

/// Everything that a rulebook ever held, policies in shadow left aside.
pub(super) async fn held_before(readers: &SqlitePool) -> Result<BTreeSet<ObjectId>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT DISTINCT kind, name FROM member WHERE kind <> 'shadow'")
            .fetch_all(readers)
            .await
            .map_err(failure)?;
    rows.into_iter().map(|(kind, name)| id(kind, name)).collect()
}

row! {
    /// What stood under a name from a generation on.
    struct Past {
        generation: i64,
        installed_at: i64,
        installed_by: String,
        reason: String,
        digest: Option<String>,
        content: Option<String>,
    }
}

/// What stood under a name, newest first. A row that only moved it is none of it.
pub(super) async fn history(readers: &SqlitePool, id: &ObjectId) -> Result<Vec<ObjectVersion>, StoreError> {
    let rows: Vec<Past> = sqlx::query_as(
        "SELECT m.generation, g.installed_at, g.installed_by, g.reason, m.digest, o.content \
         FROM member AS m JOIN generation AS g ON g.generation = m.generation \
         LEFT JOIN object AS o ON o.digest = m.digest \
         WHERE m.kind = $1 AND m.name = $2 ORDER BY m.generation",
    )
    .bind(id.kind.name())
    .bind(&id.name)
    .fetch_all(readers)
    .await
    .map_err(failure)?;
    let mut versions = Vec::new();
    let mut before = None;
    for Past { generation, installed_at, installed_by, reason, digest, content } in rows {
        if before.replace(digest.clone()) == Some(digest.clone()) {
            continue;
        }
        let content = match (digest, content) {
            (Some(digest), Some(content)) => {
                Some(objects::read(&Stored { id: id.clone(), digest, content })?)
            }
            (None, _) => None,
            (Some(_), None) => return Err(StoreError::Corrupt { what: WHAT, key: id.to_string() }),
        };
        let generation = number(generation)?;
        versions.push(ObjectVersion { generation, at: installed_at, by: installed_by, reason, content });
    }
    versions.reverse();
    Ok(versions)
}

pub(super) async fn install(
    database: &Database,
    rulebook: &Rulebook,
    by: &str,
    reason: &str,
) -> Result<u64, StoreError> {
    let mut transaction = database.begin().await?;
    let active = active_in(&mut transaction).await?;
    if let Some(active) = active.as_ref().filter(|active| same_content(active, rulebook)) {
        return Ok(active.generation);
    }
    let active = active.map_or(0, |active| active.generation);
    let next = insert(&mut transaction, active, rulebook, by, reason).await?;
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
    let newest = newest(&mut *connection).await?;
    if newest != expected {
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
    let generation = active.saturating_add(1);
    add(connection, Generation { generation, at: now(), by, reason }, rulebook).await?;
    Ok(generation)
}

/// A generation without what it holds.
#[derive(Debug, Clone, Copy)]
struct Generation<'a> {
    generation: u64,
    at: i64,
    by: &'a str,
    reason: &'a str,
}

/// Writes a generation behind the newest: what of it is not in the newest, and what it has no more.
async fn add(
    connection: &mut SqliteConnection,
    installed: Generation<'_>,
    rulebook: &Rulebook,
) -> Result<(), StoreError> {
    let objects = taken_apart(rulebook)?;
    let before = members(connection).await?;
    let (written, gone) = difference(&before, &objects);
    let list = |rows: serde_json::Value| rows.to_string();
    let contents: Vec<_> = written.iter().map(|(object, _)| (&object.digest, &object.content)).collect();
    sqlx::query(
        "INSERT INTO object (digest, content) SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true \
         ON CONFLICT DO NOTHING",
    )
    .bind(list(serde_json::json!(contents)))
    .execute(&mut *connection)
    .await
    .map_err(failure)?;
    let there = written
        .iter()
        .map(|(object, place)| (object.id.kind.name(), &object.id.name, *place, Some(&object.digest)));
    let out = gone.iter().map(|id| (id.kind.name(), &id.name, 0, None));
    let rows: Vec<_> = there.chain(out).collect();
    sqlx::query(
        "INSERT INTO member (kind, name, generation, place, digest) \
         SELECT value ->> 0, value ->> 1, $2, value ->> 2, value ->> 3 FROM json_each($1)",
    )
    .bind(list(serde_json::json!(rows)))
    .bind(stored(installed.generation)?)
    .execute(&mut *connection)
    .await
    .map_err(failure)?;
    sqlx::query(
        "INSERT INTO generation (generation, installed_at, installed_by, reason, digest, policies) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(stored(installed.generation)?)
    .bind(installed.at)
    .bind(installed.by)
    .bind(installed.reason)
    .bind(rulebook.digest())
    .bind(policies_digest(&rulebook.policies)?)
    .execute(connection)
    .await
    .map_err(failure)?;
    Ok(())
}

/// What holds now, without the contents.
async fn members(connection: &mut SqliteConnection) -> Result<HashMap<ObjectId, Membership>, StoreError> {
    let rows: Vec<(String, String, i64, Option<String>, i64)> =
        sqlx::query_as("SELECT kind, name, place, digest, max(generation) FROM member GROUP BY kind, name")
            .fetch_all(connection)
            .await
            .map_err(failure)?;
    let held = rows.into_iter().filter_map(|(kind, name, place, digest, _)| {
        let membership = Membership { place, digest: digest? };
        Some(id(kind, name).map(|id| (id, membership)))
    });
    held.collect()
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

fn policies_digest(policies: &[Policy]) -> Result<String, StoreError> {
    let json = serde_json::to_string(policies)
        .map_err(|_| StoreError::Invalid { what: WHAT, key: "policies".to_owned() })?;
    Ok(digest(json.as_bytes()))
}

fn id(kind: String, name: String) -> Result<ObjectId, StoreError> {
    let kind: Option<ObjectKind> = serde_json::from_value(kind.into()).ok();
    let kind = kind.ok_or_else(|| StoreError::Corrupt { what: WHAT, key: name.clone() })?;
    Ok(ObjectId { kind, name })
}

fn number(generation: i64) -> Result<u64, StoreError> {
    u64::try_from(generation).map_err(|_| StoreError::Corrupt { what: WHAT, key: generation.to_string() })
}

fn stored(generation: u64) -> Result<i64, StoreError> {
    i64::try_from(generation).map_err(|_| StoreError::Invalid { what: WHAT, key: generation.to_string() })
}
