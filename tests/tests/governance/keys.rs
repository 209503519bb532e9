// SPDX-License-Identifier: Apache-2.0
//! Keys come and go: a new one beside the old, and what becomes of policies whose key is revoked.

use anyhow::{Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_tests::office::{self, good};
use serde_json::json;

use super::scene::{POLICY, Scene, refuses, soon, with_names, without_names};

fn revoke(scene: &Scene, key: &SigningKey) -> Result<serde_json::Value> {
    let path = format!("/keys/{}/revoke", office::key_id(key));
    let got = scene.office.post(&scene.office.operator, &path, &json!({ "reason": "it was lost" }))?;
    good(&got)?;
    Ok(got.json)
}

#[test]
fn a_key_is_rotated_without_anybody_noticing() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let new = SigningKey::from_bytes(&[8; 32]);
    office.trust(&new, "the ministry, 2027", &json!({}))?;
    let component = scene.component("minimisation")?;
    let sign = office::signature(&component, &new);
    let body = json!({ "key": sign["key"], "signature": sign["signature"], "reason": "rotation" });
    good(&office.post(&office.author, &format!("/rules/{rule}/signatures"), &body)?)?;
    let told = revoke(&scene, &office.key)?;
    ensure!(told.get("policies") == Some(&json!([])), "another key vouches for it: {told}");
    ensure!(!scene.sees("familyName")?);
    office.create(POLICY, &rule, &with_names(), &json!({}))?;
    // The old key is of no use any more.
    let got = office.post(
        &office.author,
        "/rules",
        &paasla_tests::Office::upload(&scene.component("quota")?, Some(&office.key)),
    )?;
    refuses(&got, 422, "key_revoked", "/signatures/0")?;
    let again = json!({ "publicKey": hex::encode(office.key.verifying_key().as_bytes()), "owner": "x", "reason": "x" });
    refuses(&office.post(&office.operator, "/keys", &again)?, 409, "key_known", "state")?;
    scene.host.stop()
}

#[test]
fn policies_of_a_revoked_key_are_listed_and_stay() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let told = revoke(&scene, &office.key)?;
    ensure!(
        told.get("policies") == Some(&json!([POLICY])) && told.get("then") == Some(&json!("keep")),
        "{told}"
    );
    ensure!(!scene.sees("familyName")?, "it stays in force");
    let got = office.post(
        &office.author,
        "/policies",
        &office::policy(POLICY, &rule, &with_names(), &json!({})),
    )?;
    refuses(&got, 422, "key_revoked", "/rule")?;
    scene.host.stop()
}

#[test]
fn policies_of_a_revoked_key_lose_effect_where_that_is_configured() -> Result<()> {
    let scene = Scene::with("[governance]\nrevoked = \"retire\"")?;
    let rule = scene.minimisation()?;
    scene.office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let told = revoke(&scene, &scene.office.key)?;
    ensure!(
        told.get("policies") == Some(&json!([POLICY])) && told.get("then") == Some(&json!("retire")),
        "{told}"
    );
    // More may be seen then, so it takes a second person.
    ensure!(!scene.sees("familyName")? && scene.office.lives(POLICY)? == [(1, "enforced".to_owned())]);
    ensure!(scene.office.see(&format!("/policies/{POLICY}"))?[0]["keyRevoked"] == true);
    scene.office.confirm_all()?;
    ensure!(scene.sees("familyName")? && scene.office.lives(POLICY)? == [(1, "retired".to_owned())]);
    scene.host.stop()
}

#[test]
fn or_refuse_whatever_they_would_decide() -> Result<()> {
    let scene = Scene::with("[governance]\nrevoked = \"refuse\"")?;
    let rule = scene.minimisation()?;
    scene.office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    revoke(&scene, &scene.office.key)?;
    ensure!(scene.ask()?.is_refused("host.policy-quarantined"));
    ensure!(scene.office.lives(POLICY)? == [(1, "quarantined".to_owned())]);
    scene.office.step(POLICY, "lift")?;
    soon(|| Ok(scene.ask()?.status == 200))?;
    scene.host.stop()
}

#[test]
fn what_is_to_be_refused_is_refused_where_a_previous_version_stands_ready() -> Result<()> {
    let previous = "[governance]\nrevoked = \"refuse\"\n[quarantine]\nthen = \"previous\"";
    let scene = Scene::with(previous)?;
    let rule = scene.minimisation()?;
    scene.office.enforce(POLICY, &rule, &with_names(), &json!({}))?;
    scene.office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    revoke(&scene, &scene.office.key)?;
    ensure!(scene.ask()?.is_refused("host.policy-quarantined"));
    // Also after a restart.
    let scene = scene.again()?;
    ensure!(scene.ask()?.is_refused("host.policy-quarantined"));
    scene.host.stop()
}

/// A policy whose rule breaks at its first query, and whose version before was signed by the old key alone.
fn broken(scene: &Scene, old: &SigningKey) -> Result<()> {
    let office = &scene.office;
    office.trust(old, "the ministry, long ago", &json!({}))?;
    let component = scene.component("special-categories")?;
    good(&office.post(&office.author, "/rules", &paasla_tests::Office::upload(&component, Some(old)))?)?;
    let accept = json!({ "accept": [] });
    office.enforce(POLICY, &office::digest(&component), &accept, &json!({ "services": ["person"] }))?;
    ensure!(scene.ask()?.status == 200);
    let rule = scene.minimisation()?;
    let mut body = office::policy(POLICY, &rule, &with_names(), &json!({ "services": ["person"] }));
    body["limits"] = json!({ "fuel": 100 });
    good(&office.post(&office.author, "/policies", &body)?)?;
    office.step(POLICY, "approve")?;
    office.step(POLICY, "activate")?;
    ensure!(scene.ask()?.status == 503, "it breaks");
    ensure!(scene.ask()?.status == 200, "the version before rules");
    Ok(())
}

#[test]
fn what_a_revoked_key_alone_signed_does_not_stand_in_for_another_version() -> Result<()> {
    let scene = Scene::with("[quarantine]\nfaults = 1\nthen = \"previous\"")?;
    let old = SigningKey::from_bytes(&[8; 32]);
    broken(&scene, &old)?;
    let told = revoke(&scene, &old)?;
    ensure!(told.get("policies") == Some(&json!([])), "it signed nothing that is at work: {told}");
    ensure!(scene.ask()?.is_refused("host.policy-quarantined"));
    scene.host.stop()
}

#[test]
fn nor_does_what_has_expired() -> Result<()> {
    let scene = Scene::with("[quarantine]\nfaults = 1\nthen = \"previous\"")?;
    broken(&scene, &SigningKey::from_bytes(&[8; 32]))?;
    scene.alter(POLICY, 1, |version| version.expires_at = Some(1))?;
    let scene = scene.again()?;
    ensure!(scene.ask()?.is_refused("host.policy-quarantined"));
    scene.host.stop()
}
