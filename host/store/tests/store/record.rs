// SPDX-License-Identifier: Apache-2.0
//! Records: appending and finding them.

use paasla_core::{AuditRecord, Outcome};
use paasla_store::{RecordFilter, StoreError};

use crate::{
    Home,
    sample::{NOW, append, client, record},
};

pub(crate) async fn is_there_after_the_append(home: &impl Home) {
    let store = home.open().await;
    let bare = AuditRecord {
        instant: -1,
        outcome: Outcome::Invalid,
        service: None,
        version: None,
        message_id: None,
        official: None,
        case: None,
        query: None,
        decision: None,
        rulings: Vec::new(),
        subjects: Vec::new(),
        usage_basis: None,
        usage_holder: None,
        ..record()
    };
    let full = record();
    append(&*store, &[bare.clone(), full.clone()]).unwrap();
    append(&*store, &[]).unwrap();

    let again = home.open().await;
    for record in [bare, full] {
        assert_eq!(again.record(&record.id).await.unwrap(), Some(record));
    }
    assert_eq!(again.record("nothing").await.unwrap(), None);
}

pub(crate) async fn are_appended_all_or_none(home: &impl Home) {
    let store = home.open().await;
    let (a, b, c) = (record(), record(), record());
    append(&*store, std::slice::from_ref(&a)).unwrap();
    let too_long = AuditRecord { official: Some("x".repeat(17 << 20)), ..c.clone() };
    let refused = append(&*store, &[b.clone(), too_long.clone()]);
    assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    let refused = append(&*store, &[too_long]);
    let Err(StoreError::Invalid { what: "record", key }) = refused else { panic!("{refused:?}") };
    assert_eq!(key, c.id);

    assert_eq!(store.count_records(&RecordFilter::default()).await.unwrap(), 1);
    let subject = RecordFilter { subject_hash: Some("aa".into()), ..RecordFilter::default() };
    assert_eq!(store.records(&subject).await.unwrap(), [a]);
    append(&*store, &[b, c]).unwrap();
    assert_eq!(store.count_records(&RecordFilter::default()).await.unwrap(), 3);
}

/// Nothing that is written is refused for what is there: an id that comes twice is found as it came first.
pub(crate) async fn with_one_id_are_both_kept(home: &impl Home) {
    let store = home.open().await;
    let first = record();
    let second = AuditRecord { outcome: Outcome::Failed, ..first.clone() };
    append(&*store, &[first.clone(), second.clone()]).unwrap();
    append(&*store, std::slice::from_ref(&second)).unwrap();
    assert_eq!(store.record(&first.id).await.unwrap(), Some(first));
    let failed = RecordFilter { outcome: Some(Outcome::Failed), ..RecordFilter::default() };
    assert_eq!(store.records(&failed).await.unwrap(), [second.clone(), second]);
}

pub(crate) async fn are_found_by_every_condition(home: &impl Home) {
    let store = home.open().await;
    // Every combination of two clients, three services, two outcomes, three times; and subjects that differ.
    let mut all = Vec::new();
    for n in 0..36_usize {
        all.push(AuditRecord {
            client: client(["rr", "tarn"][n % 2]),
            service: [Some("person"), Some("address"), None][n / 2 % 3].map(Into::into),
            outcome: [Outcome::Answered, Outcome::Failed][n / 6 % 2],
            instant: NOW + [0, 1, 1_000][n / 12],
            subjects: ["aa", "bb", "cc"][..n % 4].iter().map(|&subject| subject.into()).collect(),
            ..record()
        });
    }
    let mut shuffled = all.clone();
    shuffled.sort_by_key(|record| record.id.bytes().rev().collect::<Vec<_>>());
    append(&*store, &shuffled).unwrap();

    for bits in 0_u8..64 {
        let set = |bit: u8| bits & (1 << bit) != 0;
        let filter = RecordFilter {
            client: set(0).then(|| client("rr")),
            service: set(1).then(|| "person".into()),
            outcome: set(2).then_some(Outcome::Failed),
            subject_hash: set(3).then(|| "bb".into()),
            since: set(4).then_some(NOW + 1),
            until: set(5).then_some(NOW + 1_000),
            ..RecordFilter::default()
        };
        let fits = |record: &&AuditRecord| {
            filter.client.as_ref().is_none_or(|client| record.client == *client)
                && (filter.service.is_none() || record.service == filter.service)
                && filter.outcome.is_none_or(|outcome| record.outcome == outcome)
                && filter.subject_hash.as_ref().is_none_or(|subject| record.subjects.contains(subject))
                && filter.since.is_none_or(|since| record.instant >= since)
                && filter.until.is_none_or(|until| record.instant < until)
        };
        let mut expected: Vec<AuditRecord> = all.iter().filter(fits).cloned().collect();
        let written = |record: &AuditRecord| shuffled.iter().position(|other| other.id == record.id);
        expected.sort_by_key(|record| std::cmp::Reverse((record.instant, written(record))));
        assert_eq!(store.records(&filter).await.unwrap(), expected, "{filter:?}");
        assert_eq!(store.count_records(&filter).await.unwrap(), expected.len() as u64, "{filter:?}");
    }
}

pub(crate) async fn are_paged_without_gap_or_repeat(home: &impl Home) {
    let store = home.open().await;
    // Several records at each instant, so that a page ends inside one.
    let all: Vec<AuditRecord> = (0..23).map(|n| AuditRecord { instant: NOW + n / 4, ..record() }).collect();
    append(&*store, &all).unwrap();
    for subject_hash in [None, Some("aa".to_owned())] {
        let mut found = Vec::new();
        let mut filter = RecordFilter { subject_hash, limit: 5, ..RecordFilter::default() };
        loop {
            let page = store.records(&filter).await.unwrap();
            assert!(page.len() <= 5);
            let Some(last) = page.last() else { break };
            filter.before_id = Some(last.id.clone());
            found.extend(page);
            assert!(found.len() <= all.len(), "a record came twice");
        }
        let mut expected = all.clone();
        expected.reverse();
        assert_eq!(found, expected);
        assert_eq!(store.count_records(&filter).await.unwrap(), 23);
    }
}

pub(crate) async fn hold_any_text(home: &impl Home) {
    let store = home.open().await;
    let text = "' OR 1=1; -- \"õ\" \u{0} \u{1F600} %_";
    let odd = AuditRecord {
        service: Some(text.into()),
        official: Some(text.into()),
        case: Some(text.into()),
        message_id: Some(text.into()),
        subjects: vec![text.into(), text.into()],
        codes: vec![text.into()],
        ..record()
    };
    append(&*store, &[odd.clone(), record()]).unwrap();
    let filter = RecordFilter {
        service: Some(text.into()),
        subject_hash: Some(text.into()),
        ..RecordFilter::default()
    };
    assert_eq!(store.records(&filter).await.unwrap(), [odd]);
}

pub(crate) async fn a_page_after_nothing_is_an_error(home: &impl Home) {
    let store = home.open().await;
    let filter = RecordFilter { before_id: Some("nothing".into()), ..RecordFilter::default() };
    let refused = store.records(&filter).await;
    assert!(matches!(refused, Err(StoreError::NotFound { what: "record", .. })), "{refused:?}");
}
