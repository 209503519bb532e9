// SPDX-License-Identifier: Apache-2.0
//! Records, rulebooks and rules to test with.

use paasla_core::{
    AuditRecord, Call, CallOutcome, Calls, ClientId, Decision, Entry, Grant, Mode, Outcome, Policy, Query,
    Reason, RowCount, Rulebook, RulingSummary, Scope, Service, Subjects, Term, term::ConceptKind,
};
use paasla_store::{Store, StoreError, StoredRule};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub(crate) const NOW: i64 = 1_790_000_123_456;
pub(crate) const PUBLIC_TASK: &str = "https://w3id.org/dpv#PublicInterest";

pub(crate) fn client(subsystem: &str) -> ClientId {
    format!("EE/GOV/70008440/{subsystem}").parse().unwrap()
}

/// Writes records.
pub(crate) fn append(store: &dyn Store, records: &[AuditRecord]) -> Result<(), StoreError> {
    let entries: Vec<Entry> = records.iter().map(|record| Entry::of(record).unwrap()).collect();
    store.append(&entries)
}

/// An answered query about two persons.
pub(crate) fn record() -> AuditRecord {
    let id = Uuid::now_v7().to_string();
    AuditRecord {
        id: id.clone(),
        instant: NOW,
        outcome: Outcome::Answered,
        codes: vec!["ok".into()],
        generation: 1,
        channel: "xroad".into(),
        client: client("rr"),
        service: Some("person".into()),
        version: Some(1),
        message_id: Some("m-1".into()),
        request_id: None,
        official: Some("EE60001019906".into()),
        case: Some("5-1/2026".into()),
        statements: vec![("Purpose".into(), "dpv:IdentityVerification".into())],
        query: Some(query(id).into()),
        decision: Some(Decision::refused(1, Reason::new("host", "host.test", "Only a test.")).into()),
        rulings: vec![RulingSummary {
            policy: "minors".into(),
            rule: digest(b"rule"),
            calls: Calls(vec![Call::Decide(CallOutcome::Abstained)]),
            fuel: u64::MAX,
            row_inputs: vec!["subject.birth-date".into()],
        }],
        row_decisions: vec![RowCount {
            by: "minors".into(),
            code: "minors.child-not-for-purpose".into(),
            field: Some("birthDate".into()),
            to: "hide".into(),
            rows: 2,
        }],
        register: Some("ab".repeat(32)),
        subjects: vec!["aa".into(), "bb".into()],
        usage_basis: Some(PUBLIC_TASK.into()),
        usage_holder: None,
        stands_for: None,
        returned: 1,
        cost: 12,
        duration_us: 345,
    }
}

fn query(id: String) -> Query {
    let term = |iri: &str| Term { iri: iri.into(), broader: Vec::new() };
    Query {
        id,
        instant: NOW,
        utc_offset: 120,
        date: "2026-09-21".parse().unwrap(),
        channel: "xroad".into(),
        service: "person".into(),
        version: 1,
        client: client("rr"),
        represented: None,
        official: None,
        agent: None,
        case: None,
        purpose: term("https://w3id.org/dpv#IdentityVerification"),
        legal_basis: term(PUBLIC_TASK),
        special_ground: None,
        provision: None,
        bundle: None,
        subjects: Subjects { kind: "keys".into(), count: 2 },
        fields: Vec::new(),
        grant: grant("g-1").view(),
        facts: Vec::new(),
    }
}

pub(crate) fn rule(bytes: &[u8]) -> StoredRule {
    StoredRule {
        digest: digest(bytes),
        bytes: bytes.to_vec(),
        name: "minors".into(),
        version: "1.0.0".into(),
        summary: "Generalises the birth dates of minors.".into(),
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(crate) fn grant(id: &str) -> Grant {
    Grant {
        id: id.into(),
        client: client("rr"),
        service: "person".into(),
        fields: vec!["*".into()],
        purposes: vec!["https://w3id.org/dpv#IdentityVerification".into()],
        legal_bases: vec![PUBLIC_TASK.into()],
        valid_from: "2026-01-01".parse().unwrap(),
        valid_until: None,
        quotas: Vec::new(),
        reference: Some("1.1-3/17".into()),
        may_hide: false,
        attributes: Vec::new(),
    }
}

pub(crate) fn policy(name: &str, rule: &[u8], settings: &str) -> Policy {
    Policy {
        name: name.into(),
        rule: digest(rule),
        settings: serde_json::from_str(settings).unwrap(),
        scope: Scope::default(),
        mode: Mode::Shadow,
        limits: Default::default(),
        vouched_by: Default::default(),
    }
}

/// A rulebook without policies.
pub(crate) fn rulebook() -> Rulebook {
    let mut rulebook = Rulebook {
        services: vec![Service {
            name: "person".into(),
            version: 1,
            title: "Isiku põhiandmed".into(),
            entity: "person".into(),
            keys: vec!["personalCode".into()],
            fields: vec!["familyName".into()],
            max_subjects: 10,
            max_rows: 10,
            purposes: vec!["https://w3id.org/dpv#IdentityVerification".into()],
            legal_bases: Vec::new(),
            requires: Vec::new(),
            default_fields: Vec::new(),
            lookups: Vec::new(),
        }],
        grants: vec![grant("g-1")],
        ..Rulebook::default()
    };
    rulebook.vocabulary.prefixes.insert("dpv".into(), "https://w3id.org/dpv#".into());
    rulebook.vocabulary.concepts.push(paasla_core::Concept {
        iri: "https://w3id.org/dpv#IdentityVerification".into(),
        kind: ConceptKind::Purpose,
        label: "Identity verification".into(),
        label_et: Some("Isikusamasuse kontroll".into()),
        broader: Vec::new(),
    });
    rulebook
}
