// SPDX-License-Identifier: Apache-2.0
//! Invariant 2: rules only narrow, and neither their order nor their number matters.
#![allow(missing_docs, reason = "a test has no public items")]

use std::sync::Arc;

use paasla_core::{
    Cap, Condition, Decision, Exception, Field, Narrowing, Obligation, Reason, Ruling, Test, Value,
    Visibility, Window, decision::close,
};
use proptest::{collection::vec, prelude::*, sample::select};

const FIELDS: usize = 4;

fn reason() -> impl Strategy<Value = Reason> {
    (0..3_u8).prop_map(|n| Reason::new("p", format!("code-{n}"), "because"))
}

fn exception() -> impl Strategy<Value = Exception> {
    (0..FIELDS, select(Visibility::all()), reason()).prop_map(|(field, to, reason)| Exception {
        field,
        to,
        reason,
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    (0..2_u8, any::<bool>(), reason()).prop_map(|(n, truth, reason)| Condition {
        fact: format!("fact-{n}"),
        test: Test::Equal,
        value: Value::Truth(truth),
        reason,
    })
}

fn cap() -> impl Strategy<Value = Cap> {
    let window = proptest::sample::select(Window::ALL.to_vec());
    (window, 0..3_u32, reason()).prop_map(|(window, persons, reason)| Cap { window, persons, reason })
}

fn ruling() -> impl Strategy<Value = Ruling> {
    let narrow =
        (vec(exception(), 0..4), vec(condition(), 0..2), vec(cap(), 0..2), any::<bool>(), any::<bool>())
            .prop_map(|(exceptions, conditions, caps, review, obliged)| {
                let inform = Obligation { code: "inform-client".into(), attributes: vec![] };
                let obligations = if obliged { vec![inform] } else { vec![] };
                Ruling::Narrow(Narrowing { exceptions, obligations, conditions, caps, review })
            });
    prop_oneof![1 => Just(Ruling::Abstain), 1 => reason().prop_map(Ruling::Refuse), 4 => narrow]
}

fn named(rulings: &[Ruling]) -> Vec<(String, &Ruling)> {
    rulings.iter().enumerate().map(|(n, ruling)| (format!("policy-{n}"), ruling)).collect()
}

fn combine(rulings: &[(String, &Ruling)]) -> Decision {
    let pairs = rulings.iter().map(|(name, ruling)| (name.as_str(), *ruling));
    Decision::combine(&Decision::widest(FIELDS), pairs)
}

/// Whether `a` allows nothing that `b` does not.
fn at_most(a: &Decision, b: &Decision) -> bool {
    a.refusals.is_superset(&b.refusals)
        && a.conditions.is_superset(&b.conditions)
        && a.obligations.is_superset(&b.obligations)
        && a.caps.is_superset(&b.caps)
        && a.reviewers.is_superset(&b.reviewers)
        && a.fields
            .iter()
            .zip(&b.fields)
            .all(|(a, b)| a.visibility.at_most(b.visibility) && a.reasons.is_superset(&b.reasons))
}

fn fields() -> Vec<Arc<Field>> {
    let field = |index: u32, name: &str, category: &str, reveals: &[&str]| {
        Arc::new(Field {
            index,
            name: name.into(),
            group: None,
            iri: String::new(),
            category: category.into(),
            special: false,
            reveals: reveals.iter().map(|&r| r.into()).collect(),
        })
    };
    vec![
        field(0, "code", "id", &["birth", "sex"]),
        field(1, "birthDate", "birth", &[]),
        field(2, "sex", "sex", &[]),
        field(3, "name", "name", &[]),
    ]
}

proptest! {
    /// Combining is meeting, one ruling after the other.
    #[test]
    fn combining_is_meeting(rulings in vec(ruling(), 0..6)) {
        let named = named(&rulings);
        let one_by_one = named.iter().fold(Decision::widest(FIELDS), |decision, (policy, ruling)| {
            decision.meet(&Decision::of_ruling(policy, FIELDS, ruling))
        });
        prop_assert_eq!(combine(&named), one_by_one);
    }

    #[test]
    fn order_and_repetition_make_no_difference(rulings in vec(ruling(), 0..6), seed in any::<u64>()) {
        let straight = named(&rulings);
        let mut shuffled: Vec<_> = straight.iter().chain(&straight).cloned().collect();
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        prop_assert_eq!(combine(&straight), combine(&shuffled));
    }

    #[test]
    fn a_further_ruling_only_narrows(rulings in vec(ruling(), 0..6), more in ruling()) {
        let before = combine(&named(&rulings));
        let mut all = rulings;
        all.push(more);
        prop_assert!(at_most(&combine(&named(&all)), &before));
    }

    #[test]
    fn meet_is_associative(a in ruling(), b in ruling(), c in ruling()) {
        let of = |name: &str, ruling: &Ruling| Decision::of_ruling(name, FIELDS, ruling);
        let (a, b, c) = (of("a", &a), of("b", &b), of("c", &c));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
    }

    /// A personal code never shows what the birth date or the sex beside it does not.
    #[test]
    fn a_revealing_field_never_shows_more_than_what_it_reveals(rulings in vec(ruling(), 0..6)) {
        let mut decision = combine(&named(&rulings));
        let fields = fields();
        let before = decision.clone();
        decision.close(&fields);
        prop_assert!(at_most(&decision, &before));
        let [code, birth, sex, _] = decision.fields.as_slice() else { panic!("four fields") };
        if birth.visibility != Visibility::Show || sex.visibility != Visibility::Show {
            prop_assert!(code.visibility != Visibility::Show);
        }
        let mut again = decision.clone();
        close(&mut again.fields, &fields);
        prop_assert_eq!(again, decision);
    }
}
