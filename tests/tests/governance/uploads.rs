// SPDX-License-Identifier: Apache-2.0
//! Bringing rules in: what that may take, and what goes on meanwhile.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use paasla_tests::{Office, office};
use serde_json::{Value, json};

use super::{
    guests::guest::Guest,
    scene::{POLICY, Scene, refuses, with_names, without_names},
};

/// An upload with cases beside the component.
fn with_cases(component: &[u8], scene: &Scene, signed: bool, cases: &Value) -> Value {
    let mut body = Office::upload(component, signed.then_some(&scene.office.key));
    body["cases"] = json!({ "more.json": cases.to_string() });
    body
}

/// The cases are why it does not get in, and the problem says so.
fn fails(scene: &Scene, body: &Value, told: &str) -> Result<()> {
    let got = scene.office.post(&scene.office.author, "/rules", body)?;
    refuses(&got, 422, "case_failed", "/cases")?;
    ensure!(got.text.contains(told), "{}", got.text);
    Ok(())
}

#[test]
fn cases_end_when_their_time_is_up() -> Result<()> {
    let scene = Scene::with("[governance]\ncases-seconds = 1")?;
    // Most of the fuel that one ruling has, for each of two thousand cases.
    let decide = "(local $left i32) (local.set $left (i32.const 1_500_000))
        (loop (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) i32.const 1024";
    let slow = Guest { decide, ..Guest::default() };
    let cases: Vec<Value> = (0..2_000).map(|number| json!({ "name": number.to_string() })).collect();
    let cases = json!({ "defaults": { "expect": "abstain" }, "cases": cases });
    let body = with_cases(&slow.component(), &scene, true, &cases);
    fails(&scene, &body, "of 2000 cases ran in 1 s, which is as long as all may take")?;
    scene.host.stop()
}

/// A megabyte that every case has, for five hundred cases: half a gigabyte that the host never makes.
#[test]
fn cases_that_would_grow_are_not_expanded() -> Result<()> {
    let scene = Scene::new()?;
    let defaults = json!({ "settings": { "text": "x".repeat(1 << 20) }, "expect": "abstain" });
    let cases: Vec<Value> = (0..500).map(|number| json!({ "name": number.to_string() })).collect();
    let cases = json!({ "defaults": defaults, "cases": cases });
    let body = with_cases(&scene.component("minors")?, &scene, true, &cases);
    fails(&scene, &body, "bytes of cases with their defaults")?;
    scene.host.stop()
}

/// Without a signature that counts no case is run; that the component is wrong is told all the same.
#[test]
fn cases_are_run_only_for_who_signed() -> Result<()> {
    let scene = Scene::new()?;
    let failing = json!({ "cases": [{ "name": "no", "expect": { "refuse": "never.said" } }] });
    let component = scene.component("minors")?;
    let send = |body: &Value| scene.office.post(&scene.office.author, "/rules", body);
    let unsigned = send(&with_cases(&component, &scene, false, &failing))?;
    refuses(&unsigned, 422, "rule_unsigned", "/signatures")?;
    ensure!(!unsigned.has_problem("case_failed", "/cases"), "{}", unsigned.text);
    refuses(&send(&with_cases(&component, &scene, true, &failing))?, 422, "case_failed", "/cases")?;
    let both = send(&with_cases(b"no WebAssembly", &scene, false, &failing))?;
    ensure!(both.has_problem("component_invalid", "/component"), "{}", both.text);
    ensure!(both.has_problem("rule_unsigned", "/signatures"), "{}", both.text);
    scene.host.stop()
}

/// A body is no larger than the largest component makes it.
#[test]
fn a_body_is_as_large_as_the_largest_component() -> Result<()> {
    let scene = Scene::with("[engine.component]\nbytes = 200_000")?;
    let send = |bytes: usize| {
        let body = json!({ "component": STANDARD.encode(vec![0; bytes]), "reason": "large" });
        scene.office.post(&scene.office.author, "/rules", &body)
    };
    let large = send(8 << 20)?;
    ensure!(large.status == 413, "{}: {}", large.status, large.text);
    let smaller = send(300_000)?;
    ensure!(smaller.status == 422 && smaller.text.contains("200000"), "{}", smaller.text);
    scene.host.stop()
}

/// A rule that takes long to look at keeps nobody else's act waiting.
#[test]
fn others_act_while_a_rule_is_looked_at() -> Result<()> {
    let scene =
        Scene::with("[engine]\ndeadline-ms = 60_000\n[engine.setup]\ndescribe-fuel = 8_000_000_000\n")?;
    let rule = scene.minimisation()?;
    scene.office.create(POLICY, &rule, &with_names(), &json!({}))?;
    let slow = Guest { describe: "(loop (br 0)) unreachable", ..Guest::default() }.component();
    let before = scene.generation()?;
    std::thread::scope(|scope| {
        let upload = scope.spawn(|| {
            scene.office.post(&scene.office.author, "/rules", &Office::upload(&slow, Some(&scene.office.key)))
        });
        let mut acts = 0;
        while acts < 3 && !upload.is_finished() {
            scene.office.create(&format!("other-{acts}"), &rule, &without_names(), &json!({}))?;
            scene.office.step(POLICY, "approve")?;
            scene.office.step(POLICY, "activate")?;
            scene.office.roll_back(None)?;
            acts += 1;
        }
        ensure!(acts == 3 && !upload.is_finished(), "the acts did not wait for the rule");
        ensure!(scene.generation()? > before);
        let got = upload.join().map_err(|_| anyhow::anyhow!("the upload broke"))??;
        refuses(&got, 422, "description_invalid", "/component")
    })?;
    scene.host.stop()
}

/// Sixty at a time by one token: one is read at a time, so memory does not grow with how many there are, and somebody
/// else's rule gets in meanwhile.
#[test]
fn many_uploads_at_a_time_take_little_memory() -> Result<()> {
    const UPLOADS: usize = 60;
    let scene = Scene::new()?;
    let memory = || -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", scene.host.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the system tells")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
    };
    let body = json!({ "component": STANDARD.encode(vec![0; 3 << 20]), "reason": "many" });
    let before = memory()?;
    std::thread::scope(|scope| {
        let send = || scene.office.post(&scene.office.author, "/rules", &body);
        let sent: Vec<_> = (0..UPLOADS).map(|_| scope.spawn(send)).collect();
        let other = office::token(&scene.given.home, "another", &["rule-author"], None)?;
        let upload = Office::upload(&scene.component("minors")?, Some(&scene.office.key));
        office::good(&scene.office.post(&other, "/rules", &upload)?)?;
        for sent in sent {
            // Who was not served in time is told so, before the body was read; that may break the connection.
            if let Ok(got) = sent.join().map_err(|_| anyhow::anyhow!("the upload broke"))? {
                ensure!(matches!(got.status, 422 | 503), "{}: {}", got.status, got.text);
            }
        }
        Ok(())
    })?;
    let grown = memory()?.saturating_sub(before);
    ensure!(grown < 150, "the host grew by {grown} MiB");
    scene.host.stop()
}

/// How a policy's instances come to be configured can be seen, and stands in the log.
#[test]
fn how_a_policy_starts_is_told() -> Result<()> {
    let scene = Scene::new()?;
    let rule = scene.minimisation()?;
    scene.office.create(POLICY, &rule, &without_names(), &json!({}))?;
    let start =
        || Ok::<_, anyhow::Error>(scene.office.see(&format!("/policies/{POLICY}"))?[0]["start"].clone());
    ensure!(start()?.is_null(), "it is not at work yet");
    scene.office.step(POLICY, "approve")?;
    office::good(&scene.office.try_step(POLICY, "activate", &json!({}))?)?;
    ensure!(start()? == json!({ "how": "snapshot" }), "{}", start()?);
    let log = scene.log()?;
    ensure!(
        log.lines().any(|line| line.contains(POLICY) && line.contains("its rulings start from a snapshot")),
        "{log}"
    );
    scene.host.stop()
}
