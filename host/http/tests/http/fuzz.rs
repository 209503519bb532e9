// SPDX-License-Identifier: Apache-2.0
//! Whatever is sent: no panic, a 200 or a 4xx, always JSON.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use proptest::{collection::vec, prelude::*};
use tokio::runtime::{Builder, Runtime};

use crate::fake::{Fake, House, RR_BODY, Ready, XROAD_BODY, rr, xroad};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

fn check(ready: Ready) -> Result<(), TestCaseError> {
    let house = House::new(Fake::default());
    let got = RUNTIME.block_on(house.send(ready.build()));
    prop_assert!(got.status == 200 || got.status.is_client_error(), "{} {}", got.status, got.text);
    prop_assert!(got.json.is_object() || got.json.is_array(), "{}", got.text);
    if got.status != 200 && got.json["instance"].is_string() {
        prop_assert_eq!(house.fake.rejected.lock().unwrap().len(), 1);
    }
    Ok(())
}

/// Bodies that get further in than random bytes do: JSON of names that the doors know.
fn body() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        "Eesnimi|Liik|givenName|dpv:Query".prop_map(Into::into),
    ];
    let name = "select|where|limit|context|purpose|legalBasis|case|agent|isikukoodid|andmevaljad|isikuandmed|suhted|.{0,4}";
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Into::into),
            vec((name, inner), 0..6).prop_map(|members| {
                members.into_iter().collect::<serde_json::Map<String, serde_json::Value>>().into()
            }),
        ]
    })
    .prop_map(|value| value.to_string())
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let printable = prop_oneof![
        vec(any::<u8>(), 0..60),
        "[A-Z/%0-9a-f]{0,30}".prop_map(String::into_bytes),
        "EE/GOV/[0-9%]{1,8}/.{0,4}".prop_map(String::into_bytes),
        "true|false|GOV|avalik|oigustatud|dpv:X|2030-01-01T00:00:00Z".prop_map(String::into_bytes),
    ];
    printable.prop_filter("no header value", |bytes| HeaderValue::from_bytes(bytes).is_ok())
}

const NAMES: [&str; 12] = [
    "X-Road-Client",
    "X-Road-Id",
    "X-Road-Request-Id",
    "X-Road-UserId",
    "X-Road-Issue",
    "X-Road-Represented-Party",
    "X-Road-Service",
    "X-Road-PDU-Purpose",
    "X-Road-PDU-Hidden",
    "X-Road-PDU-Hidden-Until",
    "RR-Request-Reason",
    "Content-Type",
];

proptest! {
    #[test]
    fn any_bytes_as_a_body(bytes in vec(any::<u8>(), 0..300)) {
        check(xroad(bytes.clone()))?;
        check(rr(bytes))?;
    }

    #[test]
    fn any_json_as_a_body(body in body()) {
        check(xroad(body.clone()))?;
        check(rr(body))?;
    }

    #[test]
    fn any_header_values(sent in vec((proptest::sample::select(&NAMES[..]), value()), 0..6)) {
        let (mut own, mut compatible) = (xroad(XROAD_BODY), rr(RR_BODY));
        for (name, value) in sent {
            own = own.also(name, &value);
            compatible = compatible.with(name, &value);
        }
        check(own)?;
        check(compatible)?;
    }

    #[test]
    fn any_path(path in "/(xroad|rr)/[a-z0-9%./;v-]{0,40}") {
        if path.parse::<axum::http::Uri>().is_ok() {
            check(xroad(XROAD_BODY).uri(&path))?;
        }
    }
}
