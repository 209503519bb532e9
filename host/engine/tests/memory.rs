// SPDX-License-Identifier: Apache-2.0
//! A hundred thousand hostile rulings leave the process as large as it was. In a program of its own: what it measures is
//! the whole process.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test has no public items, and may fail at any line"
)]

mod common;

use std::{collections::BTreeMap, time::Instant};

use paasla_core::Ruling;
use paasla_engine::{Activated, Engine, EngineConfig, Ration};

use common::{
    activate, activate_bytes,
    answer::{exception, narrowing, reviewed, row_ruling, words},
    guest::Guest,
    limits, query, rows,
};

const RULINGS: usize = 100_000;

/// The size of this process in KiB, as the system counts it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Bad guests of every sort.
fn mixture(engine: &Engine) -> Vec<Activated> {
    let returning =
        |data: Vec<u8>| Guest { decide: "i32.const 2048", review: "i32.const -16", data, ..Guest::default() };
    let same = |body: &'static str, more| Guest { decide: body, review: body, more, ..Guest::default() };
    let deeper = "(func $deeper (result i32) (i32.add (call $deeper) (i32.const 1)))";
    let list = |at, length| narrowing((at, length), (0, 0), (0, 0), &[]);
    let snapshotted = [
        same("unreachable", ""),
        same("(loop (br 0)) unreachable", ""),
        same("(call $deeper)", deeper),
        same("(drop (memory.grow (i32.const 999))) unreachable", ""),
        same(
            "(drop (memory.grow (i32.const 60))) (memory.fill (i32.const 262144) (i32.const 1) (i32.const 9999)) unreachable",
            "",
        ),
        same("(i32.div_s (i32.const 1) (i32.const 0))", ""),
        same("(i32.load (i32.const -4))", ""),
        same("i32.const -16", ""),
        returning(list(2500, 0x0fff_ffff)),
        returning(list(0xffff_0000, 1)),
        returning(list(4096, 9_000)),
        returning(narrowing(
            (2500, 1),
            (0, 0),
            (0, 0),
            &[(2500, exception(0, Some((2320, 5)), 0)), (2320, vec![0xff])],
        )),
        returning(narrowing((2500, 1), (0, 0), (0, 0), &[(2500, exception(0, None, 7))])),
        returning(narrowing((2500, 1), (0, 0), (0, 0), &[(2500, exception(7, None, 0))])),
        returning(vec![9]),
        Guest {
            decide: "i32.const 2049",
            review: "i32.const 2048",
            data: reviewed(&[row_ruling(9, (0, 0))], &[(2500, words((9, 9)))]),
            ..Guest::default()
        },
        Guest {
            review: "(i32.trunc_f32_s (f32.const nan))",
            more: r#"(func (export "cabi_post_paasla:rule/ruling@0.1.0#decide") (param i32) unreachable)"#,
            ..Guest::default()
        },
    ];
    let mut all: Vec<_> = snapshotted.iter().map(|guest| activate(engine, guest)).collect();
    let table = "(drop (table.grow $t (ref.null func) (i32.const 20000))) unreachable";
    all.push(activate_bytes(engine, &same(table, "(table $t 1 funcref)").component()));
    all
}

/// Asks every policy in turn; gives the kinds of faults, and how many rulings were none.
fn ask(policies: &[Activated], times: usize) -> BTreeMap<&'static str, usize> {
    let (query, rows) = (query(), rows());
    let mut kinds = BTreeMap::new();
    for number in 0..times {
        let policy = &policies[number % policies.len()];
        let fault = match number / policies.len() % 2 {
            0 => policy.decide(&query).0.err(),
            _ => policy.review(&query, &rows).0.err(),
        };
        *kinds.entry(fault.map_or("none", |fault| fault.kind())).or_default() += 1;
    }
    kinds
}

#[test]
fn a_hundred_thousand_hostile_rulings_leave_nothing_behind() {
    let ration = Ration { fuel: 50_000, review_fuel: 50_000, ..limits().ration };
    let engine = Engine::new(EngineConfig { ration, most: ration, ..limits() }).unwrap();
    let policies = mixture(&engine);
    let good = activate(&engine, &Guest::default());
    // The same mixture first, so that everything that is made once is made.
    ask(&policies, 5_000);
    let (before, began) = (resident(), Instant::now());
    let kinds = ask(&policies, RULINGS);
    let (after, took) = (resident(), began.elapsed());
    println!("{before} KiB before, {after} KiB after {RULINGS} rulings in {took:?}: {kinds:?}");
    assert!(
        kinds.len() >= 8 && !kinds.contains_key("none"),
        "faults of every kind, and nothing else: {kinds:?}"
    );
    assert!(after <= before + before / 20, "{before} KiB before, {after} KiB after");
    assert_eq!(good.decide(&query()).0, Ok(Ruling::Abstain));
}

/// Threads at once in an engine of two shards, as a host has them.
#[test]
fn threads_at_once_leave_nothing_behind() {
    let ration = Ration { fuel: 50_000, review_fuel: 50_000, ..limits().ration };
    let engine = Engine::new(EngineConfig { ration, most: ration, shards: 2, ..limits() }).unwrap();
    let policies = mixture(&engine);
    let round = |times| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| ask(&policies, times));
            }
        });
    };
    round(2_000);
    let before = resident();
    round(10_000);
    let after = resident();
    println!("{before} KiB before, {after} KiB after");
    assert!(after <= before + before / 20, "{before} KiB before, {after} KiB after");
}

/// Loading and activating again and again: nothing of a rule stays when nobody has it any more.
#[test]
fn rules_that_nobody_has_any_more_are_gone() {
    let engine = common::engine();
    let broken = Guest { describe: "unreachable", ..Guest::default() }.component();
    let round = |times| {
        for number in 0..times {
            let guest = Guest { data: vec![u8::try_from(number % 251).unwrap(); 1_000], ..Guest::default() };
            activate(&engine, &guest).decide(&query()).0.unwrap();
            engine.load(&broken).unwrap_err();
        }
    };
    round(60);
    let before = resident();
    round(200);
    let after = resident();
    println!("{before} KiB before, {after} KiB after");
    assert!(after <= before + before / 20, "{before} KiB before, {after} KiB after");
}
