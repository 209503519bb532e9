// SPDX-License-Identifier: Apache-2.0
//! Derived answers in place of data: adult or not, alive or not, and nothing else.

use paasla_tests::{Ask, Got};
use serde_json::{Value, json};

use super::{Script, access::want_same};

const WHO: &str = "age_checker";
const WHY: &str = "age verification, legitimate interest";

pub(super) fn run(script: &mut Script<'_>) {
    let world = script.world;
    let persons = &world.persons;
    let client = world.client(WHO);
    let fields = ["isAdult", "isAlive"];
    let of = |code: &str| Ask::service("adult", client, &fields, json!({ "personalCode": code }));

    let got = script.ask(WHO, WHY, "whether an adult is one, and alive", &of(&persons.adult));
    want_answers(script, &got, &json!({ "isAdult": true, "isAlive": true }));
    let got = script.ask(WHO, WHY, "the same of a child", &of(&persons.child));
    want_answers(script, &got, &json!({ "isAdult": false, "isAlive": true }));
    let got = script.ask(WHO, WHY, "the same of a person who has died", &of(&persons.deceased));
    want_answers(script, &got, &json!({ "isAdult": true, "isAlive": false }));

    let absent = script.ask(WHO, WHY, "the same of somebody who is not there", &of(&persons.absent));
    script.want_status(&absent, 200);
    script.want(absent.records().is_empty(), "nobody is found");
    let got = script.ask(WHO, WHY, "the same of a person who restricted access", &of(&persons.restricted));
    want_same(script, &got, &absent);

    let keys = json!({ "personalCode": persons.adult });
    let ask = Ask::service("adult", client, &["isAdult", "birthDate"], keys);
    let got = script.ask(WHO, WHY, "the date of birth, too", &ask);
    script.want_problem(&got, 400, "field_unknown", "/select/1");
    let ask = Ask::service("adult", client, &["isAdult"], json!({ "isAdult": "true" }));
    let got = script.ask(WHO, WHY, "whoever is an adult", &ask);
    script.want_problem(&got, 400, "key_unknown", "/where/isAdult");
}

/// The two answers are shown, and nothing is beside them.
fn want_answers(script: &mut Script<'_>, got: &Got, answers: &Value) {
    script.want_status(got, 200);
    script.want(got.records() == [answers.clone()], format!("this is all that is told: {answers}"));
    for field in ["isAdult", "isAlive"] {
        script.want(got.visibility(field) == Some("show"), format!("{field} is shown"));
    }
}
