// SPDX-License-Identifier: Apache-2.0
//! One person is one person, whatever the token and however the name is written; and being refused costs the host little.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use paasla_tests::office;
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, paasla, refuses, without_names};

/// Runs `paasla admin token create`; the token, or why there is none.
fn create(scene: &Scene, arguments: &[&str]) -> Result<std::result::Result<String, String>> {
    let mut command = Command::new(&scene.given.home.paasla);
    command.args(["admin", "token", "create"]).args(arguments).arg("--config").arg(scene.given.home.config());
    let output = command.output()?;
    let (out, told) =
        (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
    Ok(if output.status.success() { Ok(out.trim().to_owned()) } else { Err(told) })
}

fn approver(scene: &Scene, more: &[&str]) -> Result<String> {
    let arguments: Vec<&str> = more.iter().chain(&["--role", "rule-approver"]).copied().collect();
    create(scene, &arguments)?.map_err(|told| anyhow::anyhow!("{more:?}: {told}"))
}

#[test]
fn nobody_is_a_second_person_by_another_token() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    // `mari` made it.
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    let path = format!("/policies/{POLICY}/approve");
    let why = json!({ "reason": "I say so" });
    for same in [
        &["mari"][..],
        &["Mari"],
        &[" MARI "],
        &["Ｍari"],
        &["Somebody Else", "--person", "mari"],
        &["Marie <MARI>"],
    ] {
        let got = office.post(&approver(&scene, same)?, &path, &why)?;
        refuses(&got, 403, "four_eyes", "token").with_context(|| format!("{same:?}"))?;
    }
    // Old tokens, made when any text was a name.
    for (name, holder) in [("one", "mari\u{200B}"), ("two", "ma\u{AD}ri"), ("three", "Mari ")] {
        let old = approver(&scene, &[name])?;
        scene.alter_token(name, |token| token.holder = holder.to_owned())?;
        let got = office.post(&old, &path, &why)?;
        refuses(&got, 403, "four_eyes", "token").with_context(|| format!("{holder:?}"))?;
    }
    // Somebody else is, also by an id, and stands there with it.
    let jaan = approver(&scene, &["Jaan Tamm", "--person", "EE-Jaan.T"])?;
    let got = office.post(&jaan, &path, &why)?;
    ensure!(got.json["approvedBy"] == "Jaan Tamm <ee-jaan.t>", "{}", got.text);
    scene.host.stop()
}

#[test]
fn a_token_names_a_person_who_can_be_told_apart_and_ends_by_itself() -> Result<()> {
    let scene = Scene::new()?;
    let refused = |arguments: &[&str], told: &str| -> Result<()> {
        let arguments: Vec<&str> = arguments.iter().chain(&["--role", "auditor"]).copied().collect();
        let got = create(&scene, &arguments)?;
        ensure!(got.as_ref().is_err_and(|text| text.contains(told)), "{arguments:?}: {got:?}");
        Ok(())
    };
    for name in ["", " ", "ma\u{200B}ri", "x\u{7}", "\u{2060}", "\u{3164}", "\u{202E}x"] {
        refused(&[name], "a person's name")?;
    }
    for name in ["host", "SEED", "drop  folder"] {
        refused(&[name], "names under which the host itself acts")?;
    }
    refused(&["Liis", "--person", "ä b"], "a person's id")?;
    refused(&["Liis", "--days", "0"], "--days")?;
    refused(&["Liis", "--days", "9", "--never-ends"], "cannot be used with")?;
    for member in ["EE/GOV/*", "ee/gov/70999911", "EE/GOV/7099991", "EE/COM/70999911"] {
        refused(&["Liis", "--institution", member], "no access right names the client")?;
    }
    refused(&["Liis", "--institution", "EE/GOV/7099991"], "did you mean `EE/GOV/70999911`?")?;
    // Once with an id of her own, and once without, she would be two.
    create(&scene, &["Liis Kask", "--person", "liis.k", "--role", "auditor"])?.map_err(anyhow::Error::msg)?;
    refused(&["LIIS KASK"], "--person `liis.k`")?;

    create(&scene, &["Ends", "--role", "auditor"])?.map_err(anyhow::Error::msg)?;
    create(&scene, &["Stays", "--never-ends", "--role", "auditor"])?.map_err(anyhow::Error::msg)?;
    let gone = create(&scene, &["Gone", "--json", "--role", "auditor"])?.map_err(anyhow::Error::msg)?;
    let gone: Value = serde_json::from_str(&gone)?;
    let (id, config) = (gone["id"].as_str().context("an id")?, scene.given.home.config());
    let config = config.to_str().context("a path")?;
    let told =
        paasla(&scene.given, &["admin", "token", "revoke", id, "--reason", "left", "--config", config])?;
    ensure!(told.contains(id) && told.contains("Gone") && told.contains("revoked"), "{told}");
    create(&scene, &["Late", "--role", "auditor"])?.map_err(anyhow::Error::msg)?;
    scene.alter_token("Late", |token| token.expires_at = Some(1))?;
    let list = paasla(&scene.given, &["admin", "token", "list", "--config", config])?;
    let mut lines = list.lines();
    let heads = lines.next().context("a heading")?;
    ensure!(
        ["ID", "HOLDER", "FOR", "CREATED", "ENDS", "STATE"].iter().all(|head| heads.contains(head)),
        "{heads}"
    );
    let line = |name: &str| list.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    ensure!(line("Ends").ends_with("good") && !line("Ends").contains("never"), "{list}");
    ensure!(line("Stays").contains("never") && line("Stays").ends_with("good"), "{list}");
    ensure!(line("Gone").contains("revoked 2") && line("Late").ends_with("expired"), "{list}");
    scene.host.stop()
}

/// What one token tries in vain is noted, a little of it; how often it tried, too. Others are noted all the same.
#[test]
fn nobody_fills_the_store_by_being_refused() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let stubborn = office::token(&scene.given.home, "Stubborn", &["rule-approver"], None)?;
    let before = scene.changes()?.len();
    let body = json!({ "reason": "again and again ".repeat(30) });
    for turn in 0..400 {
        let path = if turn % 2 == 0 { "/policies/nothing/approve" } else { "/policies/nothing/activate" };
        let got = office.post(&stubborn, path, &body)?;
        ensure!(got.status == if turn % 2 == 0 { 404 } else { 403 }, "{}", got.text);
    }
    ensure!(scene.changes()?.len() - before <= 60, "{}", scene.changes()?.len());
    let other = office.post(&office.author, "/policies/nothing/shadow", &body)?;
    ensure!(other.status == 404);
    let changes = scene.changes()?;
    let last = changes.first().context("there is one")?;
    ensure!(last["who"] == "mari" && last["outcome"] == "refused", "{last}");
    // What was not noted is counted by the end at the latest.
    let scene = scene.again()?;
    let changes = scene.changes()?;
    let of_her: Vec<&Value> = changes.iter().filter(|change| change["who"] == "Stubborn").collect();
    let passed_over: u64 = of_her
        .iter()
        .filter(|change| change["action"] == "acts.refused")
        .filter_map(|change| change["reason"].as_str()?.split(' ').next()?.parse::<u64>().ok())
        .sum();
    let noted = of_her.iter().filter(|change| change["action"] != "acts.refused").count() as u64;
    ensure!(noted + passed_over == 400 && noted >= 40, "{noted} {passed_over}");
    ensure!(of_her.iter().all(|change| change["reason"].as_str().is_some_and(|reason| reason.len() <= 100)));
    scene.host.stop()
}
