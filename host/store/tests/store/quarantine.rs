// SPDX-License-Identifier: Apache-2.0
//! Policies out of service.

use paasla_store::{Action, NewQuarantine, Quarantine, StoreError};

use crate::{
    Home,
    sample::{NOW, digest},
};

fn entry(policy: &str) -> NewQuarantine {
    NewQuarantine {
        policy: policy.into(),
        rule: digest(b"rule"),
        settings: digest(b"{}"),
        since: NOW,
        faults: 5,
        kind: "out-of-fuel".into(),
        action: Action::Refuse,
    }
}

fn ids(list: &[Quarantine]) -> Vec<i64> {
    list.iter().map(|quarantine| quarantine.id).collect()
}

pub(crate) async fn is_noted_once_while_it_lasts(home: &impl Home) {
    let store = home.open().await;
    assert_eq!(store.quarantined().await.unwrap(), []);
    assert_eq!(store.quarantine_history().await.unwrap(), []);
    let first = store.put_quarantine(&entry("minors")).await.unwrap();
    let again = NewQuarantine { since: NOW + 1, faults: 9, action: Action::Previous, ..entry("minors") };
    assert_eq!(store.put_quarantine(&again).await.unwrap(), first, "it is out of service already");
    let kept = Quarantine { id: first, entry: entry("minors"), lifted: None };
    let other = home.open().await;
    for store in [&store, &other] {
        assert_eq!(store.quarantined().await.unwrap(), std::slice::from_ref(&kept));
        assert_eq!(store.quarantine_history().await.unwrap(), std::slice::from_ref(&kept));
    }
    // Lifted and broken again: another entry.
    store.lift_quarantine("minors", "mari", "repaired").await.unwrap();
    let second = store.put_quarantine(&again).await.unwrap();
    assert!(second > first);
    assert_eq!(store.quarantined().await.unwrap(), [Quarantine { id: second, entry: again, lifted: None }]);
    assert_eq!(ids(&store.quarantine_history().await.unwrap()), [first, second]);
    // Of two reasons the stricter holds, whichever came first.
    assert_eq!(store.put_quarantine(&entry("minors")).await.unwrap(), second);
    let kept = store.quarantined().await.unwrap();
    assert_eq!((ids(&kept), kept[0].entry.action), (vec![second], Action::Refuse));
    assert_eq!((kept[0].entry.faults, kept[0].entry.since), (9, NOW + 1), "the rest stays");
}

pub(crate) async fn is_lifted_by_name_and_signed(home: &impl Home) {
    let store = home.open().await;
    let current = store.put_quarantine(&entry("minors")).await.unwrap();
    let older = NewQuarantine { rule: digest(b"older"), ..entry("minors") };
    let older = store.put_quarantine(&older).await.unwrap();
    let quota = store.put_quarantine(&entry("quota")).await.unwrap();
    let lifted = store.lift_quarantine("minors", "mari", "a repaired rule").await.unwrap();
    assert_eq!(ids(&lifted), [current, older], "every version of it, and nothing else");
    for quarantine in &lifted {
        let signed = quarantine.lifted.as_ref().unwrap();
        assert_eq!((signed.by.as_str(), signed.reason.as_str()), ("mari", "a repaired rule"));
        assert!(signed.at > 0);
    }
    let store = home.open().await;
    assert_eq!(ids(&store.quarantined().await.unwrap()), [quota]);
    let history = store.quarantine_history().await.unwrap();
    assert_eq!(history[..2], lifted);
    for policy in ["minors", "no-such", ""] {
        let refused = store.lift_quarantine(policy, "mari", "again").await;
        let Err(StoreError::NotFound { key, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(key, policy);
    }
    assert_eq!(store.quarantine_history().await.unwrap(), history, "nothing was written");
}

pub(crate) async fn is_told_apart_by_rule_and_settings(home: &impl Home) {
    let store = home.open().await;
    let others = [
        entry("minors"),
        NewQuarantine { policy: "quota".into(), ..entry("minors") },
        NewQuarantine { rule: digest(b"other"), ..entry("minors") },
        NewQuarantine { settings: digest(b"other"), ..entry("minors") },
    ];
    for other in &others {
        store.put_quarantine(other).await.unwrap();
    }
    let kept = store.quarantined().await.unwrap();
    assert_eq!(kept.into_iter().map(|quarantine| quarantine.entry).collect::<Vec<_>>(), others);
}

pub(crate) async fn noted_at_once_is_one_entry(home: &impl Home) {
    let stores = [home.open().await, home.open().await];
    let minors = entry("minors");
    let put = async |n: usize| stores[n % 2].put_quarantine(&minors).await.unwrap();
    let (a, b, c, d) = tokio::join!(put(0), put(1), put(2), put(3));
    assert_eq!(ids(&stores[0].quarantined().await.unwrap()), [a]);
    assert_eq!([b, c, d], [a; 3]);
}
