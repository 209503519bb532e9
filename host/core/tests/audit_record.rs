// SPDX-License-Identifier: Apache-2.0
//! Audit records as they are stored: what an earlier host wrote stays readable.
#![allow(missing_docs, reason = "a test has no public items")]

use paasla_core::{Approach, AuditRecord, Entry, Outcome, Subjects};

/// Written when records still held the status of the answer.
const WITH_STATUS: &str = r#"{"id":"0192f0c1-0000-7000-8000-000000000001","instant":1700000000000,"outcome":"refused",
    "status":403,"codes":["grant.none"],"generation":7,"channel":"xroad","client":"EE/GOV/70000562/DHX","returned":0,
    "cost":0,"durationUs":812}"#;

#[test]
fn a_record_with_the_status_of_its_answer_is_read() {
    let record: AuditRecord = serde_json::from_str(WITH_STATUS).unwrap();
    assert_eq!((record.outcome, record.codes.as_slice()), (Outcome::Refused, &["grant.none".to_owned()][..]));
    assert_eq!(Entry::skim(WITH_STATUS.as_bytes()).unwrap().0.id, record.id);
    let entry = Entry::of(&record).unwrap();
    assert!(!String::from_utf8_lossy(entry.bytes()).contains("status"));
    assert_eq!(serde_json::from_slice::<AuditRecord>(entry.bytes()).unwrap(), record);
}

/// To be found by a search is not to be looked up, and every record that came so far says which it was.
#[test]
fn a_search_is_told_from_a_consultation() {
    for (written, subjects, approach, name) in [
        (r#"{"kind":"keys","count":2}"#, Subjects::named(2), Approach::Consultation, "consultation"),
        (r#"{"kind":"search","count":0}"#, Subjects::search(), Approach::Search, "search"),
    ] {
        assert_eq!(serde_json::to_string(&subjects).unwrap(), written);
        assert_eq!(serde_json::from_str::<Subjects>(written).unwrap().approach(), approach);
        assert_eq!(approach.name(), name);
    }
    let early: AuditRecord = serde_json::from_str(WITH_STATUS).unwrap();
    assert_eq!(early.approach(), None);
}
