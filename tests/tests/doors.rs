// SPDX-License-Identifier: Apache-2.0
//! The doors of the real program, over real sockets. `cargo xtask demo --check` asks many more queries.

use std::{collections::BTreeSet, fs, thread};

use anyhow::{Context as _, Result, ensure};
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, ask::agent};
use serde_json::{Value, json};

/// What a person's name, birth date and status are, straight from the register.
async fn in_register(given: &Given, code: &str) -> Result<(String, String, String)> {
    use sqlx::{ConnectOptions as _, Row as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&given.register).read_only(true);
    let mut register = options.connect().await?;
    let sql = "SELECT given_name, family_name, birth_date FROM person WHERE personal_code = $1";
    let row = sqlx::query(sql).bind(code).fetch_one(&mut register).await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// Subsystems of one member share the cap of the member's access right: otherwise a further subsystem would be a
/// further cap.
#[test]
fn subsystems_share_the_cap_of_their_member() -> Result<()> {
    let mut given = Given::empty()?;
    let grant = given.own_control()?.join("grants/small-company-person.toml");
    let holder = given.world.client("small_company");
    let (member, _) = holder.rsplit_once('/').context("a subsystem")?;
    let text = fs::read_to_string(&grant)?;
    ensure!(text.contains(&format!("\"{holder}\"")), "the grant names its client");
    fs::write(&grant, text.replace(&format!("\"{holder}\""), &format!("\"{member}\"")))?;
    given.home.seed(&given.register, &given.rules)?;
    let host = given.start()?;
    let asked = |subsystem: &str, codes: &[String]| {
        let keys = json!({ "personalCode": codes });
        let client = format!("{member}/{subsystem}");
        Ask::service("person", &client, &["familyName"], keys).send(&agent(), &host.base_url)
    };
    let (most, last) = given.world.persons.twenty.split_at(15);
    ensure!(asked("one", most)?.status == 200, "fifteen of twenty");
    ensure!(asked("two", most)?.status == 403, "fifteen more are too many");
    ensure!(asked("two", last)?.status == 200, "five more are not");
    host.stop()
}

/// What is wrong with the headers, with the body's shape, and in the register's terms: all of it in one answer.
#[test]
fn every_problem_of_a_request_is_told_at_once() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let code = "49001010094";
    let fields = ["familyName", "shoeSize"];
    let ask =
        Ask::service("person", given.world.client("public_task"), &fields, json!({ "personalCode": code }));
    let mut ask = ask.without("X-Road-UserId").context("purpose", "rr:Nothing");
    if let Some(body) = ask.body.as_object_mut() {
        body.insert("limit".to_owned(), json!("many"));
    }
    let got = ask.send(&agent(), &host.base_url)?;
    let problems = got.json.get("problems").and_then(Value::as_array).context("a list of problems")?;
    let codes: BTreeSet<&str> = problems.iter().filter_map(|problem| problem.get("code")?.as_str()).collect();
    let expected =
        ["user_missing", "type_wrong", "field_unknown", "personal_code_invalid", "purpose_unknown"].into();
    ensure!(got.status == 400 && codes == expected, "{}", got.text);
    ensure!(!got.text.contains(code) && !got.text.contains("shoeSize"), "nothing is repeated: {}", got.text);
    host.stop()
}

/// To be found by a value is to have it told: whoever may not see a birth date cannot find anybody by it.
#[tokio::test]
async fn nobody_is_found_by_what_may_not_be_seen() -> Result<()> {
    let given = Given::seeded()?;
    let persons = &given.world.persons;
    let host = given.start()?;
    let company = given.world.client("legitimate_interest");
    for (code, found) in [(&persons.adult, 1), (&persons.child, 0)] {
        let (given_name, family_name, birth_date) = in_register(&given, code).await?;
        let keys = json!({ "givenName": given_name, "familyName": family_name, "birthDate": birth_date });
        let got = Ask::service("person", company, &["birthDate"], keys).send(&agent(), &host.base_url)?;
        ensure!(got.status == 200 && got.records().len() == found, "{}", got.text);
    }
    // Statistics see the year of a birth date, so the day is no key for them.
    let (_, _, birth_date) = in_register(&given, &persons.adult).await?;
    let office = given.world.client("statistics_office");
    let ask = Ask::service("statistics", office, &["sex"], json!({ "residenceMunicipality": "Tallinn" }));
    let got = ask.limit(3).send(&agent(), &host.base_url)?;
    ensure!(got.status == 200 && !got.records().is_empty(), "{}", got.text);
    let ask = Ask::service("statistics", office, &["sex"], json!({ "birthDate": birth_date }));
    let got = ask.send(&agent(), &host.base_url)?;
    ensure!(got.status == 400, "{}", got.text);
    host.stop()
}

/// Two searches that differ only in whether they meet somebody who may not be found have the same answer: the same
/// records, and the same word on whether there are more, whatever the limit.
#[tokio::test]
async fn a_search_tells_nothing_of_whom_it_may_not_find() -> Result<()> {
    let given = Given::seeded()?;
    let persons = &given.world.persons;
    let (given_name, family_name, birth_date) = in_register(&given, &persons.adult).await?;
    let host = given.start()?;
    let company = given.world.client("legitimate_interest");
    for hidden in [&persons.child, &persons.restricted] {
        let own = in_register(&given, hidden).await?;
        for limit in 1..=3 {
            let told = |day: &str| -> Result<(Value, Value)> {
                let keys = json!({
                    "givenName": [given_name, own.0],
                    "familyName": [family_name, own.1],
                    "birthDate": [birth_date, day],
                });
                let ask = Ask::service("person", company, &["givenName", "birthDate"], keys).limit(limit);
                let got = ask.send(&agent(), &host.base_url)?;
                ensure!(got.status == 200 && got.records().len() == 1, "the adult is found: {}", got.text);
                Ok((got.json["records"].clone(), got.json["more"].clone()))
            };
            let (met, not_met) = (told(&own.2)?, told("1899-12-31")?);
            ensure!(met == not_met && met.1 == false, "limit {limit}: {met:?}, {not_met:?}");
        }
    }
    host.stop()
}

/// The answer that today's clients read, value for value.
#[tokio::test]
async fn an_unmodified_client_is_answered_as_today() -> Result<()> {
    let given = Given::seeded()?;
    let (adult, child) = (&given.world.persons.adult, &given.world.persons.child);
    let (given_name, family_name, birth_date) = in_register(&given, adult).await?;
    let host = given.start()?;
    let fields = json!({
        "isikuandmed": [
            "Isikukood", "Eesnimi", "Perekonnanimi", "SynniKuupaev", "IsikuStaatus", "PohiKodakondsus"
        ],
        "muudPerenimedDetail": [],
        "kodakondsused": [],
        "isikuAadressid": [],
        "isikuKontaktid": [],
        "dokumendid": [],
        "suhted": [],
        "hooldusoigused": ["Liik", "Staatus", "TeineIsikIsikukood", "TeineIsikOlek"],
    });
    let ask = Ask::rr(given.world.client("public_task"), "avalik", &[adult], fields);
    let got = ask.send(&agent(), &host.base_url)?;
    let status = json!({ "kood": "ISIKU_STAATUS", "elemendiKood": "E", "nimetus": "ELUS" });
    let custody = |code: &str, label: &str| {
        json!({
            "liik": { "kood": "HOOLDUSE_LIIK", "elemendiKood": code, "nimetus": label },
            "staatus": { "kood": "HOOLDUS_STAATUS", "elemendiKood": "H1", "nimetus": "kehtiv" },
            "teineIsikIsikukood": child,
            "teineIsikOlek": status,
        })
    };
    let expected = json!([{
        "isikukood": adult,
        "eesnimi": given_name,
        "perekonnanimi": family_name,
        "synniKuupaev": birth_date,
        "isikuStaatus": status,
        "pohiKodakondsus": {
            "riik": { "kood": "RIIK", "elemendiKood": "233", "nimetus": "EESTI VABARIIK" }
        },
        "hooldusoigused": [
            custody("H10", "täielik isikuhooldusõigus"),
            custody("H20", "täielik varahooldusõigus"),
        ],
    }]);
    ensure!(got.json == expected, "{} is not {expected}", got.text);
    host.stop()
}

#[tokio::test]
async fn a_person_is_found_by_name_and_birth_date() -> Result<()> {
    let given = Given::seeded()?;
    let adult = &given.world.persons.adult;
    let (given_name, family_name, birth_date) = in_register(&given, adult).await?;
    let host = given.start()?;
    let ways: [fn(&str) -> String; 4] = [
        str::to_owned,
        |name| name.to_lowercase(),
        |name| format!(" {}\u{a0}", name.replace('-', "\u{2011}").replace(' ', "  ")),
        // Decomposed, as some systems write.
        |name| name.replace('Õ', "O\u{303}").replace('Ä', "A\u{308}").replace('Š', "S\u{30c}"),
    ];
    for way in ways {
        let keys = json!({ "givenName": way(&given_name), "familyName": way(&family_name), "birthDate": birth_date });
        let ask =
            Ask::service("person", given.world.client("public_task"), &["personalCode", "familyName"], keys);
        let got = ask.send(&agent(), &host.base_url)?;
        let found = json!({ "personalCode": adult, "familyName": family_name });
        ensure!(got.records() == [found], "{}", got.text);
    }
    let key = json!({ "familyName": "Ta\u{200b}mm" });
    let ask = Ask::service("person", given.world.client("public_task"), &["personalCode"], key);
    let got = ask.send(&agent(), &host.base_url)?;
    ensure!(got.has_problem("text_invisible_character", "/where/familyName"), "{}", got.text);
    host.stop()
}

/// A wrong name is told where it stands in the request that was sent, at either door, with the name that was probably
/// meant, and not with all there are.
#[test]
fn a_wrong_name_of_a_field_is_told_where_it_is() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let (client, adult) = (given.world.client("public_task"), given.world.persons.adult.as_str());
    let own = Ask::service("person", client, &["familyNam"], json!({ "personalCode": adult }));
    let compatible =
        Ask::rr(client, "avalik", &[adult], json!({ "isikuandmed": ["Isikukoood"], "suhted": null }));
    for (ask, place, meant) in
        [(own, "/select/0", "familyName"), (compatible, "/andmevaljad/isikuandmed/0", "Isikukood")]
    {
        let got = ask.send(&agent(), &host.base_url)?;
        let problems = got.json.get("problems").and_then(Value::as_array).context("a list of problems")?;
        ensure!(problems.len() == 1 && got.has_problem("field_unknown", place), "{}", got.text);
        ensure!(
            got.text.contains(&format!("did you mean `{meant}`?")) && got.text.len() < 800,
            "{}",
            got.text
        );
    }
    host.stop()
}

/// Many clients at once: each is told of the person it asked about.
#[test]
fn answers_are_not_mixed_up() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let client = given.world.client("public_task");
    let (agent, base_url) = (agent(), host.base_url.as_str());
    thread::scope(|scope| {
        let askers: Vec<_> = given
            .world
            .persons
            .twenty
            .iter()
            .map(|code| {
                let agent = &agent;
                scope.spawn(move || -> Result<()> {
                    for _ in 0..5 {
                        let keys = json!({ "personalCode": code });
                        let got =
                            Ask::service("person", client, &["personalCode"], keys).send(agent, base_url)?;
                        ensure!(got.records() == [json!({ "personalCode": code })], "{}", got.text);
                    }
                    Ok(())
                })
            })
            .collect();
        askers.into_iter().try_for_each(|asker| asker.join().unwrap_or_else(|_| anyhow::bail!("a panic")))
    })?;
    host.stop()
}

#[test]
fn services_describe_themselves() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let agent = agent();
    for service in ["person", "isikud", "statistics", "adult"] {
        let mut response = agent.get(format!("{}/xroad/{service}/openapi.json", host.base_url)).call()?;
        ensure!(response.status() == 200, "{service}: {}", response.status());
        let text = response.body_mut().read_to_string()?;
        let document: Value = serde_json::from_str(&text).context(text)?;
        ensure!(document.get("openapi") == Some(&json!("3.1.0")), "{service}: X-Road takes exactly 3.1.0");
        ensure!(document.pointer("/paths/~1v1~1query/post").is_some(), "{service} has no query");
    }
    for health in ["live", "ready"] {
        let response = agent.get(format!("{}/health/{health}", host.base_url)).call()?;
        ensure!(response.status() == 200, "{health}: {}", response.status());
    }
    host.stop()
}

/// A company learns that somebody is an adult, and nothing else: neither its answer, nor the record, nor the host's log holds
/// what the answer is computed from.
#[tokio::test]
async fn an_answer_stands_in_place_of_the_data() -> Result<()> {
    let given = Given::seeded()?;
    let persons = &given.world.persons;
    let host = given.start()?;
    let company = given.world.client("age_checker");
    let ask = |code: &str| {
        let keys = json!({ "personalCode": code });
        Ask::service("adult", company, &["isAdult", "isAlive"], keys).send(&agent(), &host.base_url)
    };
    let mut dates = Vec::new();
    for (code, adult, alive) in
        [(&persons.adult, true, true), (&persons.child, false, true), (&persons.deceased, true, false)]
    {
        let got = ask(code)?;
        ensure!(got.records() == [json!({ "isAdult": adult, "isAlive": alive })], "{}", got.text);
        let (_, family_name, birth_date) = in_register(&given, code).await?;
        ensure!(!got.text.contains(&birth_date) && !got.text.contains(&family_name), "{}", got.text);
        dates.push(birth_date);
    }
    let (restricted, absent) = (ask(&persons.restricted)?, ask(&persons.absent)?);
    ensure!(restricted.anonymous() == absent.anonymous(), "{} is not {}", restricted.text, absent.text);
    host.stop()?;

    let store = SqliteStore::open(given.home.database()).await?;
    let records = store.records(&RecordFilter::default()).await?;
    ensure!(records.len() == 5, "{} records", records.len());
    let log = fs::read_to_string(given.home.log())?;
    for record in &records {
        let query = record.query.as_ref().context("every query is in its record")?;
        let names: Vec<&str> = query.fields.iter().map(|field| field.name.as_str()).collect();
        ensure!(names == ["isAdult", "isAlive"], "{names:?}");
        let text = serde_json::to_string(record)?;
        ensure!(!dates.iter().any(|date| text.contains(date)), "{text}");
    }
    ensure!(!dates.iter().any(|date| log.contains(date)), "the log tells nothing of it");
    store.close().await?;
    Ok(())
}

/// What a service answers is described by what it is: an answer that is yes or no is a boolean.
#[test]
fn a_derived_answer_is_described_as_what_it_is() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let mut response = agent().get(format!("{}/xroad/adult/openapi.json", host.base_url)).call()?;
    let document: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
    for (field, category) in
        [("isAdult", "https://w3id.org/dpv/pd#AgeRange"), ("isAlive", "urn:paasla:rr#PersonStatus")]
    {
        let place = format!("/components/schemas/AdultV1Record/properties/{field}");
        let described = document.pointer(&place).with_context(|| format!("{place} in {document}"))?;
        ensure!(described.pointer("/anyOf/0/type") == Some(&json!("boolean")), "{described}");
        ensure!(described.get("x-category") == Some(&json!(category)), "{described}");
    }
    host.stop()
}

/// Control data is data: every client of the example holds what it says, and no other client does.
#[test]
fn every_grant_belongs_to_a_client_of_the_example() -> Result<()> {
    let given = Given::empty()?;
    let mut holders = BTreeSet::new();
    for entry in std::fs::read_dir(given.home.examples.join("control/grants"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        let client = text.lines().find_map(|line| line.strip_prefix("client = \"")?.strip_suffix('"'));
        holders.insert(client.context("a grant has a client")?.to_owned());
    }
    let mut clients: BTreeSet<String> =
        given.world.clients.values().map(|client| client.id.clone()).collect();
    clients.remove(given.world.client("stranger"));
    ensure!(holders == clients, "{holders:?} hold grants, {clients:?} are in clients.json");
    Ok(())
}
