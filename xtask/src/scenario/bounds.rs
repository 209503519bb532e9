// SPDX-License-Identifier: Apache-2.0
//! Statistics, and how many persons may be asked about.

use paasla_tests::{Ask, Got};
use serde_json::{Value, json};

use super::Script;

const STATISTICS: &str = "official statistics, public task";

pub(super) fn run(script: &mut Script<'_>) {
    statistics(script);
    quota(script);
}

fn statistics(script: &mut Script<'_>) {
    let world = script.world;
    let fields = ["personalCode", "sex", "birthDate", "residenceAddress"];
    let of = |part: &str| {
        let keys = json!({ "residenceMunicipality": "Tallinn" });
        Ask::service("statistics", world.client(part), &fields, keys).limit(10)
    };
    let first =
        script.ask("statistics_office", STATISTICS, "ten inhabitants of Tallinn", &of("statistics_office"));
    script.want_status(&first, 200);
    script.want(first.records().len() == 10, "ten records come back");
    let all = |name: &str, fits: fn(&str) -> bool| {
        first.records().iter().all(|record| record.get(name).and_then(Value::as_str).is_some_and(fits))
    };
    let is_year = |text: &str| text.len() == 4 && text.chars().all(|c| c.is_ascii_digit());
    script.want(all("birthDate", is_year), "birth dates are years");
    script.want(all("residenceAddress", |address| address == "Tallinn"), "addresses are municipalities");
    script.want(all("personalCode", |code| code.starts_with("p-")), "codes are pseudonyms");
    script.want(first.is_narrowed("personalCode", "statistics.pseudonymised"), "pseudonyms have a reason");

    let again = script.ask("statistics_office", STATISTICS, "the same again", &of("statistics_office"));
    let codes = pseudonyms(&first);
    script.want(pseudonyms(&again) == codes, "for one client and purpose a person has one pseudonym");
    let other = script.ask("research_office", STATISTICS, "the same", &of("research_office"));
    script.want(other.records().len() == 10, "ten records come back");
    let shared = pseudonyms(&other).into_iter().filter(|code| codes.contains(code)).count();
    script.want(shared == 0, "another client sees other pseudonyms");
}

fn pseudonyms(got: &Got) -> Vec<&str> {
    got.records().iter().filter_map(|record| record.get("personalCode")?.as_str()).collect()
}

fn quota(script: &mut Script<'_>) {
    let world = script.world;
    let client = world.client("small_company");
    let why = "verifying a contract party, legitimate interest";
    let of = |codes: Value| Ask::service("person", client, &["familyName"], json!({ "personalCode": codes }));
    let got = script.ask("small_company", why, "twenty persons", &of(json!(world.persons.twenty)));
    script.want_status(&got, 200);
    script.want(got.records().len() == 20, format!("20 persons come back, not {}", got.records().len()));
    let got =
        script.ask("small_company", why, "a 21st person in the same month", &of(json!(world.persons.adult)));
    script.want_refusal(&got, "quota.exceeded-month");
}
