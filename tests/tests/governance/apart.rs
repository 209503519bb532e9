// SPDX-License-Identifier: Apache-2.0
//! Two institutions and the ministry in one host: nobody of an institution learns of another's anything, not even that it
//! is there. Proved for every route: what is another's is answered as what there is not, and lists hold one's own only.

use anyhow::{Context as _, Result, bail, ensure};
use ed25519_dalek::SigningKey;
use paasla_http::admin::{Route, routes};
use paasla_tests::{Ask, Got, Office, ask::agent, office};
use serde_json::{Value, json};

use super::scene::{Scene, needs, refuses, soon, without_names};

/// Everything that a token may do; what is tried here fails for no want of a role.
const EVERY: [&str; 5] = ["rule-author", "rule-approver", "data-manager", "auditor", "operator"];

/// An institution with one of everything.
struct Institution {
    member: &'static str,
    client: String,
    token: String,
    /// The token of a second person.
    second: String,
    policy: &'static str,
    key: SigningKey,
    rule: String,
    component: Vec<u8>,
    /// What it has proposed, and nobody has decided: to take out its other policy.
    proposal: String,
    /// The id of an access right of the example that is its own.
    grant: &'static str,
    /// What stands in what it does, and in nothing else.
    words: [&'static str; 3],
}

/// Names that a path or a body may hold.
struct Names {
    policy: String,
    rule: String,
    key: String,
    proposal: String,
    grant: String,
}

impl Institution {
    fn new(
        scene: &Scene,
        member: &'static str,
        client: &str,
        policy: &'static str,
        words: [&'static str; 3],
    ) -> Result<Self> {
        let [person, second, reason] = words;
        let home = &scene.given.home;
        let token = office::token(home, person, &EVERY, Some(member))?;
        let second = office::token(home, second, &EVERY, Some(member))?;
        let key = SigningKey::from_bytes(&[last(policy); 32]);
        scene.office.trust(&key, &format!("the owner {reason}"), &json!({ "clients": [member] }))?;
        let component = variant(scene.component("minimisation")?, last(policy));
        let rule = office::digest(&component);
        let (client, proposal) = (client.to_owned(), String::new());
        let grant =
            if member.contains("/GOV/") { "public-task-person" } else { "legitimate-interest-person" };
        let own =
            Self { member, client, token, second, policy, key, rule, component, proposal, grant, words };
        own.post(scene, &own.token, "/rules", Office::upload(&own.component, Some(&own.key)))?;
        own.make(scene, policy)?;
        own.post(scene, &own.token, &format!("/policies/{policy}/shadow"), json!({}))?;
        Ok(own)
    }

    fn post(&self, scene: &Scene, token: &str, path: &str, mut body: Value) -> Result<Got> {
        body["reason"] = json!(self.words[2]);
        let got = scene.office.post(token, path, &body)?;
        ensure!(matches!(got.status, 200..=202), "{path}: {}", got.text);
        Ok(got)
    }

    /// Makes a policy, which a second person approves.
    fn make(&self, scene: &Scene, policy: &str) -> Result<()> {
        let scope = json!({ "clients": [self.member] });
        let body = office::policy(policy, &self.rule, &without_names(), &scope);
        self.post(scene, &self.token, "/policies", body)?;
        self.post(scene, &self.second, &format!("/policies/{policy}/approve"), json!({}))?;
        Ok(())
    }

    /// Puts another policy in force, and proposes to take it out.
    fn propose(&mut self, scene: &Scene) -> Result<()> {
        let other = in_force(self.policy);
        self.make(scene, &other)?;
        self.post(scene, &self.token, &format!("/policies/{other}/activate"), json!({}))?;
        let got = self.post(scene, &self.token, &format!("/policies/{other}/retire"), json!({}))?;
        self.proposal = proposed(&got)?;
        Ok(())
    }

    fn names(&self) -> Names {
        let key = office::key_id(&self.key);
        Names {
            policy: self.policy.to_owned(),
            rule: self.rule.clone(),
            key,
            proposal: self.proposal.clone(),
            grant: self.grant.to_owned(),
        }
    }

    /// What tells that this institution is there.
    fn marks(&self) -> Vec<String> {
        let names = self.names();
        let mut marks = vec![self.member.to_owned(), names.policy, names.rule, names.key, names.grant];
        marks.extend(self.words.iter().map(|word| (*word).to_owned()));
        marks
    }
}

/// The other policy of an institution, which is in force.
fn in_force(policy: &str) -> String {
    format!("{policy}-in-force")
}

/// The number of what was proposed.
fn proposed(got: &Got) -> Result<String> {
    let id = got.json.pointer("/proposal/id").and_then(Value::as_i64);
    Ok(id.with_context(|| format!("it is proposed: {}", got.text))?.to_string())
}

/// A byte that tells two apart.
fn last(name: &str) -> u8 {
    name.bytes().last().unwrap_or_default()
}

/// The same rule in other bytes: with a custom section, which means nothing.
fn variant(mut component: Vec<u8>, byte: u8) -> Vec<u8> {
    component.extend([0, 2, 1, byte]);
    component
}

/// A name of which there is nothing, as long as the one it is compared with.
fn absent(names: &Names) -> Names {
    let other = |name: &str| -> String { name.chars().map(|_| '0').collect() };
    Names {
        policy: other(&names.policy),
        rule: other(&names.rule),
        key: other(&names.key),
        proposal: other(&names.proposal),
        grant: other(&names.grant),
    }
}

/// What is sent to a route to try whether it tells of what is named. A route that is not here has no proof.
fn body(route: &Route, own: &Institution, names: &Names) -> Result<Option<Value>> {
    let why = json!({ "reason": "to see" });
    Ok(match (route.method, route.path.trim_start_matches("/admin/v1")) {
        (
            "GET",
            "/rules"
            | "/rules/{digest}"
            | "/rules/{digest}/component"
            | "/policies"
            | "/policies/{name}"
            | "/policies/{name}/diff"
            | "/policies/{name}/versions/{version}/diff"
            | "/rulebook"
            | "/rulebook/generations"
            | "/rulebook/diff"
            | "/proposals"
            | "/proposals/{proposal}"
            | "/keys"
            | "/changes"
            | "/services"
            | "/services/{name}/versions/{version}"
            | "/services/{name}/who"
            | "/grants"
            | "/grants/{id}"
            | "/purposes"
            | "/purposes/{iri}",
        ) => None,
        ("POST", "/services") => Some(json!({ "reason": "to see", "content": {
            "name": names.policy, "version": 1, "title": "x", "entity": "person", "keys": ["personalCode"],
            "fields": ["familyName"], "max-subjects": 1, "max-records": 1, "purposes": [],
        }})),
        ("POST", "/grants") => Some(json!({ "reason": "to see", "content": {
            "id": names.grant, "client": own.client, "service": "person", "fields": ["*"],
            "purposes": ["dpv:IdentityVerification"], "legal-bases": ["eu-gdpr:A6-1-e"], "valid-from": "2026-01-01",
        }})),
        ("POST", "/purposes") => Some(json!({ "reason": "to see", "content": {
            "iri": "rr:Spare", "kind": "purpose", "label": "x",
        }})),
        (
            "POST",
            "/services/{name}/versions/{version}/retire" | "/grants/{id}/retire" | "/purposes/{iri}/retire",
        ) => Some(why),
        ("POST", "/rules") => {
            let fresh = variant(own.component.clone(), b'+');
            let mut body = Office::upload(&fresh, None);
            body["signatures"] = json!([{ "key": names.key, "signature": "00".repeat(64) }]);
            Some(body)
        }
        ("POST", "/rules/{digest}/signatures") => {
            let sign = office::signature(&own.component, &own.key);
            Some(json!({ "key": sign["key"], "signature": sign["signature"], "reason": "to see" }))
        }
        ("POST", "/policies") => {
            let scope = json!({ "clients": [own.member] });
            Some(office::policy("fresh", &names.rule, &without_names(), &scope))
        }
        ("POST", "/policies/{name}/shadow" | "/policies/{name}/approve" | "/policies/{name}/reject") => {
            Some(why)
        }
        ("POST", "/policies/{name}/activate" | "/policies/{name}/retire" | "/policies/{name}/lift") => {
            Some(why)
        }
        ("POST", "/rulebook/rollback") => Some(json!({ "to": 1, "reason": "to see" })),
        ("POST", "/rulebook/apply") => Some(json!({
            "base": 1, "vocabulary": {}, "services": [], "grants": [], "reason": "to see",
        })),
        ("POST", "/keys") => {
            let key = SigningKey::from_bytes(&[99; 32]);
            let public = hex::encode(key.verifying_key().as_bytes());
            Some(json!({ "publicKey": public, "owner": names.policy, "reason": "to see" }))
        }
        ("POST", "/proposals/{proposal}/confirm" | "/proposals/{proposal}/reject" | "/keys/{id}/revoke") => {
            Some(why)
        }
        (method, path) => bail!("{method} {path}: no proof that it keeps institutions apart"),
    })
}

/// What of its own an institution finds in a list: a list that holds nothing would prove nothing.
fn of_its_own(route: &Route, own: &Institution) -> Result<Option<String>> {
    Ok(match route.path.trim_start_matches("/admin/v1") {
        "/rules" => Some(own.rule.clone()),
        "/policies" => Some(own.policy.to_owned()),
        "/rulebook" => Some(own.client.clone()),
        "/rulebook/generations" => Some("\"active\":true".to_owned()),
        "/proposals" => Some(in_force(own.policy)),
        // It is of everybody's rights, and refused.
        "/rulebook/diff" => None,
        "/keys" => Some(office::key_id(&own.key)),
        "/changes" => Some(own.words[2].to_owned()),
        "/services" => Some("\"person/v1\"".to_owned()),
        "/grants" => Some(own.grant.to_owned()),
        // The vocabulary is everybody's.
        "/purposes" => Some("IdentityVerification".to_owned()),
        path if path.contains('{') || route.method == "POST" => None,
        path => bail!("{path}: nothing says what of its own an institution finds there"),
    })
}

fn concrete(route: &Route, names: &Names) -> Result<String> {
    let path = route.path.trim_start_matches("/admin/v1").replace("{name}", &names.policy);
    let id = if path.starts_with("/grants") { &names.grant } else { &names.key };
    let path = path.replace("{digest}", &names.rule).replace("{id}", id).replace("{version}", "1");
    let path = path.replace("{proposal}", &names.proposal).replace("{iri}", &names.policy);
    ensure!(!path.contains('{'), "{path}: a parameter of which there is no proof");
    Ok(if path.ends_with("/who") { format!("{path}?field=familyName") } else { path })
}

fn call(scene: &Scene, route: &Route, token: &str, path: &str, body: Option<&Value>) -> Result<Got> {
    match body {
        None => scene.office.get(Some(token), path),
        Some(body) => scene.office.post(token, path, body),
    }
    .with_context(|| route.path.to_owned())
}

/// Whatever names another's is answered as what names nothing.
fn learns_nothing(scene: &Scene, route: &Route, own: &Institution, others: &Names) -> Result<()> {
    let nothing = absent(others);
    let ask = |names: &Names| -> Result<(u16, String)> {
        let (path, body) = (concrete(route, names)?, body(route, own, names)?);
        let got = call(scene, route, &own.token, &path, body.as_ref())?;
        let mut text = got.text;
        // The longest first: of what there is not, one name is the beginning of another.
        let mut all: Vec<String> =
            [&names.rule, &names.key, &names.policy, &names.grant].map(String::clone).into();
        all.extend([&names.rule, &names.key].map(|name| name.chars().take(12).collect()));
        all.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for name in &all {
            text = text.replace(name.as_str(), "…");
        }
        // A number may stand elsewhere, too.
        text = text.replace(&format!("`{}`", names.proposal), "…");
        Ok((got.status, text))
    };
    let (theirs, none) = (ask(others)?, ask(&nothing)?);
    // A list names nothing; what it holds is looked at apart.
    ensure!(
        theirs == none || !route.path.contains('{') && route.method == "GET",
        "{}: {theirs:?} {none:?}",
        route.path
    );
    ensure!(!route.path.contains('{') || matches!(theirs.0, 403 | 404), "{}: {theirs:?}", route.path);
    Ok(())
}

#[test]
fn an_institution_learns_nothing_of_another() -> Result<()> {
    let scene = Scene::new()?;
    let world = &scene.given.world;
    let (welfare, company) = (world.client("public_task"), world.client("legitimate_interest"));
    let mut one =
        Institution::new(&scene, "EE/GOV/70999911", welfare, "policy-a", ["aino-xq", "aet-xq", "because-a"])?;
    let mut other = Institution::new(
        &scene,
        "EE/COM/10999921",
        company,
        "policy-b",
        ["boris-xq", "berit-xq", "because-b"],
    )?;
    // The ministry watches both.
    let rule = scene.minimisation()?;
    scene.office.create("watched", &rule, &needs(&["pd:OfficialID"]), &json!({}))?;
    scene.office.step("watched", "shadow")?;
    let key = office::key_id(&scene.office.key);
    let marks_of_ministry = ["watched", &rule, &key, "access-restriction", "70999943"].map(str::to_owned);
    // The ministry's key vouches for everybody, so everybody may bring a signature by it.
    let proposal = proposed(&scene.office.try_step("access-restriction", "retire", &json!({}))?)?;
    let (policy, grant) = ("watched".to_owned(), "statistics-office".to_owned());
    let ministry = Names { policy, rule: rule.clone(), key: "0".repeat(64), proposal, grant };
    for client in [welfare, company] {
        let keys = json!({ "personalCode": world.persons.adult });
        let ask = Ask::service("person", client, &super::scene::FIELDS, keys);
        ensure!(ask.send(&agent(), &scene.host.base_url)?.status == 200);
    }
    for (policy, queries) in [("watched", 2), (one.policy, 1), (other.policy, 1)] {
        soon(|| Ok(scene.office.see(&format!("/policies/{policy}/diff"))?["queries"] == queries))?;
    }
    for institution in [&mut one, &mut other] {
        institution.propose(&scene)?;
    }
    let generation = scene.office.generation()?;

    // Lists first: what an institution tries in vain stands among its own changes.
    for (own, foreign) in [(&one, &other), (&other, &one)] {
        let marks: Vec<String> = foreign.marks().into_iter().chain(marks_of_ministry.clone()).collect();
        for route in &routes() {
            let Some(found) = of_its_own(route, own)? else { continue };
            let path = concrete(route, &own.names())?;
            let got = call(&scene, route, &own.token, &path, None)?;
            ensure!(got.status == 200 && got.text.contains(&found), "{path}: {}", got.text);
            let told: Vec<&String> = marks.iter().filter(|mark| got.text.contains(mark.as_str())).collect();
            ensure!(told.is_empty(), "{path} tells of {told:?}: {}", got.text);
        }
        // What it may see of its own, it does.
        for path in ["", "/diff", "/versions/1/diff"] {
            let got = scene.office.get(Some(&own.token), &format!("/policies/{}{path}", own.policy))?;
            ensure!(got.status == 200 && !marks.iter().any(|mark| got.text.contains(mark)), "{}", got.text);
        }
        let diff = scene.office.get(Some(&own.token), &format!("/policies/{}/diff", own.policy))?;
        ensure!(
            diff.json["queries"] == 1 && diff.json["clients"][0]["client"] == own.client,
            "{}",
            diff.text
        );
        let own_rule = scene.office.get(Some(&own.token), &format!("/rules/{}/component", own.rule))?;
        ensure!(own_rule.status == 200);
        let of_proposal = scene.office.get(Some(&own.token), &format!("/proposals/{}", own.proposal))?;
        ensure!(of_proposal.status == 200 && !marks.iter().any(|mark| of_proposal.text.contains(mark)));
        // The past holds everybody's rights.
        for path in ["/rulebook/diff?from=1&to=2", "/rulebook?at=2020-01-01T00:00:00Z"] {
            refuses(&scene.office.get(Some(&own.token), path)?, 403, "ministry_only", "token")?;
        }
        // Of a service that none of its clients may ask it does not learn that it is there.
        let of =
            |service: &str| scene.office.get(Some(&own.token), &format!("/services/{service}/who?field=sex"));
        let (hidden, none) = (of("statistics")?, of("statystics")?);
        ensure!(
            hidden.status == 404 && hidden.text.replace("statistics", "statystics") == none.text,
            "{}",
            none.text
        );
        let clients = scene.office.get(Some(&own.token), "/services/person/who?field=familyName")?;
        ensure!(clients.status == 200 && clients.text.contains(&own.client), "{}", clients.text);
        ensure!(!marks.iter().any(|mark| clients.text.contains(mark)), "{}", clients.text);
        // Nor does it learn by what would be done.
        for policy in [foreign.policy, &in_force(foreign.policy), "watched", "access-restriction", "nothing"]
        {
            let dry = json!({ "dryRun": true, "reason": "to see" });
            let got = scene.office.post(&own.token, &format!("/policies/{policy}/retire"), &dry)?;
            refuses(&got, 404, "not_found", "url")?;
        }
    }
    for (own, foreign) in [(&one, &other), (&other, &one)] {
        for route in &routes() {
            learns_nothing(&scene, route, own, &foreign.names())?;
            learns_nothing(&scene, route, own, &ministry)?;
        }
    }
    ensure!(scene.office.generation()? == generation, "nothing of that changed anything");
    let both = scene.office.see("/policies/watched/diff")?;
    ensure!(both["clients"].as_array().is_some_and(|all| all.len() == 2), "the ministry sees all: {both}");
    scene.host.stop()
}

/// The same bytes, the same name, the same key: what an institution brings itself it gets, and learns of nobody by it.
#[test]
fn what_two_institutions_bring_tells_neither_of_the_other() -> Result<()> {
    let scene = Scene::new()?;
    let world = &scene.given.world;
    let (welfare, company) = (world.client("public_task"), world.client("legitimate_interest"));
    let one =
        Institution::new(&scene, "EE/GOV/70999911", welfare, "policy-a", ["aino-xq", "aet-xq", "because-a"])?;
    let other = Institution::new(
        &scene,
        "EE/COM/10999921",
        company,
        "policy-b",
        ["boris-xq", "berit-xq", "because-b"],
    )?;
    let tells = |got: &Got| {
        let marks = one.marks().into_iter().filter(|mark| *mark != one.rule && *mark != one.policy);
        marks.filter(|mark| got.text.contains(mark)).collect::<Vec<_>>()
    };
    let unsigned = scene.office.post(&other.token, "/rules", &Office::upload(&one.component, None))?;
    refuses(&unsigned, 422, "rule_unsigned", "/signatures")?;
    ensure!(tells(&unsigned).is_empty(), "{}", unsigned.text);
    let upload = Office::upload(&one.component, Some(&other.key));
    let brought = scene.office.post(&other.token, "/rules", &upload)?;
    ensure!(brought.status == 201 && tells(&brought).is_empty(), "{}", brought.text);
    let seen = scene.office.get(Some(&other.token), &format!("/rules/{}", one.rule))?;
    ensure!(seen.status == 200 && tells(&seen).is_empty(), "{}", seen.text);
    let scope = json!({ "clients": [other.member] });
    let make = |name: &str| {
        let body = office::policy(name, &one.rule, &without_names(), &scope);
        scene.office.post(&other.token, "/policies", &body)
    };
    office::good(&make("fresh")?)?;
    let taken = make(one.policy)?;
    refuses(&taken, 403, "policy_not_own", "token")?;
    ensure!(tells(&taken).is_empty(), "{}", taken.text);
    // A slip in a client's name is not mended with another's.
    let slip = json!({ "clients": ["EE/COM/10999921/leping"] });
    let got = scene.office.post(
        &other.token,
        "/policies",
        &office::policy("slip", &one.rule, &without_names(), &slip),
    )?;
    refuses(&got, 422, "client_unknown", "/scope/clients/0")?;
    ensure!(got.text.contains("EE/COM/10999921/lepingud") && tells(&got).is_empty(), "{}", got.text);
    scene.host.stop()
}
