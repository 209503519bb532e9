// SPDX-License-Identifier: Apache-2.0
//! What holds for every route: unknown paths and methods, time, room, health.

use std::{sync::atomic::Ordering, time::Duration};

use paasla_app::health::Readiness;
use paasla_http::Settings;

use crate::fake::{Fake, House, ID, PERSONS, QUERY, Ready, XROAD_BODY, check_problem, refused, xroad};

#[tokio::test]
async fn unknown_paths_and_methods_are_recorded_when_the_client_is_known() {
    for path in
        ["/xroad/isikud/v1/query/", "/xroad/isikud/v1/49001010093", "/rr/domesticDataExchange/v1/49001010093"]
    {
        assert_eq!(refused(404, Ready::post(path).build()).await, ["path_unknown"], "{path}");
    }
    for path in
        ["/xroad/../v1/query", "/xroad/isikud%2f49001010093/v1/query", "/rr//49001010093", "/rr/%2e%2e/x"]
    {
        assert_eq!(refused(400, Ready::post(path).build()).await, ["path_invalid"], "{path}");
    }
    let house = House::new(Fake::default());
    for (method, path) in [("GET", QUERY), ("PUT", PERSONS), ("49001010093", QUERY), ("OPTIONS", QUERY)] {
        let got = house.send(Ready::bare(method, path).with("X-Road-Client", "EE/GOV/1/a").build()).await;
        check_problem(&got);
        assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (405, Some("method_not_allowed")));
        assert_eq!(got.headers["allow"], "POST");
        assert_eq!(got.headers["paasla-decision"], ID);
    }
    assert_eq!(house.fake.rejected.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn nobody_is_recorded_for_what_is_no_door() {
    let house = House::new(Fake::default());
    for (path, status) in
        [("/49001010093", 404), ("/console/../49001010093", 400), ("/xroad/49001010093", 404)]
    {
        let got = house.send(Ready::bare("GET", path).build()).await;
        check_problem(&got);
        assert_eq!(got.status, status);
    }
    let got = house.send(Ready::bare("POST", "/health/live").build()).await;
    assert_eq!((got.status.as_u16(), got.headers["allow"].to_str().unwrap()), (405, "GET,HEAD"));
    assert!(house.fake.rejected.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_it_private() {
    let house = House::new(Fake::default());
    let requests = [
        xroad(XROAD_BODY).build(),
        xroad("").build(),
        Ready::bare("GET", "/health/live").build(),
        Ready::bare("GET", "/nothing").build(),
        Ready::bare("DELETE", QUERY).build(),
    ];
    for request in requests {
        let got = house.send(request).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(got.headers[name], value);
        }
    }
}

#[tokio::test]
async fn health_tells_alive_from_ready() {
    let house = House::new(Fake { readiness: Readiness::default(), ..Fake::default() });
    let live = house.send(Ready::bare("GET", "/health/live").build()).await;
    assert_eq!((live.status.as_u16(), live.text.as_str()), (200, r#"{"status":"live"}"#));
    assert_eq!(house.send(Ready::bare("GET", "/health/ready").build()).await.status, 503);
    let readiness = Readiness { is_ready: true, quarantined: 2, ..Readiness::default() };
    let house = House::new(Fake { readiness, ..Fake::default() });
    let ready = house.send(Ready::bare("GET", "/health/ready").build()).await;
    assert_eq!(ready.status, 200, "other scopes are answered");
    assert!(
        ready.text.starts_with(r#"{"status":"ready","stopping":false,"quarantined":2,"#),
        "{}",
        ready.text
    );
}

#[tokio::test]
async fn a_late_answer_is_not_sent_but_its_record_is_finished() {
    let settings = Settings { request_timeout: Duration::from_millis(50), ..Settings::default() };
    let house = House::with(Fake { delay: Duration::from_secs(2), ..Fake::default() }, settings);
    let got = house.send(xroad(XROAD_BODY).build()).await;
    check_problem(&got);
    assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (503, Some("timed_out")));
    assert_eq!(house.fake.finished.load(Ordering::SeqCst), 0);
    assert!(house.doors.idle(Duration::from_secs(60)).await);
    assert_eq!(house.fake.finished.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn one_query_too_many_is_told_at_once_and_health_still_answers() {
    let settings = Settings { concurrency: 2, ..Settings::default() };
    let house = House::with(Fake { delay: Duration::from_secs(2), ..Fake::default() }, settings);
    let third = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let third = house.send(xroad(XROAD_BODY).with("X-Road-Client", "EE/GOV/70000564").build()).await;
        assert_eq!(house.send(Ready::bare("GET", "/health/live").build()).await.status, 200);
        assert!(!house.doors.idle(Duration::from_millis(1)).await);
        third
    };
    let other = || xroad(XROAD_BODY).with("X-Road-Client", "EE/GOV/70000563").build();
    let (first, second, third) =
        tokio::join!(house.send(xroad(XROAD_BODY).build()), house.send(other()), third);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    check_problem(&third);
    assert_eq!((third.status.as_u16(), third.json["code"].as_str()), (503, Some("overloaded")));
    assert_eq!(third.headers["retry-after"], "1");
    assert_eq!(house.send(xroad(XROAD_BODY).build()).await.status, 200);
}

/// One member's queries are in nobody's way but their own, subsystems together; and a body that does not come holds no
/// place.
#[tokio::test]
async fn a_member_has_a_share_of_the_places() {
    let settings = Settings { concurrency: 4, body_deadline: Duration::from_secs(60), ..Settings::default() };
    let house = House::with(Fake::default(), settings);
    let stuck = || {
        axum::body::Body::from_stream(futures_util::stream::pending::<std::io::Result<axum::body::Bytes>>())
    };
    let from = |member: &str, body| xroad(body).with("X-Road-Client", member).build();
    let never = async {
        let slow: Vec<_> = (0..8).map(|n| house.send(from(&format!("EE/GOV/{n}/slow"), stuck()))).collect();
        futures_util::future::join_all(slow).await
    };
    let asked = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let got = house.send(from("EE/GOV/70000562/other", XROAD_BODY.into())).await;
        assert_eq!(got.status, 200, "eight slow bodies hold none of four places");
        let got = house.send(from("EE/GOV/3/other", XROAD_BODY.into())).await;
        check_problem(&got);
        assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (503, Some("overloaded")));
        assert!(got.headers.contains_key("retry-after"));
    };
    tokio::select! {
        _ = never => panic!("no such body comes"),
        () = asked => {}
    }
}

/// Whoever may ask nothing is refused by the head alone.
#[tokio::test]
async fn a_stranger_is_refused_before_the_body() {
    for (path, body) in
        [(QUERY, "nonsense"), (PERSONS, ""), ("/xroad/nothing", ""), ("/xroad/isikud/v0/query", "{}")]
    {
        let house = House::new(Fake::default());
        let got =
            house.send(Ready::post(path).with("X-Road-Client", "EE/COM/1/anybody").body(body).build()).await;
        check_problem(&got);
        assert_eq!((got.status.as_u16(), got.json["code"].as_str()), (403, Some("query_refused")), "{path}");
        assert_eq!(house.fake.rejected.lock().unwrap().len(), 1);
        assert!(house.fake.asks.lock().unwrap().is_empty());
    }
}
