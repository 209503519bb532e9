// SPDX-License-Identifier: Apache-2.0
//! An institution tightens its own use: only its child-protection unit may ask for custody data. It needs no release of
//! the host, and can reach nobody else.

use std::fs;

use anyhow::{Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_tests::{Ask, Got, Office, ask::agent, office};
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, needs, refuses, small};

const MEMBER: &str = "EE/GOV/70999911";
const BENEFITS: &str = "EE/GOV/70999911/toetused";
const CHILDREN: &str = "EE/GOV/70999911/lastekaitse";
const CUSTODY: [&str; 3] = ["personalCode", "familyName", "custody.kind"];

fn scene() -> Result<Scene> {
    let given = small()?;
    // The access right is the member's, so both units may ask.
    let file = given.home.examples.join("control/grants/public-task-person.toml");
    let text = fs::read_to_string(&file)?;
    let own = text.replace(&format!("\"{BENEFITS}\""), &format!("\"{MEMBER}\""));
    ensure!(own != text, "the grant names the unit");
    fs::write(file, own)?;
    given.home.seed(&given.register, &given.rules)?;
    Scene::start(given)
}

fn custody(scene: &Scene, client: &str) -> Result<Got> {
    let keys = json!({ "personalCode": scene.given.world.persons.adult });
    let got = Ask::service("person", client, &CUSTODY, keys).send(&agent(), &scene.host.base_url)?;
    ensure!(got.status == 200, "{}", got.text);
    Ok(got)
}

fn sees_custody(scene: &Scene, client: &str) -> Result<bool> {
    Ok(custody(scene, client)?.visibility("custody.kind") == Some("show"))
}

/// What the institution's rule leaves: everything but custody.
fn without_custody() -> Value {
    needs(&["pd:OfficialID", "pd:Name", "pd:BirthDate", "pd:Gender"])
}

#[test]
fn only_its_own_unit_asks_for_custody_data() -> Result<()> {
    let scene = scene()?;
    let home = &scene.given.home;
    let every = ["rule-author", "rule-approver", "data-manager"];
    let theirs = office::token(home, "liis", &every, Some(MEMBER))?;
    let second = office::token(home, "peeter", &every, Some(MEMBER))?;
    let key = SigningKey::from_bytes(&[11; 32]);
    scene.office.trust(&key, "the welfare authority", &json!({ "clients": [MEMBER] }))?;
    ensure!(sees_custody(&scene, BENEFITS)? && sees_custody(&scene, CHILDREN)?);

    let component = scene.component("minimisation")?;
    office::good(&scene.office.post(&theirs, "/rules", &Office::upload(&component, Some(&key)))?)?;
    let rule = office::digest(&component);
    let create = |scope: &Value| {
        scene.office.post(&theirs, "/policies", &office::policy(POLICY, &rule, &without_custody(), scope))
    };
    // Not for everybody, and not for others.
    refuses(&create(&json!({}))?, 403, "scope_not_own", "token")?;
    let others = json!({ "clients": [BENEFITS, "EE/GOV/70000001/other"] });
    refuses(&create(&others)?, 403, "scope_not_own", "token")?;
    // Nor in the place of a policy of the ministry's: that would widen what is seen.
    let own = json!({ "clients": [BENEFITS] });
    let taken = office::policy("access-restriction", &rule, &without_custody(), &own);
    refuses(&scene.office.post(&theirs, "/policies", &taken)?, 403, "policy_not_own", "token")?;

    office::good(&create(&own)?)?;
    let why = json!({ "reason": "only child protection needs custody data" });
    let step = |token: &str, name: &str, step: &str| {
        scene.office.post(token, &format!("/policies/{name}/{step}"), &why)
    };
    refuses(&step(&theirs, POLICY, "approve")?, 403, "four_eyes", "token")?;
    office::good(&step(&second, POLICY, "approve")?)?;
    office::good(&step(&theirs, POLICY, "activate")?)?;
    ensure!(!sees_custody(&scene, BENEFITS)? && sees_custody(&scene, CHILDREN)?);
    let got = custody(&scene, BENEFITS)?;
    ensure!(got.is_narrowed("custody.kind", "minimisation.category-not-needed"), "{}", got.text);

    // What is not theirs they cannot touch.
    refuses(&step(&theirs, "access-restriction", "retire")?, 404, "not_found", "url")?;
    let back = scene.office.post(&theirs, "/rulebook/rollback", &json!({ "reason": "x" }))?;
    refuses(&back, 403, "ministry_only", "token")?;
    ensure!(!sees_custody(&scene, BENEFITS)?);
    let proposed = step(&theirs, POLICY, "retire")?;
    ensure!(proposed.status == 202 && !sees_custody(&scene, BENEFITS)?, "{}", proposed.text);
    let id = proposed.json["proposal"]["id"].as_i64().unwrap_or_default();
    refuses(&scene.office.decide(&theirs, id, "confirm")?, 403, "four_eyes", "token")?;
    office::good(&scene.office.decide(&second, id, "confirm")?)?;
    ensure!(sees_custody(&scene, BENEFITS)?);
    scene.host.stop()
}

#[test]
fn its_key_vouches_for_its_own_clients_only_whoever_makes_the_policy() -> Result<()> {
    let scene = scene()?;
    let key = SigningKey::from_bytes(&[11; 32]);
    scene.office.trust(&key, "the welfare authority", &json!({ "clients": [MEMBER] }))?;
    let component = scene.component("minimisation")?;
    let author = &scene.office.author;
    office::good(&scene.office.post(author, "/rules", &Office::upload(&component, Some(&key)))?)?;
    let rule = office::digest(&component);
    let everywhere = office::policy(POLICY, &rule, &without_custody(), &json!({}));
    refuses(&scene.office.post(author, "/policies", &everywhere)?, 422, "key_out_of_scope", "/scope")?;
    // The ministry's signature beside it makes the difference.
    let sign = office::signature(&component, &scene.office.key);
    let body = json!({ "key": sign["key"], "signature": sign["signature"], "reason": "we looked at it" });
    office::good(&scene.office.post(author, &format!("/rules/{rule}/signatures"), &body)?)?;
    office::good(&scene.office.post(author, "/policies", &everywhere)?)?;
    scene.host.stop()
}

#[test]
fn it_takes_no_place_of_the_ministrys_whichever_came_first() -> Result<()> {
    let scene = scene()?;
    let home = &scene.given.home;
    let every = ["rule-author", "rule-approver", "data-manager"];
    let theirs = office::token(home, "liis", &every, Some(MEMBER))?;
    let second = office::token(home, "peeter", &every, Some(MEMBER))?;
    // They bring it themselves, with the ministry's signature: what others brought is not there for them.
    let component = scene.component("minimisation")?;
    let rule = office::digest(&component);
    let upload = Office::upload(&component, Some(&scene.office.key));
    office::good(&scene.office.post(&theirs, "/rules", &upload)?)?;
    let body = office::policy(POLICY, &rule, &without_custody(), &json!({ "clients": [BENEFITS] }));
    office::good(&scene.office.post(&theirs, "/policies", &body)?)?;
    let step = |token: &str, step: &str, body: Value| {
        scene.office.post(token, &format!("/policies/{POLICY}/{step}"), &body)
    };
    let why = || json!({ "reason": "only child protection needs custody data" });
    office::good(&step(&second, "approve", why())?)?;
    // The name was free then; now the ministry has put in a policy of its own under it.
    let policies = home.examples.join("control/policies");
    let file = fs::read_to_string(policies.join("access-restriction.toml"))?;
    let own = file.replace("name = \"access-restriction\"", &format!("name = \"{POLICY}\""));
    fs::write(policies.join(format!("{POLICY}.toml")), own)?;
    home.seed(&scene.given.register, &scene.given.rules)?;
    refuses(&step(&theirs, "activate", why())?, 403, "policy_not_own", "token")?;
    refuses(&step(&theirs, "shadow", why())?, 403, "policy_not_own", "token")?;
    // Nor at a set time.
    let later = json!({ "reason": "later", "at": "2999-01-01T00:00:00Z" });
    refuses(&step(&theirs, "activate", later)?, 403, "policy_not_own", "token")?;
    let views = scene.office.see(&format!("/policies/{POLICY}"))?;
    let ministrys = views.as_array().into_iter().flatten().find(|view| view["life"] == "enforced");
    ensure!(ministrys.is_some_and(|view| view["version"].is_null()), "{views}");
    scene.host.stop()
}
