// SPDX-License-Identifier: Apache-2.0
//! The register's own door: what it asks of the gatehouse, and what its answers look like.

use paasla_app::{
    answer::{Answer, AnswerRow},
    ask::Select,
};
use paasla_core::{Attribute, FieldDecision, Mask, Obligation, Value, Visibility};
use serde_json::json;

use crate::fake::{
    Fake, House, MARK, Ready, XROAD_BODY, cell, check_silent, date, empty, field, reason, refused, text,
    xroad,
};

#[tokio::test]
async fn a_whole_query_is_understood() {
    let body = json!({
        "select": ["familyName", "custody.otherCode"],
        "where": { "personalCode": [MARK, "38001085718", MARK], "sex": "N" },
        "limit": 5,
        "context": {
            "purpose": "dpv:IdentityVerification",
            "legalBasis": "eu-gdpr:A6-1-e",
            "specialCategoryGround": "eu-gdpr:A9-2-g",
            "provision": "RRS § 45",
            "case": "12-3",
            "agent": "abiline 1.0",
        },
    });
    let ask = House::new(Fake::default()).asked(xroad(body.to_string()).build()).await;
    assert_eq!((ask.service.as_str(), ask.version, ask.limit), ("isikud", Some(1), Some(5)));
    let Select::Fields(fields) = &ask.select else { panic!() };
    let select: Vec<_> = fields.iter().map(|s| (s.text.as_str(), &*s.place)).collect();
    assert_eq!(select, [("familyName", "/select/0"), ("custody.otherCode", "/select/1")]);
    let [code, sex] = ask.keys.as_slice() else { panic!() };
    assert_eq!((code.field.text.as_str(), &*code.field.place), ("personalCode", "/where/personalCode"));
    let values: Vec<_> = code.values.iter().map(|s| (s.text.as_str(), &*s.place)).collect();
    assert_eq!(values, [(MARK, "/where/personalCode/0"), ("38001085718", "/where/personalCode/1")]);
    assert_eq!((sex.values[0].text.as_str(), &*sex.values[0].place), ("N", "/where/sex"));
    let purpose = ask.purpose.unwrap();
    assert_eq!((purpose.text.as_str(), &*purpose.place), ("dpv:IdentityVerification", "/context/purpose"));
    assert_eq!(ask.legal_basis.unwrap().place, "/context/legalBasis");
    assert_eq!(ask.special_ground.unwrap().text, "eu-gdpr:A9-2-g");
    assert_eq!(ask.provision.as_deref(), Some("RRS § 45"));
    assert_eq!(ask.caller.case.as_deref(), Some("12-3"));
    assert_eq!(ask.agent.as_deref(), Some("abiline 1.0"));
}

fn context(context: serde_json::Value) -> Ready {
    xroad(json!({ "select": ["a"], "where": { "k": "v" }, "context": context }).to_string())
}

fn tracked(ready: Ready, purpose: &str) -> Ready {
    ready
        .with("X-Road-PDU-Purpose", purpose)
        .with("X-Road-PDU-Initiator-Org-Type", "GOV")
        .with("X-Road-PDU-Initiator-Org-Code", "70000562")
}

#[tokio::test]
async fn what_is_stated_twice_must_agree() {
    let house = House::new(Fake::default());
    let full = "https://w3id.org/dpv%23IdentityVerification";
    let same = tracked(context(json!({ "purpose": "dpv:IdentityVerification" })), full);
    assert_eq!(house.asked(same.build()).await.purpose.unwrap().place, "/context/purpose");
    let header = tracked(xroad(XROAD_BODY), full);
    let purpose = house.asked(header.build()).await.purpose.unwrap();
    assert_eq!(
        (purpose.text.as_str(), &*purpose.place),
        ("https://w3id.org/dpv#IdentityVerification", "X-Road-PDU-Purpose")
    );
    let human = tracked(context(json!({ "purpose": "dpv:IdentityVerification" })), "Lapsetoetuse%20menetlus");
    assert!(house.asked(human.build()).await.purpose.is_some());
    let narrower = context(json!({ "legalBasis": "eu-gdpr:A6-1-e-official-authority" }));
    house.asked(narrower.with("RR-Request-Reason", "avalik").build()).await;
    let same = context(json!({ "case": "12-3" })).with("X-Road-Issue", "12-3");
    assert_eq!(house.asked(same.build()).await.caller.case.as_deref(), Some("12-3"));

    let contradictions = [
        tracked(context(json!({ "purpose": "dpv:Marketing" })), "dpv:IdentityVerification"),
        context(json!({ "legalBasis": "eu-gdpr:A6-1-f" })).with("RR-Request-Reason", "avalik"),
        context(json!({ "legalBasis": "eu-gdpr:A6-1-e" })).with("RR-Request-Reason", "oigustatud"),
        context(json!({ "case": MARK })).with("X-Road-Issue", "12-3"),
        tracked(xroad(XROAD_BODY), "x")
            .with("X-Road-PDU-Legal-Basis", "eu-gdpr:A6-1-a")
            .with("RR-Request-Reason", "avalik"),
        tracked(context(json!({ "legalBasis": "eu-gdpr:A6-1-c" })), "x")
            .with("X-Road-PDU-Legal-Basis", "eu-gdpr:A6-1-e"),
    ];
    for (index, ready) in contradictions.into_iter().enumerate() {
        assert_eq!(refused(400, ready.build()).await, ["context_contradiction"], "{index}");
    }
}

#[tokio::test]
async fn the_address_is_read_strictly() {
    for (uri, codes) in [
        ("/xroad/isikud/1/query", vec!["version_unknown"]),
        ("/xroad/isikud/v/query", vec!["version_unknown"]),
        ("/xroad/isikud/v0/query", vec!["version_unknown"]),
        ("/xroad/isikud/v01/query", vec!["version_unknown"]),
        ("/xroad/isikud/v+1/query", vec!["version_unknown"]),
        ("/xroad/isikud/v49001010093/query", vec!["version_unknown"]),
        ("/xroad/isi%20kud/v1/query", vec!["service_unknown"]),
    ] {
        assert_eq!(refused(404, xroad(XROAD_BODY).uri(uri).build()).await, codes, "{uri}");
    }
    for uri in ["/xroad/isikud/v1/query?code=49001010093", "/xroad/isikud/v1/query?"] {
        assert_eq!(refused(400, xroad(XROAD_BODY).uri(uri).build()).await, ["query_string"], "{uri}");
    }
    let house = House::new(Fake::default());
    house.send(xroad("{").uri("/xroad/isikud/v2/query").build()).await;
    let rejected = house.fake.rejected.lock().unwrap().pop().unwrap();
    assert_eq!(rejected.service, Some(("isikud".to_owned(), Some(2))));
    let ask = house.asked(xroad(XROAD_BODY).uri("/xroad/aadress-2/v12/query").build()).await;
    assert_eq!((ask.service.as_str(), ask.version), ("aadress-2", Some(12)));
}

/// Field names and keys are for the app to judge, so the caller's own text must not be in their places.
#[tokio::test]
async fn places_of_the_callers_own_names_do_not_repeat_them() {
    let body = json!({ "select": [MARK], "where": { MARK: [MARK] } });
    let ask = House::new(Fake::default()).asked(xroad(body.to_string()).build()).await;
    let Select::Fields(fields) = &ask.select else { panic!() };
    let places = fields.iter().chain(ask.keys.iter().flat_map(|key| key.values.iter().chain([&key.field])));
    for stated in places {
        assert!(stated.text.contains(MARK) && !stated.place.contains(MARK), "{}", stated.place);
    }
}

fn answer() -> Answer {
    let redact = Visibility::Masked(Mask::Redact);
    let mut narrowed = FieldDecision::shown();
    narrowed.narrow(redact, reason());
    let mut withheld = cell(Value::Absent, redact);
    withheld.narrowed = Some(narrowed);
    let year = Visibility::Masked(Mask::Year);
    Answer {
        fields: vec![
            field("custody.otherCode", Visibility::Show),
            field("familyName", Visibility::Show),
            field("birthDate", year),
            field("education", Visibility::Hide),
            field("custody.startedOn", Visibility::Show),
            field("deathDate", Visibility::Show),
        ],
        obligations: vec![Obligation {
            code: "limit-records".to_owned(),
            attributes: vec![Attribute { name: "count".to_owned(), value: Value::Integer(5) }],
        }],
        rows: vec![AnswerRow {
            cells: vec![
                (1, text("TAMM")),
                (2, cell(Value::Text("1990".to_owned()), year)),
                (5, cell(Value::Absent, Visibility::Show)),
            ],
            groups: vec![(
                "custody".to_owned(),
                vec![
                    vec![(0, text("61509070000")), (4, date("2016-09-01"))],
                    vec![(0, withheld), (4, date("2017-01-02"))],
                ],
            )],
        }],
        more: true,
        ..empty()
    }
}

#[tokio::test]
async fn an_answer_says_what_was_decided_and_then_the_records() {
    let house = House::new(Fake { reply: Box::new(|_| Ok(answer())), ..Fake::default() });
    let got = house.send(xroad(XROAD_BODY).build()).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.headers["content-type"], "application/json");
    assert_eq!(got.headers["paasla-decision"], crate::fake::ID);
    assert_eq!(got.headers["cache-control"], "no-store");
    check_silent(&got);
    let why = json!({
        "by": "minors", "code": "minors.generalised", "message": "The person is a minor.", "provision": "LasteKS § 5",
    });
    let expected = json!({
        "decision": {
            "id": crate::fake::ID,
            "generation": 7,
            "purpose": "https://w3id.org/dpv#IdentityVerification",
            "legalBasis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
            "fields": {
                "custody.otherCode": { "visibility": "show" },
                "familyName": { "visibility": "show" },
                "birthDate": { "visibility": "year", "reasons": [why] },
                "education": { "visibility": "hide", "reasons": [why] },
                "custody.startedOn": { "visibility": "show" },
                "deathDate": { "visibility": "show" },
            },
            "obligations": [{ "code": "limit-records", "attributes": [{ "name": "count", "value": 5 }] }],
            "rows": [{
                "record": 0, "group": "custody", "row": 1,
                "fields": { "custody.otherCode": { "visibility": "redact", "reasons": [why] } },
            }],
        },
        "records": [{
            "custody": [
                { "otherCode": "61509070000", "startedOn": "2016-09-01" },
                { "startedOn": "2017-01-02" },
            ],
            "familyName": "TAMM",
            "birthDate": "1990",
            "deathDate": null,
        }],
        "more": true,
    });
    // As text, so that the order of members counts too.
    assert_eq!(got.text, expected.to_string());
}

#[tokio::test]
async fn an_answer_without_records_is_an_answer() {
    let got = House::new(Fake::default()).send(xroad(XROAD_BODY).build()).await;
    assert_eq!(got.json["records"], json!([]));
    assert_eq!(got.json["more"], false);
    assert!(got.json["decision"].get("rows").is_none());
}

#[tokio::test]
async fn the_description_is_there_for_security_servers() {
    let house = House::new(Fake::default());
    let got = house.send(Ready::bare("GET", "/xroad/isikud/openapi.json").build()).await;
    assert_eq!((got.status.as_u16(), &got.json["openapi"]), (200, &json!("3.1.0")));
    assert!(got.json["paths"].get("/v1/query").is_some());
    assert_eq!(got.headers["content-type"], "application/json");
    let got = house.send(Ready::bare("GET", "/xroad/49001010093/openapi.json").build()).await;
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (404, Some("service_unknown")));
    check_silent(&got);
}

#[tokio::test]
async fn what_may_be_asked_is_told_without_an_official() {
    let house = House::new(Fake::default());
    let rights = |path: &str| Ready::bare("GET", path).with("X-Road-Client", "EE/GOV/70000562/DHX");
    let got = house.send(rights("/xroad/isikud/rights").build()).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let reason = json!({
        "by": "minors", "code": "minors.generalised", "message": "The person is a minor.", "provision": "LasteKS § 5",
    });
    let basis = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e";
    let expected = json!({
        "client": "EE/GOV/70000562/DHX",
        "service": "isikud",
        "version": 1,
        "generation": 7,
        "at": "2023-11-14T22:13:20Z",
        "rights": [
            {
                "purpose": "urn:a",
                "legalBasis": basis,
                "accessRight": {
                    "id": "g1", "reference": "agreement 1", "validFrom": "2025-01-01", "mayHide": false,
                },
                "decision": "allowed",
                "fields": {
                    "givenName": { "visibility": "show" },
                    "birthDate": { "visibility": "year", "reasons": [&reason] },
                },
                "dependsOnRows": true,
                "caps": [{ "window": "day", "persons": 10, "left": 4, "reason": &reason }],
                "obligations": [],
            },
            { "purpose": "urn:b", "legalBasis": basis, "decision": "refused", "reasons": [&reason] },
            { "purpose": "urn:c", "legalBasis": basis, "decision": "failed", "code": "rule_fault" },
        ],
    });
    assert_eq!(got.json, expected);
    assert!(got.headers.get("paasla-decision").is_none(), "there is no record");

    let got = house
        .send(
            tracked(rights("/xroad/isikud/v3/rights"), "dpv:IdentityVerification")
                .with("X-Road-UserId", "EE60001017869")
                .with("RR-Request-Reason", "avalik")
                .build(),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text);
    let asks = house.fake.rights_asks.lock().unwrap();
    let [first, second] = asks.as_slice() else { panic!("{} asks", asks.len()) };
    assert_eq!((first.version, first.caller.official.as_deref()), (None, None));
    assert!(first.purpose.is_none() && first.legal_basis.is_none());
    assert_eq!((second.version, second.caller.official.as_deref()), (Some(3), Some("EE60001017869")));
    assert_eq!(
        second.purpose.as_ref().map(|purpose| purpose.text.as_str()),
        Some("dpv:IdentityVerification")
    );
    assert_eq!(second.legal_basis.as_ref().map(|basis| basis.text.as_str()), Some("eu-gdpr:A6-1-e"));
}

#[tokio::test]
async fn a_wrong_request_for_rights_is_recorded() {
    let rights = |path: &str| Ready::bare("GET", path).with("X-Road-Client", "EE/GOV/70000562/DHX");
    let long = format!("/xroad/{}/rights", "a".repeat(101));
    for (status, path, code) in [
        (404, "/xroad/49001010093_/rights", "service_unknown"),
        (404, long.as_str(), "service_unknown"),
        (404, "/xroad/isikud/1/rights", "version_unknown"),
        (404, "/xroad/isikud/v01/rights", "version_unknown"),
        (400, "/xroad/isikud/rights?of=49001010093", "query_string"),
    ] {
        assert_eq!(refused(status, rights(path).build()).await, [code], "{path}");
    }
    let unclear = rights("/xroad/isikud/rights").with("X-Road-Request-Id", "1");
    assert_eq!(refused(400, unclear.build()).await, ["header_invalid"]);
    let house = House::new(Fake::default());
    let got = house.send(Ready::bare("GET", "/xroad/isikud/rights").build()).await;
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (400, Some("client_missing")));
    let stranger = Ready::bare("GET", "/xroad/isikud/rights").with("X-Road-Client", "EE/COM/1/a");
    assert_eq!(house.send(stranger.build()).await.status, 403);
}
