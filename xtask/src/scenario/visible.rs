// SPDX-License-Identifier: Apache-2.0
//! Who sees what of the same persons.

use paasla_tests::Ask;
use serde_json::{Value, json};

use super::Script;

const BENEFIT: &str = "social benefits, public task";
const IDENTITY: &str = "identity, legitimate interest";

/// What today's clients ask: the fields of the public clients of the register.
pub(super) fn today() -> Value {
    json!({
        "isikuandmed": [
            "Isikukood", "Eesnimi", "Perekonnanimi", "SynniKuupaev", "IsikuStaatus", "PohiKodakondsus"
        ],
        "muudPerenimedDetail": [],
        "suhted": [],
        "hooldusoigused": [
            "Liik", "Staatus", "HooldusoigusAlgus", "TeineIsikIsikukood", "TeineIsikOlek", "TeineIsikEesnimi",
            "TeineIsikPerenimi"
        ],
    })
}

pub(super) fn run(script: &mut Script<'_>) {
    authority(script);
    company(script);
    child(script);
    details(script);
}

fn authority(script: &mut Script<'_>) {
    let world = script.world;
    let (client, persons) = (world.client("public_task"), &world.persons);
    let fields = [
        "personalCode",
        "givenName",
        "familyName",
        "birthDate",
        "education",
        "ethnicNationality",
        "custody.kind",
        "custody.otherCode",
        "custody.otherGivenName",
    ];
    let ask = Ask::service("person", client, &fields, json!({ "personalCode": persons.adult }));
    let got = script.ask("public_task", BENEFIT, "an adult, her or his custody, education, ethnicity", &ask);
    script.want_status(&got, 200);
    script.want(got.value("/personalCode") == persons.adult, "the adult's own code is shown");
    script.want(!got.value("/familyName").is_empty(), "the family name is shown");
    let custody = got.first().get("custody").and_then(Value::as_array);
    let has_child =
        custody.into_iter().flatten().any(|row| row.get("otherCode") == Some(&json!(persons.child)));
    script.want(has_child, "custody names the child");
    script.want(
        got.is_narrowed("education", "minimisation.category-not-needed"),
        "education is hidden: the purpose does not need it",
    );
    script.want(
        got.is_narrowed("ethnicNationality", "grant.field-not-open"),
        "ethnic nationality is hidden: the access right does not open it",
    );

    let ask = Ask::rr(client, "avalik", &[&persons.adult], today());
    let got =
        script.ask("public_task", "avalik (an unmodified client)", "the same adult, in today's words", &ask);
    script.want_status(&got, 200);
    script.want(got.value("/isikukood") == persons.adult, "isikukood is that of the adult");
    script.want(!got.value("/eesnimi").is_empty(), "eesnimi is told");
    script.want(got.value("/isikuStaatus/kood") == "ISIKU_STAATUS", "isikuStaatus is a code of its list");
    script.want(got.value("/isikuStaatus/elemendiKood") == "E", "isikuStaatus is E");
    script.want(got.value("/pohiKodakondsus/riik/elemendiKood") == "233", "the citizenship is Estonia's");
    let custody = got.first().get("hooldusoigused").and_then(Value::as_array);
    let has_child =
        custody.into_iter().flatten().any(|row| row.get("teineIsikIsikukood") == Some(&json!(persons.child)));
    script.want(has_child, "hooldusoigused names the child");

    let ask = Ask::rr(client, "avalik", &[&persons.child], today());
    let got = script.ask("public_task", "avalik (an unmodified client)", "the child", &ask);
    script.want_status(&got, 200);
    script.want(got.value("/synniKuupaev").len() == 10, "the child's whole birth date is told");
}

fn company(script: &mut Script<'_>) {
    let world = script.world;
    let (client, persons) = (world.client("legitimate_interest"), &world.persons);
    let fields = [
        "personalCode",
        "familyName",
        "birthDate",
        "residenceAddress",
        "relations.kind",
        "custody.kind",
        "custody.otherCode",
    ];
    let ask = Ask::service("person", client, &fields, json!({ "personalCode": persons.adult }));
    let got = script.ask("legitimate_interest", IDENTITY, "the same adult, home, relatives, custody", &ask);
    script.want_status(&got, 200);
    script.want(got.value("/personalCode") == persons.adult, "the adult's code is shown");
    script.want(got.value("/birthDate").len() == 10, "the adult's whole birth date is shown");
    for field in ["residenceAddress", "relations.kind"] {
        let hidden = got.is_narrowed(field, "minimisation.category-not-needed");
        script.want(hidden, format!("{field} is hidden: the purpose does not need it"));
    }
    for field in ["custody.kind", "custody.otherCode"] {
        let hidden = got.is_narrowed(field, "minors.custody-not-for-purpose");
        script.want(hidden, format!("{field} is hidden: custody is not for this purpose"));
    }
    script.want(!got.text.contains(&persons.child), "the child's code is nowhere in the answer");

    let fields = ["relations.otherGivenName", "relations.otherCode"];
    let ask = Ask::service("person", client, &fields, json!({ "personalCode": persons.adult }));
    let got = script.ask("legitimate_interest", IDENTITY, "only the names and codes of relatives", &ask);
    script.want_refusal(&got, "minimisation.category-not-needed");

    let ask = Ask::rr(client, "oigustatud", &[&persons.adult], today());
    let got = script.ask("legitimate_interest", "oigustatud (an unmodified client)", "the same adult", &ask);
    script.want_status(&got, 200);
    script.want(got.value("/isikukood") == persons.adult, "isikukood is that of the adult");
    script.want(got.first().get("hooldusoigused").is_none(), "hooldusoigused is left out, not empty");
}

fn child(script: &mut Script<'_>) {
    let world = script.world;
    let (client, persons) = (world.client("legitimate_interest"), &world.persons);
    let fields = ["personalCode", "familyName", "birthDate", "sex"];
    let ask = Ask::service("person", client, &fields, json!({ "personalCode": persons.child }));
    let got = script.ask("legitimate_interest", IDENTITY, "a child", &ask);
    script.want_status(&got, 200);
    let year = got.value("/birthDate");
    let is_year = year.len() == 4 && year.chars().all(|c| c.is_ascii_digit());
    script.want(is_year, "of the birth date the year is shown");
    let only = got.first().as_object().is_some_and(|record| record.len() == 1);
    script.want(only, "nothing but the year of birth is shown");
    script.want(
        got.is_narrowed_in_row("birthDate", "minors.birth-date-generalised"),
        "the year has the reason minors.birth-date-generalised",
    );
    script.want(
        got.is_narrowed_in_row("personalCode", "minors.child-not-for-purpose"),
        "the code is hidden: it tells day of birth and sex",
    );
    script.want(!got.text.contains(&persons.child), "the child's code is nowhere in the answer");

    let ask = Ask::rr(client, "oigustatud", &[&persons.child], today());
    let got = script.ask("legitimate_interest", "oigustatud (an unmodified client)", "the child", &ask);
    script.want_status(&got, 200);
    let told = got.text != "[]";
    script.want(!told, "a client that knows no masks is told of nobody");
    if !told {
        script.note("everything: clients of this door know no masks");
    }
}

fn details(script: &mut Script<'_>) {
    let world = script.world;
    let (client, persons) = (world.client("public_task"), &world.persons);
    let ask = Ask::rr(client, "avalik", &[&persons.deceased], today());
    let got = script.ask("public_task", "avalik (an unmodified client)", "a person who has died", &ask);
    script.want_status(&got, 200);
    script.want(got.value("/isikuStaatus/elemendiKood") == "S", "isikuStaatus is S");

    let names = ["givenName", "familyName"];
    let ask = Ask::service("person", client, &names, json!({ "personalCode": persons.special_characters }));
    let got = script.ask("public_task", BENEFIT, "a name with õ, ä, ö, ü, š, ž and a hyphen", &ask);
    script.want_status(&got, 200);
    let name = format!("{} {}", got.value("/givenName"), got.value("/familyName"));
    script
        .want(name == "ÕNNE-ŽANETT ŠÖDER-KÜLÄOTS", format!("every letter comes back, but it reads `{name}`"));

    let ask = Ask::service("person", client, &names, json!({ "personalCode": persons.no_custody_adult }));
    let ask = ask.context("purpose", "rr:ChildBenefitEligibility");
    let got =
        script.ask("public_task", "child benefit: narrower than its grant", "an adult without custody", &ask);
    script.want_status(&got, 200);
    let purpose = got.json.pointer("/decision/purpose").and_then(Value::as_str);
    script.want(
        purpose == Some("urn:paasla:rr#ChildBenefitEligibility"),
        "the decision names the purpose that was stated",
    );

    let twenty: Vec<&str> = persons.twenty.iter().map(String::as_str).collect();
    let got = script.ask(
        "public_task",
        "avalik (an unmodified client)",
        "twenty persons at once",
        &Ask::rr(client, "avalik", &twenty, json!({ "isikuandmed": ["Isikukood"] })),
    );
    script.want_status(&got, 200);
    script.want(got.records().len() == 20, format!("20 persons come back, not {}", got.records().len()));
}
