// SPDX-License-Identifier: Apache-2.0
//! Every way the headers can be wrong, and what comes of those that are right.

use axum::http::Request;

use crate::fake::{Fake, House, MARK, RR_BODY, Ready, XROAD_BODY, check_problem, refused, rr, xroad};

async fn codes(ready: Ready) -> Vec<String> {
    refused(400, ready.build()).await
}

fn good() -> Ready {
    xroad(XROAD_BODY)
}

#[tokio::test]
async fn without_a_client_there_is_no_record() {
    let cases: [(&str, &[u8], &str); 11] = [
        ("", b"", "client_missing"),
        ("set", b"", "client_missing"),
        ("set", b"EE/GOV", "client_invalid"),
        ("set", b"EE/GOV/1/2/49001010093", "client_invalid"),
        ("set", b"EE/GOV//49001010093", "client_invalid"),
        ("set", b"EE/GOV/49001010093/a%2Fb", "client_invalid"),
        ("set", b"EE/GOV/49001010093%", "header_percent_encoding"),
        ("set", b"EE/GOV/49001010093%4", "header_percent_encoding"),
        ("set", b"EE/GOV/49001010093%zz", "header_percent_encoding"),
        ("set", b"EE/GOV/49001010093%ff", "header_not_utf8"),
        ("set", b"EE/GOV/49001010093/a%E2%81%A0", "client_invalid"),
    ];
    for (how, value, code) in cases {
        let ready =
            if how == "set" { good().with("X-Road-Client", value) } else { good().without("X-Road-Client") };
        let house = House::new(Fake::default());
        let got = house.send(ready.build()).await;
        assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (400, Some(code)), "{}", got.text);
        check_problem(&got);
        assert!(got.json.get("instance").is_none() && !got.headers.contains_key("paasla-decision"));
        assert!(house.fake.rejected.lock().unwrap().is_empty());
    }
    let house = House::new(Fake::default());
    let got = house.send(good().also("X-Road-Client", "EE/GOV/49001010093/x").build()).await;
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (400, Some("header_duplicate")));
    check_problem(&got);
    let got = house.send(good().with("X-Road-Client", b"EE/GOV/\xff/x").build()).await;
    assert_eq!(got.json["code"], "header_not_utf8");
}

#[tokio::test]
async fn every_part_of_a_client_is_decoded_by_itself() {
    let house = House::new(Fake::default());
    let ask = house
        .asked(good().with("X-Road-Client", "EE/GOV/70000562/T%C3%A4htede%20s%C3%BCsteem").build())
        .await;
    assert_eq!(ask.caller.client.to_string(), "EE/GOV/70000562/Tähtede süsteem");
    let ask = house.asked(good().with("X-Road-Client", "EE/GOV/70000562").build()).await;
    assert_eq!(ask.caller.client.subsystem(), None);
}

#[tokio::test]
async fn equal_duplicates_count_as_one_and_others_are_refused() {
    let house = House::new(Fake::default());
    let same = good()
        .also("X-Road-Client", "EE/GOV/70000562/DHX")
        .also("X-Road-UserId", "EE49001010093")
        .also("X-Road-Whatever", "a")
        .also("X-Road-Whatever", "a");
    let ask = house.asked(same.build()).await;
    assert_eq!(ask.caller.official.as_deref(), Some("EE49001010093"));
    for name in
        ["X-Road-UserId", "X-Road-Id", "X-Road-Issue", "X-Road-Service", "X-Road-49001010093", "RR-Anything"]
    {
        let differing = good().with(name, "a").also(name, "b");
        assert_eq!(codes(differing).await, ["header_duplicate"], "{name}");
    }
    let differing = rr(RR_BODY).also("RR-Request-Reason", "oigustatud");
    assert_eq!(codes(differing).await, ["header_duplicate"]);
}

#[tokio::test]
async fn the_official_is_required_and_kept_as_given() {
    assert_eq!(codes(good().without("X-Road-UserId")).await, ["user_missing"]);
    assert_eq!(codes(good().with("X-Road-UserId", " ")).await, ["user_missing"]);
    assert_eq!(codes(good().with("X-Road-UserId", "a\tb")).await, ["header_control_character"]);
    assert_eq!(codes(good().with("X-Road-UserId", "4".repeat(256))).await, ["header_too_long"]);
    assert_eq!(codes(good().with("X-Road-UserId", b"EE\xff")).await, ["header_not_utf8"]);
    assert_eq!(codes(rr(RR_BODY).without("X-Road-UserId")).await, ["user_missing"]);
    for unseen in ["\u{a0}", "\u{200b}", "\u{3000}", "\u{2060}", "\u{feff} \u{ad}"] {
        assert_eq!(codes(good().with("X-Road-UserId", unseen)).await, ["user_missing"], "{unseen:?}");
    }
    for name in ["X-Road-UserId", "X-Road-Id", "X-Road-Issue"] {
        for unseen in ["EE\u{200b}49001010093", "\u{202e}49001010093", "49001010093\u{2060}"] {
            assert_eq!(codes(good().with(name, unseen)).await, ["header_invisible_character"], "{name}");
        }
    }
    let house = House::new(Fake::default());
    for given in ["EE49001010093", "49001010093", "kasutaja%20üks"] {
        let ask = house.asked(good().with("X-Road-UserId", given).build()).await;
        assert_eq!(ask.caller.official.as_deref(), Some(given));
    }
}

#[tokio::test]
async fn the_other_headers_are_read_or_ignored() {
    let house = House::new(Fake::default());
    let ready = good()
        .with("X-Road-Id", "EE-4894e35d")
        .with("X-Road-Request-Id", "4894e35d-bf0f-44a6-867a-8e51f1daa7e0")
        .with("X-Road-Issue", "12-3/456")
        .with("X-Road-Represented-Party", "COM/1234%20x")
        .with("X-Road-Service", "EE/GOV/49001010093/a/other")
        .with("X-Road-Security-Server", "EE/GOV/1/s");
    let ask = house.asked(ready.build()).await;
    assert_eq!((ask.service.as_str(), ask.version), ("isikud", Some(1)));
    let caller = ask.caller;
    assert_eq!(caller.message_id.as_deref(), Some("EE-4894e35d"));
    assert_eq!(caller.request_id.as_deref(), Some("4894e35d-bf0f-44a6-867a-8e51f1daa7e0"));
    assert_eq!(caller.case.as_deref(), Some("12-3/456"));
    assert_eq!(caller.represented.as_deref(), Some("COM/1234 x"));
    assert_eq!((caller.channel, caller.instant), ("xroad", 1_700_000_000_000));
    for wrong in ["49001010093", ""] {
        assert_eq!(codes(good().with("X-Road-Request-Id", wrong)).await, ["header_invalid"]);
    }
    for party in ["a/b/49001010093", "/49001010093", "a%2F49001010093", "COM/%20", "%C2%A0/1234"] {
        assert_eq!(
            codes(good().with("X-Road-Represented-Party", party)).await,
            ["header_invalid"],
            "{party}"
        );
    }
    assert_eq!(codes(good().with("X-Road-Represented-Party", "%")).await, ["header_percent_encoding"]);
    assert_eq!(codes(good().with("X-Road-Issue", "x".repeat(2_001))).await, ["header_too_long"]);
    assert_eq!(codes(good().with("X-Road-Service", "x".repeat(2_001))).await, ["header_too_long"]);
}

#[tokio::test]
async fn headers_and_body_are_told_of_together() {
    let ready = xroad(r#"{"select":[]}"#).without("X-Road-UserId").with("X-Road-Request-Id", MARK);
    assert_eq!(codes(ready).await, ["header_invalid", "user_missing", "list_empty", "member_missing"]);
    let ready = xroad("").without("Content-Type").without("X-Road-UserId");
    assert_eq!(refused(415, ready.build()).await, ["user_missing", "content_type_missing"]);
}

#[tokio::test]
async fn a_reason_is_required_at_the_compatible_door_only() {
    assert_eq!(codes(rr(RR_BODY).without("RR-Request-Reason")).await, ["reason_missing"]);
    assert_eq!(codes(rr(RR_BODY).with("RR-Request-Reason", "")).await, ["reason_missing"]);
    assert_eq!(codes(rr(RR_BODY).with("RR-Request-Reason", MARK)).await, ["reason_invalid"]);
    for wrong in ["Avalik", "", " "] {
        assert_eq!(codes(good().with("RR-Request-Reason", wrong)).await, ["reason_invalid"]);
    }
    let house = House::new(Fake::default());
    assert_eq!(house.asked(good().build()).await.legal_basis, None);
    for (reason, basis) in [("avalik", "eu-gdpr:A6-1-e"), ("oigustatud", "eu-gdpr:A6-1-f")] {
        for ready in [good(), rr(RR_BODY)] {
            let stated =
                house.asked(ready.with("RR-Request-Reason", reason).build()).await.legal_basis.unwrap();
            assert_eq!((stated.text.as_str(), &*stated.place), (basis, "RR-Request-Reason"));
        }
    }
}

/// The two examples of PR-PDU-REST 0.1.0, appendix A.
#[tokio::test]
async fn the_examples_of_the_data_tracker_are_read() {
    let house = House::new(Fake::default());
    let ready = good()
        .with("X-Road-PDU-Purpose", "Isiku%20ees-%20ja%20perenime%20p%C3%A4ring")
        .with(
            "X-Road-PDU-Legal-Basis",
            "Tervise%20infos%C3%BCsteemi%20p%C3%B5him%C3%A4%C3%A4rus%20%28%C2%A7nn%29",
        )
        .with("X-Road-PDU-Initiator-Org-System", "Terviseportaal")
        .with("X-Road-PDU-Initiator-Org-Name", "Tervise%20ja%20Heaolu%20Infos%C3%BCsteemide%20Keskus")
        .with("X-Road-PDU-Initiator-Org-Code", "70000562")
        .with("X-Road-PDU-Initiator-Org-Type", "GOV");
    let ask = house.asked(ready.build()).await;
    let expected = [
        ("Purpose", "Isiku ees- ja perenime päring"),
        ("Legal-Basis", "Tervise infosüsteemi põhimäärus (§nn)"),
        ("Initiator-Org-Type", "GOV"),
        ("Initiator-Org-Code", "70000562"),
        ("Initiator-Org-Name", "Tervise ja Heaolu Infosüsteemide Keskus"),
        ("Initiator-Org-System", "Terviseportaal"),
    ];
    assert_eq!(ask.caller.statements, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Texts for people are no statements for machines.
    assert_eq!((ask.purpose, ask.legal_basis, ask.hidden), (None, None, false));

    let ready = good()
        .with("X-Road-PDU-Purpose", "Raviajaloo%20vaatamine")
        .with("X-Road-PDU-Initiator-Person-Code", "EE38001085718")
        .with("X-Road-PDU-Initiator-Person-Name", "Mari%20Maasikas");
    assert_eq!(house.asked(ready.build()).await.caller.statements.len(), 3);
}

fn pdu(headers: &[(&'static str, &'static str)]) -> Request<axum::body::Body> {
    headers.iter().fold(good(), |ready, (name, value)| ready.with(name, value)).build()
}

const PURPOSE: (&str, &str) = ("X-Road-PDU-Purpose", "Kontroll");
const TYPE: (&str, &str) = ("X-Road-PDU-Initiator-Org-Type", "GOV");
const CODE: (&str, &str) = ("X-Road-PDU-Initiator-Org-Code", "70000562");
const HIDDEN: (&str, &str) = ("X-Road-PDU-Hidden", "true");
const WHY: (&str, &str) = ("X-Road-PDU-Hidden-Reason", "KrMS");
const UNTIL: (&str, &str) = ("X-Road-PDU-Hidden-Until", "2030-01-01T00:00:00Z");

#[tokio::test]
async fn a_query_may_ask_to_be_hidden() {
    let house = House::new(Fake::default());
    for headers in [
        &[PURPOSE, TYPE, CODE, HIDDEN][..],
        &[PURPOSE, TYPE, CODE, HIDDEN, WHY],
        &[PURPOSE, TYPE, CODE, HIDDEN, WHY, UNTIL],
    ] {
        assert!(house.asked(pdu(headers)).await.hidden);
    }
    let open =
        pdu(&[PURPOSE, TYPE, CODE, ("X-Road-PDU-Hidden", "false"), ("X-Road-PDU-Bulk-Processing", "true")]);
    assert!(!house.asked(open).await.hidden);
}

/// PR-PDU-REST 0.1.0 §2.2 and tables 1 to 3.
#[tokio::test]
async fn the_rules_of_the_data_tracker_hold() {
    let missing = "header_missing";
    let invalid = "header_invalid";
    let org = "X-Road-PDU-Initiator-Org-Name";
    type Case<'a> = (&'a [(&'static str, &'static str)], &'a [&'static str]);
    let cases: [Case<'_>; 17] = [
        (&[PURPOSE], &[missing]),
        (&[TYPE, CODE], &[missing]),
        (&[("X-Road-PDU-Consent-Reference", MARK)], &[missing, missing]),
        (&[PURPOSE, TYPE], &[missing]),
        (&[PURPOSE, CODE], &[missing]),
        (&[PURPOSE, (org, MARK)], &[missing]),
        (&[PURPOSE, ("X-Road-PDU-Initiator-Org-System", MARK)], &[missing, missing]),
        (&[PURPOSE, CODE, ("X-Road-PDU-Initiator-Org-Type", MARK)], &[invalid]),
        (&[PURPOSE, TYPE, ("X-Road-PDU-Initiator-Org-Code", MARK)], &[invalid]),
        (&[PURPOSE, ("X-Road-PDU-Initiator-Person-Code", MARK)], &[invalid]),
        (&[PURPOSE, TYPE, CODE, HIDDEN, UNTIL], &[missing]),
        (&[PURPOSE, TYPE, CODE, WHY], &["header_conflict"]),
        (&[PURPOSE, TYPE, CODE, HIDDEN, WHY, ("X-Road-PDU-Hidden-Until", "2030-01-01")], &[invalid]),
        (&[PURPOSE, TYPE, CODE, ("X-Road-PDU-Hidden", "jah")], &[invalid]),
        (&[PURPOSE, TYPE, CODE, ("X-Road-PDU-Bulk-Processing", "1")], &[invalid]),
        (&[TYPE, CODE, ("X-Road-PDU-Purpose", "%")], &["header_percent_encoding"]),
        (&[TYPE, CODE, ("X-Road-PDU-Purpose", "%20")], &["header_empty"]),
    ];
    for (headers, expected) in cases {
        assert_eq!(refused(400, pdu(headers)).await, expected, "{headers:?}");
    }
    assert_eq!(codes(good().with("X-Road-PDU-49001010093", MARK)).await, ["header_unknown"]);
    let control = good().with("X-Road-PDU-Purpose", "a%00b").with(TYPE.0, TYPE.1).with(CODE.0, CODE.1);
    assert_eq!(codes(control).await, ["header_control_character"]);
    let latin = good().with("X-Road-PDU-Purpose", "%e4").with(TYPE.0, TYPE.1).with(CODE.0, CODE.1);
    assert_eq!(codes(latin).await, ["header_not_utf8"]);
    let twice =
        rr(RR_BODY).with(TYPE.0, "GOV").with(CODE.0, CODE.1).with(PURPOSE.0, MARK).also(PURPOSE.0, "x");
    assert_eq!(codes(twice).await, ["header_duplicate"]);
}
