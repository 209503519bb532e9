// SPDX-License-Identifier: Apache-2.0
//! Ten ways in which a rule can be broken. None changes an answer that it should not, and the operator is told why.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use paasla_engine::travelling::{CaseFiles, with_cases};
use paasla_tests::{Ask, Got, Office, ask::agent, office};
use serde_json::{Value, json};

use super::{
    guests::{answer::with_schema, guest::Guest},
    scene::{POLICY, Scene, configure, refuses, small, soon, without_names},
};

/// What must be as it was after each of them.
struct Before {
    generation: u64,
    answer: Value,
    rules: Value,
}

impl Before {
    fn of(scene: &Scene) -> Result<Self> {
        let answer = stable(&scene.ask()?)?;
        Ok(Self { generation: scene.generation()?, answer, rules: scene.office.see("/rules")? })
    }

    fn holds(&self, scene: &Scene) -> Result<()> {
        ensure!(scene.generation()? == self.generation, "the rulebook changed");
        ensure!(stable(&scene.ask()?)? == self.answer, "an answer changed");
        ensure!(scene.office.see("/rules")? == self.rules, "a rule was stored");
        Ok(())
    }
}

/// An answer without what differs from query to query.
fn stable(got: &Got) -> Result<Value> {
    ensure!(got.status == 200, "{}", got.text);
    Ok(serde_json::from_str(&got.anonymous())?)
}

fn upload(scene: &Scene, component: &[u8]) -> Result<Got> {
    scene.office.post(&scene.office.author, "/rules", &Office::upload(component, Some(&scene.office.key)))
}

/// The last act that is noted as refused, with its problems.
fn told(scene: &Scene, code: &str) -> Result<()> {
    let changes = scene.changes()?;
    let last = changes.first().context("there is one")?;
    ensure!(last.get("outcome") == Some(&json!("refused")), "{last}");
    let problems = last.get("problems").and_then(Value::as_array).cloned().unwrap_or_default();
    ensure!(problems.contains(&json!(code)), "{code}: {last}");
    ensure!(scene.log()?.contains(code), "the log says why");
    Ok(())
}

#[test]
fn what_is_no_rule_is_refused_with_every_problem() -> Result<()> {
    let scene = Scene::new()?;
    let good = scene.component("minimisation")?;
    let before = Before::of(&scene)?;
    let wat = |text: &str| wat::parse_str(text).context("a component");
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let mut cases = CaseFiles::new();
    let case = json!({ "cases": [{
        "name": "it says what it does not", "expect": { "refuse": "minimisation.invented" },
        "settings": without_names(), "query": { "purpose": "services:SocialAssistanceManagement", "fields": [] },
    }] });
    cases.insert("wrong.json".to_owned(), case.to_string());

    // 1: bad bytes, in several ways.
    for (bytes, code) in [
        (b"no WebAssembly".to_vec(), "component_invalid"),
        (good[..good.len() / 2].to_vec(), "component_invalid"),
        (wat("(module)")?, "core_module"),
    ] {
        refuses(&upload(&scene, &bytes)?, 422, code, "/component")?;
        told(&scene, code)?;
        before.holds(&scene)?;
    }
    // Whatever a flipped bit makes of a component: the signature is on the one before.
    let mut body = Office::upload(&good, Some(&scene.office.key));
    body["component"] = json!(STANDARD.encode(&flipped));
    refuses(
        &scene.office.post(&scene.office.author, "/rules", &body)?,
        422,
        "signature_wrong",
        "/signatures/0",
    )?;
    let text = json!({ "component": "%%%", "reason": "x" });
    refuses(
        &scene.office.post(&scene.office.author, "/rules", &text)?,
        422,
        "component_invalid",
        "/component",
    )?;
    before.holds(&scene)?;
    // 2: the wrong world.
    refuses(&upload(&scene, &wat("(component)")?)?, 422, "wrong_world", "/component")?;
    told(&scene, "wrong_world")?;
    // 3: imports.
    let imports = wat("(component (import \"wasi:clocks/wall-clock@0.2.0\" (instance)))")?;
    refuses(&upload(&scene, &imports)?, 422, "imports", "/component")?;
    told(&scene, "imports")?;
    // 4: a case that fails, with what was expected and what the rule said.
    let got = upload(&scene, &with_cases(&good, &cases))?;
    refuses(&got, 422, "case_failed", "/cases")?;
    ensure!(
        got.text.contains("it says what it does not: expected {") && got.text.contains("the rule said"),
        "{}",
        got.text
    );
    told(&scene, "case_failed")?;
    // The same beside the rule.
    let mut beside = Office::upload(&good, Some(&scene.office.key));
    beside["cases"] = json!(cases);
    refuses(&scene.office.post(&scene.office.author, "/rules", &beside)?, 422, "case_failed", "/cases")?;
    before.holds(&scene)?;
    // 5: unsigned. 6: a foreign key. And a signature on something else.
    let unsigned = Office::upload(&good, None);
    refuses(
        &scene.office.post(&scene.office.author, "/rules", &unsigned)?,
        422,
        "rule_unsigned",
        "/signatures",
    )?;
    told(&scene, "rule_unsigned")?;
    let foreign = Office::upload(&good, Some(&SigningKey::from_bytes(&[66; 32])));
    refuses(
        &scene.office.post(&scene.office.author, "/rules", &foreign)?,
        422,
        "key_unknown",
        "/signatures/0",
    )?;
    told(&scene, "key_unknown")?;
    let mut other = Office::upload(&scene.component("quota")?, Some(&scene.office.key));
    other["component"] = json!(STANDARD.encode(&good));
    refuses(
        &scene.office.post(&scene.office.author, "/rules", &other)?,
        422,
        "signature_wrong",
        "/signatures/0",
    )?;
    before.holds(&scene)?;
    // Everything at once: each problem is told.
    let both = Office::upload(b"no WebAssembly", Some(&SigningKey::from_bytes(&[66; 32])));
    let got = scene.office.post(&scene.office.author, "/rules", &both)?;
    refuses(&got, 422, "component_invalid", "/component")?;
    refuses(&got, 422, "key_unknown", "/signatures/0")?;
    before.holds(&scene)?;
    scene.host.stop()
}

#[test]
fn what_is_no_policy_is_refused_with_the_place_of_each_problem() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    let before = Before::of(&scene)?;
    let create = |body: Value| office.post(&office.author, "/policies", &body);
    // 7: bad settings, and 8: a key out of its scope, and a service that there is not, all at once.
    let own = SigningKey::from_bytes(&[12; 32]);
    office.trust(&own, "a service's owner", &json!({ "services": ["statistics"] }))?;
    let component = scene.component("special-categories")?;
    office::good(&office.post(&office.author, "/rules", &Office::upload(&component, Some(&own)))?)?;
    let before_rules = office.see("/rules")?;
    let settings =
        json!({ "allow": [{ "purposes": ["nothing:Known"], "categories": ["pd:Name"] }], "more": 1 });
    let got = create(office::policy(POLICY, &rule, &settings, &json!({ "services": ["nowhere"] })))?;
    refuses(&got, 422, "service_unknown", "/scope/services/0")?;
    let places: Vec<&str> = got.json["problems"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|problem| problem["code"] == "settings_invalid")
        .filter_map(|problem| problem["place"].as_str())
        .collect();
    ensure!(!places.is_empty() && places.iter().all(|place| place.starts_with("/settings/")), "{}", got.text);
    told(&scene, "settings_invalid")?;
    let got = create(office::policy(POLICY, &office::digest(&component), &json!({}), &json!({})))?;
    refuses(&got, 422, "key_out_of_scope", "/scope")?;
    told(&scene, "key_out_of_scope")?;
    refuses(&create(office::policy(POLICY, "00", &json!({}), &json!({})))?, 422, "rule_unknown", "/rule")?;
    refuses(&create(office::policy("Größe", &rule, &json!({}), &json!({})))?, 422, "name_invalid", "/name")?;
    refuses(
        &create(json!({ "name": "x", "rule": rule, "colour": "red", "reason": "x" }))?,
        422,
        "body_invalid",
        "/colour",
    )?;
    ensure!(
        office.see("/rules")? == before_rules
            && office.see("/policies")?.as_array().is_some_and(|all| all.len() == 1)
    );
    ensure!(scene.generation()? == before.generation);
    scene.host.stop()
}

/// The rule would break on any settings: it is asked only about those that its schema takes.
#[test]
fn settings_are_checked_by_the_schema_before_any_code_of_the_rule_runs() -> Result<()> {
    let scene = Scene::new()?;
    let age = json!({ "type": "integer", "minimum": 1 });
    let schema = json!({ "type": "object", "additionalProperties": false, "properties": { "age": age } });
    let breaking = Guest { configure: "unreachable", ..with_schema(&schema.to_string(), &[]) };
    let rule = scene.office.push(&breaking.component())?;
    let create = |settings: Value| {
        let body = office::policy(POLICY, &rule, &settings, &json!({}));
        scene.office.post(&scene.office.author, "/policies", &body)
    };
    let got = create(json!({ "age": 0, "colour": "red" }))?;
    ensure!(got.status == 422, "{}", got.text);
    let problems = got.json["problems"].as_array().context("problems")?;
    let mut told: Vec<_> = problems
        .iter()
        .map(|problem| (problem["code"].as_str().unwrap_or(""), problem["place"].as_str().unwrap_or("")))
        .collect();
    told.sort_unstable();
    let both = [("settings_invalid", "/settings/age"), ("settings_invalid", "/settings/colour")];
    ensure!(told == both, "{}", got.text);
    refuses(&create(json!({ "age": 1 }))?, 422, "settings_fault", "/settings")?;
    scene.host.stop()
}

#[test]
fn a_rule_that_breaks_in_shadow_or_in_force_harms_as_little_as_can_be() -> Result<()> {
    let given = small()?;
    configure(&given, "[quarantine]\nfaults = 3\nminutes = 60")?;
    let scene = Scene::start(given)?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    let answer = stable(&scene.ask()?)?;
    let mut body = office::policy(POLICY, &rule, &without_names(), &json!({ "services": ["person"] }));
    body["limits"] = json!({ "fuel": 100 });
    office::good(&office.post(&office.author, "/policies", &body)?)?;
    // 9: it breaks in shadow: nobody notices but those who look.
    office.step(POLICY, "shadow")?;
    for _ in 0..20 {
        let mut now = stable(&scene.ask()?)?;
        now["decision"]["generation"] = json!(1);
        ensure!(now == answer, "an answer changed: {now}");
    }
    let diff = || office.see(&format!("/policies/{POLICY}/diff"));
    soon(|| Ok(diff()?["queries"] == 20))?;
    let diff = diff()?;
    ensure!(diff["faults"] == 20 && diff["changed"] == 20, "{diff}");
    ensure!(diff["differences"][0]["reason"] == "fault.out-of-fuel", "{diff}");
    ensure!(office.lives(POLICY)? == [(1, "shadow".to_owned())], "no quarantine for what rules nobody");
    // 10: in force: queries in its scope are refused, and after three faults it is out of service, loudly.
    office.step(POLICY, "approve")?;
    office.step(POLICY, "activate")?;
    for _ in 0..3 {
        let got = scene.ask()?;
        ensure!(got.status == 503 && got.json["code"] == "rule_fault", "{}", got.text);
    }
    ensure!(scene.ask()?.is_refused("host.policy-quarantined"));
    ensure!(office.lives(POLICY)? == [(1, "quarantined".to_owned())] && scene.log()?.contains("QUARANTINE"));
    // Outside its scope all goes on, and one command puts everything as it was.
    let (client, person) = (scene.given.world.client("public_task"), &scene.given.world.persons.adult);
    let other = Ask::rr(client, "avalik", &[person], json!({ "isikuandmed": ["Perekonnanimi"] }));
    let got = other.send(&agent(), &scene.host.base_url)?;
    ensure!(got.status == 200 && got.records().len() == 1, "{}", got.text);
    ensure!(scene.ask()?.is_refused("host.policy-quarantined"), "in its scope it still does not");
    office.roll_back(Some(1))?;
    let mut now = stable(&scene.ask()?)?;
    now["decision"]["generation"] = json!(1);
    ensure!(now == answer);
    scene.host.stop()
}
