// SPDX-License-Identifier: Apache-2.0
//! A rule that an institution vouches for tells its client nothing that the client is not shown. The same is done on two
//! registers that differ in nothing but what is hidden of one child, and everything that anybody can see afterwards is the
//! same: answers, audit records, what is stored of a policy in shadow.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{
    Ask, Given, Office,
    ask::agent,
    files,
    given::{build_rule, clone_to, root},
    office,
};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use super::scene::Scene;

const MEMBER: &str = "EE/COM/10999921";
const POLICY: &str = "teller";

/// What is hidden of the child from a company. The year of birth is the same, for that is shown.
struct Hidden {
    given_name: &'static str,
    family_name: &'static str,
    birth: &'static str,
    sex: &'static str,
    status: &'static str,
}

const ONE: Hidden =
    Hidden { given_name: "KAUR", family_name: "LEPAOJA", birth: "02-03", sex: "M", status: "E" };
const OTHER: Hidden =
    Hidden { given_name: "MERILIN", family_name: "TAMM", birth: "11-27", sex: "N", status: "S" };

/// The hostile rule's component.
fn component() -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let minors = clone_to(folder.path(), "minors")?;
    let rules = minors.parent().context("rules lie in a folder")?;
    let teller = rules.join("teller");
    files::copy(&root()?.join("tests/rules/teller"), &teller)?;
    let out = folder.path().join("teller.wasm");
    build_rule(&teller, &out)?;
    Ok(fs::read(out)?)
}

/// A copy of the register in which the child is this one.
async fn register(given: &Given, name: &str, hidden: &Hidden) -> Result<PathBuf> {
    let copy = given.home.folder.join(format!("{name}.sqlite"));
    fs::copy(&given.register, &copy)?;
    let mut register = SqliteConnectOptions::new().filename(&copy).connect().await?;
    let changed = sqlx::query(
        "UPDATE person SET given_name = ?, family_name = ?, sex = ?, status = ?, \
         birth_date = substr(birth_date, 1, 5) || ? WHERE personal_code = ?",
    )
    .bind(hidden.given_name)
    .bind(hidden.family_name)
    .bind(hidden.sex)
    .bind(hidden.status)
    .bind(hidden.birth)
    .bind(&given.world.persons.child)
    .execute(&mut register)
    .await?;
    ensure!(changed.rows_affected() == 1, "there is one child");
    sqlx::Connection::close(register).await?;
    Ok(copy)
}

/// The company asks for the child and an adult, and looks for both.
fn asks(given: &Given) -> Vec<Ask> {
    let client = given.world.client("legitimate_interest");
    let (child, adult) = (&given.world.persons.child, &given.world.persons.adult);
    let fields = ["sex", "personalCode", "givenName", "familyName", "birthDate", "status"];
    let keys = json!({ "personalCode": [child, adult] });
    let by_code = Ask::service("person", client, &fields, keys.clone());
    let few = Ask::service("person", client, &["birthDate"], keys);
    let dated = |ask: &Ask, day: &str| ask.clone().header("X-Road-Issue", day);
    // Between the two birthdays, so that a condition would tell them apart.
    let by_name = json!({ "givenName": [ONE.given_name, OTHER.given_name], "familyName": [ONE.family_name] });
    let search = Ask::service("person", client, &fields, by_name);
    vec![dated(&by_code, "2019-06-15"), dated(&few, "2019-06-15"), search.limit(1)]
}

/// What can be seen: of each answer, of each audit record, and of what is stored of differences. What differs from query to
/// query by itself (ids, instants, how long it took) is left out.
async fn seen(component: &[u8], hidden: &Hidden) -> Result<Vec<Value>> {
    let given = Given::seeded()?;
    let changed = register(&given, "changed", hidden).await?;
    let config = fs::read_to_string(given.home.config())?;
    let (usual, own) = (given.register.to_string_lossy(), changed.to_string_lossy());
    ensure!(config.contains(&*usual), "the configuration names the register");
    fs::write(given.home.config(), config.replace(&*usual, &own))?;
    let scene = Scene::start(given)?;
    let every = ["rule-author", "rule-approver", "data-manager"];
    let theirs = office::token(&scene.given.home, "liis", &every, Some(MEMBER))?;
    let second = office::token(&scene.given.home, "peeter", &every, Some(MEMBER))?;
    let key = SigningKey::from_bytes(&[11; 32]);
    scene.office.trust(&key, "the company", &json!({ "clients": [MEMBER] }))?;
    office::good(&scene.office.post(&theirs, "/rules", &Office::upload(component, Some(&key)))?)?;
    let rule = office::digest(component);
    let mut seen = Vec::new();
    for how in ["reasons", "leave-out", "masks", "conditions", "faults"] {
        let settings = json!({ "how": how });
        let scope = json!({ "clients": [MEMBER] });
        let step = |token: &str, step: &str| {
            let why = json!({ "reason": "to tell" });
            scene.office.post(token, &format!("/policies/{POLICY}/{step}"), &why)
        };
        office::good(&scene.office.post(
            &theirs,
            "/policies",
            &office::policy(POLICY, &rule, &settings, &scope),
        )?)?;
        office::good(&step(&second, "approve")?)?;
        // In shadow first, and then in force.
        office::good(&step(&theirs, "shadow")?)?;
        for ask in asks(&scene.given) {
            seen.push(without_what_varies(ask.send(&agent(), &scene.host.base_url)?.json));
        }
        office::good(&step(&theirs, "activate")?)?;
        for ask in asks(&scene.given) {
            let got = ask.send(&agent(), &scene.host.base_url)?;
            seen.push(json!({ "how": how, "status": got.status, "body": without_what_varies(got.json) }));
        }
    }
    let database = scene.given.home.database();
    scene.host.stop()?;
    let store = SqliteStore::open(database).await?;
    for record in store.records(&RecordFilter::default()).await? {
        let record = serde_json::to_value(&record)?;
        ensure!(!record.to_string().contains(hidden.given_name), "no value is in a record");
        seen.push(without_what_varies(record));
    }
    Ok(seen)
}

fn without_what_varies(mut json: Value) -> Value {
    const VARIES: [&str; 9] =
        ["id", "instant", "decision_id", "durationUs", "fuel", "cost", "decisionId", "instance", "subjects"];
    match &mut json {
        Value::Object(members) => {
            members.retain(|name, _| !VARIES.contains(&name.as_str()));
            members.values_mut().for_each(|value| *value = without_what_varies(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_what_varies(item.take())),
        _ => {}
    }
    json
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_can_be_seen_depends_on_what_is_hidden() -> Result<()> {
    let component = component()?;
    let one = seen(&component, &ONE).await?;
    let other = seen(&component, &OTHER).await?;
    ensure!(one.len() == other.len(), "{} and {} things are seen", one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        ensure!(one == other, "what is seen depends on what is hidden:\n{one:#}\n{other:#}");
    }
    let text = serde_json::to_string(&one)?;
    ensure!(text.contains("teller.told-"), "the rule narrowed what its client is shown");
    ensure!(!text.contains(&format!("{}-{}", 2019, ONE.birth)), "the day is nowhere");
    Ok(())
}
