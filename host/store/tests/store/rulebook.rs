// SPDX-License-Identifier: Apache-2.0
//! Rulebooks and their generations.

use std::collections::BTreeSet;

use paasla_core::Rulebook;
use paasla_store::StoreError;

use crate::{
    Home,
    sample::{digest, grant, policy, rule, rulebook},
};

fn with_grants(ids: &[&str]) -> Rulebook {
    Rulebook { grants: ids.iter().map(|id| grant(id)).collect(), ..rulebook() }
}

fn numbered(generation: u64, rulebook: &Rulebook) -> Rulebook {
    Rulebook { generation, ..rulebook.clone() }
}

pub(crate) async fn there_is_none_at_first(home: &impl Home) {
    let store = home.open().await;
    assert_eq!(store.rulebook().await.unwrap(), None);
    assert_eq!(store.rulebook_at(0).await.unwrap(), None);
    assert_eq!(store.rulebook_at(u64::MAX).await.unwrap(), None);
    assert_eq!(store.policies_at(0).await.unwrap(), None);
    assert_eq!(store.policies_at(u64::MAX).await.unwrap(), None);
    assert_eq!(store.generations().await.unwrap(), []);
}

pub(crate) async fn each_change_is_a_generation_and_all_stay_readable(home: &impl Home) {
    let store = home.open().await;
    store.put_rule(&rule(b"rule")).await.unwrap();
    let first = numbered(77, &with_grants(&["a", "b"]));
    let second = Rulebook {
        policies: vec![policy("minors", b"rule", r#"{"age": 18, "but": [1.5, null]}"#)],
        ..first.clone()
    };
    assert_eq!(store.install(&first, "mari", "first").await.unwrap(), 1);
    assert_eq!(store.install(&second, "jüri", "minors").await.unwrap(), 2);

    let again = home.open().await;
    for store in [&store, &again] {
        assert_eq!(store.rulebook().await.unwrap(), Some(numbered(2, &second)));
        assert_eq!(store.rulebook_at(1).await.unwrap(), Some(numbered(1, &first)));
        assert_eq!(store.rulebook_at(2).await.unwrap(), Some(numbered(2, &second)));
        assert_eq!(store.rulebook_at(3).await.unwrap(), None);
        assert_eq!(store.policies_at(1).await.unwrap(), Some(first.policies.clone()));
        assert_eq!(store.policies_at(2).await.unwrap(), Some(second.policies.clone()));
        assert_eq!(store.policies_at(3).await.unwrap(), None);
        let generations = store.generations().await.unwrap();
        let told: Vec<_> =
            generations.iter().map(|g| (g.generation, g.by.as_str(), g.reason.as_str(), g.active)).collect();
        assert_eq!(told, [(2, "jüri", "minors", true), (1, "mari", "first", false)]);
        assert!(generations[1].installed_at <= generations[0].installed_at);
    }
}

/// Whatever changes, and in whatever order things stand, each generation is read as it was installed.
pub(crate) async fn every_order_is_kept(home: &impl Home) {
    let store = home.open().await;
    let mut installed = Vec::new();
    let mut dice = 20_261_201_u64;
    let mut roll = |sides: usize| {
        // Knuth, The Art of Computer Programming 2, 3.3.4: the multiplier and the increment of MMIX.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).unwrap() % sides
    };
    for round in 0..40 {
        let mut ids: Vec<String> = (0..12).map(|n| format!("g-{n}")).collect();
        // Some are left out, and some stand elsewhere.
        ids.retain(|_| roll(4) > 0);
        for _ in 0..roll(4) {
            let (from, to) = (roll(ids.len()), roll(ids.len()));
            let moved = ids.remove(from);
            ids.insert(to, moved);
        }
        let mut rulebook = with_grants(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        for grant in &mut rulebook.grants {
            grant.reference = (roll(3) > 0).then(|| format!("act {}", roll(2)));
        }
        let first = rulebook.vocabulary.concepts.first().cloned().unwrap();
        for n in 0..roll(4) {
            let concept = paasla_core::Concept { iri: format!("urn:p:{n}"), ..first.clone() };
            rulebook.vocabulary.concepts.insert(roll(n + 1), concept);
        }
        let reason = round.to_string();
        let generation = store.install(&rulebook, "mari", &reason).await.unwrap();
        installed.push(numbered(generation, &rulebook));
    }
    for rulebook in installed {
        assert_eq!(store.rulebook_at(rulebook.generation).await.unwrap(), Some(rulebook));
    }
}

pub(crate) async fn two_things_of_one_name_are_refused(home: &impl Home) {
    let store = home.open().await;
    for twice in [with_grants(&["a", "b", "a"]), with_grants(&["a\0b"])] {
        let refused = store.install(&twice, "mari", "first").await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    }
    assert_eq!(store.generations().await.unwrap(), []);
}

pub(crate) async fn the_same_content_is_no_change(home: &impl Home) {
    let store = home.open().await;
    store.put_rule(&rule(b"rule")).await.unwrap();
    let with = |settings| Rulebook { policies: vec![policy("minors", b"rule", settings)], ..rulebook() };
    let one = with(r#"{"age": 18, "mask": "year"}"#);
    let same = with(r#"{"mask": "year", "age": 18}"#);
    let other = with(r#"{"mask": "year", "age": 16}"#);
    assert_eq!(store.install(&one, "mari", "first").await.unwrap(), 1);
    assert_eq!(store.install(&numbered(9, &same), "jüri", "again").await.unwrap(), 1);
    assert_eq!(store.generations().await.unwrap().len(), 1);
    assert_eq!(store.install(&other, "jüri", "younger").await.unwrap(), 2);
}

pub(crate) async fn going_back_is_a_new_generation(home: &impl Home) {
    let store = home.open().await;
    let (first, second) = (with_grants(&["a"]), with_grants(&["b"]));
    store.install(&first, "mari", "first").await.unwrap();
    store.install(&second, "mari", "second").await.unwrap();
    let old = store.rulebook_at(1).await.unwrap().unwrap();
    assert_eq!(store.install(&old, "mari", "back").await.unwrap(), 3);
    assert_eq!(store.rulebook().await.unwrap(), Some(numbered(3, &first)));
}

pub(crate) async fn a_policy_needs_its_rule(home: &impl Home) {
    let store = home.open().await;
    store.put_rule(&rule(b"rule")).await.unwrap();
    let policies = vec![policy("known", b"rule", "null"), policy("unknown", b"other", "null")];
    let refused = store.install(&Rulebook { policies, ..rulebook() }, "mari", "first").await;
    let Err(StoreError::UnknownRule { policy, digest: named }) = refused else { panic!("{refused:?}") };
    assert_eq!((policy.as_str(), named), ("unknown", digest(b"other")));
    assert_eq!(store.generations().await.unwrap(), []);
    assert_eq!(store.install(&rulebook(), "mari", "without").await.unwrap(), 1);
}

pub(crate) async fn installing_at_once_gives_each_its_own_generation(home: &impl Home) {
    let stores = [home.open().await, home.open().await];
    let install = async |n: usize| {
        let rulebook = with_grants(&[&format!("g-{n}")]);
        (stores[n % 2].install(&rulebook, "mari", "all at once").await.unwrap(), rulebook)
    };
    let (a, b, c, d) = tokio::join!(install(0), install(1), install(2), install(3));
    let given: BTreeSet<u64> = [&a, &b, &c, &d].iter().map(|(generation, _)| *generation).collect();
    assert_eq!(given, BTreeSet::from([1, 2, 3, 4]));
    for (generation, rulebook) in [a, b, c, d] {
        let stored = stores[0].rulebook_at(generation).await.unwrap();
        assert_eq!(stored, Some(numbered(generation, &rulebook)));
    }
}
