// SPDX-License-Identifier: Apache-2.0
//! What a client is told that it may ask is what its queries then get: the same evaluator says both.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{
    Ask, Given, Got, Host, Office,
    ask::{OFFICIAL, agent},
};
use serde_json::{Value, json};

/// What `GET {path}` answers a client.
fn rights(host: &Host, client: &str, path: &str, headers: &[(&str, &str)]) -> Result<(u16, Value)> {
    let mut request = agent().get(format!("{}{path}", host.base_url)).header("X-Road-Client", client);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.call()?;
    let text = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), serde_json::from_str(&text).context(text)?))
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    value.get(name).and_then(Value::as_array).with_context(|| format!("no list `{name}` in {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("no text `{name}` in {value}"))
}

/// Asks for everything that the service has, as the right says.
fn query(given: &Given, host: &Host, client: &str, service: &str, right: &Value) -> Result<Got> {
    let document = agent()
        .get(format!("{}/xroad/{service}/openapi.json", host.base_url))
        .call()?
        .body_mut()
        .read_to_string()?;
    let document: Value = serde_json::from_str(&document)?;
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).context("schemas")?;
    let (_, asked) = schemas.iter().find(|(name, _)| name.ends_with("V1Query")).context("a query")?;
    let fields =
        asked.pointer("/properties/select/anyOf/0/items/enum").and_then(Value::as_array).context("fields")?;
    let fields: Vec<&str> = fields.iter().filter_map(Value::as_str).collect();
    let by_code = asked.pointer("/properties/where/properties/personalCode").is_some();
    let keys = if by_code {
        json!({ "personalCode": given.world.persons.adult })
    } else {
        json!({ "residenceMunicipality": "Tallinn" })
    };
    Ask::service(service, client, &fields, keys)
        .context("purpose", text(right, "purpose")?)
        .context("legalBasis", text(right, "legalBasis")?)
        .send(&agent(), &host.base_url)
}

#[test]
fn what_is_told_is_what_a_query_gets() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let (mut allowed, mut refused) = (0, 0);
    for service in ["person", "isikud", "statistics"] {
        for client in given.world.clients.values().map(|client| client.id.as_str()) {
            if client == given.world.client("stranger") {
                continue;
            }
            let path = format!("/xroad/{service}/rights");
            let (status, told) = rights(&host, client, &path, &[("X-Road-UserId", OFFICIAL)])?;
            ensure!(status == 200 && text(&told, "client")? == client, "{told}");
            for right in list(&told, "rights")? {
                if right.get("purpose").is_none_or(Value::is_null) {
                    ensure!(right.pointer("/reasons/0/code") == Some(&json!("grant.none")), "{right}");
                    continue;
                }
                let got = query(&given, &host, client, service, right)?;
                match text(right, "decision")? {
                    "allowed" => {
                        allowed += 1;
                        ensure!(got.status == 200, "{right}: {}", got.text);
                        ensure!(
                            got.json.pointer("/decision/fields") == right.get("fields"),
                            "{right}: {}",
                            got.text
                        );
                        ensure!(right.pointer("/accessRight/id").is_some(), "{right}");
                    }
                    "refused" => {
                        refused += 1;
                        ensure!(got.status == 403, "{right}: {}", got.text);
                        ensure!(got.json.get("reasons") == right.get("reasons"), "{right}: {}", got.text);
                    }
                    other => anyhow::bail!("{other}: {right}"),
                }
            }
        }
    }
    ensure!(allowed >= 8 && refused >= 2, "{allowed} allowed, {refused} refused: too few to show anything");
    host.stop()
}

/// Who may see a field is told by what decides queries: of every client what it gets.
#[test]
fn who_may_see_a_field_is_who_gets_it() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let office = Office::open(&given.home, &host.base_url)?;
    let (mut seen, mut hidden) = (0, 0);
    for field in ["birthDate", "familyName", "ethnicNationality", "custody.otherCode"] {
        let told = office.see(&format!("/services/person/who?field={field}"))?;
        ensure!(told.get("more") == Some(&json!(false)), "{told}");
        for client in list(&told, "clients")? {
            for right in list(client, "rights")? {
                let keys = json!({ "personalCode": given.world.persons.adult });
                let got = Ask::service("person", text(client, "client")?, &[field], keys)
                    .context("purpose", text(right, "purpose")?)
                    .context("legalBasis", text(right, "legalBasis")?)
                    .send(&agent(), &host.base_url)?;
                match text(right, "decision")? {
                    "allowed" => {
                        seen += 1;
                        ensure!(got.status == 200, "{client}: {}", got.text);
                        let of = right.get("fields").and_then(|fields| fields.get(field));
                        ensure!(got.json.pointer("/decision/fields").and_then(|all| all.get(field)) == of);
                    }
                    _ => {
                        hidden += 1;
                        ensure!(got.status == 403, "{client}: {}", got.text);
                        ensure!(got.json.get("reasons") == right.get("reasons"), "{client}: {}", got.text);
                    }
                }
            }
        }
    }
    ensure!(seen >= 5 && hidden >= 3, "{seen} see, {hidden} do not: too few to show anything");
    // Page by page it is the same.
    let all = office.see("/services/person/who?field=birthDate")?;
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = office.see(&format!("/services/person/who?field=birthDate&limit=2&after={after}"))?;
        pages.extend(list(&page, "clients")?.clone());
        if page.get("more") != Some(&json!(true)) {
            break;
        }
        after = text(pages.last().context("a client")?, "client")?.replace('/', "%2F");
    }
    ensure!(list(&all, "clients")? == &pages, "{pages:?}");
    for (path, status) in [
        ("/services/nothing/who?field=birthDate", 404),
        ("/services/person/who?field=shoeSize", 422),
        ("/services/person/who", 422),
        ("/services/person/who?field=birthDate&version=9", 404),
    ] {
        ensure!(office.get(Some(&office.auditor), path)?.status == status, "{path}");
    }
    host.stop()
}

/// What must be stated of a query is stated of this one, too: a court that names its case is told so.
#[test]
fn headers_count_as_they_do_for_a_query() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let court = given.world.client("case_authority");
    let decision = |headers: &[(&str, &str)]| -> Result<String> {
        let (status, told) = rights(&host, court, "/xroad/person/v1/rights", headers)?;
        ensure!(status == 200, "{told}");
        let rights = list(&told, "rights")?;
        ensure!(rights.len() == 1, "{told}");
        Ok(text(rights.first().context("one")?, "decision")?.to_owned())
    };
    ensure!(decision(&[("X-Road-UserId", OFFICIAL)])? == "refused", "no case");
    ensure!(decision(&[("X-Road-UserId", OFFICIAL), ("X-Road-Issue", "12-3")])? == "allowed", "a case");
    host.stop()
}

/// Caps go down by who was asked about, and by nothing else.
#[test]
fn what_is_left_of_a_cap_is_told() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let company = given.world.client("small_company");
    let left = || -> Result<u64> {
        let (status, told) = rights(&host, company, "/xroad/person/rights", &[("X-Road-UserId", OFFICIAL)])?;
        ensure!(status == 200, "{told}");
        let caps = list(list(&told, "rights")?.first().context("a right")?, "caps")?;
        let month = caps.iter().find(|cap| cap.get("window") == Some(&json!("month"))).context("a month")?;
        ensure!(month.get("persons") == Some(&json!(20)), "{month}");
        month.get("left").and_then(Value::as_u64).context("left")
    };
    ensure!(left()? == 20 && left()? == 20, "looking costs nothing");
    let keys = json!({ "personalCode": given.world.persons.twenty.get(..3).context("three")? });
    let got = Ask::service("person", company, &["familyName"], keys).send(&agent(), &host.base_url)?;
    ensure!(got.status == 200, "{}", got.text);
    ensure!(left()? == 17, "{}", left()?);
    host.stop()
}

/// A stated purpose is the one that is meant; one that no access right is for is refused as its queries would be.
#[test]
fn a_purpose_may_be_stated() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let client = given.world.client("public_task");
    let of = |purpose| {
        let headers = [
            ("X-Road-UserId", OFFICIAL),
            ("X-Road-PDU-Purpose", purpose),
            ("X-Road-PDU-Initiator-Org-Type", "GOV"),
            ("X-Road-PDU-Initiator-Org-Code", "70999911"),
        ];
        rights(&host, client, "/xroad/person/rights", &headers)
    };
    let (status, told) = of("law:JusticeManagement")?;
    let code = told.pointer("/rights/0/reasons/0/code");
    ensure!(status == 200 && code == Some(&json!("grant.purpose-not-covered")), "{told}");
    let (status, told) = of("rr:Nothing")?;
    ensure!(status == 400 && told.get("code") == Some(&json!("purpose_unknown")), "{told}");
    host.stop()
}

/// Looking leaves no audit record; what is wrong or refused does.
#[test]
fn only_what_is_wrong_is_recorded() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let id = |told: &Value| Some(told.get("instance")?.as_str()?.to_owned());
    let client = given.world.client("public_task");
    let (status, told) = rights(&host, client, "/xroad/person/rights", &[])?;
    ensure!(status == 200 && id(&told).is_none(), "{told}");
    for (client, path, expected) in [
        (client, "/xroad/nothing/rights", 404),
        (client, "/xroad/person/v9/rights", 404),
        (client, "/xroad/person/rights?of=me", 400),
        (given.world.client("stranger"), "/xroad/person/rights", 403),
    ] {
        let (status, told) = rights(&host, client, path, &[])?;
        ensure!(status == expected && id(&told).is_some(), "{path}: {told}");
    }
    host.stop()
}

/// Who may ask for two things is told both; the day after an access right's last day it is told none.
#[test]
fn what_does_not_hold_today_is_not_told() -> Result<()> {
    let mut given = Given::empty()?;
    let grants = given.own_control()?.join("grants");
    let text_of = fs::read_to_string(grants.join("small-company-person.toml"))?;
    let ended = text_of
        .replace("small-company-person", "small-company-ended")
        .replace("rr:ContractPartyVerification", "services:SocialWelfareEligibilityAssessment")
        .replace("valid-from", "valid-until = \"2026-01-02\"\nvalid-from");
    let further = text_of
        .replace("small-company-person", "small-company-further")
        .replace("rr:ContractPartyVerification", "dpv:IdentityVerification");
    fs::write(grants.join("small-company-ended.toml"), ended)?;
    fs::write(grants.join("small-company-further.toml"), further)?;
    given.home.seed(&given.register, &given.rules)?;
    let host = given.start()?;
    let company = given.world.client("small_company");
    let (status, told) = rights(&host, company, "/xroad/person/rights", &[("X-Road-UserId", OFFICIAL)])?;
    ensure!(status == 200, "{told}");
    let ids: Vec<&str> = list(&told, "rights")?
        .iter()
        .filter_map(|right| right.pointer("/accessRight/id").and_then(Value::as_str))
        .collect();
    // The first by its id is for the narrower purpose, too.
    ensure!(ids == ["small-company-further"; 2], "{told}");
    host.stop()
}
