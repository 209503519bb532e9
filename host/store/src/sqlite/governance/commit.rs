// SPDX-License-Identifier: Apache-2.0
//! The commit of acts: acts and their change, in one transaction.

use serde::Serialize;
use sqlx::SqliteConnection;

use super::{proposal, read, written};
use crate::{
    error::StoreError,
    governance::{
        act::{Act, Admission, Committed},
        change::{Change, NewChange},
        version::PolicyVersion,
    },
    sqlite::{database::Database, failure::failure, quarantine, rule, rulebook},
};

pub(super) async fn commit(
    database: &Database,
    acts: &[Act],
    change: &NewChange,
) -> Result<Committed, StoreError> {
    let mut transaction = database.begin().await?;
    let (mut generation, mut proposal) = (None, None);
    for act in acts {
        match apply(&mut transaction, act, change).await? {
            Made::Nothing => {}
            Made::Generation(made) => generation = Some(made),
            Made::Proposal(made) => proposal = Some(made),
        }
    }
    let whole = Change { id: 0, what: change.clone(), generation };
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO change (instant, action, target, content) VALUES ($1, $2, $3, $4) RETURNING id",
    )
    .bind(change.instant)
    .bind(&change.action)
    .bind(&change.target)
    .bind(written("change", &change.target, &whole)?)
    .fetch_one(&mut *transaction)
    .await
    .map_err(failure)?;
    transaction.commit().await?;
    Ok(Committed { change: id, generation, proposal })
}

/// What an act made that has a number.
enum Made {
    Nothing,
    Generation(u64),
    Proposal(i64),
}

/// Does one act.
async fn apply(connection: &mut SqliteConnection, act: &Act, change: &NewChange) -> Result<Made, StoreError> {
    match act {
        Act::PutRule(stored, admission) => {
            rule::put(&mut *connection, stored).await?;
            let content = written("admission", &stored.digest, admission)?;
            let statement = "INSERT INTO admission (rule, content) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            run(connection, statement, &[&stored.digest, &content]).await?;
        }
        Act::AddBringer { rule, by, institution } => {
            let add = |admission: &mut Admission| add_bringer(admission, by, institution.as_deref());
            change_admission(connection, rule, add).await?;
        }
        Act::PutCases { rule, cases } => {
            change_admission(connection, rule, |admission| admission.cases = *cases).await?;
        }
        Act::PutSignature(signature) => {
            let statement = "INSERT INTO signature (rule, key, content) VALUES ($1, $2, $3) \
                             ON CONFLICT (rule, key) DO UPDATE SET content = excluded.content";
            let content = written("signature", &signature.key, signature)?;
            run(connection, statement, &[&signature.rule, &signature.key, &content]).await?;
        }
        Act::PutKey(key) => {
            let statement = "INSERT INTO trust_key (id, content) VALUES ($1, $2) \
                             ON CONFLICT (id) DO UPDATE SET content = excluded.content";
            run(connection, statement, &[&key.id, &written("key", &key.id, key)?]).await?;
        }
        Act::PutToken(token) => {
            let statement = "INSERT INTO token (hash, id, content) VALUES ($1, $2, $3) \
                             ON CONFLICT (hash) DO UPDATE SET content = excluded.content";
            let content = written("token", &token.id, token)?;
            run(connection, statement, &[&token.hash, &token.id, &content]).await?;
        }
        Act::NewVersion(version) => {
            let statement = "INSERT INTO policy_version (name, version, content) VALUES ($1, $2, $3) \
                             ON CONFLICT DO NOTHING";
            if write_version(connection, statement, version).await? == 0 {
                return Err(StoreError::Conflict { what: "policy version", key: version.label() });
            }
        }
        Act::SetVersion(version) => {
            let statement = "UPDATE policy_version SET content = $3 WHERE name = $1 AND version = $2";
            if write_version(connection, statement, version).await? == 0 {
                return Err(StoreError::NotFound { what: "policy version", key: version.label() });
            }
        }
        Act::LiftQuarantine(policy) => {
            quarantine::lift_in(connection, policy, &change.who, &change.reason).await?;
        }
        Act::AcceptLoss(fault) => {
            let statement = "INSERT INTO accepted_loss (first, last, content) VALUES ($1, $2, $3) \
                             ON CONFLICT DO NOTHING";
            let (first, last) = (fault.segments.start(), fault.segments.end());
            let content = written("loss", &first.to_string(), &fault.kind)?;
            let query = sqlx::query(statement).bind(i64::from(*first)).bind(i64::from(*last)).bind(content);
            query.execute(connection).await.map_err(failure)?;
        }
        Act::PutProposal(new) => return proposal::put(connection, new).await.map(Made::Proposal),
        Act::DecideProposal(decided) => proposal::decide(connection, decided).await?,
        Act::Install { rulebook: content, expected } => {
            let by = &change.who;
            let made = rulebook::install_at(connection, content, *expected, by, &change.reason).await?;
            return Ok(Made::Generation(made));
        }
    }
    Ok(Made::Nothing)
}

fn add_bringer(admission: &mut Admission, by: &str, institution: Option<&str>) {
    if !admission.was_brought_by(by) {
        admission.also_by.push(by.to_owned());
    }
    if let Some(institution) = institution.filter(|institution| !admission.was_brought_for(institution)) {
        admission.also_for.push(institution.to_owned());
    }
}

/// Changes what is known of how a rule came in, if that is known.
async fn change_admission(
    connection: &mut SqliteConnection,
    rule: &str,
    change: impl FnOnce(&mut Admission),
) -> Result<(), StoreError> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM admission WHERE rule = $1")
        .bind(rule)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failure)?;
    let Some(content) = content else { return Ok(()) };
    let mut admission: Admission = read("admission", rule, &content)?;
    change(&mut admission);
    let content = written("admission", rule, &admission)?;
    run(connection, "UPDATE admission SET content = $2 WHERE rule = $1", &[&rule.to_owned(), &content]).await
}

async fn write_version(
    connection: &mut SqliteConnection,
    statement: &'static str,
    version: &PolicyVersion,
) -> Result<u64, StoreError> {
    let done = sqlx::query(statement)
        .bind(&version.policy.name)
        .bind(i64::from(version.version))
        .bind(written("policy version", &version.policy.name, version)?)
        .execute(connection)
        .await
        .map_err(failure)?;
    Ok(done.rows_affected())
}

async fn run(
    connection: &mut SqliteConnection,
    statement: &'static str,
    binds: &[&(impl AsRef<str> + Serialize)],
) -> Result<(), StoreError> {
    let query = binds.iter().fold(sqlx::query(statement), |query, bind| query.bind(bind.as_ref().to_owned()));
    query.execute(connection).await.map_err(failure)?;
    Ok(())
}
