// SPDX-License-Identifier: Apache-2.0
//! The drop folder: save a rule, see it at work.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use paasla_engine::travelling::{CaseFiles, with_cases};
use paasla_tests::{
    Office,
    given::{clone_to, rule_target},
    office::{digest, policy},
};
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, paasla, refuses, small, soon, without_names};

fn scene() -> Result<Scene> {
    let mut given = small()?;
    let folder = given.home.folder.join("drop");
    fs::create_dir(&folder)?;
    given.home.serve_with = vec!["--watch".into(), folder.into()];
    Scene::start(given)
}

fn settings(mode: &str) -> Result<String> {
    // A table of TOML may be written as one of JSON where the keys are plain.
    let settings = without_names();
    let allow = &settings["allow"][0];
    Ok(format!(
        "mode = \"{mode}\"\n[settings]\notherwise = \"hide-all\"\n[[settings.allow]]\npurposes = {}\ncategories = {}\n",
        allow["purposes"], allow["categories"]
    ))
}

#[test]
fn a_rule_is_at_work_after_it_was_saved() -> Result<()> {
    let scene = scene()?;
    let folder = scene.given.home.folder.join("drop");
    let component = scene.component("minimisation")?;
    fs::write(folder.join(format!("{POLICY}.toml")), settings("enforce")?)?;
    ensure!(scene.sees("familyName")?);
    fs::write(folder.join(format!("{POLICY}.wasm")), &component)?;
    soon(|| Ok(!scene.sees("familyName")?))?;
    // In shadow instead, as a change of the file beside it says; then gone with its file.
    fs::write(folder.join(format!("{POLICY}.toml")), settings("shadow")?)?;
    soon(|| Ok(scene.office.lives(POLICY)?.iter().any(|(_, life)| life == "shadow")))?;
    fs::remove_file(folder.join(format!("{POLICY}.wasm")))?;
    soon(|| Ok(scene.office.lives(POLICY)?.iter().all(|(_, life)| life == "retired")))?;
    ensure!(scene.sees("familyName")?);
    let changes = scene.changes()?;
    ensure!(
        changes.iter().any(|change| change["action"] == "policy.drop-in" && change["who"] == "drop folder")
    );
    scene.host.stop()
}

/// The folder shows what a rule does, whatever becomes of its cases. That makes it no rule whose cases have passed.
#[test]
fn a_rule_from_the_folder_gets_no_policy_by_governance_before_its_cases_have_passed() -> Result<()> {
    let scene = scene()?;
    let (office, folder) = (&scene.office, scene.given.home.folder.join("drop"));
    let good = scene.component("minimisation")?;
    let wrong = json!({ "cases": [{
        "name": "it says what it does not", "expect": { "refuse": "minimisation.invented" },
        "settings": without_names(), "query": { "purpose": "services:SocialAssistanceManagement", "fields": [] },
    }] });
    let bad = with_cases(&good, &CaseFiles::from([("wrong.json".to_owned(), wrong.to_string())]));
    fs::write(folder.join(format!("{POLICY}.toml")), settings("enforce")?)?;
    for component in [&bad, &good] {
        fs::write(folder.join(format!("{POLICY}.wasm")), component)?;
        let rule = digest(component);
        soon(|| Ok(office.see("/rulebook")?["policies"].to_string().contains(&rule)))?;
        let created =
            || office.post(&office.author, "/policies", &policy("own", &rule, &without_names(), &json!({})));
        refuses(&created()?, 422, "rule_untested", "/rule")?;
        let pushed = office.post(&office.author, "/rules", &Office::upload(component, Some(&office.key)))?;
        if component == &bad {
            refuses(&pushed, 422, "case_failed", "/cases")?;
            refuses(&created()?, 422, "rule_untested", "/rule")?;
        } else {
            ensure!(pushed.status == 200 && pushed.json["state"] == "tested", "{}", pushed.text);
            ensure!(created()?.status == 201, "{}", created()?.text);
        }
    }
    scene.host.stop()
}

/// One command, from a changed source to the first query that the changed rule decides.
#[test]
fn a_rule_that_is_built_into_the_folder_decides() -> Result<()> {
    const RULE: &str = "minors";
    let scene = scene()?;
    let rule = clone_to(&scene.given.home.folder.join("clone"), RULE)?;
    let (target, _lock) = rule_target()?;
    let out = scene.given.home.folder.join("drop").join(format!("{RULE}.wasm"));
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path in text");
    let (folder, target, out) = (text(&rule)?, text(&target)?, text(&out)?);
    let build = || {
        let arguments = ["rule", "build", &folder, "--quick", "--target-dir", &target, "--out", &out];
        paasla(&scene.given, &arguments)
    };
    let (source, usual) = (rule.join("src/lib.rs"), "adult_age: 18,");
    let before = fs::read_to_string(&source)?;
    ensure!(before.contains(usual));
    build()?;
    soon(|| {
        Ok(scene.office.lives(RULE).is_ok_and(|lives| lives.iter().any(|(_, life)| life == "enforced")))
    })?;
    let sees_the_day = || {
        let got = scene.ask()?;
        ensure!(got.status == 200, "{}", got.text);
        Ok(got.value("/birthDate").len() == 10)
    };
    ensure!(sees_the_day()?, "it is about an adult");
    for (age, day) in [(99, false), (18, true)] {
        fs::write(&source, before.replace(usual, &format!("adult_age: {age},")))?;
        build()?;
        soon(|| Ok(sees_the_day()? == day))?;
    }
    scene.host.stop()
}

#[test]
fn what_is_left_of_a_folder_goes_with_the_folder_and_nothing_else_changes() -> Result<()> {
    let mut scene = scene()?;
    let folder = scene.given.home.folder.join("drop");
    let component = scene.component("minimisation")?;
    fs::write(folder.join(format!("{POLICY}.toml")), settings("enforce")?)?;
    fs::write(folder.join(format!("{POLICY}.wasm")), &component)?;
    soon(|| Ok(!scene.sees("familyName")?))?;
    let generation = scene.generation()?;
    // The same files after a restart are no change.
    scene = scene.again()?;
    soon(|| Ok(scene.log()?.contains("from the drop folder: at work")))?;
    ensure!(!scene.sees("familyName")? && scene.generation()? == generation);
    // Gone while no host was running.
    let Scene { given, host, mut office } = scene;
    host.stop()?;
    fs::rename(folder.join(format!("{POLICY}.wasm")), given.home.folder.join("aside"))?;
    let host = given.start()?;
    office.base_url.clone_from(&host.base_url);
    scene = Scene { given, host, office };
    ensure!(scene.sees("familyName")? && scene.office.lives(POLICY)? == [(1, "retired".to_owned())]);
    // And a host without the folder knows nothing of it.
    fs::rename(scene.given.home.folder.join("aside"), folder.join(format!("{POLICY}.wasm")))?;
    soon(|| Ok(!scene.sees("familyName")?))?;
    scene.given.home.serve_with.clear();
    scene = scene.again()?;
    ensure!(scene.sees("familyName")? && scene.office.lives(POLICY)? == [(1, "retired".to_owned())]);
    ensure!(scene.office.lives("access-restriction")? == [(0, "enforced".to_owned())]);
    scene.host.stop()
}

/// What the file says holds, and nothing that it said before.
#[test]
fn what_is_taken_out_of_the_file_is_as_usual_again() -> Result<()> {
    let mut scene = scene()?;
    let folder = scene.given.home.folder.join("drop");
    let file = folder.join(format!("{POLICY}.toml"));
    let policy = |scene: &Scene| -> Result<Value> {
        let views = scene.office.see(&format!("/policies/{POLICY}"))?;
        let at_work = views.as_array().into_iter().flatten();
        let mut at_work = at_work.filter(|view| matches!(view["life"].as_str(), Some("enforced" | "shadow")));
        let policy = at_work.next().map(|view| view["policy"].clone()).unwrap_or_default();
        ensure!(at_work.next().is_none(), "one is at work: {views}");
        Ok(policy)
    };
    let all = "mode = \"shadow\"\n[settings]\nadultAge = 99\n[scope]\nservices = [\"isikud\"]\n[limits]\nfuel = 9000000\n";
    fs::write(&file, all)?;
    fs::write(folder.join(format!("{POLICY}.wasm")), scene.component("minors")?)?;
    soon(|| {
        Ok(scene.office.lives(POLICY).is_ok_and(|lives| lives.iter().any(|(_, life)| life == "shadow")))
    })?;
    ensure!(policy(&scene)?["scope"]["services"] == json!(["isikud"]), "{}", policy(&scene)?);
    // While no host runs, and while one does.
    fs::write(&file, "[limits]\nfuel = 9000000\n")?;
    scene = scene.again()?;
    let usual = |policy: &Value| {
        policy["scope"] == json!({ "services": [], "clients": [] })
            && policy["mode"] == "enforce"
            && policy["settings"].is_null()
    };
    soon(|| Ok(usual(&policy(&scene)?) && policy(&scene)?["limits"]["fuel"] == 9_000_000))?;
    fs::remove_file(&file)?;
    soon(|| Ok(usual(&policy(&scene)?) && policy(&scene)?["limits"] == json!({})))?;
    // A scope of nobody is refused as everywhere, and what is at work stays.
    fs::write(&file, "[scope]\nservices = [\"persons\"]\nclients = [\"EE/COM/*\"]\n")?;
    soon(|| Ok(scene.log()?.contains("there is no service `persons`")))?;
    ensure!(usual(&policy(&scene)?));
    let log = scene.log()?;
    let line = log.lines().find(|line| line.contains("there is no service `persons`")).unwrap_or_default();
    ensure!(line.contains("/scope/services/0: ") && line.contains("/scope/clients/0: "), "{line}");
    ensure!(log.contains("life=\"enforced\"") && !log.contains("life=Enforced"), "{log}");
    // One that is no TOML is told once, in a line that people can read, without what it says.
    fs::write(&file, format!("settings = \"OF-SOMEBODY{}", "a".repeat(1 << 20)))?;
    soon(|| Ok(scene.log()?.contains(&format!("{POLICY}.toml is wrong at line 1"))))?;
    std::thread::sleep(Duration::from_millis(500));
    let log = scene.log()?;
    ensure!(
        !log.contains("OF-SOMEBODY") && log.matches(".toml is wrong at line").count() == 1,
        "once, without values"
    );
    ensure!(log.lines().filter(|line| line.contains("is wrong at line")).all(|line| line.len() < 1_000));
    scene.host.stop()
}

#[test]
fn what_is_half_written_no_rule_or_elsewhere_changes_nothing() -> Result<()> {
    let scene = scene()?;
    let folder = scene.given.home.folder.join("drop");
    let component = scene.component("minimisation")?;
    let elsewhere = scene.given.home.folder.join("elsewhere.wasm");
    fs::write(&elsewhere, &component)?;
    symlink(&elsewhere, folder.join("linked.wasm"))?;
    symlink("../elsewhere.wasm", folder.join("up.wasm"))?;
    fs::create_dir(folder.join("a-folder.wasm"))?;
    fs::write(folder.join("NO NAME.wasm"), &component)?;
    fs::write(folder.join("garbage.wasm"), b"no WebAssembly")?;
    fs::write(folder.join("unsettled.wasm"), &component)?;
    fs::write(folder.join("unsettled.toml"), "[settings]\nallow = 1\n")?;
    // Written piece by piece, as a slow copy does.
    let half = folder.join(format!("{POLICY}.wasm"));
    fs::write(&half, &component[..component.len() / 2])?;
    std::thread::sleep(Duration::from_millis(1_500));
    ensure!(scene.generation()? == 1, "nothing of that is at work: {}", scene.log()?);
    let log = scene.log()?;
    for told in ["garbage", "unsettled"] {
        ensure!(log.contains(&format!("policy=\"{told}\"")), "{told} is told: {log}");
    }
    for link in ["linked.wasm", "up.wasm", "a-folder.wasm"] {
        ensure!(log.matches(&format!("file=\"{link}\"")).count() == 1, "{link} is named, once: {log}");
    }
    ensure!(
        !log.contains("policy=\"linked\"") && !log.contains("policy=\"up\""),
        "links are no files: {log}"
    );
    fs::write(folder.join(format!("{POLICY}.toml")), settings("enforce")?)?;
    fs::write(&half, &component)?;
    soon(|| Ok(!scene.sees("familyName")?))?;
    ensure!(scene.office.see("/policies")?.as_array().is_some_and(|all| all.len() == 2), "one came in");
    scene.host.stop()
}

#[test]
fn it_goes_with_loopback_only() -> Result<()> {
    let given = small()?;
    let output = std::process::Command::new(&given.home.paasla)
        .args(["serve", "--listen", "0.0.0.0:0", "--watch"])
        .arg(&given.home.folder)
        .arg("--config")
        .arg(given.home.config())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && told.contains("loopback"), "{told}");
    Ok(())
}
