// SPDX-License-Identifier: Apache-2.0
//! Usage, against a naive count.

use paasla_core::{AuditRecord, Outcome, Window};
use paasla_store::Usage;
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    Home,
    sample::{NOW, PUBLIC_TASK, append, client, record},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A record that counts as so many persons.
fn asked(subjects: usize, returned: u32) -> AuditRecord {
    AuditRecord { subjects: (0..subjects).map(|n| format!("s-{n}")).collect(), returned, ..record() }
}

fn all(persons: u64) -> Usage {
    Usage { hour: persons, day: persons, month: persons, year: persons }
}

pub(crate) async fn counts_persons_of_answered_queries(home: &impl Home) {
    let store = home.open().await;
    let usage = async || store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap();
    assert_eq!(usage().await, all(0));
    append(&*store, &[asked(3, 1), asked(1, 4), asked(0, 5), asked(0, 0)]).unwrap();
    assert_eq!(usage().await, all(13));
    let uncounted = [Outcome::Refused, Outcome::Invalid, Outcome::Failed]
        .map(|outcome| AuditRecord { outcome, ..asked(7, 7) })
        .into_iter()
        .chain([AuditRecord { usage_basis: None, ..asked(7, 7) }]);
    append(&*store, &uncounted.collect::<Vec<_>>()).unwrap();
    assert_eq!(usage().await, all(13));
    append(&*store, &[asked(2, 0)]).unwrap();
    assert_eq!(usage().await, all(15));
    assert_eq!(home.open().await.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap(), all(15));
}

/// A member's subsystems share one count where the member holds the access right.
pub(crate) async fn is_counted_for_the_holder(home: &impl Home) {
    let store = home.open().await;
    let member: paasla_core::ClientId = "EE/GOV/70008440".parse().unwrap();
    let under = |subsystem, persons| AuditRecord {
        client: client(subsystem),
        usage_holder: Some(member.clone()),
        ..asked(persons, 0)
    };
    append(&*store, &[under("rr", 1), under("tarn", 2)]).unwrap();
    assert_eq!(store.usage(&member, PUBLIC_TASK, NOW).await.unwrap(), all(3));
    assert_eq!(store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap(), all(0));
}

pub(crate) async fn is_told_apart_by_client_and_basis(home: &impl Home) {
    let store = home.open().await;
    let member: paasla_core::ClientId = "EE/GOV/70008440".parse().unwrap();
    let other = "https://w3id.org/dpv#LegitimateInterest";
    let records = [
        asked(1, 0),
        AuditRecord { client: client("tarn"), ..asked(2, 0) },
        AuditRecord { client: member.clone(), ..asked(4, 0) },
        AuditRecord { usage_basis: Some(other.into()), ..asked(8, 0) },
    ];
    append(&*store, &records).unwrap();
    let cases = [
        (client("rr"), PUBLIC_TASK, 1),
        (client("tarn"), PUBLIC_TASK, 2),
        (member, PUBLIC_TASK, 4),
        (client("rr"), other, 8),
    ];
    for (client, basis, persons) in cases {
        assert_eq!(store.usage(&client, basis, NOW).await.unwrap(), all(persons), "{client} {basis}");
    }
}

/// Times before `NOW` at every scale, on and beside the edges of windows and buckets, and some after `NOW`.
fn back() -> impl Strategy<Value = i64> {
    let edge = prop::sample::select(vec![0, MINUTE, HOUR, DAY, 30 * DAY, 365 * DAY]);
    prop_oneof![
        -HOUR..2 * HOUR,
        0..2 * DAY,
        0..60 * DAY,
        0..500 * DAY,
        (edge, -2_i64..=2).prop_map(|(edge, off)| edge + off),
    ]
}

pub(crate) async fn never_counts_too_few_and_at_most_one_bucket_too_many(home: &impl Home) {
    let store = home.open().await;
    let mut runner = TestRunner::deterministic();
    // Each case has its own client in the one store.
    for case in 0..40 {
        let of = client(&format!("case-{case}"));
        let asked = vec((back(), 0..4_usize, 0..4_u32), 1..60).new_tree(&mut runner).unwrap().current();
        let records: Vec<AuditRecord> = asked
            .iter()
            .map(|&(back, named, returned)| AuditRecord {
                instant: NOW - back,
                client: of.clone(),
                ..self::asked(named, returned)
            })
            .collect();
        for batch in records.chunks(20) {
            append(&*store, batch).unwrap();
        }
        let usage = store.usage(&of, PUBLIC_TASK, NOW).await.unwrap();
        for window in Window::ALL {
            let bucket = match window {
                Window::Hour => MINUTE,
                Window::Day => HOUR,
                Window::Month | Window::Year => DAY,
            };
            let length = window.seconds() * 1_000;
            let naive = |from: i64, to: i64| -> u64 {
                let within = records.iter().filter(|record| record.instant > from && record.instant <= to);
                within.map(|record| record.persons()).sum()
            };
            let (least, most) = (naive(NOW - length, i64::MAX), naive(NOW - length - bucket, i64::MAX));
            let counted = usage.within(window);
            assert!(
                least <= counted && counted <= most,
                "{window:?}: {least} <= {counted} <= {most}: {asked:?}"
            );
        }
    }
}

pub(crate) async fn is_not_counted_for_a_failed_append(home: &impl Home) {
    let store = home.open().await;
    let one = asked(1, 0);
    append(&*store, std::slice::from_ref(&one)).unwrap();
    let too_long = AuditRecord { official: Some("x".repeat(17 << 20)), ..one };
    append(&*store, &[asked(5, 0), too_long]).unwrap_err();
    assert_eq!(store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap(), all(1));
}
