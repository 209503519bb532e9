// SPDX-License-Identifier: Apache-2.0
//! Every way a body can be wrong: a status, stable codes, a record, and nothing of the body in the answer.

use axum::body::{Body, Bytes};
use paasla_app::ask::Select;
use serde_json::json;

use crate::fake::{Fake, House, MARK, RR_BODY, XROAD_BODY, refused, rr, xroad};

/// Sends a body to the register's own door.
async fn query(body: impl Into<Body>) -> Vec<String> {
    refused(400, xroad(body).build()).await
}

/// Sends a body to the compatible door.
async fn persons(body: impl Into<Body>) -> Vec<String> {
    refused(400, rr(body).build()).await
}

#[tokio::test]
async fn what_is_no_json_is_told_by_line_and_column_only() {
    for (body, code) in [
        (&b""[..], "body_empty"),
        (b"   ", "body_empty"),
        (b"{", "json_syntax"),
        (b"49001010093,", "json_syntax"),
        (b"{\"49001010093\":tru}", "json_syntax"),
        (b"{\"select\":[\"\x00\"]}", "json_syntax"),
        (b"\x00", "json_syntax"),
        (b"\xef\xbb\xbf", "body_empty"),
        (b"\xef\xbb\xbf49001010093,", "json_syntax"),
        (b"\xfe\xff\x00{\x00}", "body_not_utf8"),
        (b"{\"49001010093\":\"\xff\"}", "body_not_utf8"),
        (b"{\"select\":[\"\xc3\x28\"]}", "body_not_utf8"),
    ] {
        assert_eq!(query(body).await, [code], "{}", String::from_utf8_lossy(body));
        assert_eq!(persons(body).await, [code], "{}", String::from_utf8_lossy(body));
    }
    let deep = format!("{{\"where\":{}{}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(query(deep.clone()).await, ["json_too_deep"]);
    assert_eq!(persons("[".repeat(50_000)).await, ["json_too_deep"]);
}

#[tokio::test]
async fn wrong_shapes_are_all_told_at_once() {
    assert_eq!(query("[]").await, ["type_wrong"]);
    assert_eq!(query(format!("\"{MARK}\"")).await, ["type_wrong"]);
    // Whether a selection may be left out is for the app to say.
    assert_eq!(query("{}").await, ["member_missing"]);
    let body = json!({
        "select": [1, "", "a\u{0}b", "givenName", "givenName", "x".repeat(101)],
        "where": { "personalCode": [MARK, 5, ""], "birthDate": 7, MARK: { MARK: MARK }, "": "x", "sex": [] },
        "limit": 0,
        "context": { "purpose": MARK, "legalBasis": 4, MARK: MARK, "agent": "a\nb" },
        MARK: MARK,
    });
    let expected = [
        "member_unknown",
        "type_wrong",
        "text_empty",
        "text_control_character",
        "field_duplicate",
        "text_too_long",
        "type_wrong",
        "text_empty",
        "type_wrong",
        "type_wrong",
        "text_empty",
        "list_empty",
        "number_out_of_range",
        "member_unknown",
        "iri_invalid",
        "type_wrong",
        "text_control_character",
    ];
    assert_eq!(query(body.to_string()).await, expected);
}

#[tokio::test]
async fn limits_are_whole_numbers_in_range() {
    for (limit, code) in [
        ("0", "number_out_of_range"),
        ("-1", "number_out_of_range"),
        ("1.5", "number_out_of_range"),
        ("1e300", "number_out_of_range"),
        ("-0.0", "number_out_of_range"),
        ("99999999999999999999", "number_out_of_range"),
        ("\"49001010093\"", "type_wrong"),
        ("[]", "type_wrong"),
    ] {
        let body = format!(r#"{{"select":["a"],"where":{{"k":"v"}},"limit":{limit}}}"#);
        assert_eq!(query(body).await, [code], "{limit}");
    }
    let house = House::new(Fake::default());
    for limit in ["61", "61.0", "6.1e1"] {
        let body = format!(r#"{{"select":["a"],"where":{{"k":"v"}},"limit":{limit}}}"#);
        assert_eq!(house.asked(xroad(body).build()).await.limit, Some(61), "{limit}");
    }
}

/// Serialisers of Java and .NET write `null` for what is not set, and Windows a byte order mark before all of it.
#[tokio::test]
async fn what_may_be_left_out_may_be_null() {
    let house = House::new(Fake::default());
    let body = r#"{"select":["a"],"where":{"k":"v"},"limit":null,"context":null}"#;
    for mark in ["", "\u{feff}"] {
        let ask = house.asked(xroad(format!("{mark}{body}")).build()).await;
        assert!(ask.limit.is_none() && ask.purpose.is_none());
    }
    let context = r#"{"purpose":null,"legalBasis":null,"provision":null,"case":null,"agent":null,"specialCategoryGround":null}"#;
    house.asked(xroad(body.replace("\"context\":null", &format!("\"context\":{context}"))).build()).await;
    let body = r#"{"isikukoodid":["1"],"andmevaljad":{"isikuandmed":["Eesnimi"],"suhted":null}}"#;
    let ask = house.asked(rr(format!("\u{feff}{body}")).build()).await;
    let Select::Fields(fields) = ask.select else { panic!() };
    assert_eq!(fields.len(), 1);
    let ask = house.asked(xroad(r#"{"select":null,"where":{"k":"v"}}"#).build()).await;
    assert_eq!(ask.select, Select::Unsaid);
    // What must be there may not, and a key that is dropped would find more persons.
    assert_eq!(query(r#"{"select":["a"],"where":{"k":null}}"#).await, ["type_wrong"]);
    assert_eq!(
        persons(r#"{"isikukoodid":null,"andmevaljad":{"suhted":null}}"#).await,
        ["type_wrong", "list_empty"]
    );
}

#[tokio::test]
async fn all_fields_are_selected_by_a_star_in_place_of_the_list() {
    let house = House::new(Fake::default());
    let body = |select: &str| format!(r#"{{"select":{select},"where":{{"k":"v"}}}}"#);
    assert_eq!(house.asked(xroad(body(r#""*""#)).build()).await.select, Select::All);
    assert_eq!(house.asked(xroad(r#"{"where":{"k":"v"}}"#).build()).await.select, Select::Unsaid);
    for (select, codes) in [
        (r#""givenName""#, &["type_wrong"][..]),
        (r#""**""#, &["type_wrong"]),
        (r#"["*"]"#, &["select_all_in_list"]),
        (r#"["givenName","*","givenName"]"#, &["select_all_in_list", "field_duplicate"]),
        ("[]", &["list_empty"]),
        ("{}", &["type_wrong"]),
    ] {
        assert_eq!(query(body(select)).await, codes, "{select}");
    }
    let got = house.send(xroad(body(r#"["*"]"#)).build()).await;
    assert_eq!(got.json["problems"][0]["place"], "/select/0");
    let message = got.json["problems"][0]["message"].as_str().unwrap();
    assert!(message.ends_with(r#"give "select": "*""#), "{message}");
}

/// Places are JSON pointers that lead to what they name in the body that was sent.
#[tokio::test]
async fn places_are_json_pointers_into_the_body() {
    let body = json!({
        "select": ["a", 1],
        "where": { "personalCode": ["x", 1], "birthDate": { "a": 1 }, MARK: [1] },
        "context": { "purpose": "no iri", MARK: 1 },
        "limit": 0,
        MARK: 1,
    });
    let house = House::new(Fake::default());
    let got = house.send(xroad(body.to_string()).build()).await;
    let problems = got.json["problems"].as_array().unwrap();
    let places: Vec<_> = problems.iter().map(|problem| problem["place"].as_str().unwrap()).collect();
    for place in &places {
        assert!(body.pointer(place).is_some(), "{place}");
    }
    let expected = [
        "",
        "/select/1",
        "/where/personalCode/1",
        "/where/birthDate",
        "/where",
        "/limit",
        "/context",
        "/context/purpose",
    ];
    assert_eq!(places, expected);
    assert!(!got.text.contains(MARK));
    let numbers: Vec<_> =
        problems.iter().filter_map(|problem| problem["message"].as_str()?.split("member ").nth(1)).collect();
    assert!(numbers[0].starts_with("4 ") && numbers[1].starts_with("1 "), "{numbers:?}");
}

#[tokio::test]
async fn what_nobody_sees_is_no_text() {
    for unseen in ["\u{a0}", "\u{200b}", "\u{3000}", "\u{2060}", "\u{feff}\u{ad}"] {
        let body = json!({ "select": ["a"], "where": { "sex": unseen }, "context": { "agent": unseen } });
        assert_eq!(query(body.to_string()).await, ["text_empty", "text_empty"], "{unseen:?}");
        let body = json!({ "select": ["a"], "where": { "sex": "v" }, "context": { "agent": format!("a{unseen}b\u{202e}") } });
        assert_eq!(query(body.to_string()).await, ["text_invisible_character"], "{unseen:?}");
    }
}

#[tokio::test]
async fn duplicate_and_unknown_members_are_told_by_number() {
    let twice = r#"{"select":["a"],"select":["b"],"where":{"49001010093":"1","49001010093":"2"}}"#;
    assert_eq!(query(twice).await, ["member_duplicate", "member_duplicate"]);
    let unknown = r#"{"select":["a"],"where":{"k":"v"},"49001010093":1,"context":{"49001010093":"x"}}"#;
    assert_eq!(query(unknown).await, ["member_unknown", "member_unknown"]);
    let twice = r#"{"isikukoodid":["1"],"isikukoodid":["2"],"andmevaljad":{"suhted":["Liik"],"suhted":[]}}"#;
    assert_eq!(persons(twice).await, ["member_duplicate", "member_duplicate"]);
    let unknown =
        r#"{"isikukoodid":["1"],"49001010093":1,"andmevaljad":{"suhted":["Liik"],"49001010093":[]}}"#;
    assert_eq!(persons(unknown).await, ["member_unknown", "member_unknown"]);
}

#[tokio::test]
async fn too_many_is_told_before_anything_is_asked() {
    let select: Vec<String> = (0..201).map(|n| format!("f{n}")).collect();
    let body = json!({ "select": select, "where": { "k": "v" } });
    assert_eq!(query(body.to_string()).await, ["list_too_long"]);
    let keys: serde_json::Map<_, _> = (0..21).map(|n| (format!("k{n}"), "v".into())).collect();
    let body = json!({ "select": ["a"], "where": keys });
    assert_eq!(query(body.to_string()).await, ["list_too_long"]);
    let values: Vec<u32> = (0..10_001).collect();
    let body = json!({ "select": ["a"], "where": { "k": values } });
    assert_eq!(query(body.to_string()).await, ["list_too_long"]);
    for count in [21, 1000] {
        let body = json!({ "isikukoodid": vec![MARK; count], "andmevaljad": { "isikuandmed": ["Eesnimi"] } });
        assert_eq!(persons(body.to_string()).await, ["list_too_long"], "{count}");
    }
    let wrong: Vec<u32> = (0..500).collect();
    let body = json!({ "select": ["a"], "where": { "k": wrong } });
    let codes = query(body.to_string()).await;
    assert_eq!((codes.len(), codes.last().unwrap().as_str()), (101, "problems_cut"));
}

#[tokio::test]
async fn the_compatible_door_is_as_strict() {
    assert_eq!(persons("{}").await, ["member_missing", "member_missing"]);
    let body = json!({
        "isikukoodid": [MARK, 5, "", "4\u{7}"],
        "andmevaljad": {
            "isikuandmed": ["Eesnimi", MARK, "eesnimi", 7],
            "kodakondsused": "Riik",
            "suhted": ["HooldusoigusAlgus"],
        },
    });
    let expected = [
        "type_wrong",
        "text_empty",
        "text_control_character",
        "field_unknown",
        "field_unknown",
        "type_wrong",
        "type_wrong",
        "field_unknown",
    ];
    assert_eq!(persons(body.to_string()).await, expected);
    for fields in [json!({}), json!({ "isikuandmed": [], "suhted": [] })] {
        let body = json!({ "isikukoodid": [MARK], "andmevaljad": fields });
        assert_eq!(persons(body.to_string()).await, ["list_empty"]);
    }
    let body = json!({ "isikukoodid": [], "andmevaljad": { "isikuandmed": ["Eesnimi"] } });
    assert_eq!(persons(body.to_string()).await, ["list_empty"]);
}

#[tokio::test]
async fn only_plain_json_of_a_bearable_size_is_read() {
    for value in ["text/plain", "application/json; charset=latin1", "application/json; x=49001010093"] {
        let codes = refused(415, xroad(XROAD_BODY).with("Content-Type", value).build()).await;
        assert_eq!(codes, ["content_type_unsupported"], "{value}");
    }
    let codes = refused(415, rr(RR_BODY).without("Content-Type").build()).await;
    assert_eq!(codes, ["content_type_missing"]);
    let codes = refused(415, rr(RR_BODY).with("Content-Encoding", "gzip").build()).await;
    assert_eq!(codes, ["content_encoding_unsupported"]);
    let twice = xroad(XROAD_BODY).also("Content-Type", "text/plain");
    assert_eq!(refused(415, twice.build()).await, ["content_type_unsupported"]);
    let large = format!("{{\"{}\":1}}", MARK.repeat(10_000));
    assert_eq!(refused(413, xroad(large.clone()).build()).await, ["body_too_large"]);
    assert_eq!(refused(413, rr(large).build()).await, ["body_too_large"]);
}

/// Sends a first piece, then nothing, or an error.
fn piecewise(rest: impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Body {
    use futures_util::StreamExt;
    let first = futures_util::stream::iter([Ok(Bytes::from_static(b"{\"select\":[\"49001010093\""))]);
    Body::from_stream(first.chain(rest))
}

#[tokio::test]
async fn a_body_must_come_whole_and_in_time() {
    let stuck = piecewise(futures_util::stream::pending());
    assert_eq!(refused(408, xroad(stuck).build()).await, ["body_too_slow"]);
    let broken = piecewise(futures_util::stream::iter([Err(std::io::Error::other(MARK))]));
    assert_eq!(query(broken).await, ["body_broken"]);
    let endless = piecewise(futures_util::stream::repeat_with(|| Ok(Bytes::from(vec![b' '; 10_000]))));
    assert_eq!(refused(413, rr(endless).build()).await, ["body_too_large"]);
}
