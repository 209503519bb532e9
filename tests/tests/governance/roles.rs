// SPDX-License-Identifier: Apache-2.0
//! Every route of the admin door: nobody without a token, nobody without the role, and a record of whatever changes.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_http::admin::{Route, routes};
use paasla_store::governance::token::Role;
use paasla_tests::{Office, office};
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, without_names};

/// One good call of a route that changes something, in an order in which each is possible.
struct Call {
    template: &'static str,
    path: String,
    role: Role,
    body: Value,
}

fn calls(rule: &str, component: &[u8], key: &SigningKey, other: &SigningKey) -> Vec<Call> {
    let call = |template: &'static str, role, body| {
        let path =
            template.trim_start_matches("/admin/v1").replace("{name}", POLICY).replace("{digest}", rule);
        let path = path.replace("{proposal}", if template.ends_with("/reject") { "2" } else { "3" });
        let id = if template.contains("/grants/") { "spare".to_owned() } else { office::key_id(key) };
        let path = path.replace("{id}", &id).replace("{version}", "1").replace("{iri}", "rr:Spare");
        Call { template, path, role, body }
    };
    // At once, so that what follows finds it.
    let put = |content: Value| json!({ "content": content, "emergency": true, "reason": "for a test" });
    let out = || json!({ "emergency": true, "reason": "for a test" });
    let service = json!({
        "name": POLICY, "version": 1, "title": "Spare", "entity": "person", "keys": ["personalCode"],
        "fields": ["familyName"], "max-subjects": 1, "max-records": 1, "purposes": ["rr:Spare"],
    });
    let grant = json!({
        "id": "spare", "client": "EE/GOV/70999911/toetused", "service": POLICY, "fields": ["*"],
        "purposes": ["rr:Spare"], "legal-bases": ["eu-gdpr:A6-1-e"], "valid-from": "2026-01-01",
    });
    let apply = json!({ "base": 1, "vocabulary": {}, "services": [], "grants": [], "reason": "for a test" });
    let purpose = json!({
        "iri": "rr:Spare", "kind": "purpose", "label": "Spare", "broader": ["dpv:IdentityVerification"],
    });
    let why = || json!({ "reason": "for a test" });
    let sign = office::signature(component, other);
    let sign = json!({ "key": sign["key"], "signature": sign["signature"], "reason": "for a test" });
    let add = json!({
        "publicKey": hex::encode(key.verifying_key().as_bytes()), "owner": "another", "reason": "for a test",
    });
    let policy = |settings: &Value| office::policy(POLICY, rule, settings, &json!({}));
    vec![
        call("/admin/v1/keys", Role::Operator, add),
        call("/admin/v1/rules", Role::RuleAuthor, Office::upload(component, Some(key))),
        call("/admin/v1/rules/{digest}/signatures", Role::RuleAuthor, sign),
        call("/admin/v1/policies", Role::RuleAuthor, policy(&without_names())),
        call("/admin/v1/policies/{name}/shadow", Role::RuleAuthor, why()),
        call("/admin/v1/policies/{name}/approve", Role::RuleApprover, why()),
        call("/admin/v1/policies/{name}/activate", Role::DataManager, why()),
        call("/admin/v1/policies/{name}/lift", Role::Operator, why()),
        call("/admin/v1/rulebook/rollback", Role::DataManager, why()),
        call("/admin/v1/policies/{name}/retire", Role::DataManager, why()),
        call("/admin/v1/proposals/{proposal}/reject", Role::DataManager, why()),
        call("/admin/v1/proposals/{proposal}/confirm", Role::RuleApprover, why()),
        call("/admin/v1/policies", Role::RuleAuthor, policy(&super::scene::with_names())),
        call("/admin/v1/policies/{name}/reject", Role::RuleApprover, why()),
        call("/admin/v1/keys/{id}/revoke", Role::Operator, why()),
        call("/admin/v1/purposes", Role::DataManager, put(purpose)),
        call("/admin/v1/services", Role::DataManager, put(service)),
        call("/admin/v1/grants", Role::DataManager, put(grant)),
        call("/admin/v1/grants/{id}/retire", Role::DataManager, out()),
        call("/admin/v1/services/{name}/versions/{version}/retire", Role::DataManager, out()),
        call("/admin/v1/purposes/{iri}/retire", Role::DataManager, out()),
        // Of another generation than the one at work: it is refused, and leaves a record.
        call("/admin/v1/rulebook/apply", Role::DataManager, apply),
    ]
}

#[test]
fn every_route_wants_a_role_and_every_change_leaves_a_record() -> Result<()> {
    let scene = Scene::new()?;
    let key = SigningKey::from_bytes(&[9; 32]);
    let component = scene.component("minimisation")?;
    let rule = office::digest(&component);
    let calls = calls(&rule, &component, &key, &scene.office.key);
    let routes = routes();

    let told: BTreeSet<&str> = calls.iter().map(|call| call.template).collect();
    let changing: BTreeSet<&str> =
        routes.iter().filter(|route| route.changes).map(|route| route.path).collect();
    ensure!(told == changing, "a call of each route that changes something: {told:?} and {changing:?}");
    ensure!(routes.iter().all(|route| !route.roles.is_empty()), "every route declares its roles");
    ensure!(routes.iter().all(|route| route.changes == (route.method == "POST")), "only POST changes");

    for route in &routes {
        wants_a_token(&scene, route)?;
        wants_a_role(&scene, route)?;
        wants_known_parameters(&scene, route)?;
    }
    what_is_not_there_is_told(&scene)?;
    let count = || scene.changes().map(|changes| changes.len());
    ensure!(scene.generation()? == 1, "none of that changed anything");
    for call in &calls {
        if call.template.ends_with("/lift") {
            quarantine(&scene)?;
        }
        let before = count()?;
        let token = office::token(
            &scene.given.home,
            &format!("the {}", call.role.name()),
            &[call.role.name()],
            None,
        )?;
        let got = scene.office.post(&token, &call.path, &call.body)?;
        let is_good =
            matches!(got.status, 200..=202) || (got.status == 409 && call.template.ends_with("/apply"));
        ensure!(is_good, "{}: {}", call.template, got.text);
        // The token itself left one.
        ensure!(count()? >= before + 2, "{} left no record", call.template);
    }
    scene.host.stop()
}

fn wants_a_token(scene: &Scene, route: &Route) -> Result<()> {
    let path = concrete(route);
    for token in [None, Some("paasla_wrong"), Some("")] {
        let got = match route.method {
            "POST" => scene.office.send(token, &path, &json!({ "reason": "x" }))?,
            _ => scene.office.get(token, &path)?,
        };
        ensure!(got.status == 401, "{} {}: {}", route.method, route.path, got.text);
    }
    Ok(())
}

fn wants_a_role(scene: &Scene, route: &Route) -> Result<()> {
    let path = concrete(route);
    let others: Vec<&str> =
        Role::ALL.iter().filter(|role| !route.roles.contains(role)).map(|role| role.name()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let token = office::token(&scene.given.home, "the wrong roles", &others, None)?;
    let got = match route.method {
        "POST" => scene.office.send(Some(&token), &path, &json!({ "reason": "x" }))?,
        _ => scene.office.get(Some(&token), &path)?,
    };
    ensure!(got.status == 403, "{} {}: {}", route.method, route.path, got.text);
    // Who tries what they may not is what an auditor looks for.
    let changes = scene.changes()?;
    let last = changes.first().context("there is one")?;
    ensure!(
        last["action"] == route.action
            && last["outcome"] == "refused"
            && last["who"] == "the wrong roles"
            && last["problems"] == json!(["role_missing"])
            && last["target"].as_str().is_some_and(|target| target.is_empty() || path.contains(target)),
        "{} {}: {last}",
        route.method,
        route.path
    );
    Ok(())
}

fn wants_known_parameters(scene: &Scene, route: &Route) -> Result<()> {
    if route.changes {
        return Ok(());
    }
    let name = route.parameters.first().unwrap_or(&"x");
    for query in ["x=1".to_owned(), format!("{name}=1&{name}=1")] {
        let path = format!("{}?{query}", concrete(route));
        let got = scene.office.get(Some(&scene.office.auditor), &path)?;
        let is_told = got.status == 422 && got.json["code"] == "query_string";
        ensure!(is_told, "{path}: {}", got.text);
        let is_named = route.parameters.iter().all(|known| got.text.contains(known));
        ensure!(is_named || !query.starts_with("x"), "{path}: {}", got.text);
    }
    Ok(())
}

fn what_is_not_there_is_told(scene: &Scene) -> Result<()> {
    let office = &scene.office;
    let got = office.get(Some(&office.auditor), "/policies/minors/versions/x/diff")?;
    ensure!(got.status == 422 && got.json["code"] == "url_invalid", "{}", got.text);
    let retired = office.post(&office.manager, "/policies/nobody/retire", &json!({ "reason": "x" }))?;
    ensure!(retired.status == 404 && retired.json["code"] == "not_found", "{}", retired.text);
    Ok(())
}

fn concrete(route: &Route) -> String {
    let path = route.path.trim_start_matches("/admin/v1").replace("{name}", "x").replace("{digest}", "ab");
    let path = path.replace("{id}", "ab").replace("{version}", "1").replace("{proposal}", "1");
    path.replace("{iri}", "rr:Ab")
}

/// Writes into the store that the policy is out of service, as a host does.
fn quarantine(scene: &Scene) -> Result<()> {
    use paasla_store::{Action, NewQuarantine, SqliteStore, Store as _};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::open(scene.given.home.database()).await?;
        let text = || "x".to_owned();
        let entry = NewQuarantine {
            policy: POLICY.to_owned(),
            rule: text(),
            settings: text(),
            since: 1,
            faults: 1,
            kind: text(),
            action: Action::Refuse,
        };
        store.put_quarantine(&entry).await?;
        store.close().await?;
        Ok(())
    })
}

#[test]
fn a_token_that_was_revoked_or_has_expired_is_no_token() -> Result<()> {
    let scene = Scene::new()?;
    let config = scene.given.home.config();
    let config = config.to_str().context("a path")?;
    let list =
        || super::scene::paasla(&scene.given, &["admin", "token", "list", "--json", "--config", config]);
    let office = &scene.office;
    ensure!(office.get(Some(&office.author), "/rules")?.status == 200);
    let text = list()?;
    ensure!(!text.contains("paasla_"), "no token is ever shown again");
    let line = text.lines().find(|line| line.contains("\"mari\"")).context("she is there")?;
    let id = serde_json::from_str::<Value>(line)?;
    let id = id.get("id").and_then(Value::as_str).context("an id")?.to_owned();
    let revoke = ["admin", "token", "revoke", &id, "--reason", "she left", "--config", config];
    super::scene::paasla(&scene.given, &revoke)?;
    let code = |token: &str| -> Result<Value> {
        let got = office.get(Some(token), "/rules")?;
        ensure!(got.status == 401, "{}", got.text);
        Ok(got.json["code"].clone())
    };
    ensure!(code(&office.author)? == "token_revoked");
    ensure!(code("paasla_wrong")? == "token_unknown" && code("")? == "token_missing");
    ensure!(super::scene::paasla(&scene.given, &revoke).is_err(), "once");
    let changes = scene.changes()?;
    let last = changes.first().context("there is one")?;
    ensure!(
        last.get("action") == Some(&json!("token.revoke")) && last.get("target") == Some(&json!(id)),
        "{last}"
    );
    let expired = ["admin", "token", "create", "x", "--role", "auditor", "--days", "1", "--config", config];
    let expired = super::scene::paasla(&scene.given, &expired)?;
    ensure!(office.get(Some(expired.trim()), "/rules")?.status == 200);
    scene.alter_token("x", |token| token.expires_at = Some(1))?;
    ensure!(code(expired.trim())? == "token_expired");
    let log = scene.log()?;
    ensure!(!log.contains("paasla_"), "no token in the log");
    scene.host.stop()
}
