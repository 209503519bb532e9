// SPDX-License-Identifier: Apache-2.0
//! Invariant 1: whatever breaks, the answer is a refusal with a reason, and never data.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Got, ask::agent};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Executor as _};

fn by_authority(given: &Given, fields: &[&str]) -> Ask {
    let keys = json!({ "personalCode": given.world.persons.adult });
    Ask::service("person", given.world.client("public_task"), fields, keys)
}

fn failed(got: &Got, code: &str) -> Result<()> {
    ensure!(got.status == 503, "{} was answered with {}", got.text, got.status);
    ensure!(got.json.get("code").and_then(Value::as_str) == Some(code), "{code} was expected: {}", got.text);
    ensure!(got.json.get("records").is_none(), "no records: {}", got.text);
    Ok(())
}

/// Somebody moves the records away: none can be written where it would be found, so nothing is told.
#[tokio::test]
async fn without_a_record_there_is_no_answer() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let ask = by_authority(&given, &["familyName"]);
    ensure!(ask.send(&agent(), &host.base_url)?.status == 200, "the host answers");
    let elsewhere = given.home.folder.join("elsewhere");
    fs::rename(given.home.records(), &elsewhere)?;
    for _ in 0..3 {
        failed(&ask.send(&agent(), &host.base_url)?, "record_unavailable")?;
    }
    fs::rename(&elsewhere, given.home.records())?;
    ensure!(ask.send(&agent(), &host.base_url)?.status == 200, "it answers again");
    host.stop()
}

/// Another program holds the control database: records are written all the same, and found when it lets go.
#[tokio::test]
async fn a_record_needs_no_database() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let ask = by_authority(&given, &["familyName"]);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(given.home.database());
    let mut holder = options.connect().await?;
    holder.execute("BEGIN IMMEDIATE").await?;
    for _ in 0..3 {
        ensure!(ask.send(&agent(), &host.base_url)?.status == 200, "the host answers");
    }
    holder.execute("ROLLBACK").await?;
    host.stop()?;
    let store = SqliteStore::open(given.home.database()).await?;
    ensure!(store.count_records(&RecordFilter::default()).await? == 3, "one record for each");
    Ok(())
}

/// A rule that runs out of fuel refuses every query in its scope, each with a record that names the fault.
#[tokio::test]
async fn a_broken_rule_refuses() -> Result<()> {
    let mut given = Given::empty()?;
    let policy = given.own_control()?.join("policies/statistics.toml");
    let text = fs::read_to_string(&policy)?;
    fs::write(&policy, format!("{text}\n[limits]\nfuel = 100\n\n[scope]\nservices = [\"person\"]\n"))?;
    given.home.seed(&given.register, &given.rules)?;
    let host = given.start()?;
    let got = by_authority(&given, &["familyName"]).send(&agent(), &host.base_url)?;
    failed(&got, "rule_fault")?;
    // Outside its scope nothing changes.
    let rr = json!({ "isikuandmed": ["Perekonnanimi"] });
    let client = given.world.client("public_task");
    let ask = Ask::rr(client, "avalik", &[&given.world.persons.adult], rr);
    ensure!(ask.send(&agent(), &host.base_url)?.status == 200, "the other service answers");
    host.stop()?;
    let store = SqliteStore::open(given.home.database()).await?;
    let id = got.decision.context("the record is named")?;
    let record = store.record(&id).await?.context("the record is there")?;
    let said =
        record.rulings.iter().find(|ruling| ruling.policy == "statistics").context("the rule is named")?;
    ensure!(said.calls.to_string() == "fault: out-of-fuel", "{}", said.calls);
    ensure!(store.count_records(&RecordFilter::default()).await? == 2, "one record for each");
    store.close().await?;
    Ok(())
}

/// The register is gone: every query says so, and is recorded.
#[tokio::test]
async fn without_the_register_there_is_no_answer() -> Result<()> {
    let given = Given::empty()?;
    let register = given.home.folder.join("own.sqlite");
    fs::copy(&given.register, &register)?;
    given.home.seed(&register, &given.rules)?;
    let host = given.start()?;
    let ask = by_authority(&given, &["familyName"]);
    ensure!(ask.send(&agent(), &host.base_url)?.status == 200, "the host answers");
    let mut other = sqlx::sqlite::SqliteConnectOptions::new().filename(&register).connect().await?;
    other.execute("ALTER TABLE person RENAME TO somewhere_else").await?;
    failed(&ask.send(&agent(), &host.base_url)?, "register_unavailable")?;
    other.execute("ALTER TABLE somewhere_else RENAME TO person").await?;
    ensure!(ask.send(&agent(), &host.base_url)?.status == 200, "it answers again");
    host.stop()
}
