// SPDX-License-Identifier: Apache-2.0
//! Services, access rights and purposes are made and changed in a running host, by people who write no code.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{Ask, Got, ask::agent, office::good};
use serde_json::{Value, json};

use super::scene::{Scene, paasla, refuses, soon};

const CLIENT: &str = "EE/COM/12345678/kauplus";

const PURPOSE: &str = r#"
iri = "rr:ShopAgeCheck"
kind = "purpose"
label = "Age check at a shop"
label-et = "Vanuse kontroll poes"
broader = ["dpv:AgeVerification"]
"#;

const SERVICE: &str = r#"
name = "age"
version = 1
title = "Whether somebody may buy"
entity = "person"
keys = ["personalCode"]
fields = ["birthDate", "status"]
max-subjects = 1
max-records = 1
purposes = ["dpv:AgeVerification"]
"#;

const GRANT: &str = r#"
id = "shop-age"
client = "EE/COM/12345678/kauplus"
service = "age"
purposes = ["rr:ShopAgeCheck"]
legal-bases = ["eu-gdpr:A6-1-f"]
valid-from = "2026-01-01"
fields = ["birthDate", "status"]
"#;

/// The number of the proposal that a command tells of.
fn proposed(told: &str) -> Result<&str> {
    let number = told.split("it is proposal ").nth(1).and_then(|rest| rest.split(',').next());
    number.with_context(|| format!("it has a number: {told}"))
}

struct Shop {
    scene: Scene,
    tokens: [PathBuf; 2],
}

impl Shop {
    fn open() -> Result<Self> {
        let scene = Scene::new()?;
        let folder = &scene.given.home.folder;
        let tokens = [folder.join("manager.token"), folder.join("approver.token")];
        fs::write(&tokens[0], &scene.office.manager)?;
        fs::write(&tokens[1], &scene.office.approver)?;
        Ok(Self { scene, tokens })
    }

    /// Runs the program as the data manager (0) or as who approves (1).
    fn run(&self, person: usize, arguments: &[&str]) -> Result<String> {
        let token = self.tokens.get(person).and_then(|path| path.to_str()).context("a path")?;
        let remote = ["--host", &self.scene.host.base_url, "--token-file", token];
        paasla(&self.scene.given, &[arguments, &remote].concat())
    }

    /// Puts in what a file says.
    fn put(&self, kind: &str, name: &str, text: &str) -> Result<String> {
        let file = self.scene.given.home.folder.join(name);
        fs::write(&file, text)?;
        self.run(0, &[kind, "put", file.to_str().context("a path")?, "--reason", "a shop wants it"])
    }

    /// Puts it in, and has the second person confirm it.
    fn put_and_confirm(&self, kind: &str, name: &str, text: &str) -> Result<()> {
        let told = self.put(kind, name, text)?;
        self.run(1, &["proposal", "confirm", proposed(&told)?, "--reason", "the contract is signed"])?;
        Ok(())
    }

    fn ask(&self) -> Result<Got> {
        let keys = json!({ "personalCode": self.scene.given.world.persons.adult });
        Ask::service("age", CLIENT, &["birthDate", "status"], keys).send(&agent(), &self.scene.host.base_url)
    }
}

#[test]
fn a_service_comes_to_be_is_narrowed_and_goes_without_a_restart() -> Result<()> {
    let shop = Shop::open()?;
    ensure!(shop.ask()?.status == 403, "a stranger");
    shop.put_and_confirm("purpose", "purpose.toml", PURPOSE)?;
    shop.put_and_confirm("service", "service.toml", SERVICE)?;
    ensure!(shop.ask()?.status == 403, "nobody has an access right to it yet");
    shop.put_and_confirm("grant", "grant.toml", GRANT)?;
    let got = shop.ask()?;
    ensure!(got.status == 200 && got.records().len() == 1, "{}", got.text);
    ensure!(got.visibility("birthDate") == Some("show"), "{}", got.text);

    // To narrow it one person is enough.
    let narrow = GRANT.replace(r#"["birthDate", "status"]"#, r#"["status"]"#);
    let told = shop.put("grant", "grant.toml", &narrow)?;
    ensure!(told.contains("/fields") && told.contains("is at work"), "{told}");
    let got = shop.ask()?;
    ensure!(got.status == 200 && got.is_narrowed("birthDate", "grant.field-not-open"), "{}", got.text);
    let told = shop.run(0, &["grant", "show", "shop-age"])?;
    ensure!(told.matches("put in").count() == 2 && told.contains("a shop wants it"), "{told}");
    let told = shop.run(0, &["grant", "list"])?;
    ensure!(told.contains("shop-age") && told.contains(CLIENT), "{told}");

    // What is needed does not go; what is not, does.
    let path = "/purposes/rr%3AShopAgeCheck/retire";
    let needed = shop.scene.office.post(&shop.scene.office.manager, path, &json!({ "reason": "x" }))?;
    ensure!(needed.status == 422 && needed.text.contains("grant `shop-age`"), "{}", needed.text);
    let told = shop.run(0, &["grant", "retire", "shop-age", "--reason", "the contract has ended"])?;
    ensure!(told.contains("removed grant shop-age"), "{told}");
    ensure!(shop.ask()?.status == 403, "the next query already");
    let told = shop.run(0, &["grant", "show", "shop-age"])?;
    ensure!(told.contains("It was taken out.") && told.contains("the contract has ended"), "{told}");

    // It does not come back by itself, nor by one person.
    let told = shop.put("grant", "grant.toml", GRANT)?;
    ensure!(told.contains("though it was taken out before: grant/shop-age"), "{told}");
    ensure!(shop.ask()?.status == 403, "nobody has confirmed it");

    let done: Vec<(String, String)> = shop
        .scene
        .changes()?
        .iter()
        .filter(|change| change["outcome"] == "done")
        .map(|change| {
            (
                text(change, "action").to_owned(),
                text(change, "target").rsplit('#').next().unwrap_or("").to_owned(),
            )
        })
        .filter(|(action, _)| !action.starts_with("token.") && !action.starts_with("key."))
        .take(5)
        .collect();
    let expected = [
        ("grant.retire", "shop-age"),
        ("grant.put", "shop-age"),
        ("grant.put", "shop-age"),
        ("service.put", "age/v1"),
        ("term.put", "ShopAgeCheck"),
    ]
    .map(|(action, target)| (action.to_owned(), target.to_owned()));
    ensure!(done == expected, "{done:?}");
    shop.scene.host.stop()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn what_is_wrong_is_told_at_its_place_and_changes_nothing() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let put = |path: &str, content: Value| {
        office.post(&office.manager, path, &json!({ "content": content, "reason": "for a test" }))
    };
    let grant = || {
        json!({
            "id": "new", "client": "EE/GOV/70999911/toetused", "service": "person", "fields": ["familyName"],
            "purposes": ["dpv:IdentityVerification"], "legal-bases": ["eu-gdpr:A6-1-e"],
            "valid-from": "2026-01-01",
        })
    };
    let with = |name: &str, value: Value| {
        let mut grant = grant();
        grant[name] = value;
        grant
    };
    let generation = scene.generation()?;
    let mut wrong = with("valid-from", json!("tomorrow"));
    wrong["shoe-size"] = json!(46);
    let got = put("/grants", wrong)?;
    refuses(&got, 422, "body_invalid", "/content/valid-from")?;
    refuses(&got, 422, "body_invalid", "/content/shoe-size")?;
    for (name, value, told) in [
        ("service", json!("persons"), "did you mean `person`?"),
        ("fields", json!(["shoeSize"]), "no field `shoeSize`"),
        ("purposes", json!(["rr:Nothing"]), "no such term"),
        ("valid-until", json!("2025-12-31"), "before it begins"),
        ("purposes", json!([]), "at least one purpose"),
    ] {
        let got = put("/grants", with(name, value))?;
        ensure!(got.status == 422 && got.text.contains(told), "{name}: {}", got.text);
    }
    for id in ["", "a/b", "-a", "a b", "a\u{202E}b", &"a".repeat(101)] {
        refuses(&put("/grants", with("id", json!(id)))?, 422, "name_invalid", "/content/id")?;
    }
    for (path, mut content, name) in [
        ("/services", office.see("/services/person/versions/1")?["content"].clone(), "title"),
        ("/purposes", office.see("/purposes/dpv%3AAgeVerification")?["content"].clone(), "label"),
    ] {
        content[name] = json!("a\nb");
        refuses(&put(path, content)?, 422, "text_invalid", &format!("/content/{name}"))?;
    }
    let concept = |iri: &str, broader: &[&str]| json!({ "iri": iri, "kind": "purpose", "label": "x", "broader": broader });
    refuses(
        &put("/purposes", concept("rr:New", &["rr:Nothing"]))?,
        422,
        "term_unknown",
        "/content/broader/0",
    )?;
    let circle = put("/purposes", concept("dpv:EnforceSecurity", &["dpv:AgeVerification"]))?;
    refuses(&circle, 422, "term_circular", "/content/broader")?;
    let service = office.see("/services/person/versions/1")?["content"].clone();
    let mut unknown = service.clone();
    unknown["entity"] = json!("dog");
    let got = put("/services", unknown)?;
    ensure!(got.status == 422 && got.text.contains("no entity `dog`"), "{}", got.text);
    refuses(&put("/services", service)?, 409, "nothing_changes", "state")?;
    let needed = office.post(
        &office.manager,
        "/services/statistics/versions/1/retire",
        &json!({ "reason": "for a test", "emergency": true }),
    )?;
    ensure!(
        needed.status == 422 && needed.text.contains("there is no service `statistics`"),
        "{}",
        needed.text
    );
    for path in ["/grants/nobody/retire", "/purposes/rr:Nobody/retire", "/services/person/versions/9/retire"]
    {
        let got = office.post(&office.manager, path, &json!({ "reason": "for a test" }))?;
        refuses(&got, 404, "not_found", "url")?;
    }
    ensure!(scene.generation()? == generation, "nothing of that changed anything");
    // A dry run says what would be.
    let dry = json!({ "content": grant(), "dryRun": true, "reason": "for a test" });
    let dry = office.post(&office.manager, "/grants", &dry)?;
    good(&dry)?;
    ensure!(
        dry.json["secondPerson"] == true && dry.json["effect"]["changes"][0]["name"] == "new",
        "{}",
        dry.text
    );
    ensure!(scene.generation()? == generation);
    scene.host.stop()
}

/// What is planned comes by itself, is shown before, and can be stopped. Who may not loosen alone may not plan it alone.
#[test]
fn what_is_planned_comes_at_its_time() -> Result<()> {
    let shop = Shop::open()?;
    shop.put_and_confirm("purpose", "purpose.toml", PURPOSE)?;
    shop.put_and_confirm("service", "service.toml", SERVICE)?;
    let in_a_moment = || (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(12)).to_string();
    let file = shop.scene.given.home.folder.join("planned.toml");
    let file = file.to_str().context("a path")?;
    fs::write(file, GRANT)?;
    let told = shop.run(0, &["grant", "put", file, "--at", &in_a_moment(), "--reason", "from then on"])?;
    let number = proposed(&told)?.to_owned();
    ensure!(told.contains("waits for a second person"), "{told}");
    let told = shop.run(1, &["proposal", "confirm", &number, "--reason", "the contract is signed"])?;
    ensure!(told.contains("scheduled") || told.contains("confirmed"), "{told}");
    soon(|| Ok(shop.ask()?.status == 200))?;
    ensure!(shop.run(0, &["proposal", "show", &number])?.contains("confirmed"));

    // To take it out one person is enough, and can think better of it.
    let far = "2199-01-01T00:00:00Z";
    let told = shop.run(0, &["grant", "retire", "shop-age", "--at", far, "--reason", "some day"])?;
    let number = proposed(&told)?.to_owned();
    ensure!(shop.run(0, &["proposal", "list"])?.contains("scheduled"));
    let (office, manager) = (&shop.scene.office, &shop.scene.office.manager);
    let confirmed = office.decide(&office.approver, number.parse()?, "confirm")?;
    refuses(&confirmed, 409, "proposal_scheduled", "state")?;
    good(&office.decide(manager, number.parse()?, "reject")?)?;
    let told =
        shop.run(0, &["grant", "retire", "shop-age", "--at", &in_a_moment(), "--reason", "it ends"])?;
    ensure!(told.contains("is done at"), "{told}");
    soon(|| Ok(shop.ask()?.status == 403))?;

    // What would do something else by then is not done.
    let over = json!({ "at": "2020-01-01T00:00:00Z", "reason": "x" });
    refuses(&office.post(manager, "/grants/public-task-person/retire", &over)?, 422, "time_over", "/at")?;
    let ends = ["grant", "retire", "public-task-person", "--reason", "it ends"];
    shop.run(0, &[&ends[..], &["--at", &in_a_moment()]].concat())?;
    shop.run(0, &ends)?;
    soon(|| Ok(office.see("/proposals")?[0]["state"] == "outdated"))?;
    shop.scene.host.stop()
}

/// The whole of it as files: what is exported changes nothing, what somebody changed meanwhile shows, and what was planned
/// for one generation is not done in another.
#[test]
fn files_are_compared_and_put_to_work_as_a_whole() -> Result<()> {
    let shop = Shop::open()?;
    let folder = shop.scene.given.home.folder.join("files");
    let files = folder.to_str().context("a path")?;
    shop.run(0, &["governance", "export", files])?;
    let told = shop.run(0, &["governance", "plan", files])?;
    ensure!(told.contains("Nothing in the rulebook changes.") && told.contains("generation 1"), "{told}");
    let nothing = ["governance", "apply", files, "--generation", "1", "--reason", "nothing"];
    ensure!(shop.run(0, &nothing).is_err(), "nothing would change");

    // Narrower in two files: one person is enough, and both are done.
    let grant = folder.join("grants/public-task-person.toml");
    let narrowed = fs::read_to_string(&grant)?.replace("    \"familyName\",\n", "");
    fs::write(&grant, narrowed)?;
    fs::remove_file(folder.join("grants/small-company-person.toml"))?;
    let told = shop.run(0, &["governance", "plan", files])?;
    ensure!(
        told.contains("removed grant small-company-person")
            && told.contains("changed grant public-task-person"),
        "{told}"
    );
    ensure!(told.contains("Nobody else is needed"), "{told}");
    let before = shop.scene.generation()?;
    let apply = ["governance", "apply", files, "--generation", "1", "--reason", "less is needed"];
    shop.run(0, &apply)?;
    let got = shop.scene.ask()?;
    ensure!(got.is_narrowed("familyName", "grant.field-not-open"), "{}", got.text);
    ensure!(shop.scene.generation()? == before + 1, "one generation");
    ensure!(shop.run(0, &apply).is_err(), "of another generation");

    // What somebody does in the host shows as a difference.
    shop.run(0, &["grant", "retire", "case-authority-person", "--reason", "it ends"])?;
    let told = shop.run(0, &["governance", "plan", files])?;
    ensure!(told.contains("! added grant case-authority-person"), "{told}");
    ensure!(shop.run(0, &["governance", "export", files]).is_err(), "the folder holds files");
    shop.run(0, &["governance", "export", files, "--replace"])?;
    let told = shop.run(0, &["governance", "plan", files])?;
    ensure!(told.contains("Nothing in the rulebook changes."), "{told}");
    // A file that is wrong is named, and nothing is done.
    fs::write(folder.join("grants/wrong.toml"), "id = 7")?;
    let wrong = shop.run(0, &["governance", "plan", files]).unwrap_err();
    ensure!(wrong.to_string().contains("wrong.toml"), "{wrong:#}");
    shop.scene.host.stop()
}

/// Two people put in two things at once: neither is lost.
#[test]
fn an_edit_changes_nothing_else() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let propose = |id: &str| -> Result<i64> {
        let content = json!({
            "id": id, "client": "EE/GOV/70999911/toetused", "service": "person", "fields": ["familyName"],
            "purposes": ["dpv:IdentityVerification"], "legal-bases": ["eu-gdpr:A6-1-e"],
            "valid-from": "2026-01-01",
        });
        let got = office.post(
            &office.manager,
            "/grants",
            &json!({ "content": content, "reason": "for a test" }),
        )?;
        ensure!(got.status == 202, "{}", got.text);
        got.json["proposal"]["id"].as_i64().context("it has a number")
    };
    let (one, other) = (propose("one")?, propose("other")?);
    good(&office.decide(&office.approver, other, "confirm")?)?;
    good(&office.decide(&office.approver, one, "confirm")?)?;
    let all = office.see("/grants")?;
    let names: Vec<&str> = all.as_array().context("a list")?.iter().map(|own| text(own, "name")).collect();
    ensure!(
        names.contains(&"one") && names.contains(&"other") && names.contains(&"public-task-person"),
        "{names:?}"
    );
    scene.host.stop()
}
