// SPDX-License-Identifier: Apache-2.0
//! The compatible door, against literal requests and answers as today's public clients send and read them.

use paasla_app::{
    answer::{Answer, AnswerRow, Cell},
    ask::Select,
};
use paasla_core::{FieldDecision, Mask, Value, Visibility};
use serde_json::json;

use crate::fake::{
    Fake, House, ID, RR_BODY, cell, check_silent, date, empty, field, reason, refused, rr, text,
};

/// A request with empty lists, as real clients send them.
#[tokio::test]
async fn a_real_request_is_understood() {
    let body = r#"{
        "isikukoodid": ["48503150000", "38002020008", "48503150000"],
        "andmevaljad": {
            "isikuandmed": ["Isikukood", "Eesnimi", "Perekonnanimi", "SynniKuupaev", "IsikuStaatus", "PohiKodakondsus"],
            "muudPerenimedDetail": [],
            "kodakondsused": [],
            "isikuAadressid": [],
            "isikuKontaktid": [],
            "dokumendid": [],
            "suhted": [],
            "hooldusoigused": ["Liik", "Staatus", "HooldusoigusAlgus", "TeineIsikIsikukood", "TeineIsikOlek",
                "TeineIsikEesnimi", "TeineIsikPerenimi"]
        }
    }"#;
    let ask = House::new(Fake::default()).asked(rr(body).build()).await;
    assert_eq!((ask.service.as_str(), ask.version, ask.limit), ("isikud", None, None));
    assert_eq!((ask.caller.channel, ask.caller.official.as_deref()), ("rr", Some("EE49001010093")));
    assert_eq!(ask.purpose, None);
    let [key] = ask.keys.as_slice() else { panic!() };
    assert_eq!((key.field.text.as_str(), &*key.field.place), ("personalCode", "/isikukoodid"));
    let codes: Vec<_> = key.values.iter().map(|s| (s.text.as_str(), &*s.place)).collect();
    assert_eq!(codes, [("48503150000", "/isikukoodid/0"), ("38002020008", "/isikukoodid/1")]);
    let Select::Fields(fields) = ask.select else { panic!() };
    let select: Vec<_> = fields.iter().map(|s| s.text.as_str()).collect();
    let expected = [
        "personalCode",
        "givenName",
        "familyName",
        "birthDate",
        "status",
        "mainCitizenship",
        "custody.kind",
        "custody.status",
        "custody.startedOn",
        "custody.otherCode",
        "custody.otherStatus",
        "custody.otherGivenName",
        "custody.otherFamilyName",
    ];
    assert_eq!(select, expected);
    assert_eq!(fields[0].place, "/andmevaljad/isikuandmed/0");
    assert_eq!(fields[7].place, "/andmevaljad/hooldusoigused/1");
}

#[tokio::test]
async fn a_query_string_is_refused_here_too() {
    let uri = "/rr/domesticDataExchange/v1/isikud?isikukood=49001010093";
    assert_eq!(refused(400, rr(RR_BODY).uri(uri).build()).await, ["query_string"]);
}

async fn answered(answer: Answer) -> serde_json::Value {
    let house = House::new(Fake { reply: Box::new(move |_| Ok(answer.clone())), ..Fake::default() });
    let got = house.send(rr(RR_BODY).build()).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.headers["paasla-decision"], ID);
    check_silent(&got);
    got.json
}

fn shown(names: &[&'static str]) -> Answer {
    Answer { fields: names.iter().map(|name| field(name, Visibility::Show)).collect(), ..empty() }
}

fn row(cells: Vec<(usize, Cell)>) -> AnswerRow {
    AnswerRow { cells, groups: Vec::new() }
}

#[tokio::test]
async fn not_found_is_an_empty_list() {
    assert_eq!(answered(empty()).await, json!([]));
}

/// The stored answers of a public client, value for value.
#[tokio::test]
async fn a_person_with_custody_looks_as_it_does_today() {
    let names = [
        "personalCode",
        "givenName",
        "familyName",
        "birthDate",
        "status",
        "mainCitizenship",
        "citizenships.country",
        "citizenships.validFrom",
        "custody.kind",
        "custody.status",
        "custody.startedOn",
        "custody.otherCode",
        "custody.otherStatus",
        "custody.otherGivenName",
        "custody.otherFamilyName",
    ];
    let custody = vec![
        (8, text("H10")),
        (9, text("H1")),
        (10, date("2016-09-01")),
        (11, text("61509070000")),
        (12, text("E")),
        (13, text("JAAN")),
        (14, text("MAASIKAS")),
    ];
    let institution = vec![(8, text("H99")), (11, cell(Value::Absent, Visibility::Show))];
    let person = AnswerRow {
        cells: vec![
            (0, text("48503150000")),
            (1, text("MARI")),
            (2, text("MAASIKAS")),
            (3, date("1985-03-15")),
            (4, text("E")),
            (5, text("233")),
        ],
        groups: vec![
            ("citizenships".to_owned(), vec![vec![(6, text("233")), (7, date("1992-02-26"))]]),
            ("custody".to_owned(), vec![custody, institution]),
        ],
    };
    let got = answered(Answer { rows: vec![person], ..shown(&names) }).await;
    let expected = json!([{
        "isikukood": "48503150000",
        "eesnimi": "MARI",
        "perekonnanimi": "MAASIKAS",
        "synniKuupaev": "1985-03-15",
        "isikuStaatus": { "kood": "ISIKU_STAATUS", "elemendiKood": "E", "nimetus": "ELUS" },
        "pohiKodakondsus": { "riik": { "kood": "RIIK", "elemendiKood": "233", "nimetus": "Eesti" } },
        "kodakondsused": [
            { "riik": { "kood": "RIIK", "elemendiKood": "233", "nimetus": "Eesti" }, "algus": "1992-02-26" }
        ],
        "hooldusoigused": [
            {
                "liik": { "kood": "HOOLDUSE_LIIK", "elemendiKood": "H10", "nimetus": "täielik isikuhooldusõigus" },
                "staatus": { "kood": "HOOLDUS_STAATUS", "elemendiKood": "H1", "nimetus": "kehtiv" },
                "hooldusoigusAlgus": "2016-09-01T00:00:00",
                "teineIsikIsikukood": "61509070000",
                "teineIsikOlek": { "kood": "ISIKU_STAATUS", "elemendiKood": "E", "nimetus": "ELUS" },
                "teineIsikEesnimi": "JAAN",
                "teineIsikPerenimi": "MAASIKAS"
            },
            { "liik": { "elemendiKood": "H99" } }
        ]
    }]);
    assert_eq!(got.to_string(), expected.to_string());
}

#[tokio::test]
async fn no_mask_becomes_a_false_value() {
    let masked = |text: &str, mask| cell(Value::Text(text.to_owned()), Visibility::Masked(mask));
    let names =
        ["personalCode", "givenName", "birthDate", "status", "residenceAddress", "legalCapacityRestricted"];
    let person = row(vec![
        (0, masked("p-8f3a", Mask::Pseudonym)),
        (1, masked("M.", Mask::Initial)),
        (2, masked("1985", Mask::Year)),
        (3, cell(Value::Absent, Visibility::Masked(Mask::Redact))),
        (4, masked("Harju maakond", Mask::County)),
        (5, cell(Value::Truth(false), Visibility::Show)),
    ]);
    let got = answered(Answer { rows: vec![person], ..shown(&names) }).await;
    assert_eq!(got, json!([{ "eesnimi": "M.", "elukoht": "Harju maakond", "teovoimePiirang": false }]));
    // A full date under a mask for dates cannot be right, whatever the register says.
    let odd =
        row(vec![(1, text("MARI")), (2, cell(date("1985-01-01").value, Visibility::Masked(Mask::Year)))]);
    let got = answered(Answer { rows: vec![odd], ..shown(&names) }).await;
    assert_eq!(got, json!([{ "eesnimi": "MARI" }]));
}

#[tokio::test]
async fn what_may_not_be_told_is_left_out_and_what_is_not_there_is_not_hidden() {
    let redact = Visibility::Masked(Mask::Redact);
    let redacted = || cell(Value::Absent, redact);
    let untold = row(vec![(0, redacted())]);
    let alive = row(vec![(1, cell(Value::Absent, Visibility::Show))]);
    let rows = vec![untold, alive, AnswerRow::default()];
    let got = answered(Answer { rows, ..shown(&["givenName", "deathDate"]) }).await;
    assert_eq!(got, json!([{}]), "the living person was found; of the others nothing may be told");

    let group = |rows| AnswerRow { cells: Vec::new(), groups: vec![("documents".to_owned(), rows)] };
    let fields = |visibility| Answer { fields: vec![field("documents.number", visibility)], ..empty() };
    let none = Answer { rows: vec![group(Vec::new())], ..fields(Visibility::Show) };
    assert_eq!(answered(none).await, json!([{ "dokumendid": [] }]));
    let hidden = Answer { rows: vec![group(Vec::new())], ..fields(redact) };
    assert_eq!(answered(hidden).await, json!([]));
    let mut narrowed = redacted();
    let mut decision = FieldDecision::shown();
    decision.narrow(redact, reason());
    narrowed.narrowed = Some(decision);
    let rows = vec![vec![(0, narrowed.clone())], vec![(0, text("AB123"))]];
    let mixed = Answer { rows: vec![group(rows)], ..fields(Visibility::Show) };
    assert_eq!(answered(mixed).await, json!([{ "dokumendid": [{ "number": "AB123" }] }]));
    let rows = vec![vec![(0, narrowed)]];
    let all = Answer { rows: vec![group(rows)], ..fields(Visibility::Show) };
    assert_eq!(answered(all).await, json!([]), "rows that may not be told must not look like no rows");
}
