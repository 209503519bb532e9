// SPDX-License-Identifier: Apache-2.0
//! A gatehouse that notes every call, and a small client for its doors.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use paasla_app::{
    CatalogueEntry, Gatehouse,
    answer::{Answer, AnswerField, Cell},
    ask::{Ask, Caller},
    health::Readiness,
    problem::{NoAnswer, Problem},
    rights::{Allowed, CapLeft, Right, Rights, RightsAsk, StandsOn, Verdict},
    who::{WhoAsk, WhoMay},
};
use paasla_core::{
    ClientId, FieldDecision, Mask, Reason, ReasonText, Service, Visibility, Vocabulary, Window,
};
use paasla_http::{Doors, Settings, router};
use paasla_register::Description;
use serde_json::Value;
use tower::ServiceExt;

/// A personal code that is sent wherever a caller can send something, and must never come back.
pub(crate) const MARK: &str = "49001010093";
/// The register that the fake stands before.
const REGISTER: &str = include_str!("../../../../examples/population-register/register.toml");
/// The record id that the fake gives.
pub(crate) const ID: &str = "0192f0c1-0000-7000-8000-000000000001";
pub(crate) const QUERY: &str = "/xroad/isikud/v1/query";
pub(crate) const PERSONS: &str = "/rr/domesticDataExchange/v1/isikud";

type Reply = Box<dyn Fn(&Ask) -> Result<Answer, NoAnswer> + Send + Sync>;

/// One recorded rejection.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) caller: Caller,
    pub(crate) service: Option<(String, Option<u32>)>,
    pub(crate) problems: Vec<Problem>,
}

pub(crate) struct Fake {
    pub(crate) asks: Mutex<Vec<Ask>>,
    pub(crate) rights_asks: Mutex<Vec<RightsAsk>>,
    pub(crate) rejected: Mutex<Vec<Rejected>>,
    /// How many answers ran to their end.
    pub(crate) finished: AtomicUsize,
    pub(crate) reply: Reply,
    pub(crate) delay: Duration,
    pub(crate) records: bool,
    pub(crate) readiness: Readiness,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            asks: Mutex::default(),
            rights_asks: Mutex::default(),
            rejected: Mutex::default(),
            finished: AtomicUsize::new(0),
            reply: Box::new(|_| Ok(empty())),
            delay: Duration::ZERO,
            records: true,
            readiness: Readiness { is_ready: true, ..Readiness::default() },
        }
    }
}

#[async_trait]
impl Gatehouse for Fake {
    async fn answer(&self, ask: Ask) -> Result<Answer, NoAnswer> {
        tokio::time::sleep(self.delay).await;
        let reply = (self.reply)(&ask);
        self.asks.lock().unwrap().push(ask);
        self.finished.fetch_add(1, Ordering::SeqCst);
        reply
    }

    async fn rights(&self, ask: RightsAsk) -> Result<Rights, NoAnswer> {
        let of = |purpose: &str, grant, verdict| Right {
            purpose: Some(purpose.to_owned()),
            legal_basis: Some("https://w3id.org/dpv/legal/eu/gdpr#A6-1-e".to_owned()),
            grant,
            verdict,
        };
        let grant = StandsOn {
            id: "g1".to_owned(),
            reference: Some("agreement 1".to_owned()),
            valid_from: "2025-01-01".parse().unwrap(),
            valid_until: None,
            may_hide: false,
        };
        let allowed = Allowed {
            fields: vec![
                field("givenName", Visibility::Show),
                field("birthDate", Visibility::Masked(Mask::Year)),
            ],
            depends_on_rows: true,
            caps: vec![CapLeft { window: Window::Day, persons: 10, left: 4, reason: reason() }],
            obligations: Vec::new(),
        };
        let rights = vec![
            of("urn:a", Some(grant), Verdict::Allowed(allowed)),
            of("urn:b", None, Verdict::Refused([reason()].into())),
            of("urn:c", None, Verdict::Failed("rule_fault")),
        ];
        let client = ask.caller.client.clone();
        let service = ask.service.clone();
        self.rights_asks.lock().unwrap().push(ask);
        Ok(Rights { generation: 7, instant: self.now(), client, service, version: 1, rights })
    }

    async fn who(&self, _: &WhoAsk) -> Result<WhoMay, Problem> {
        Ok(WhoMay { generation: 7, version: 1, clients: Vec::new(), more: false })
    }

    async fn reject(
        &self,
        caller: Caller,
        service: Option<(String, Option<u32>)>,
        problems: &[Problem],
    ) -> Option<String> {
        let problems = problems.to_vec();
        self.rejected.lock().unwrap().push(Rejected { caller, service, problems });
        self.records.then(|| ID.to_owned())
    }

    fn is_field(&self, name: &str) -> bool {
        matches!(name, "personalCode" | "birthDate" | "sex")
    }

    fn now(&self) -> i64 {
        1_700_000_000_000
    }

    fn expand(&self, iri: &str) -> String {
        let full = iri.strip_prefix("dpv:").map(|local| format!("https://w3id.org/dpv#{local}"));
        let gdpr = |local: &str| format!("https://w3id.org/dpv/legal/eu/gdpr#{local}");
        full.or_else(|| iri.strip_prefix("eu-gdpr:").map(gdpr)).unwrap_or_else(|| iri.to_owned())
    }

    fn code_label(&self, field: &str, code: &str) -> Option<(String, String)> {
        let (list, label) = match (field, code) {
            ("status" | "custody.otherStatus", "E") => ("ISIKU_STAATUS", "ELUS"),
            ("mainCitizenship" | "citizenships.country", "233") => ("RIIK", "Eesti"),
            ("custody.kind", "H10") => ("HOOLDUSE_LIIK", "täielik isikuhooldusõigus"),
            ("custody.status", "H1") => ("HOOLDUS_STAATUS", "kehtiv"),
            _ => return None,
        };
        Some((list.to_owned(), label.to_owned()))
    }

    fn has_right(&self, client: &ClientId) -> bool {
        !client.as_str().starts_with("EE/COM/1/")
    }

    async fn refuse_stranger(&self, caller: Caller, service: Option<(String, Option<u32>)>) -> NoAnswer {
        let rejected = Rejected { caller, service, problems: Vec::new() };
        self.rejected.lock().unwrap().push(rejected);
        NoAnswer::Refused { id: ID.to_owned(), generation: 7, reasons: [reason()].into() }
    }

    fn check(&self, _: &Ask) -> Vec<Problem> {
        Vec::new()
    }

    fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    fn catalogue_entry(&self, service: &str) -> Option<CatalogueEntry> {
        let newest = Service {
            name: "isikud".to_owned(),
            version: 1,
            title: "Isikud / Persons".to_owned(),
            entity: "person".to_owned(),
            keys: vec!["personalCode".to_owned()],
            fields: vec!["givenName".to_owned()],
            max_subjects: 1,
            max_rows: 1,
            purposes: Vec::new(),
            legal_bases: Vec::new(),
            requires: Vec::new(),
            default_fields: Vec::new(),
            lookups: Vec::new(),
        };
        let register = Description::from_toml(REGISTER).unwrap();
        (service == newest.name).then(|| CatalogueEntry {
            versions: vec![newest.clone()],
            newest,
            vocabulary: Vocabulary::default(),
            register: Arc::new(register),
        })
    }
}

/// An answer that found nothing.
pub(crate) fn empty() -> Answer {
    Answer {
        id: ID.to_owned(),
        generation: 7,
        purpose: "https://w3id.org/dpv#IdentityVerification".to_owned(),
        legal_basis: "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e".to_owned(),
        fields: Vec::new(),
        obligations: Vec::new(),
        rows: Vec::new(),
        more: false,
    }
}

pub(crate) fn reason() -> Reason {
    Reason::from(ReasonText {
        by: "minors".into(),
        code: "minors.generalised".to_owned(),
        message: "The person is a minor.".to_owned(),
        provision: Some("LasteKS § 5".into()),
    })
}

pub(crate) fn field(name: &str, visibility: Visibility) -> AnswerField {
    let mut decision = FieldDecision::shown();
    decision.narrow(visibility, reason());
    let group = name.split_once('.').map(|(group, _)| group.to_owned());
    AnswerField { name: name.to_owned(), group, decision }
}

pub(crate) fn cell(value: paasla_core::Value, visibility: Visibility) -> Cell {
    Cell { value, narrowed: None, visibility }
}

pub(crate) fn text(text: &str) -> Cell {
    cell(paasla_core::Value::Text(text.to_owned()), Visibility::Show)
}

pub(crate) fn date(date: &str) -> Cell {
    cell(paasla_core::Value::Date(date.parse().unwrap()), Visibility::Show)
}

/// Doors, and the fake behind them.
pub(crate) struct House {
    pub(crate) fake: Arc<Fake>,
    pub(crate) doors: Arc<Doors>,
    pub(crate) router: Router,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl House {
    pub(crate) fn new(fake: Fake) -> Self {
        Self::with(fake, Settings::default())
    }

    pub(crate) fn with(fake: Fake, settings: Settings) -> Self {
        let fake = Arc::new(fake);
        let doors = Doors::new(fake.clone(), settings);
        let router = router(&doors);
        Self { fake, doors, router }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Got {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Got { status: parts.status, headers: parts.headers, text, json }
    }

    /// Sends a request that must come through, and gives back what the gatehouse was asked.
    pub(crate) async fn asked(&self, request: Request<Body>) -> Ask {
        let got = self.send(request).await;
        assert_eq!(got.status, 200, "{}", got.text);
        assert!(self.fake.rejected.lock().unwrap().is_empty());
        self.fake.asks.lock().unwrap().pop().unwrap()
    }
}

/// Sends a request that must be turned away and recorded; checks everything that holds for all of these. Gives back
/// the codes of the problems.
pub(crate) async fn refused(status: u16, request: Request<Body>) -> Vec<String> {
    let house = House::with(Fake::default(), small());
    let got = house.send(request).await;
    assert_eq!(got.status, status, "{}", got.text);
    check_problem(&got);
    assert_eq!(got.headers["paasla-decision"], ID);
    assert_eq!(got.json["instance"], format!("urn:uuid:{ID}"));
    assert!(house.fake.asks.lock().unwrap().is_empty());
    let rejected = house.fake.rejected.lock().unwrap();
    let [rejected] = rejected.as_slice() else { panic!("recorded {} times", rejected.len()) };
    assert_eq!(rejected.caller.client.to_string(), "EE/GOV/70000562/DHX");
    let listed = got.json["problems"].as_array().unwrap();
    assert_eq!(rejected.problems.len(), listed.len());
    for problem in listed {
        assert!(problem["place"].is_string());
        let message = problem["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
    }
    listed.iter().map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

/// What every problem document has, and what no answer may hold.
pub(crate) fn check_problem(got: &Got) {
    assert_eq!(got.headers["content-type"], "application/problem+json");
    assert_eq!(got.headers["cache-control"], "no-store");
    assert_eq!(got.json["status"], got.status.as_u16());
    let code = got.json["code"].as_str().unwrap();
    assert_eq!(got.json["type"], format!("urn:paasla:problem:{code}"));
    assert!(got.json["title"].is_string() && got.json["detail"].is_string());
    check_silent(got);
}

/// No part of what was sent comes back.
pub(crate) fn check_silent(got: &Got) {
    assert!(!got.text.contains(MARK), "{}", got.text);
    for (name, value) in &got.headers {
        assert!(!name.as_str().starts_with("x-road"), "{name}");
        assert!(!String::from_utf8_lossy(value.as_bytes()).contains(MARK), "{name}");
    }
}

/// Tight limits, so that tests that run into them are quick.
pub(crate) fn small() -> Settings {
    Settings { body_limit: 100 * 1024, body_deadline: Duration::from_secs(1), ..Settings::default() }
}

/// A request being put together.
pub(crate) struct Ready {
    request: Request<Body>,
}

/// A good request to the register's own door.
pub(crate) fn xroad(body: impl Into<Body>) -> Ready {
    Ready::post(QUERY).body(body)
}

/// A good request to the compatible door.
pub(crate) fn rr(body: impl Into<Body>) -> Ready {
    Ready::post(PERSONS).with("RR-Request-Reason", "avalik").body(body)
}

/// The smallest good body of each door.
pub(crate) const XROAD_BODY: &str = r#"{"select":["givenName"],"where":{"personalCode":"49001010093"}}"#;
pub(crate) const RR_BODY: &str =
    r#"{"isikukoodid":["49001010093"],"andmevaljad":{"isikuandmed":["Eesnimi"]}}"#;

impl Ready {
    pub(crate) fn post(path: &str) -> Self {
        Self::bare("POST", path)
            .with("Content-Type", "application/json")
            .with("X-Road-Client", "EE/GOV/70000562/DHX")
            .with("X-Road-UserId", "EE49001010093")
    }

    pub(crate) fn bare(method: &str, path: &str) -> Self {
        Self { request: Request::builder().method(method).uri(path).body(Body::empty()).unwrap() }
    }

    /// Sets a header, in place of any other with its name.
    pub(crate) fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = axum::http::HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.request
            .headers_mut()
            .insert(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        self
    }

    /// Adds a header beside others with its name.
    pub(crate) fn also(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = axum::http::HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.request
            .headers_mut()
            .append(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    pub(crate) fn uri(mut self, uri: &str) -> Self {
        *self.request.uri_mut() = uri.parse().unwrap();
        self
    }

    pub(crate) fn build(self) -> Request<Body> {
        self.request
    }
}
