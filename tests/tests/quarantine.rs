// SPDX-License-Identifier: Apache-2.0
//! A policy whose rule breaks too often goes out of service, loudly, and stays so until an operator lifts that.

#[path = "quarantine/edges.rs"]
mod edges;
#[path = "quarantine/scene.rs"]
mod scene;

use anyhow::{Context as _, Result, ensure};
use paasla_core::Outcome;
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use scene::{BROKEN, POLICY, REFUSED, Scene, answered, faulted, quarantined, refused, soon};

#[tokio::test]
async fn too_many_faults_take_it_out_of_service_until_an_operator_lifts_that() -> Result<()> {
    let scene = Scene::new()?;
    scene.seed("statistics", BROKEN, "faults = 3\nminutes = 60")?;
    let host = scene.0.start()?;
    let mut queries = 0_u64;
    for number in 0..3 {
        ensure!(scene.list(&[])?.is_empty() && quarantined(&host)? == 0, "{number} faults are not too many");
        let got = scene.ask(&host)?;
        faulted(&got)?;
        ensure!(scene.said(&got).await?.0 == "fault: out-of-fuel");
        scene.others_are_answered(&host)?;
        queries += 2;
    }
    ensure!(quarantined(&host)? == 1);
    let [kept] = <[Value; 1]>::try_from(scene.list(&[])?).map_err(|all| anyhow::anyhow!("{all:?}"))?;
    let digest = scene.digest("statistics")?;
    let told = json!({ "policy": POLICY, "rule": digest, "faults": 3, "lastFault": "out-of-fuel", "action": "refuse" });
    for (name, value) in told.as_object().into_iter().flatten() {
        ensure!(kept.get(name) == Some(value), "{name}: {kept}");
    }
    for _ in 0..2 {
        let got = scene.ask(&host)?;
        refused(&got)?;
        let record = scene.record(&got).await?;
        ensure!(record.outcome == Outcome::Refused && record.codes == [REFUSED]);
        let own = record.rulings.iter().find(|ruling| ruling.policy == POLICY).context("it is named")?;
        ensure!(own.calls.to_string() == "quarantined" && own.fuel == 0 && own.rule == digest, "{own:?}");
        scene.others_are_answered(&host)?;
        queries += 2;
    }
    host.stop()?;
    let log = scene.log()?;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("QUARANTINE")).collect();
    let [line] = lines.as_slice() else { anyhow::bail!("one line was expected: {lines:?}") };
    for part in ["ERROR", POLICY, digest.as_str(), "out-of-fuel", "faults=3", "is refused"] {
        ensure!(line.contains(part), "{part} is missing: {line}");
    }

    // A restart keeps it, and says so.
    let host = scene.0.start()?;
    refused(&scene.ask(&host)?)?;
    scene.others_are_answered(&host)?;
    queries += 2;
    ensure!(scene.log()?.matches("QUARANTINE").count() == 1 && quarantined(&host)? == 1);

    // Only a reason lifts it, and only by its name.
    for wrong in [
        &["lift", POLICY] as &[_],
        &["lift", POLICY, "--reason", " "],
        &["lift", "access-restriction", "--reason", "x"],
    ] {
        ensure!(!scene.quarantine(wrong)?.status.success(), "{wrong:?}");
    }
    refused(&scene.ask(&host)?)?;
    queries += 1;
    scene.lift()?;
    soon(|| Ok(quarantined(&host)? == 0))?;
    ensure!(scene.list(&[])?.is_empty());
    let all = scene.list(&["--all"])?;
    let reason = all.first().and_then(|kept| kept.pointer("/lifted/reason")).and_then(Value::as_str);
    let by = all.first().and_then(|kept| kept.pointer("/lifted/by")).and_then(Value::as_str);
    ensure!(all.len() == 1 && reason == Some("the rule is repaired") && by.is_some_and(|by| !by.is_empty()));

    // It was not: the count begins anew.
    for _ in 0..3 {
        faulted(&scene.ask(&host)?)?;
        queries += 1;
    }
    refused(&scene.ask(&host)?)?;
    queries += 1;
    ensure!(scene.list(&[])?.len() == 1 && scene.list(&["--all"])?.len() == 2);
    host.stop()?;
    ensure!(!scene.log()?.contains(&scene.0.world.persons.adult), "no personal data in the log");
    let store = SqliteStore::open(scene.0.home.database()).await?;
    let records = store.count_records(&RecordFilter::default()).await?;
    ensure!(records == queries, "{queries} queries, {records} records");
    Ok(())
}

/// A rule that breaks in some queries only, and only when it sees the rows: the others are answered until it is enough.
#[tokio::test]
async fn faults_of_a_review_count_and_the_rest_is_answered_until_then() -> Result<()> {
    let scene = Scene::new()?;
    scene.seed("minors", "[limits]\nreview-fuel = 100\nrow-fuel = 0\n", "faults = 2\nminutes = 60")?;
    let host = scene.0.start()?;
    let child = &scene.0.world.persons.child;
    for _ in 0..2 {
        // The rule wants to see rows for the company's purpose, and not for the authority's.
        answered(&scene.ask(&host)?)?;
        let got = scene.ask_birth_date(&host, child)?;
        faulted(&got)?;
        let (said, _) = scene.said(&got).await?;
        ensure!(said == "narrow, review: fault: out-of-fuel", "{said}");
    }
    refused(&scene.ask_birth_date(&host, child)?)?;
    refused(&scene.ask(&host)?)?;
    scene.others_are_answered(&host)?;
    host.stop()
}

#[tokio::test]
async fn the_previous_version_takes_its_place() -> Result<()> {
    let scene = Scene::new()?;
    let previous = "faults = 2\nminutes = 60\nthen = \"previous\"";
    scene.seed("minors", "", previous)?;
    scene.seed("statistics", BROKEN, previous)?;
    let (minors, statistics) = (scene.digest("minors")?, scene.digest("statistics")?);
    let host = scene.0.start()?;
    for _ in 0..2 {
        let got = scene.ask(&host)?;
        faulted(&got)?;
        ensure!(scene.said(&got).await?.1 == statistics);
    }
    let got = scene.ask(&host)?;
    answered(&got)?;
    ensure!(scene.said(&got).await? == ("abstain".to_owned(), minors.clone()), "the record names who ruled");
    // It decides and reviews: a company sees a child's year of birth only.
    let got = scene.ask_birth_date(&host, &scene.0.world.persons.child)?;
    ensure!(got.value("/birthDate").len() == 4, "{}", got.text);
    ensure!(scene.said(&got).await? == ("narrow, review: narrow".to_owned(), minors.clone()));
    ensure!(quarantined(&host)? == 1, "that another version rules is no peace");
    let kept = scene.list(&[])?;
    ensure!(
        kept.len() == 1 && kept.iter().all(|kept| kept["action"] == "previous" && kept["rule"] == statistics)
    );
    host.stop()?;
    ensure!(scene.log()?.lines().any(|line| line.contains("QUARANTINE") && line.contains(&minors)));

    let host = scene.0.start()?;
    ensure!(scene.said(&scene.ask(&host)?).await?.1 == minors, "after a restart too");
    scene.lift()?;
    soon(|| Ok(quarantined(&host)? == 0))?;
    faulted(&scene.ask(&host)?)?;
    faulted(&scene.ask(&host)?)?;
    answered(&scene.ask(&host)?)?;
    host.stop()?;
    // What the operator wants is what the configuration says now.
    scene.configure("then = \"refuse\"")?;
    let host = scene.0.start()?;
    refused(&scene.ask(&host)?)?;
    host.stop()
}

#[tokio::test]
async fn without_a_previous_version_it_refuses() -> Result<()> {
    let scene = Scene::new()?;
    scene.seed("statistics", BROKEN, "faults = 1\nthen = \"previous\"")?;
    let host = scene.0.start()?;
    faulted(&scene.ask(&host)?)?;
    refused(&scene.ask(&host)?)?;
    let kept = scene.list(&[])?;
    ensure!(kept.len() == 1 && kept.iter().all(|kept| kept["action"] == "refuse"), "{kept:?}");
    host.stop()
}

#[tokio::test]
async fn a_previous_version_that_cannot_be_made_ready_refuses() -> Result<()> {
    let scene = Scene::new()?;
    let previous = "faults = 1\nthen = \"previous\"";
    scene.seed("special-categories", "", previous)?;
    scene.seed("statistics", BROKEN, previous)?;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(scene.0.home.database());
    let mut other = options.connect().await?;
    let tamper = sqlx::query("UPDATE rule SET bytes = x'00' WHERE digest = $1");
    let tampered = tamper.bind(scene.digest("special-categories")?).execute(&mut other).await?;
    ensure!(tampered.rows_affected() == 1);
    drop(other);
    let host = scene.0.start()?;
    faulted(&scene.ask(&host)?)?;
    refused(&scene.ask(&host)?)?;
    host.stop()
}

#[tokio::test]
async fn a_previous_version_that_breaks_as_well_refuses() -> Result<()> {
    let scene = Scene::new()?;
    let previous = "faults = 2\nminutes = 60\nthen = \"previous\"";
    scene.seed("minors", BROKEN, previous)?;
    scene.seed("statistics", BROKEN, previous)?;
    let rules = [scene.digest("statistics")?, scene.digest("minors")?];
    let host = scene.0.start()?;
    for rule in rules.iter().flat_map(|rule| [rule, rule]) {
        let got = scene.ask(&host)?;
        faulted(&got)?;
        ensure!(scene.said(&got).await?.1 == *rule);
    }
    refused(&scene.ask(&host)?)?;
    let kept = scene.list(&[])?;
    let told: Vec<_> = kept.iter().map(|kept| (kept["rule"].as_str(), kept["action"].as_str())).collect();
    let [first, second] = rules.each_ref().map(|rule| Some(rule.as_str()));
    ensure!(told == [(first, Some("previous")), (second, Some("refuse"))], "{told:?}");
    ensure!(quarantined(&host)? == 1, "two versions, one policy");
    host.stop()?;
    let host = scene.0.start()?;
    refused(&scene.ask(&host)?)?;
    scene.lift()?;
    soon(|| Ok(quarantined(&host)? == 0))?;
    ensure!(scene.said(&scene.ask(&host)?).await?.1 == rules[0], "both are lifted, and the newer rules");
    host.stop()
}
