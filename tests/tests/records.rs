// SPDX-License-Identifier: Apache-2.0
//! Every query leaves one record, however it ends, and no personal data in logs.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, ensure};
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Got, ask::agent};
use serde_json::json;
use sqlx::{ConnectOptions as _, Row as _};

/// The outcome and text of every record, by id.
async fn records(given: &Given) -> Result<BTreeMap<String, (String, String)>> {
    let store = SqliteStore::open(given.home.database()).await?;
    let filter = RecordFilter { limit: RecordFilter::MAX_LIMIT, ..RecordFilter::default() };
    let records = store.records(&filter).await?;
    let told = records.into_iter().map(|record| {
        let content = serde_json::to_string(&record)?;
        Ok((record.id, (record.outcome.name().to_owned(), content)))
    });
    let told = told.collect::<Result<_>>()?;
    store.close().await?;
    Ok(told)
}

/// Queries that end in every way, each with its outcome. The last word of each is the outcome.
fn queries(given: &Given) -> Vec<(Ask, &'static str, u16)> {
    let world = &given.world;
    let (authority, adult) = (world.client("public_task"), world.persons.adult.as_str());
    let company = world.client("legitimate_interest");
    let by = |client: &str, fields: &[&str], code: &str| {
        Ask::service("person", client, fields, json!({ "personalCode": code }))
    };
    let good = || by(authority, &["givenName", "familyName", "residenceAddress"], adult);
    let mut elsewhere = good();
    elsewhere.path = "/xroad/nothing/v1/query".to_owned();
    let mut version = good();
    version.path = "/xroad/person/v7/query".to_owned();
    let mut in_url = good();
    in_url.path = format!("/xroad/person/v1/query?personalCode={adult}");
    let mut no_route = good();
    no_route.path = format!("/xroad/person/{adult}");
    let rr = |reason| Ask::rr(authority, reason, &[adult], json!({ "isikuandmed": ["Eesnimi"] }));
    vec![
        (good(), "answered", 200),
        (rr("avalik"), "answered", 200),
        (by(company, &["familyName"], &world.persons.absent), "answered", 200),
        (by(company, &["familyName"], &world.persons.restricted), "answered", 200),
        (by(company, &["familyName", "birthDate"], &world.persons.child), "answered", 200),
        (rr("oigustatud"), "refused", 403),
        (by(world.client("stranger"), &["familyName"], adult), "refused", 403),
        (by(world.client("case_authority"), &["familyName"], adult), "refused", 403),
        (by(company, &["custody.otherCode"], adult), "refused", 403),
        (by(authority, &["shoeSize"], adult), "invalid", 400),
        (by(authority, &[adult], adult), "invalid", 400),
        (by(authority, &["familyName"], "49001010094"), "invalid", 400),
        (Ask::service("person", authority, &["familyName"], json!({ adult: adult })), "invalid", 400),
        (good().context("purpose", &format!("rr:{adult}")), "invalid", 400),
        (good().context(adult, adult), "invalid", 400),
        (good().without("X-Road-UserId"), "invalid", 400),
        (good().instead(&format!("{{\"select\": [\"{adult}\"")), "invalid", 400),
        (good().instead(&format!("{{\"{adult}\":1,\"{adult}\":2}}")), "invalid", 400),
        (good().header("Content-Type", "text/plain"), "invalid", 415),
        (good().header("X-Road-Request-Id", adult), "invalid", 400),
        (elsewhere, "invalid", 404),
        (version, "invalid", 404),
        (in_url, "invalid", 400),
        (no_route, "invalid", 404),
    ]
}

/// What no log may hold: codes and names of everybody asked about here, and what stood in their answers.
async fn secrets(given: &Given) -> Result<Vec<String>> {
    let persons = &given.world.persons;
    let mut secrets = vec!["49001010094".to_owned()];
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&given.register).read_only(true);
    let mut register = options.connect().await?;
    for code in [&persons.adult, &persons.child, &persons.restricted, &persons.absent] {
        secrets.push(code.clone());
        let sql = "SELECT p.given_name, p.family_name, a.full_text FROM person p
                   LEFT JOIN address a ON a.id = p.residence_address_id WHERE p.personal_code = $1";
        let Some(row) = sqlx::query(sql).bind(code).fetch_optional(&mut register).await? else { continue };
        secrets.extend([row.try_get(0)?, row.try_get::<String, _>(1)?]);
        secrets.extend(row.try_get::<Option<String>, _>(2)?);
    }
    Ok(secrets)
}

#[tokio::test]
async fn every_query_leaves_one_record_and_nothing_in_the_logs() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let agent = agent();
    let mut expected = BTreeMap::new();
    for (ask, outcome, status) in queries(&given) {
        let got = ask.send(&agent, &host.base_url)?;
        ensure!(got.status == status, "{} {}: {status} was expected, {} came", ask.path, ask.body, got.text);
        let id = got.decision.clone().with_context(|| format!("no decision id: {}", got.text))?;
        ensure!(told(&got, &id), "the answer names its record: {}", got.text);
        let twice = expected.insert(id, outcome);
        ensure!(twice.is_none(), "two queries have one record");
        // The record is durable before the answer leaves, so it is there now.
        ensure!(records(&given).await?.len() == expected.len(), "{outcome} {status}: not one record more");
    }
    // Nobody to hold to account: refused, and not recorded.
    let nobody = Ask::service("person", "", &["familyName"], json!({ "personalCode": "49001010093" }));
    let got = nobody.without("X-Road-Client").send(&agent, &host.base_url)?;
    ensure!(got.status == 400 && got.decision.is_none(), "{}", got.text);

    let kept = records(&given).await?;
    ensure!(kept.len() == expected.len(), "{} queries, {} records", expected.len(), kept.len());
    let secrets = secrets(&given).await?;
    for (id, outcome) in &expected {
        let (kept_outcome, content) = kept.get(id).with_context(|| format!("no record {id}"))?;
        ensure!(kept_outcome == outcome, "{id}: {kept_outcome}");
        // What clients say of themselves is kept as they say it; whom they ask about is kept as keyed hashes.
        let content = content.replace(paasla_tests::ask::OFFICIAL, "");
        for secret in &secrets {
            ensure!(!content.contains(secret.as_str()), "the record {id} holds `{secret}`");
        }
    }
    host.stop()?;
    let log = fs::read_to_string(given.home.log())?;
    ensure!(log.contains("answered"), "the log says nothing");
    for secret in &secrets {
        ensure!(!log.contains(secret.as_str()), "the log holds `{secret}`");
    }
    Ok(())
}

/// Where a body of ours tells the record's id, it is the header's.
fn told(got: &Got, id: &str) -> bool {
    let decision = got.json.pointer("/decision/id").and_then(|told| told.as_str());
    let instance = got.json.get("instance").and_then(|told| told.as_str());
    decision.or(instance.and_then(|urn| urn.strip_prefix("urn:uuid:"))).is_none_or(|told| told == id)
}
