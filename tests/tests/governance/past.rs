// SPDX-License-Identifier: Apache-2.0
//! What governance has taken out stays out: no roll-back brings it back, and what expires leaves no gap behind.

use anyhow::{Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_store::governance::version::VersionState;
use paasla_tests::{Got, Office, office, office::good};
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, refuses, soon, with_names, without_names};

fn roll_back(scene: &Scene, to: u64) -> Result<Got> {
    let body = json!({ "to": to, "reason": "as before" });
    scene.office.post(&scene.office.manager, "/rulebook/rollback", &body)
}

/// The same with what was taken out since, and a second person.
fn bring_back(scene: &Scene, to: u64, names: &[&str]) -> Result<Value> {
    scene.office.confirmed(try_bring_back(scene, to, names)?)
}

fn try_bring_back(scene: &Scene, to: u64, names: &[&str]) -> Result<Got> {
    let body = json!({ "to": to, "bringBack": names, "reason": "as before" });
    scene.office.post(&scene.office.manager, "/rulebook/rollback", &body)
}

/// The last act of this kind on the policy.
fn last(scene: &Scene, action: &str) -> Result<Value> {
    let changes = scene.changes()?;
    let own = changes.into_iter().find(|change| change["action"] == action && change["target"] == POLICY);
    Ok(own.unwrap_or_default())
}

fn in_an_hour() -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string()
}

#[test]
fn a_roll_back_brings_back_neither_what_was_rejected_nor_what_has_expired() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    office.create("other", &rule, &without_names(), &json!({}))?;
    office.step("other", "shadow")?;
    let both = scene.generation()?;
    office.step("other", "reject")?;
    let rejected = roll_back(&scene, both)?;
    refuses(&rejected, 422, "version_rejected", "rulebook")?;
    ensure!(!rejected.text.contains(POLICY), "what is at work stays allowed: {}", rejected.text);
    scene.alter(POLICY, 1, |version| version.expires_at = Some(1))?;
    soon(|| scene.sees("familyName"))?;
    let got = try_bring_back(&scene, both, &[POLICY])?;
    refuses(&got, 422, "version_rejected", "rulebook")?;
    refuses(&got, 422, "version_expired", "rulebook")?;
    ensure!(got.text.contains("`other`") && got.text.contains(&format!("`{POLICY}`")), "{}", got.text);
    ensure!(scene.sees("familyName")? && office.lives(POLICY)? == [(1, "retired".to_owned())]);
    // The same content approved anew is another matter.
    office.step(POLICY, "approve")?;
    ensure!(office.create("other", &rule, &without_names(), &json!({}))? == 2);
    bring_back(&scene, both, &[POLICY])?;
    ensure!(!scene.sees("familyName")?);
    scene.host.stop()
}

#[test]
fn a_roll_back_brings_back_nothing_for_which_revoked_keys_alone_vouch() -> Result<()> {
    let scene = Scene::with("[governance]\nrevoked = \"retire\"")?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let with = scene.generation()?;
    office.step("access-restriction", "retire")?;
    let path = format!("/keys/{}/revoke", office::key_id(&office.key));
    good(&office.post(&office.operator, &path, &json!({ "reason": "it was lost" }))?)?;
    office.confirm_all()?;
    ensure!(scene.sees("familyName")?);
    let got = try_bring_back(&scene, with, &[POLICY])?;
    refuses(&got, 422, "key_revoked", "rulebook")?;
    ensure!(got.text.contains(POLICY) && scene.sees("familyName")?, "{}", got.text);
    // Nobody ever signed what was seeded.
    bring_back(&scene, 1, &["access-restriction"])?;
    ensure!(office.lives("access-restriction")? == [(1, "enforced".to_owned())]);
    // Another key's signature makes it good again.
    let key = SigningKey::from_bytes(&[8; 32]);
    office.trust(&key, "the ministry, 2027", &json!({}))?;
    let again = Office::upload(&scene.component("minimisation")?, Some(&key));
    good(&office.post(&office.author, "/rules", &again)?)?;
    bring_back(&scene, with, &[POLICY])?;
    ensure!(!scene.sees("familyName")?);
    scene.host.stop()
}

#[test]
fn where_policies_of_a_revoked_key_stay_a_roll_back_keeps_them() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let with = scene.generation()?;
    office.step("access-restriction", "retire")?;
    let path = format!("/keys/{}/revoke", office::key_id(&office.key));
    good(&office.post(&office.operator, &path, &json!({ "reason": "it was lost" }))?)?;
    bring_back(&scene, with, &["access-restriction"])?;
    ensure!(!scene.sees("familyName")? && office.lives("access-restriction")?.len() == 1);
    scene.host.stop()
}

#[test]
fn what_comes_back_by_a_roll_back_still_expires() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    office.step(POLICY, "approve")?;
    good(&office.try_step(POLICY, "activate", &json!({ "expires": in_an_hour() }))?)?;
    office.step(POLICY, "retire")?;
    bring_back(&scene, 2, &[POLICY])?;
    ensure!(!scene.sees("familyName")?);
    scene.alter(POLICY, 1, |version| {
        // The hour is over, if it was not forgotten.
        version.expires_at = version.expires_at.map(|_| 1);
    })?;
    soon(|| scene.sees("familyName"))?;
    scene.host.stop()
}

#[test]
fn what_expires_gives_its_place_back() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    scene.without_then_with(&rule)?;
    ensure!(scene.sees("familyName")?);
    scene.alter(POLICY, 2, |version| version.expires_at = Some(1))?;
    soon(|| Ok(!scene.sees("familyName")?))?;
    ensure!(office.lives(POLICY)? == [(1, "enforced".to_owned()), (2, "retired".to_owned())]);
    let change = last(&scene, "policy.expire")?;
    ensure!(change["reason"].as_str().is_some_and(|why| why.contains("version 1 is in force")), "{change}");
    // Who takes a version out by hand takes the policy out.
    office.step(POLICY, "retire")?;
    ensure!(scene.sees("familyName")?);
    // What came with the seeded rulebook gets its place back too.
    office.enforce("access-restriction", &rule, &without_names(), &json!({}))?;
    ensure!(!scene.sees("familyName")?);
    scene.alter("access-restriction", 1, |version| version.expires_at = Some(1))?;
    soon(|| scene.sees("familyName"))?;
    ensure!(office.lives("access-restriction")? == [(0, "enforced".to_owned()), (1, "retired".to_owned())]);
    scene.host.stop()
}

#[test]
fn where_nothing_may_take_the_place_back_that_is_told_loudly() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    scene.without_then_with(&rule)?;
    scene.alter(POLICY, 1, |version| version.state = VersionState::Rejected)?;
    scene.alter(POLICY, 2, |version| version.expires_at = Some(1))?;
    soon(|| Ok(office.lives(POLICY)? == [(1, "rejected".to_owned()), (2, "retired".to_owned())]))?;
    let change = last(&scene, "policy.expire")?;
    ensure!(change["reason"].as_str().is_some_and(|why| why.contains("nothing of its name")), "{change}");
    let log = scene.log()?;
    ensure!(
        log.lines().any(|line| line.contains("ERROR") && line.contains("nothing of its name is in force")),
        "{log}"
    );
    scene.host.stop()
}

#[test]
fn what_has_expired_before_its_time_came_never_comes() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    office.step(POLICY, "approve")?;
    good(&office.try_step(POLICY, "activate", &json!({ "at": in_an_hour() }))?)?;
    // As for a host that stood still for a day.
    scene.alter(POLICY, 1, |version| (version.activate_at, version.expires_at) = (Some(1), Some(2)))?;
    soon(|| Ok(last(&scene, "policy.activate")?["problems"] == json!(["expires_too_early"])))?;
    ensure!(scene.sees("familyName")? && office.lives(POLICY)? == [(1, "approved".to_owned())]);
    let got = office.try_step(POLICY, "activate", &json!({}))?;
    refuses(&got, 422, "expires_too_early", "/expires")?;
    good(&office.try_step(POLICY, "activate", &json!({ "expires": in_an_hour() }))?)?;
    scene.host.stop()
}

#[test]
fn what_was_planned_does_not_undo_what_was_done_since() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    let lives = || office.lives(POLICY);
    let plan = |version: u64| -> Result<()> {
        good(&office.try_step(POLICY, "activate", &json!({ "version": version, "at": in_an_hour() }))?)
    };
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    office.step(POLICY, "approve")?;
    plan(1)?;
    office.enforce(POLICY, &rule, &with_names(), &json!({}))?;
    let expected = [(1, "approved".to_owned()), (2, "enforced".to_owned())];
    ensure!(lives()? == expected, "{:?}", lives()?);
    ensure!(last(&scene, "policy.activate")?["cancelled"] == json!([format!("{POLICY} 1")]));
    // Nor does it come after a roll-back, or after the policy was taken out.
    plan(1)?;
    ensure!(lives()?[0].1 == "scheduled");
    office.roll_back(Some(1))?;
    ensure!(lives()? == [(1, "approved".to_owned()), (2, "retired".to_owned())]);
    let rolled = scene.changes()?;
    ensure!(rolled[0]["cancelled"] == json!([format!("{POLICY} 1")]), "{}", rolled[0]);
    bring_back(&scene, scene.generation()?.saturating_sub(1), &[POLICY])?;
    plan(1)?;
    office.step(POLICY, "retire")?;
    ensure!(lives()? == [(1, "approved".to_owned()), (2, "retired".to_owned())]);
    ensure!(last(&scene, "policy.retire")?["cancelled"] == json!([format!("{POLICY} 1")]));
    // A plan of two steps is carried out to its end.
    office.step(POLICY, "approve")?;
    plan(1)?;
    plan(2)?;
    scene.alter(POLICY, 1, |version| version.activate_at = Some(1))?;
    soon(|| Ok(lives()? == [(1, "enforced".to_owned()), (2, "scheduled".to_owned())]))?;
    scene.host.stop()
}

#[test]
fn what_becomes_of_a_rejected_version_is_not_what_becomes_of_another_with_its_content() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    office.create(POLICY, &rule, &without_names(), &json!({}))?;
    office.step(POLICY, "approve")?;
    let times = json!({ "at": in_an_hour(), "expires": "2999-01-01T00:00:00Z" });
    good(&office.try_step(POLICY, "activate", &times)?)?;
    office.step(POLICY, "reject")?;
    let view = office.see(&format!("/policies/{POLICY}"))?;
    ensure!(view[0].get("expiresAt").is_none() && view[0].get("activateAt").is_none(), "{view}");
    ensure!(office.enforce(POLICY, &rule, &without_names(), &json!({}))? == 2);
    ensure!(office.lives(POLICY)? == [(1, "rejected".to_owned()), (2, "enforced".to_owned())]);
    // Even one that was rejected by a program that kept the time.
    scene.alter(POLICY, 1, |version| version.expires_at = Some(1))?;
    refuses(&office.try_step(POLICY, "retire", &json!({ "version": 1 }))?, 409, "not_at_work", "state")?;
    // The host looks at policies by name: once this one is in force, it has looked at the other.
    office.create("zebra", &rule, &with_names(), &json!({}))?;
    office.step("zebra", "approve")?;
    scene.alter("zebra", 1, |version| version.activate_at = Some(1))?;
    soon(|| Ok(office.lives("zebra")? == [(1, "enforced".to_owned())]))?;
    ensure!(office.lives(POLICY)? == [(1, "rejected".to_owned()), (2, "enforced".to_owned())]);
    scene.host.stop()
}
