// SPDX-License-Identifier: Apache-2.0
//! Guests that do not come to an end, or want more than they may.

use paasla_core::Ruling;
use paasla_engine::{ActivateError, LoadError, RowInput, RuleFault};

use crate::{activate, engine, fault, guest::Guest, policy, query};

const LOOP: &str = "(loop (br 0)) unreachable";

#[test]
fn a_good_guest_abstains() {
    let engine = engine();
    let (said, fuel) = activate(&engine, &Guest::default()).decide(&query());
    assert_eq!(said, Ok(Ruling::Abstain));
    assert!(fuel > 0);
}

#[test]
fn a_loop_in_decide_runs_out_of_fuel() {
    assert_eq!(fault(&Guest { decide: LOOP, ..Guest::default() }), RuleFault::OutOfFuel { limit: 2_000_000 });
}

#[test]
fn running_out_is_the_same_every_time() {
    let engine = engine();
    let looping = activate(&engine, &Guest { decide: LOOP, ..Guest::default() });
    let first = looping.decide(&query());
    assert_eq!(looping.decide(&query()), first);
    assert_eq!(first.1, 2_000_000);
}

#[test]
fn a_loop_in_review_runs_out_of_fuel() {
    let engine = engine();
    let looping = activate(&engine, &Guest { review: LOOP, ..Guest::default() });
    let row = RowInput { group: None, parent: None, facts: vec![], cells: vec![] };
    assert_eq!(looping.review(&query(), &[row]).0, Err(RuleFault::OutOfFuel { limit: 2_000_000 }));
}

#[test]
fn a_loop_in_describe_is_refused_at_load() {
    let guest = Guest { describe: LOOP, ..Guest::default() };
    let error = engine().load(&guest.component()).unwrap_err();
    assert_eq!(error, LoadError::Describe(RuleFault::OutOfFuel { limit: 10_000_000 }));
}

#[test]
fn a_loop_in_configure_is_refused_at_activation() {
    let engine = engine();
    let rule = engine.load(&Guest { configure: LOOP, ..Guest::default() }.component()).unwrap();
    let error = engine.activate(&rule, &policy()).unwrap_err();
    assert_eq!(error, ActivateError::Configure(RuleFault::OutOfFuel { limit: 10_000_000 }));
}

#[test]
fn a_loop_in_the_start_function_is_refused_at_load() {
    let guest = Guest { more: "(func $start (loop (br 0))) (start $start)", ..Guest::default() };
    let error = engine().load(&guest.component()).unwrap_err();
    assert_eq!(error, LoadError::Describe(RuleFault::OutOfFuel { limit: 10_000_000 }));
}

#[test]
fn recursion_without_end_traps() {
    let guest = Guest {
        decide: "(call $deeper (i32.const 0))",
        more: "(func $deeper (param i32) (result i32) (i32.add (call $deeper (local.get 0)) (i32.const 1)))",
        ..Guest::default()
    };
    let fault = fault(&guest);
    assert!(matches!(&fault, RuleFault::Trap(trap) if trap.contains("stack")), "{fault:?}");
}

#[test]
fn memory_over_the_ration_is_refused() {
    // Grows page by page until it gets no more, then gives up.
    let guest = Guest {
        decide: "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
        ..Guest::default()
    };
    assert_eq!(fault(&guest), RuleFault::OutOfMemory { limit: 4 << 20 });
}

#[test]
fn traps_of_every_kind_are_traps() {
    let bodies = [
        "unreachable",
        "(i32.div_s (i32.const 1) (i32.const 0))",
        "(i32.div_s (i32.const -2147483648) (i32.const -1))",
        "(i32.load (i32.const -4))",
        "(i32.trunc_f32_s (f32.const nan))",
        "(call_indirect (result i32) (i32.const 7))",
    ];
    for decide in bodies {
        let guest = Guest { decide, more: "(table 1 funcref)", ..Guest::default() };
        let fault = fault(&guest);
        assert!(matches!(fault, RuleFault::Trap(_)), "{decide}: {fault:?}");
    }
}

/// A rule that counts its calls in a global and in memory, and refuses from the second on: it never gets there,
/// because no call sees what an earlier one left.
#[test]
fn no_call_sees_an_earlier_one() {
    let guest = Guest {
        decide: "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                 (i32.store (i32.const 1500) (i32.add (i32.load (i32.const 1500)) (i32.const 1)))
                 (if (i32.or (i32.gt_s (global.get $calls) (i32.const 1))
                             (i32.gt_s (i32.load (i32.const 1500)) (i32.const 1))) (then unreachable))
                 (i32.const 1024)",
        more: "(global $calls (mut i32) (i32.const 0))",
        ..Guest::default()
    };
    let engine = engine();
    let counting = activate(&engine, &guest);
    for _ in 0..100 {
        assert_eq!(counting.decide(&query()).0, Ok(Ruling::Abstain));
    }
}

/// What `configure` leaves is there in every call, and again the same in the next.
#[test]
fn every_call_starts_configured() {
    let guest = Guest {
        configure: "(i32.store (i32.const 1500) (i32.const 77)) (global.set $set (i32.const 5)) (i32.const 1024)",
        decide: "(if (i32.or (i32.ne (i32.load (i32.const 1500)) (i32.const 77))
                             (i32.ne (global.get $set) (i32.const 5))) (then unreachable))
                 (i32.store (i32.const 1500) (i32.const 1)) (global.set $set (i32.const 1)) (i32.const 1024)",
        more: "(global $set (mut i32) (i32.const 0))",
        ..Guest::default()
    };
    let engine = engine();
    let configured = activate(&engine, &guest);
    for _ in 0..20 {
        assert_eq!(configured.decide(&query()).0, Ok(Ruling::Abstain));
    }
}

#[test]
fn ten_thousand_faults_leave_no_sandbox_behind() {
    let engine = engine();
    let bad = activate(&engine, &Guest { decide: "unreachable", ..Guest::default() });
    let good = activate(&engine, &Guest::default());
    for _ in 0..10_000 {
        assert!(bad.decide(&query()).0.is_err());
    }
    assert_eq!(good.decide(&query()).0, Ok(Ruling::Abstain));
}
