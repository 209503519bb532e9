// SPDX-License-Identifier: Apache-2.0

use paasla_core::{Condition, Reason, Test};

use super::*;

fn read<'a>(entity: &'a str, facts: &[&'a str], conditions: &[&str]) -> Read<&'a str> {
    let condition = |fact: &&str| Condition {
        fact: (*fact).to_owned(),
        test: Test::Present,
        value: Value::Absent,
        reason: Reason::new("test", "test", "Because."),
    };
    Read {
        entity,
        keys: Vec::new(),
        fields: Vec::new(),
        row_facts: facts.to_vec(),
        conditions: conditions.iter().map(condition).collect(),
        date: "2026-11-22".parse().unwrap(),
        limit: 1,
        review: false,
    }
}

#[test]
fn names_do_not_run_together() {
    let reads = [
        read("a", &["ab", "c"], &[]),
        read("a", &["a", "bc"], &[]),
        read("a", &["abc"], &[]),
        read("a", &["abc", ""], &[]),
        read("aa", &["bc"], &[]),
        read("a", &[], &["abc"]),
        read("a", &["abc"], &["abc"]),
        read("a", &["ab"], &["c"]),
        read("a\u{0}", &["ab"], &["c"]),
        read("a", &[], &["ab", "c"]),
    ];
    for (place, one) in reads.iter().enumerate() {
        for (other_place, other) in reads.iter().enumerate() {
            assert_eq!(Shape::of(one) == Shape::of(other), place == other_place, "{one:?} and {other:?}");
        }
    }
}
