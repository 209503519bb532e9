// SPDX-License-Identifier: Apache-2.0
//! What loosens needs two people, shows what it would change before, and brings nothing back by itself.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{Got, office, office::good};
use serde_json::{Value, json};

use super::{
    scene::{POLICY, Scene, paasla, refuses, small, soon, with_names, without_names},
    seed::seed,
};

/// An access right of the example, and its file.
const GRANT: &str = "public-task-person";

fn proposed(got: &Got) -> Result<i64> {
    ensure!(got.status == 202, "it is proposed only: {}", got.text);
    got.json["proposal"]["id"].as_i64().context("it has a number")
}

fn retire(scene: &Scene, more: &Value) -> Result<Got> {
    scene.office.try_step(POLICY, "retire", more)
}

#[test]
fn nobody_takes_a_policy_out_alone() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let before = scene.generation()?;
    let dry = retire(&scene, &json!({ "dryRun": true }))?;
    good(&dry)?;
    let change = &dry.json["effect"]["changes"][0];
    ensure!(
        change["name"] == POLICY && change["change"] == "removed" && change["loosens"] == true,
        "{}",
        dry.text
    );
    ensure!(dry.json["secondPerson"] == true && office.see("/proposals")? == json!([]), "{}", dry.text);

    let id = proposed(&retire(&scene, &json!({}))?)?;
    ensure!(proposed(&retire(&scene, &json!({}))?)? == id, "saying it once more says nothing new");
    ensure!(!scene.sees("familyName")? && scene.generation()? == before, "nothing is done yet");
    // Whoever proposed it does not confirm it, whatever else they may do.
    let both = office::token(&scene.given.home, "tiina", &["data-manager", "rule-approver"], None)?;
    refuses(&office.decide(&both, id, "confirm")?, 403, "four_eyes", "token")?;
    good(&office.decide(&office.approver, id, "reject")?)?;
    refuses(&office.decide(&office.approver, id, "confirm")?, 409, "proposal_decided", "state")?;
    ensure!(!scene.sees("familyName")?);

    let id = proposed(&retire(&scene, &json!({}))?)?;
    good(&office.decide(&office.approver, id, "confirm")?)?;
    ensure!(scene.sees("familyName")? && office.lives(POLICY)? == [(1, "retired".to_owned())]);
    let done = scene.changes()?.into_iter().next().unwrap_or_default();
    let told: Vec<_> = ["action", "target", "who"].iter().map(|name| done[*name].as_str()).collect();
    ensure!(told == [Some("policy.retire"), Some(POLICY), Some("jaan")], "{done}");
    ensure!(done["reason"].as_str().is_some_and(|why| why.contains("of tiina")), "{done}");
    // A retired version is called so.
    let again = office.try_step(POLICY, "activate", &json!({}))?;
    refuses(&again, 409, "wrong_state", "state")?;
    ensure!(again.text.contains("retired"), "{}", again.text);
    scene.host.stop()
}

#[test]
fn what_would_do_something_else_by_now_must_be_proposed_again() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &with_names(), &json!({}))?;
    let id = proposed(&retire(&scene, &json!({}))?)?;
    // Something else changes: this is still what was proposed.
    office.enforce("other", &rule, &with_names(), &json!({}))?;
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    refuses(&office.decide(&office.approver, id, "confirm")?, 409, "proposal_outdated", "state")?;
    ensure!(!scene.sees("familyName")? && office.see(&format!("/proposals/{id}"))?["state"] == "outdated");
    let id = proposed(&retire(&scene, &json!({}))?)?;
    office.step("other", "retire")?;
    good(&office.decide(&office.approver, id, "confirm")?)?;
    ensure!(scene.sees("familyName")?);
    scene.host.stop()
}

#[test]
fn in_an_emergency_one_person_does_it_and_another_confirms_it_afterwards() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let got = retire(&scene, &json!({ "emergency": true }))?;
    good(&got)?;
    ensure!(scene.sees("familyName")? && got.json["life"] == "retired", "{}", got.text);
    let id = got.json["unconfirmed"].as_i64().context("it awaits a second person")?;
    ensure!(office.see("/rulebook")?["unconfirmed"] == json!([id]));
    ensure!(office.see("/proposals?waiting=true")?[0]["state"] == "unconfirmed");
    good(&office.decide(&office.approver, id, "confirm")?)?;
    ensure!(
        office.see("/rulebook")?["unconfirmed"] == json!([])
            && office.see("/proposals?waiting=true")? == json!([])
    );
    scene.host.stop()
}

#[test]
fn where_two_are_not_asked_for_one_is_enough() -> Result<()> {
    let scene = Scene::with("[governance]\nfour-eyes = false")?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    good(&retire(&scene, &json!({}))?)?;
    ensure!(scene.sees("familyName")? && office.see("/proposals")? == json!([]));
    scene.host.stop()
}

/// Takes the access right out of the files, and puts them in.
fn without_the_right(scene: &Scene) -> Result<String> {
    let file = scene.given.home.examples.join(format!("control/grants/{GRANT}.toml"));
    let text = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    let (done, told) = seed(&scene.given, &[])?;
    ensure!(
        done && told.contains(&format!("removed grant {GRANT}")),
        "it only tightens, and is told: {told}"
    );
    soon(|| Ok(scene.ask()?.status == 403))?;
    fs::write(&file, text)?;
    Ok(format!("grant/{GRANT}"))
}

#[test]
fn a_roll_back_brings_no_access_right_back_that_was_taken_out() -> Result<()> {
    let scene = Scene::start(small()?)?;
    let office = &scene.office;
    let name = without_the_right(&scene)?;
    let roll_back = |more: &Value| -> Result<Got> {
        let mut body = json!({ "to": 1, "reason": "go back a few" });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        office.post(&office.manager, "/rulebook/rollback", &body)
    };
    let dry = roll_back(&json!({ "dryRun": true }))?;
    ensure!(dry.json["effect"]["leftOut"] == json!([{ "kind": "grant", "name": GRANT }]), "{}", dry.text);
    good(&roll_back(&json!({}))?)?;
    ensure!(scene.ask()?.status == 403, "it stays out");
    let wrong = roll_back(&json!({ "bringBack": ["nobody-knows"] }))?;
    refuses(&wrong, 422, "bring_back_unknown", "/bringBack/0")?;
    // By name it comes back, once a second person agrees.
    let id = proposed(&roll_back(&json!({ "bringBack": [name] }))?)?;
    ensure!(scene.ask()?.status == 403);
    good(&office.decide(&office.approver, id, "confirm")?)?;
    ensure!(scene.ask()?.status == 200);
    let diff = office.see("/rulebook/diff?from=2&to=1")?;
    ensure!(diff[0]["name"] == GRANT && diff[0]["change"] == "added" && diff[0]["loosens"] == true, "{diff}");
    scene.host.stop()
}

#[test]
fn files_bring_nothing_back_that_was_taken_out() -> Result<()> {
    let scene = Scene::start(small()?)?;
    let office = &scene.office;
    office.step("access-restriction", "retire")?;
    let name = without_the_right(&scene)?;
    let (done, told) = seed(&scene.given, &[])?;
    ensure!(done && told.contains("policy/access-restriction") && told.contains(&name), "{told}");
    let at_work = scene.office.generation()?;
    ensure!(scene.ask()?.status == 403 && office.lives("access-restriction")? == [(1, "retired".to_owned())]);
    let back = ["--bring-back", &name, "--bring-back", "access-restriction"];
    let (done, told) = seed(&scene.given, &[&back[..], &["--dry-run"]].concat())?;
    ensure!(
        done && told.contains("Nothing was done.") && office.see("/proposals?waiting=true")? == json!([]),
        "{told}"
    );
    let (done, told) = seed(&scene.given, &back)?;
    ensure!(done && told.contains("it is proposal") && office.generation()? == at_work, "{told}");
    office.confirm_all()?;
    soon(|| Ok(scene.ask()?.status == 200))?;
    ensure!(office.lives("access-restriction")? == [(1, "enforced".to_owned())]);
    scene.host.stop()
}

#[test]
fn what_files_widen_waits_for_a_second_person() -> Result<()> {
    let scene = Scene::start(small()?)?;
    let office = &scene.office;
    let file = scene.given.home.examples.join("control/services/person.toml");
    let text = fs::read_to_string(&file)?;
    fs::write(&file, text.replace("max-records = 100", "max-records = 101"))?;
    for nobody in ["", "  "] {
        let (done, told) = seed_by(&scene, nobody)?;
        ensure!(!done && told.contains("--by"), "{told}");
    }
    let (done, told) = seed(&scene.given, &[])?;
    ensure!(done && told.contains("/max-records: 100 -> 101") && told.contains("it is proposal"), "{told}");
    ensure!(office.generation()? == 1);
    office.confirm_all()?;
    ensure!(office.generation()? == 2 && office.see("/rulebook")?["services"].to_string().contains("101"));
    scene.host.stop()
}

fn seed_by(scene: &Scene, by: &str) -> Result<(bool, String)> {
    let home = &scene.given.home;
    let mut command = std::process::Command::new(&home.paasla);
    command.arg("seed").arg("--config").arg(home.config()).arg("--rules").arg(&scene.given.rules);
    let output = command
        .arg("--from")
        .arg(home.examples.join("control"))
        .args(["--by", by, "--reason", "x"])
        .output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn a_time_that_is_over_puts_nothing_in_force() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    office.step(POLICY, "shadow")?;
    let before = scene.generation()?;
    office.step(POLICY, "shadow")?;
    ensure!(scene.generation()? == before, "it is in shadow already");
    office.step(POLICY, "approve")?;
    let activate = |at: &str| office.try_step(POLICY, "activate", &json!({ "at": at }));
    refuses(&activate("2020-01-01T00:00:00Z")?, 422, "at_in_the_past", "/at")?;
    let unread = activate("tomorrow")?;
    refuses(&unread, 422, "time_invalid", "/at")?;
    ensure!(unread.text.contains("2027-01-01T00:00:00+02:00"), "{}", unread.text);
    ensure!(scene.sees("familyName")?);
    good(&activate("2998-01-01T00:00:00+02:00")?)?;
    let second = activate("2999-01-01T00:00:00+02:00")?;
    ensure!(second.json["insteadOf"] == "2997-12-31T22:00:00Z", "{}", second.text);
    scene.host.stop()
}

#[test]
fn since_when_by_whom_and_why_is_told() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    let began = jiff::Timestamp::now();
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    office.enforce("other", &rule, &with_names(), &json!({}))?;
    let since = office.see(&format!("/policies/{POLICY}"))?[0]["since"].clone();
    let told = [&since["by"], &since["reason"], &since["generation"]];
    ensure!(told == [&json!("tiina"), &json!("activate, for a test"), &json!(2)], "{since}");
    let then = office.see(&format!("/rulebook?at={began}"))?;
    ensure!(then["generation"] == 1 && office.see("/rulebook")?["generation"] == 3, "{then}");
    refuses(
        &office.get(Some(&office.auditor), "/rulebook?at=1999-01-01T00:00:00Z")?,
        422,
        "generation_none",
        "url",
    )?;
    // As people read it.
    let token = scene.given.home.folder.join("token");
    fs::write(&token, &office.author)?;
    let remote = ["--host", &scene.host.base_url, "--token-file", token.to_str().context("a path")?];
    let shown = paasla(&scene.given, &[&["policy", "show", POLICY][..], &remote].concat())?;
    ensure!(
        shown.contains("tiina") && shown.contains("activate, for a test") && shown.contains("+0"),
        "{shown}"
    );
    let shown = paasla(&scene.given, &[&["rulebook", "show"][..], &remote].concat())?;
    ensure!(
        shown.lines().any(|line| line.contains(POLICY) && line.contains("activate, for a test")),
        "{shown}"
    );
    let shown = paasla(&scene.given, &[&["rulebook", "diff", "1", "2"][..], &remote].concat())?;
    ensure!(shown.contains(&format!("added policy {POLICY}")), "{shown}");
    scene.host.stop()
}
