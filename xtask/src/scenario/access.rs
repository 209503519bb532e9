// SPDX-License-Identifier: Apache-2.0
//! Restricted persons, and who may rely on what.

use paasla_tests::{Ask, Got};
use serde_json::{Value, json};

use super::{Script, visible::today};

const IDENTITY: &str = "identity, legitimate interest";

pub(super) fn run(script: &mut Script<'_>) {
    restricted(script);
    bases(script);
    purposes(script);
    cases(script);
    special(script);
}

fn restricted(script: &mut Script<'_>) {
    let world = script.world;
    let (company, persons) = (world.client("legitimate_interest"), &world.persons);
    let fields = ["personalCode", "givenName", "familyName", "birthDate", "status"];
    let of = |code: &str| Ask::service("person", company, &fields, json!({ "personalCode": code }));
    let absent = script.ask(
        "legitimate_interest",
        IDENTITY,
        "somebody who is not in the register",
        &of(&persons.absent),
    );
    script.want_status(&absent, 200);
    script.want(absent.records().is_empty(), "nobody is found");
    let got = script.ask(
        "legitimate_interest",
        IDENTITY,
        "a person who restricted access",
        &of(&persons.restricted),
    );
    want_same(script, &got, &absent);

    let rr = |code: &str| Ask::rr(company, "oigustatud", &[code], today());
    let absent = script.ask(
        "legitimate_interest",
        "oigustatud (an unmodified client)",
        "the absent one",
        &rr(&persons.absent),
    );
    script.want(absent.text == "[]", "not found is an empty list");
    let got = script.ask(
        "legitimate_interest",
        "oigustatud (an unmodified client)",
        "the restricted person",
        &rr(&persons.restricted),
    );
    want_same(script, &got, &absent);

    let authority = world.client("public_task");
    let why = "social benefits, public task";
    let ask = Ask::service("person", authority, &fields, json!({ "personalCode": persons.restricted }));
    let got = script.ask("public_task", why, "the restricted person", &ask);
    script.want_status(&got, 200);
    script.want(got.value("/personalCode") == persons.restricted, "for a public task the person is shown");

    let surname = got.value("/familyName").to_owned();
    let ask = Ask::service("person", company, &["givenName"], json!({ "familyName": surname }));
    let got = script.ask("legitimate_interest", IDENTITY, "whoever has that person's unique surname", &ask);
    script.want_status(&got, 200);
    script.want(got.records().is_empty(), "a search does not find the restricted person either");

    let fields = ["custody.kind", "custody.otherCode", "custody.otherFamilyName"];
    let ask =
        Ask::service("person", authority, &fields, json!({ "personalCode": persons.child_of_restricted }));
    let got = script.ask("public_task", why, "who has custody of that person's child", &ask);
    let custody = got.first().get("custody").and_then(Value::as_array);
    let named =
        custody.into_iter().flatten().any(|row| row.get("otherCode") == Some(&json!(persons.restricted)));
    script.want(named, "for a public task custody names the restricted parent");
}

/// Nothing but the decision's id may tell the two apart.
pub(super) fn want_same(script: &mut Script<'_>, got: &Got, absent: &Got) {
    let same = got.status == absent.status && got.anonymous() == absent.anonymous();
    script.want(same, "byte for byte, but for the decision's id, the answer is that for an absent person");
    if same {
        script.note("everything: the same bytes as for somebody who is not there");
    }
}

fn bases(script: &mut Script<'_>) {
    let world = script.world;
    let adult = world.persons.adult.as_str();
    let ask = Ask::rr(world.client("public_task"), "oigustatud", &[adult], today());
    let got =
        script.ask("public_task", "oigustatud: an authority claims legitimate interest", "an adult", &ask);
    script.want_refusal(&got, "grant.basis-not-covered");

    let ask = Ask::service(
        "person",
        world.client("misgranted_authority"),
        &["familyName"],
        json!({ "personalCode": adult }),
    );
    let why = "identity, legitimate interest, by a mistaken grant";
    let got = script.ask("misgranted_authority", why, "an adult", &ask);
    script.want_refusal(&got, "purpose-basis.authority-legitimate-interest");

    let ask = Ask::rr(world.client("legitimate_interest"), "avalik", &[adult], today());
    let got = script.ask("legitimate_interest", "avalik: a company claims a public task", "an adult", &ask);
    script.want_refusal(&got, "grant.basis-not-covered");
}

fn purposes(script: &mut Script<'_>) {
    let world = script.world;
    let company = world.client("legitimate_interest");
    let keys = json!({ "personalCode": world.persons.adult });
    let ask =
        |purpose| Ask::service("person", company, &["familyName"], keys.clone()).context("purpose", purpose);
    let got = script.ask("legitimate_interest", "direct marketing", "an adult", &ask("dpv:DirectMarketing"));
    script.want_refusal(&got, "grant.purpose-not-covered");
    let got = script.ask("legitimate_interest", "a purpose nobody knows", "an adult", &ask("dpv:Curiosity"));
    script.want_problem(&got, 400, "purpose_unknown", "/context/purpose");

    let ask = Ask::service("person", world.client("stranger"), &["familyName"], keys);
    let got = script.ask("stranger", "none stated", "an adult", &ask);
    script.want_refusal(&got, "grant.none");
}

fn cases(script: &mut Script<'_>) {
    let world = script.world;
    let keys = json!({ "personalCode": world.persons.adult });
    let ask = Ask::service("person", world.client("case_authority"), &["familyName", "birthDate"], keys);
    let got = script.ask("case_authority", "a case at court, which is not named", "an adult", &ask);
    script.want_refusal(&got, "purpose-basis.case-required");
    let ask = ask.header("X-Road-Issue", "2-26-1234");
    let got = script.ask("case_authority", "case 2-26-1234 at court", "an adult", &ask);
    script.want_status(&got, 200);
    script.want(!got.value("/familyName").is_empty(), "with a case the adult is shown");
}

fn special(script: &mut Script<'_>) {
    let world = script.world;
    let keys = json!({ "personalCode": world.persons.adult });
    let fields = ["familyName", "ethnicNationality"];
    let ask = Ask::service("person", world.client("health_authority"), &fields, keys);
    let got =
        script.ask("health_authority", "health care, no ground of Art. 9(2)", "an adult's ethnicity", &ask);
    script.want_status(&got, 200);
    script.want(
        got.is_narrowed("ethnicNationality", "special-categories.no-ground"),
        "without a ground the special category is hidden",
    );
    let ask = ask.context("specialCategoryGround", "eu-gdpr:A9-2-i");
    let got = script.ask("health_authority", "health care, Art. 9(2)(i)", "an adult's ethnicity", &ask);
    script.want(got.visibility("ethnicNationality") == Some("show"), "on an accepted ground it is shown");
    script.want(!got.value("/ethnicNationality").is_empty(), "its value is there");
}
