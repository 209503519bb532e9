// SPDX-License-Identifier: Apache-2.0
//! Control data from files, put in beside what governance has brought to work, and what a host does that cannot use it.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{Given, office, office::good};
use serde_json::json;

use super::scene::{POLICY, Scene, refuses, small, soon, with_names, without_names};

pub(crate) fn seed(given: &Given, more: &[&str]) -> Result<(bool, String)> {
    let mut command = Command::new(&given.home.paasla);
    command.arg("seed").arg("--config").arg(given.home.config()).arg("--rules").arg(&given.rules);
    command.arg("--from").arg(given.home.examples.join("control"));
    if !more.contains(&"--by") {
        command.args(["--by", "siim"]);
    }
    let output = command.args(["--reason", "new files"]).args(more).output()?;
    let told = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&told).into_owned()))
}

/// Another limit of the service, so that the files hold something new.
fn change_files(given: &Given, limit: u32) -> Result<()> {
    let file = given.home.examples.join("control/services/person.toml");
    let text = fs::read_to_string(&file)?;
    let lines = text.lines().map(|line| match line.starts_with("max-records") {
        true => format!("max-records = {limit}"),
        false => line.to_owned(),
    });
    Ok(fs::write(file, lines.collect::<Vec<_>>().join("\n"))?)
}

#[test]
fn what_governance_brought_to_work_stays() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    office.create(POLICY, &rule, &with_names(), &json!({}))?;
    office.step(POLICY, "shadow")?;
    let before = scene.generation()?;
    // The same files again are no change.
    let (done, told) = seed(&scene.given, &[])?;
    ensure!(done && office.see("/rulebook/generations")?[0]["generation"] == before, "{told}");
    change_files(&scene.given, 77)?;
    let (done, told) = seed(&scene.given, &[])?;
    ensure!(done, "{told}");
    soon(|| Ok(scene.generation()? == before + 1))?;
    ensure!(!scene.sees("familyName")?, "it is still in force");
    ensure!(office.lives(POLICY)? == [(1, "enforced".to_owned()), (2, "shadow".to_owned())]);
    let rulebook = office.see("/rulebook")?;
    ensure!(rulebook["services"].to_string().contains("77"), "{}", rulebook["services"]);
    let change = scene.changes()?.into_iter().next().unwrap_or_default();
    let told: Vec<_> = ["action", "who", "reason"].iter().map(|name| change[*name].as_str()).collect();
    ensure!(told == [Some("rulebook.seed"), Some("siim"), Some("new files")], "{change}");
    ensure!(change["generation"] == before + 1 && change["before"] != change["after"], "{change}");
    scene.host.stop()
}

#[test]
fn a_file_takes_no_place_unless_that_is_wanted() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce("access-restriction", &rule, &without_names(), &json!({}))?;
    office.enforce(POLICY, &rule, &with_names(), &json!({}))?;
    let before = scene.generation()?;
    let (done, told) = seed(&scene.given, &[])?;
    ensure!(!done && told.contains("access-restriction") && told.contains("--replace-policies"), "{told}");
    ensure!(office.see("/rulebook/generations")?[0]["generation"] == before && !scene.sees("familyName")?);
    let (done, told) = seed(&scene.given, &["--replace-policies"])?;
    ensure!(done && told.contains("! removed policy spare"), "{told}");
    office.confirm_all()?;
    soon(|| scene.sees("familyName"))?;
    ensure!(office.lives("access-restriction")? == [(0, "enforced".to_owned()), (1, "retired".to_owned())]);
    ensure!(office.lives(POLICY)? == [(1, "retired".to_owned())]);
    scene.host.stop()
}

#[test]
fn what_a_running_host_cannot_put_to_work_stands_in_nobodys_way() -> Result<()> {
    let scene = Scene::start(small()?)?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    office.create("planned", &rule, &with_names(), &json!({}))?;
    office.step("planned", "approve")?;
    let later = json!({ "at": "2999-01-01T00:00:00Z" });
    good(&office.try_step("planned", "activate", &later)?)?;
    let at_work = scene.generation()?;

    // A field that this host has not heard of: it read the description when it was started.
    let examples = &scene.given.home.examples;
    let description = examples.join("population-register/register.toml");
    let text = fs::read_to_string(&description)?;
    let field = "  { name = \"givenName\", column = \"given_name\"";
    let line = text.lines().find(|line| line.starts_with(field)).context("the field is there")?;
    let another = line.replacen("name = \"givenName\"", "name = \"firstName\"", 1);
    fs::write(&description, text.replacen(line, &format!("{another}\n{line}"), 1))?;
    let service = examples.join("control/services/person.toml");
    let text = fs::read_to_string(&service)?;
    fs::write(&service, text.replacen("fields = [", "fields = [\"firstName\", ", 1))?;
    let (done, told) = seed(&scene.given, &["--emergency"])?;
    ensure!(done, "{told}");
    scene.alter("planned", 1, |version| version.activate_at = Some(1))?;
    scene.alter(POLICY, 1, |version| version.expires_at = Some(1))?;
    soon(|| Ok(scene.log()?.contains("what is due waits")))?;
    ensure!(scene.generation()? == at_work && !scene.sees("familyName")?, "the one before stays");
    let got = office.try_step(POLICY, "retire", &json!({}))?;
    refuses(&got, 422, "rulebook_wrong", "rulebook")?;
    // Plans are not given up for it.
    ensure!(office.lives("planned")? == [(1, "scheduled".to_owned())]);
    ensure!(office.see(&format!("/policies/{POLICY}"))?[0]["expiresAt"] == "1970-01-01T00:00:00.001Z");

    let revoke = format!("/keys/{}/revoke", office::key_id(&office.key));
    good(&office.post(&office.operator, &revoke, &json!({ "reason": "it was lost" }))?)?;
    // The content at work takes the place of what nobody can use; then all goes on.
    scene.alter("planned", 1, |version| version.activate_at = None)?;
    let got = office.post(&office.manager, "/rulebook/rollback", &json!({ "reason": "undo the files" }))?;
    good(&got)?;
    let told = (got.json["generation"].as_u64(), got.json["contentOf"].as_u64());
    ensure!(told == (Some(at_work + 2), Some(at_work)), "{}", got.text);
    soon(|| scene.sees("familyName"))?;
    ensure!(office.lives(POLICY)? == [(1, "retired".to_owned())], "what was due is done now");
    scene.host.stop()
}

/// A name is the same to files as to the admin API: what no command could name afterwards does not come in.
#[test]
fn a_policy_of_a_file_is_called_as_one_that_is_created() -> Result<()> {
    let mut given = Given::seeded()?;
    let policies = given.own_control()?.join("policies");
    let text = fs::read_to_string(policies.join("minors.toml"))?;
    ensure!(text.contains("name = \"minors\""), "{text}");
    for (nth, name) in ["-minors", "grant", "Minors"].into_iter().enumerate() {
        let file = policies.join(format!("more-{nth}.toml"));
        fs::write(file, text.replacen("name = \"minors\"", &format!("name = \"{name}\""), 1))?;
    }
    let (done, told) = seed(&given, &[])?;
    ensure!(!done, "{told}");
    for name in ["-minors", "grant", "Minors"] {
        ensure!(told.contains(&format!("policy `{name}`: a policy's name has 1 to 60 characters")), "{told}");
    }
    Ok(())
}
