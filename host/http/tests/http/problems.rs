// SPDX-License-Identifier: Apache-2.0
//! What the gatehouse says no with, and how it looks outside.

use std::time::Duration;

use paasla_app::problem::{NoAnswer, Problem};
use serde_json::json;

use crate::fake::{Fake, Got, House, ID, RR_BODY, XROAD_BODY, check_problem, reason, rr, xroad};

async fn said(no: fn() -> NoAnswer) -> Got {
    let house = House::new(Fake { reply: Box::new(move |_| Err(no())), ..Fake::default() });
    let got = house.send(xroad(XROAD_BODY).build()).await;
    check_problem(&got);
    let other = house.send(rr(RR_BODY).build()).await;
    assert_eq!((other.status, &other.text), (got.status, &got.text), "both doors say it alike");
    got
}

#[tokio::test]
async fn a_refusal_gives_its_reasons() {
    let got =
        said(|| NoAnswer::Refused { id: ID.to_owned(), generation: 7, reasons: [reason()].into() }).await;
    let expected = json!({
        "type": "urn:paasla:problem:query_refused",
        "title": "The query is refused",
        "status": 403,
        "code": "query_refused",
        "detail": "the grant or a rule refuses the query; see `reasons`",
        "instance": format!("urn:uuid:{ID}"),
        "generation": 7,
        "reasons": [{
            "by": "minors",
            "code": "minors.generalised",
            "message": "The person is a minor.",
            "provision": "LasteKS § 5",
        }],
    });
    assert_eq!((got.status.as_u16(), got.text), (403, expected.to_string()));
    assert_eq!(got.headers["paasla-decision"], ID);
}

#[tokio::test]
async fn a_wrong_request_gives_its_problems() {
    let one = || Problem::new("service_unknown", "url", "there is no such service");
    let got = said(|| NoAnswer::NotFound {
        id: ID.to_owned(),
        problem: Problem::new("service_unknown", "url", "there is no such service"),
    })
    .await;
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (404, Some("service_unknown")));
    assert_eq!(got.json["detail"], one().message);
    assert_eq!(got.json["problems"][0]["place"], "url");
    let got = said(|| NoAnswer::Invalid {
        id: ID.to_owned(),
        problems: vec![Problem::new("a", "/select/0", "one"), Problem::new("b", "/select/1", "two")],
    })
    .await;
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (400, Some("request_invalid")));
    assert_eq!(got.json["instance"], format!("urn:uuid:{ID}"));
}

#[tokio::test]
async fn a_failure_says_nothing_of_the_inside() {
    let got = said(|| NoAnswer::Failed {
        id: ID.to_owned(),
        code: "register_unavailable",
        retry_after: Some(Duration::from_millis(2_500)),
    })
    .await;
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (503, Some("register_unavailable")));
    assert_eq!(
        (&got.headers["retry-after"], &got.headers["paasla-decision"]),
        (&"3".parse().unwrap(), &ID.parse().unwrap())
    );
    let got = said(|| NoAnswer::Failed { id: ID.to_owned(), code: "internal", retry_after: None }).await;
    assert_eq!((got.status.as_u16(), got.headers.get("retry-after")), (500, None));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let house = House::new(Fake { records: false, ..Fake::default() });
    let got = house.send(xroad("{").build()).await;
    check_problem(&got);
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (503, Some("record_unavailable")));
    assert!(got.headers.contains_key("retry-after") && got.json.get("problems").is_none());
}

#[tokio::test]
async fn a_panic_in_the_app_is_a_plain_500() {
    let house = House::new(Fake { reply: Box::new(|_| panic!("{}", crate::fake::MARK)), ..Fake::default() });
    let got = house.send(xroad(XROAD_BODY).build()).await;
    check_problem(&got);
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (500, Some("internal")));
}
