// SPDX-License-Identifier: Apache-2.0
//! Guests whose `describe` or `configure` returns what it must not.

use paasla_engine::{ActivateError, LoadError, RuleFault};

use crate::common::{
    SETUP_OUTPUT,
    answer::{image, words},
    configure_fault,
    guest::{Guest, description},
    not_activated, refused,
};

/// A guest whose description stands at 2048, with some of its eight pairs of pointer and length changed.
pub fn describing(changes: &[(usize, (u32, u32))], more: &[(usize, Vec<u8>)]) -> Guest {
    let mut said = description((0, 0));
    for (member, text) in changes {
        said[member * 8..member * 8 + 8].copy_from_slice(&words(*text));
    }
    let data = image(&[&[(2048, said)][..], more].concat());
    Guest { describe: "i32.const 2048", data, ..Guest::default() }
}

const NAME: usize = 0;
const VERSION: usize = 1;
const SUMMARY: usize = 2;
const SCHEMA: usize = 3;
const FACTS: usize = 4;
const READS: usize = 6;
pub const PROVISIONS: usize = 7;

fn description_refused(guest: &Guest) -> String {
    match refused(&guest.component()) {
        LoadError::Description(what) => what,
        other => panic!("{other:?}"),
    }
}

fn describe_fault(guest: &Guest) -> RuleFault {
    match refused(&guest.component()) {
        LoadError::Describe(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_description_that_names_nothing() {
    let guest = Guest { describe: "i32.const 1024", ..Guest::default() };
    assert!(description_refused(&guest).contains("`name`"));
}

#[test]
fn texts_of_a_description_that_are_not_allowed() {
    let long = [(3000, vec![b'a'; 2_000])];
    for (member, text, named) in [
        (NAME, (3000, 61), "`name`"),
        (NAME, (522, 2), "`name`"),
        (VERSION, (3000, 61), "`version`"),
        (VERSION, (3000, 0), "`version`"),
        (SUMMARY, (3000, 1_001), "`summary`"),
        (SUMMARY, (3000, 0), "`summary`"),
        (SCHEMA, (3000, 10), "`settings-schema`"),
        (SCHEMA, (520, 1), "`settings-schema`"),
        (SCHEMA, (3000, 0), "`settings-schema`"),
    ] {
        let what = description_refused(&describing(&[(member, text)], &long));
        assert!(what.contains(named), "{what}");
    }
}

/// JSON of a million brackets would take a careless reader's whole stack.
#[test]
fn a_schema_that_is_deep() {
    let guest = describing(&[(SCHEMA, (3000, 50_000))], &[(3000, br#"{"a":["#.repeat(9_000))]);
    let what = description_refused(&guest);
    assert!(what.contains("no JSON"), "{what}");
}

#[test]
fn lists_of_a_description_that_are_too_long() {
    // Every entry of the lists says nothing: pointer and length 0.
    let zeroes = [(3000, vec![0; 10_000])];
    for member in [FACTS, READS, PROVISIONS] {
        let what = description_refused(&describing(&[(member, (3000, 201))], &zeroes));
        assert!(what.contains("more than 200"), "{what}");
    }
    let together = [(FACTS, (3000, 101)), (PROVISIONS, (3000, 100))];
    assert!(description_refused(&describing(&together, &zeroes)).contains("more than 200"));
}

#[test]
fn descriptions_that_cannot_be_read() {
    for member in [NAME, VERSION, SUMMARY, SCHEMA, FACTS, READS, PROVISIONS] {
        for list in [(0xffff_0000, 4), (4 << 16, 1), (2048, u32::MAX), (2048, 0x7fff_ffff)] {
            assert_eq!(describe_fault(&describing(&[(member, list)], &[])), RuleFault::Unreadable);
        }
    }
    let invalid = describing(&[(NAME, (3000, 4))], &[(3000, vec![0xff; 4])]);
    assert_eq!(describe_fault(&invalid), RuleFault::Unreadable);
    for describe in ["i32.const -8", "i32.const 257"] {
        let guest = Guest { describe, ..Guest::default() };
        assert_eq!(describe_fault(&guest), RuleFault::Unreadable);
    }
}

/// More than a megabyte: the same text over and over.
#[test]
fn a_description_that_is_too_long() {
    let list = words((131_072, 125_000)).repeat(10);
    let guest = describing(&[(READS, (3000, 10))], &[(3000, list)]);
    assert_eq!(describe_fault(&guest), RuleFault::OutputTooLarge { limit: SETUP_OUTPUT });
}

#[test]
fn a_description_that_traps() {
    let guest = Guest { describe: "unreachable", ..Guest::default() };
    assert!(matches!(describe_fault(&guest), RuleFault::Trap(_)));
    let guest = Guest { describe: "(drop (memory.grow (i32.const 999))) unreachable", ..Guest::default() };
    assert!(matches!(describe_fault(&guest), RuleFault::OutOfMemory { .. }));
}

/// `configure` whose answer stands at 2048: the case, and the list of problems.
fn configuring(case: u8, problems: (u32, u32), more: &[(usize, Vec<u8>)]) -> Guest {
    let data = image(&[&[(2048, vec![case]), (2052, words(problems))][..], more].concat());
    Guest { configure: "i32.const 2048", data, ..Guest::default() }
}

#[test]
fn problems_of_settings_are_told() {
    let problem = [words((3100, 4)), words((3200, 3))].concat();
    let more = [(3000, problem), (3100, b"/say".to_vec()), (3200, b"no!".to_vec())];
    let ActivateError::Settings(problems) = not_activated(&configuring(1, (3000, 1), &more)) else {
        panic!("problems")
    };
    assert_eq!((problems[0].pointer.as_str(), problems[0].message.as_str()), ("/say", "no!"));
}

#[test]
fn problems_that_cannot_be_read() {
    for guest in [
        configuring(2, (0, 0), &[]),
        configuring(255, (0, 0), &[]),
        configuring(1, (4 << 16, 1), &[]),
        configuring(1, (2049, 1), &[]),
        configuring(1, (2048, u32::MAX), &[]),
        configuring(1, (2048, 0x1000_0001), &[]),
        configuring(1, (3000, 1), &[(3000, words((0xffff_0000, 9)))]),
        configuring(1, (3000, 1), &[(3000, words((3100, 1))), (3100, vec![0xff])]),
        Guest { configure: "i32.const -8", ..Guest::default() },
    ] {
        assert_eq!(configure_fault(&guest), RuleFault::Unreadable);
    }
}

#[test]
fn problems_without_end() {
    let problem = [words((131_072, 100_000)), words((131_072, 100_000))].concat();
    let guest = configuring(1, (3000, 6), &[(3000, problem.repeat(6))]);
    assert_eq!(configure_fault(&guest), RuleFault::OutputTooLarge { limit: SETUP_OUTPUT });
}

#[test]
fn settings_that_break_the_rule() {
    for (configure, kind) in [
        ("unreachable", "trap"),
        ("(loop (br 0)) unreachable", "out-of-fuel"),
        ("(drop (memory.grow (i32.const 999))) unreachable", "out-of-memory"),
        ("(call $deeper)", "out-of-stack"),
    ] {
        let more = "(func $deeper (result i32) (i32.add (call $deeper) (i32.const 1)))";
        assert_eq!(configure_fault(&Guest { configure, more, ..Guest::default() }).kind(), kind);
    }
}
