// SPDX-License-Identifier: Apache-2.0
//! Services that say by which keys what may be asked, what must be stated, and how many may match; by the real program.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use paasla_core::{Approach, AuditRecord, Outcome};
use paasla_store::{SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Got, ask::agent};
use serde_json::{Value, json};

/// The second version of the example's service.
const SERVICE: &str = "control/services/person-v2.toml";

/// A query to it. Without fields it names none.
fn ask(client: &str, fields: &[&str], keys: Value) -> Ask {
    let mut ask = Ask::service("person", client, fields, keys);
    ask.path = "/xroad/person/v2/query".to_owned();
    if let Some(body) = ask.body.as_object_mut().filter(|_| fields.is_empty()) {
        body.remove("select");
    }
    ask
}

/// Given name, family name and birth date of persons, straight from the register.
async fn names(given: &Given, codes: &[&String]) -> Result<[Vec<String>; 3]> {
    use sqlx::{ConnectOptions as _, Row as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&given.register).read_only(true);
    let mut register = options.connect().await?;
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for code in codes {
        let sql = "SELECT given_name, family_name, birth_date FROM person WHERE personal_code = $1";
        let row = sqlx::query(sql).bind(code.as_str()).fetch_one(&mut register).await?;
        for (place, list) in all.iter_mut().enumerate() {
            list.push(row.try_get(place)?);
        }
    }
    Ok(all)
}

/// A search for these persons by all that tells them apart.
async fn search(given: &Given, client: &str, fields: &[&str], codes: &[&String]) -> Result<Ask> {
    let [given_names, family_names, birth_dates] = names(given, codes).await?;
    let keys = json!({ "givenName": given_names, "familyName": family_names, "birthDate": birth_dates });
    Ok(ask(client, fields, keys))
}

async fn record(given: &Given, got: &Got) -> Result<AuditRecord> {
    let store = SqliteStore::open(given.home.database()).await?;
    let record = store.record(got.decision.as_ref().context("a record")?).await?.context("the record")?;
    store.close().await?;
    Ok(record)
}

/// A host whose service is changed before it is put in.
fn altered(alter: impl FnOnce(String) -> String) -> Result<Given> {
    let mut given = Given::empty()?;
    given.own_control()?;
    let file = given.home.examples.join(SERVICE);
    let text = fs::read_to_string(&file)?;
    let other = alter(text.clone());
    ensure!(other != text, "the service is another");
    fs::write(&file, other)?;
    Ok(given)
}

/// The same, where so many may match by name.
fn at_most(rows: u32) -> Result<Given> {
    let given = altered(|text| text.replace("max-records = 10\n", &format!("max-records = {rows}\n")))?;
    given.home.seed(&given.register, &given.rules)?;
    Ok(given)
}

#[tokio::test]
async fn the_keys_say_which_fields_may_be_asked_for() -> Result<()> {
    let given = Given::seeded()?;
    let (client, adult) = (given.world.client("public_task"), &given.world.persons.adult);
    let host = given.start()?;
    let send = |ask: &Ask| ask.send(&agent(), &host.base_url);
    let by_code = send(&ask(client, &["familyName", "education"], json!({ "personalCode": adult })))?;
    ensure!(by_code.status == 200 && by_code.records().len() == 1, "{}", by_code.text);
    let by_name = send(&search(&given, client, &["personalCode", "status"], &[adult]).await?)?;
    ensure!(by_name.status == 200 && by_name.value("/personalCode") == adult.as_str(), "{}", by_name.text);
    let got = send(&search(&given, client, &["familyName", "education"], &[adult]).await?)?;
    ensure!(got.status == 400 && got.has_problem("field_not_by_these_keys", "/select/1"), "{}", got.text);
    ensure!(got.text.contains("`education`") && got.text.contains("look up by personalCode"), "{}", got.text);
    let [given_names, family_names, _] = names(&given, &[adult]).await?;
    let keys = json!({ "givenName": given_names, "familyName": family_names });
    let got = send(&ask(client, &["familyName"], keys))?;
    ensure!(got.status == 400 && got.has_problem("lookup_unknown", "/where"), "{}", got.text);
    ensure!(got.text.contains("personalCode, or by familyName and birthDate"), "{}", got.text);
    ensure!(!family_names.iter().any(|name| got.text.contains(name)), "nothing is repeated: {}", got.text);
    host.stop()?;
    let approaches = [record(&given, &by_code).await?.approach(), record(&given, &by_name).await?.approach()];
    ensure!(approaches == [Some(Approach::Consultation), Some(Approach::Search)], "{approaches:?}");
    ensure!(record(&given, &got).await?.approach().is_none());
    Ok(())
}

#[tokio::test]
async fn more_than_may_match_is_an_error_and_no_list_that_was_cut() -> Result<()> {
    let given = at_most(2)?;
    let persons = &given.world.persons;
    let [one, two, ..] = persons.twenty.as_slice() else { anyhow::bail!("twenty persons") };
    let client = given.world.client("public_task");
    let host = given.start()?;
    let send = |ask: Ask| ask.send(&agent(), &host.base_url);
    let fields = ["personalCode", "familyName"];
    let two_of_two = send(search(&given, client, &fields, &[one, two]).await?)?;
    ensure!(two_of_two.status == 200 && two_of_two.records().len() == 2, "{}", two_of_two.text);
    ensure!(two_of_two.json["more"] == false, "{}", two_of_two.text);
    let three = search(&given, client, &fields, &[one, two, &persons.adult]).await?;
    for ask in [three.clone(), three.clone().limit(2)] {
        let got = send(ask)?;
        ensure!(got.is_refused("host.too-many-records") && got.records().is_empty(), "{}", got.text);
        ensure!(got.text.contains("More than 2 records match"), "{}", got.text);
        let record = record(&given, &got).await?;
        ensure!(record.outcome == Outcome::Refused && record.codes == ["host.too-many-records"]);
        ensure!(record.approach() == Some(Approach::Search) && record.persons() == 0 && record.returned == 0);
    }
    // Who asks for fewer has a list that is cut, and is told so.
    let got = send(three.clone().limit(1))?;
    ensure!(got.status == 200 && got.records().len() == 1 && got.json["more"] == true, "{}", got.text);
    let got = send(three.limit(3))?;
    ensure!(got.status == 400 && got.has_problem("number_out_of_range", "/limit"), "{}", got.text);
    host.stop()
}

/// The error, as `more`, depends on rows only that may be seen: wherever a person who may not be found stands among the
/// matches, the answer is the same as without them.
#[tokio::test]
async fn nobody_who_may_not_be_found_makes_too_many() -> Result<()> {
    let given = at_most(1)?;
    let persons = &given.world.persons;
    let client = given.world.client("legitimate_interest");
    let host = given.start()?;
    let fields = ["givenName", "birthDate"];
    let mut found = 0;
    for adult in persons.twenty.iter().chain([&persons.adult]) {
        let alone = search(&given, client, &fields, &[adult]).await?.send(&agent(), &host.base_url)?;
        ensure!(alone.status == 200, "{}", alone.text);
        found += alone.records().len();
        for hidden in [&persons.child, &persons.restricted, &persons.child_of_restricted] {
            let ask = search(&given, client, &fields, &[adult, hidden]).await?;
            for ask in [ask.clone(), ask.limit(1)] {
                let got = ask.send(&agent(), &host.base_url)?;
                ensure!(got.status == 200 && got.json["records"] == alone.json["records"], "{}", got.text);
                ensure!(got.json["more"] == false, "{}", got.text);
            }
        }
    }
    ensure!(found > 10, "adults are found: {found}");
    let both = search(&given, client, &fields, &[&persons.twenty[0], &persons.twenty[1]]).await?;
    let got = both.send(&agent(), &host.base_url)?;
    ensure!(got.is_refused("host.too-many-records"), "{}", got.text);
    host.stop()
}

#[test]
fn all_fields_and_the_services_own_selection() -> Result<()> {
    let given = Given::seeded()?;
    let (client, adult) = (given.world.client("public_task"), &given.world.persons.adult);
    let host = given.start()?;
    let all = |client: &str| -> Result<Got> {
        let mut ask = ask(client, &["familyName"], json!({ "personalCode": adult }));
        ask.body["select"] = json!("*");
        ask.send(&agent(), &host.base_url)
    };
    let got = all(client)?;
    ensure!(got.status == 200 && got.visibility("familyName") == Some("show"), "{}", got.text);
    ensure!(got.visibility("ethnicNationality").is_none(), "what is not open is not asked for: {}", got.text);
    ensure!(got.visibility("custody.otherCode").is_some(), "{}", got.text);
    // What rules hide is told, with the reason.
    let got = all(given.world.client("legitimate_interest"))?;
    let hidden = got.json.pointer("/decision/fields/custody.kind/reasons").and_then(Value::as_array);
    ensure!(got.status == 200 && got.visibility("custody.kind") == Some("hide"), "{}", got.text);
    ensure!(hidden.is_some_and(|reasons| !reasons.is_empty()), "{}", got.text);
    let mut listed = ask(client, &["*"], json!({ "personalCode": adult }));
    let got = listed.send(&agent(), &host.base_url)?;
    ensure!(got.status == 400 && got.has_problem("select_all_in_list", "/select/0"), "{}", got.text);

    listed = ask(client, &[], json!({ "personalCode": adult }));
    let got = listed.send(&agent(), &host.base_url)?;
    let told = got.json.pointer("/decision/fields").and_then(Value::as_object).context("fields")?;
    let told: BTreeSet<&str> = told.keys().map(String::as_str).collect();
    ensure!(
        told == ["birthDate", "familyName", "givenName", "personalCode", "status"].into(),
        "{}",
        got.text
    );
    "/xroad/person/v1/query".clone_into(&mut listed.path);
    let got = listed.send(&agent(), &host.base_url)?;
    ensure!(got.status == 400 && got.has_problem("member_missing", "/select"), "{}", got.text);
    host.stop()
}

#[test]
fn what_a_service_requires_must_be_stated() -> Result<()> {
    let more = "requires = [\"case\", \"provision\"]\nlegal-bases = [\"eu-gdpr:A6-1-e\"]\ndefault-fields";
    let given = altered(|text| text.replacen("default-fields", more, 1))?;
    given.home.seed(&given.register, &given.rules)?;
    let adult = &given.world.persons.adult;
    let host = given.start()?;
    let by =
        |client: &str| ask(given.world.client(client), &["familyName"], json!({ "personalCode": adult }));
    let got = by("public_task").send(&agent(), &host.base_url)?;
    let missing = ["/context/case", "/context/provision"];
    let is_told = missing.iter().all(|place| got.has_problem("context_missing", place));
    ensure!(
        got.status == 400 && is_told && got.text.contains("/context/case or X-Road-Issue"),
        "{}",
        got.text
    );
    let stated = |client: &str| by(client).header("X-Road-Issue", "1-2/345").context("provision", "§ 1");
    let got = stated("public_task").send(&agent(), &host.base_url)?;
    ensure!(got.status == 200 && got.records().len() == 1, "{}", got.text);
    let got = stated("legitimate_interest").send(&agent(), &host.base_url)?;
    ensure!(got.is_refused("grant.basis-not-of-service"), "{}", got.text);
    host.stop()
}

/// A service that is wrong is not put in, and every mistake of it is told with its place.
#[test]
fn every_mistake_in_a_service_is_told_at_once() -> Result<()> {
    let given = Given::seeded()?;
    let wrong = altered(|text| {
        text.replace("optional-keys = [\"givenName\"]", "optional-keys = [\"givenNam\"]")
            .replace("default-fields = [\"personalCode\"", "default-fields = [\"shoeSize\"")
            .replace(
                "keys = [\"personalCode\"]\n",
                "keys = [\"birthDate\"]\noptional-keys = [\"familyName\"]\n",
            )
            .replace("max-records = 10\n", "max-records = 101\n")
    })?;
    let mut command = Command::new(&given.home.paasla);
    command.arg("seed").arg("--config").arg(given.home.config()).arg("--rules").arg(&given.rules);
    command.arg("--from").arg(wrong.home.examples.join("control")).args(["--by", "siim", "--reason", "x"]);
    let output = command.output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "{told}");
    for mistake in [
        "/default-fields/0: `shoeSize` is no field of the service",
        "/lookups/1/optional-keys/0: `givenNam` is no key of the service; did you mean `givenName`?",
        "/lookups/1/max-records: it must be from 1 to",
        "/lookups/1/keys: a query could be meant for it and for /lookups/0",
        "/keys/0: no lookup takes `personalCode`",
    ] {
        ensure!(told.contains(&format!("service `person` v2: {mistake}")), "{mistake}: {told}");
    }
    Ok(())
}
