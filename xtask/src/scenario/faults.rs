// SPDX-License-Identifier: Apache-2.0
//! Requests that are wrong. Each is told what is wrong and where, and nothing that was sent comes back.

use paasla_tests::Ask;
use serde_json::json;

use super::{Script, visible::today};

pub(super) fn run(script: &mut Script<'_>) {
    let world = script.world;
    let (client, adult) = (world.client("public_task"), world.persons.adult.as_str());
    let person =
        |fields: &[&str], code: &str| Ask::service("person", client, fields, json!({ "personalCode": code }));
    let why = "social benefits, public task";

    let ask = person(&["familyName", "shoeSize"], adult);
    let got = script.ask("public_task", why, "a field that does not exist", &ask);
    script.want_problem(&got, 400, "field_unknown", "/select/1");

    let wrong = with_wrong_check_digit(adult);
    let got =
        script.ask("public_task", why, "a code with a wrong check digit", &person(&["familyName"], &wrong));
    script.want_problem(&got, 400, "personal_code_invalid", "/where/personalCode");
    script.want(!got.text.contains(&wrong), "the code that was sent does not come back");

    let got = script.ask("public_task", why, "both at once", &person(&["shoeSize"], &wrong));
    script.want_problem(&got, 400, "field_unknown", "/select/0");
    script.want_problem(&got, 400, "personal_code_invalid", "/where/personalCode");

    let mut codes: Vec<&str> = world.persons.twenty.iter().map(String::as_str).collect();
    codes.push(adult);
    let ask = Ask::rr(client, "avalik", &codes, today());
    let got = script.ask("public_task", "avalik (an unmodified client)", "21 persons at once", &ask);
    script.want_problem(&got, 400, "list_too_long", "/isikukoodid");

    let ask = person(&["familyName"], adult)
        .header("RR-Request-Reason", "oigustatud")
        .context("legalBasis", "eu-gdpr:A6-1-e");
    let got = script.ask("public_task", "header and body contradict each other", "an adult", &ask);
    script.want_problem(&got, 400, "context_contradiction", "/context/legalBasis");

    let ask = person(&["familyName"], adult).without("X-Road-UserId");
    let got = script.ask("public_task", "an official who is not named", "an adult", &ask);
    script.want_problem(&got, 400, "user_missing", "X-Road-UserId");
}

/// The same code, its last digit one higher.
fn with_wrong_check_digit(code: &str) -> String {
    let mut digits: Vec<char> = code.chars().collect();
    if let Some(last) = digits.last_mut() {
        let digit = last.to_digit(10).unwrap_or(0);
        *last = char::from_digit((digit + 1) % 10, 10).unwrap_or('0');
    }
    digits.into_iter().collect()
}
