// SPDX-License-Identifier: Apache-2.0
//! The life of a policy, step by step, with what each step changes and what it leaves behind.

use anyhow::{Result, ensure};
use paasla_tests::office::{good, policy};
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, generation, refuses, with_names, without_names};

#[test]
fn from_upload_to_retirement_with_a_record_of_every_step() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let lives = || office.lives(POLICY);
    ensure!(scene.sees("familyName")? && scene.generation()? == 1);

    // Bringing in is done once, however often it is tried.
    let rule = scene.minimisation()?;
    ensure!(scene.minimisation()? == rule);
    let view = office.see(&format!("/rules/{rule}"))?;
    ensure!(view.get("name") == Some(&json!("minimisation")), "{view}");
    ensure!(view.pointer("/signatures/0/owner") == Some(&json!("the ministry")), "{view}");

    let version = office.create(POLICY, &rule, &without_names(), &json!({}))?;
    ensure!(version == 1 && lives()? == [(1, "checked".to_owned())]);
    ensure!(office.create(POLICY, &rule, &without_names(), &json!({}))? == 1, "the same is the same version");
    refuses(&office.try_step(POLICY, "activate", &json!({}))?, 409, "wrong_state", "state")?;
    ensure!(scene.sees("familyName")? && scene.generation()? == 1, "nothing is in force yet");

    office.step(POLICY, "shadow")?;
    ensure!(lives()? == [(1, "shadow".to_owned())] && scene.generation()? == 2);
    ensure!(scene.sees("familyName")?, "a policy in shadow changes no answer");

    office.step(POLICY, "approve")?;
    ensure!(lives()? == [(1, "shadow".to_owned())], "approved or not, it is in shadow");
    office.step(POLICY, "activate")?;
    ensure!(lives()? == [(1, "enforced".to_owned())] && scene.generation()? == 3);
    ensure!(!scene.sees("familyName")? && scene.sees("birthDate")?);

    // A second version takes the place of the first.
    ensure!(office.enforce(POLICY, &rule, &with_names(), &json!({}))? == 2);
    ensure!(lives()? == [(1, "retired".to_owned()), (2, "enforced".to_owned())]);
    ensure!(scene.sees("familyName")?);

    // Back, and back again.
    ensure!(office.roll_back(Some(3))? == 5 && !scene.sees("familyName")?);
    ensure!(lives()? == [(1, "enforced".to_owned()), (2, "retired".to_owned())]);
    ensure!(office.roll_back(None)? == 6 && scene.sees("familyName")?);
    refuses(&office.try_step(POLICY, "activate", &json!({ "version": 1 }))?, 409, "wrong_state", "state")?;
    let got = office.post(&office.manager, "/rulebook/rollback", &json!({ "to": 99, "reason": "x" }))?;
    refuses(&got, 404, "not_found", "url")?;

    office.step(POLICY, "retire")?;
    ensure!(lives()?.iter().all(|(_, life)| life == "retired") && scene.generation()? == 7);

    // A person's name has no place in a URL: a key goes by its id.
    let by_id =
        scene.office.see(&format!("/changes?target={}", paasla_tests::office::key_id(&office.key)))?;
    ensure!(by_id.pointer("/0/action") == Some(&json!("key.add")), "{by_id}");

    // Every step is there, with who did it, why, and the digests.
    let changes = scene.changes()?;
    let told = |change: &Value, name: &str| change.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let steps: Vec<(String, String)> = changes
        .iter()
        .rev()
        .filter(|change| told(change, "outcome") == "done")
        .map(|change| (told(change, "action"), told(change, "who")))
        .filter(|(action, _)| !action.starts_with("token.") && action != "key.add")
        .collect();
    let expected = [
        ("rulebook.seed", "demo"),
        ("rule.upload", "mari"),
        ("policy.create", "mari"),
        ("policy.shadow", "mari"),
        ("policy.approve", "jaan"),
        ("policy.activate", "tiina"),
        ("policy.create", "mari"),
        ("policy.approve", "jaan"),
        ("policy.activate", "tiina"),
        ("rulebook.rollback", "jaan"),
        ("rulebook.rollback", "jaan"),
        ("policy.retire", "jaan"),
    ];
    let expected: Vec<(String, String)> =
        expected.iter().map(|(action, who)| ((*action).to_owned(), (*who).to_owned())).collect();
    ensure!(steps == expected, "{steps:?}");
    for change in changes.iter().filter(|change| told(change, "outcome") == "done") {
        ensure!(!told(change, "reason").is_empty() && change.get("instant").is_some(), "{change}");
        let action = told(change, "action");
        if action == "policy.activate" || action == "rulebook.rollback" {
            ensure!(told(change, "after").len() == 64 && told(change, "before").len() == 64, "{change}");
            ensure!(told(change, "after") != told(change, "before"), "{change}");
        }
    }
    ensure!(
        changes.iter().filter(|change| told(change, "outcome") == "refused").count() == 3,
        "refused acts too"
    );
    scene.host.stop()
}

#[test]
fn four_eyes_and_a_reason_are_needed() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    let both =
        paasla_tests::office::token(&scene.given.home, "mari", &["rule-author", "rule-approver"], None)?;
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    let path = format!("/policies/{POLICY}/approve");
    refuses(&office.post(&both, &path, &json!({ "reason": "I say so" }))?, 403, "four_eyes", "token")?;
    for body in [json!({}), json!({ "reason": "  " }), json!({ "reason": "x".repeat(501) })] {
        refuses(&office.post(&office.approver, &path, &body)?, 422, "reason_missing", "/reason")?;
    }
    // A refused act keeps less of a reason than one that is done.
    let kept =
        scene.changes()?.into_iter().filter_map(|change| change["reason"].as_str().map(str::len)).max();
    ensure!(kept == Some(100), "{kept:?}");
    // Who brought the rule in does not approve a policy of it either, whoever made the policy.
    let other = policy("other", &rule, &without_names(), &json!({}));
    good(&office.post(&office.manager, "/policies", &other)?)?;
    let path = "/policies/other/approve";
    refuses(&office.post(&both, path, &json!({ "reason": "I say so" }))?, 403, "four_eyes", "token")?;
    // Nor does who brought it again.
    let second =
        paasla_tests::office::token(&scene.given.home, "liis", &["rule-author", "rule-approver"], None)?;
    let again = paasla_tests::Office::upload(&scene.component("minimisation")?, Some(&office.key));
    good(&office.post(&second, "/rules", &again)?)?;
    refuses(&office.post(&second, path, &json!({ "reason": "I say so" }))?, 403, "four_eyes", "token")?;
    let brought = scene.changes()?;
    good(&office.post(&second, "/rules", &again)?)?;
    ensure!(scene.changes()?.len() == brought.len(), "bringing it once more says nothing new");
    office.step("other", "approve")?;
    scene.host.stop()
}

#[test]
fn a_policy_comes_and_goes_at_the_times_that_were_set() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    office.step(POLICY, "approve")?;
    let now = jiff::Timestamp::now();
    let at = |seconds: i64| (now + jiff::SignedDuration::from_secs(seconds)).to_string();
    let early = json!({ "at": at(60), "expires": at(30) });
    refuses(&office.try_step(POLICY, "activate", &early)?, 422, "expires_too_early", "/expires")?;
    good(&office.try_step(POLICY, "activate", &json!({ "at": at(3), "expires": at(15) }))?)?;
    ensure!(office.lives(POLICY)? == [(1, "scheduled".to_owned())] && scene.sees("familyName")?);
    super::scene::soon(|| Ok(!scene.sees("familyName")?))?;
    ensure!(office.lives(POLICY)? == [(1, "enforced".to_owned())]);
    super::scene::soon(|| scene.sees("familyName"))?;
    ensure!(office.lives(POLICY)? == [(1, "retired".to_owned())]);
    let generation = generation(&scene.ask()?)?;
    ensure!(generation == 3, "{generation}");
    scene.host.stop()
}

#[test]
fn what_is_rejected_never_comes_into_force() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    office.step(POLICY, "shadow")?;
    office.step(POLICY, "reject")?;
    ensure!(office.lives(POLICY)? == [(1, "rejected".to_owned())]);
    for step in ["shadow", "approve", "activate", "reject"] {
        refuses(&office.try_step(POLICY, step, &json!({}))?, 409, "wrong_state", "state")?;
    }
    ensure!(scene.sees("familyName")?);
    ensure!(office.create(POLICY, &rule, &without_names(), &json!({}))? == 2, "it can be made anew");
    scene.host.stop()
}
