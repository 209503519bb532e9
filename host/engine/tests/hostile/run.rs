// SPDX-License-Identifier: Apache-2.0
//! Guests that do not come to an end, or want more than they may.

use std::{thread, time::Duration};

use paasla_core::Ruling;
use paasla_engine::{Engine, EngineConfig, LoadError, Ration, RuleFault, Start};

use crate::common::{
    FUEL, MEMORY, SETUP_FUEL, activate, activate_bytes, configure_fault, engine, fault, fault_of,
    guest::Guest, is_well, limits, query, refused, review_fault, rows,
};

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
    assert_eq!(fault(&Guest { decide: LOOP, ..Guest::default() }), RuleFault::OutOfFuel { limit: FUEL });
}

#[test]
fn running_out_is_the_same_every_time() {
    let engine = engine();
    let looping = activate(&engine, &Guest { decide: LOOP, ..Guest::default() });
    let first = looping.decide(&query());
    assert_eq!(looping.decide(&query()), first);
    assert_eq!(first.1, FUEL);
}

#[test]
fn a_loop_in_review_runs_out_of_fuel() {
    let guest = Guest { review: LOOP, ..Guest::default() };
    assert_eq!(review_fault(&guest), RuleFault::OutOfFuel { limit: FUEL });
}

#[test]
fn a_loop_in_describe_is_refused_at_load() {
    let guest = Guest { describe: LOOP, ..Guest::default() };
    let out = RuleFault::OutOfFuel { limit: SETUP_FUEL };
    assert_eq!(refused(&guest.component()), LoadError::Describe(out));
}

#[test]
fn a_loop_in_configure_is_refused_at_activation() {
    let guest = Guest { configure: LOOP, ..Guest::default() };
    assert_eq!(configure_fault(&guest), RuleFault::OutOfFuel { limit: SETUP_FUEL });
}

#[test]
fn a_loop_in_the_start_function_is_refused_at_load() {
    let guest = Guest { more: "(func $start (loop (br 0))) (start $start)", ..Guest::default() };
    let out = RuleFault::OutOfFuel { limit: SETUP_FUEL };
    assert_eq!(refused(&guest.component()), LoadError::Describe(out));
}

#[test]
fn a_trap_in_the_start_function_is_refused_at_load() {
    let guest = Guest { more: "(func $start unreachable) (start $start)", ..Guest::default() };
    let error = refused(&guest.component());
    assert!(matches!(error, LoadError::Describe(RuleFault::Trap(_))), "{error:?}");
}

/// With more fuel than time, the backstop ends it.
#[test]
pub fn a_loop_with_boundless_fuel_ends_at_the_deadline() {
    let endless = Ration { fuel: u64::MAX, review_fuel: u64::MAX, ..limits().ration };
    let config = EngineConfig { ration: endless, most: endless, deadline_ms: 50, ..limits() };
    let engine = Engine::new(config).unwrap();
    let looping = activate(&engine, &Guest { decide: LOOP, review: LOOP, ..Guest::default() });
    assert_eq!(looping.decide(&query()).0, Err(RuleFault::Deadline { limit_ms: 50 }));
    assert_eq!(looping.review(&query(), &rows()).0, Err(RuleFault::Deadline { limit_ms: 50 }));
    is_well(&engine);
}

/// The one sandbox that there is holds a loop: the next query is told at once, and answered when it has ended.
#[test]
pub fn without_a_free_sandbox_a_query_is_told_so() {
    let endless = Ration { fuel: u64::MAX, ..limits().ration };
    let config =
        EngineConfig { instances: 1, ration: endless, most: endless, deadline_ms: 2_000, ..limits() };
    let engine = Engine::new(config).unwrap();
    let looping = activate(&engine, &Guest { decide: LOOP, ..Guest::default() });
    let good = activate(&engine, &Guest::default());
    thread::scope(|scope| {
        let holder = scope.spawn(|| looping.decide(&query()).0);
        let busy = std::iter::repeat_with(|| {
            thread::sleep(Duration::from_millis(1));
            good.decide(&query())
        });
        let busy = busy.take_while(|_| !holder.is_finished()).find(|(said, _)| said.is_err());
        assert_eq!(busy, Some((Err(RuleFault::Busy), 0)));
        assert_eq!(holder.join().unwrap(), Err(RuleFault::Deadline { limit_ms: 2_000 }));
    });
    is_well(&engine);
}

#[test]
fn recursion_without_end_runs_out_of_stack() {
    let guest = Guest {
        decide: "(call $deeper (i32.const 0))",
        more: "(func $deeper (param i32) (result i32) (i32.add (call $deeper (local.get 0)) (i32.const 1)))",
        ..Guest::default()
    };
    assert_eq!(fault(&guest), RuleFault::OutOfStack { limit: limits().stack_bytes });
}

/// Two functions that call each other through a table, in `review`.
#[test]
fn recursion_through_a_table_runs_out_of_stack() {
    let guest = Guest {
        review: "(call $even (i32.const 0))",
        more: "(table 2 funcref) (elem (i32.const 0) $even $odd)
               (type $step (func (param i32) (result i32)))
               (func $even (param i32) (result i32)
                 (i32.add (call_indirect (type $step) (local.get 0) (i32.const 1)) (i32.const 1)))
               (func $odd (param i32) (result i32)
                 (i32.add (call_indirect (type $step) (local.get 0) (i32.const 0)) (i32.const 1)))",
        ..Guest::default()
    };
    assert_eq!(review_fault(&guest), RuleFault::OutOfStack { limit: limits().stack_bytes });
}

#[test]
fn memory_over_the_ration_is_refused() {
    // Page by page until it gets no more, everything at once, and more than there can be.
    for decide in [
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
        "(drop (memory.grow (i32.const 61))) unreachable",
        "(drop (memory.grow (i32.const -1))) unreachable",
    ] {
        assert_eq!(fault(&Guest { decide, ..Guest::default() }), RuleFault::OutOfMemory { limit: MEMORY });
    }
}

/// Memory up to the ration is given, may be used to its last byte, and is not there for the next.
#[test]
fn memory_within_the_ration_is_given_and_taken_back() {
    let guest = Guest {
        decide: "(if (i32.ne (memory.size) (i32.const 4)) (then unreachable))
                 (if (i32.eq (memory.grow (i32.const 60)) (i32.const -1)) (then unreachable))
                 (if (i32.load8_u (i32.const 4194303)) (then unreachable))
                 (memory.fill (i32.const 3194304) (i32.const 7) (i32.const 1000000))
                 (i32.const 1024)",
        ..Guest::default()
    };
    let engine = engine();
    let growing = activate(&engine, &guest);
    for _ in 0..100 {
        assert_eq!(growing.decide(&query()).0, Ok(Ruling::Abstain));
    }
}

#[test]
fn tables_over_the_limit_are_refused() {
    for decide in [
        "(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable",
        "(drop (table.grow $t (ref.null func) (i32.const 20000))) unreachable",
    ] {
        let guest = Guest { decide, more: "(table $t 1 funcref)", ..Guest::default() };
        let limit = limits().table_elements;
        assert_eq!(fault_of(&guest.component()), RuleFault::OutOfTable { limit }, "{decide}");
    }
}

#[test]
fn traps_of_every_kind_are_traps() {
    let bodies = [
        "unreachable",
        "(i32.div_s (i32.const 1) (i32.const 0))",
        "(i32.rem_u (i32.const 1) (i32.const 0))",
        "(i32.div_s (i32.const -2147483648) (i32.const -1))",
        "(i32.wrap_i64 (i64.div_u (i64.const 1) (i64.const 0)))",
        "(i32.load (i32.const -4))",
        "(i32.store (i32.const 262144) (i32.const 1)) (i32.const 1024)",
        "(memory.fill (i32.const 262143) (i32.const 0) (i32.const 2)) (i32.const 1024)",
        "(memory.copy (i32.const 0) (i32.const 262143) (i32.const 2)) (i32.const 1024)",
        "(i32.trunc_f32_s (f32.const nan))",
        "(i32.trunc_f64_u (f64.const 1e300))",
        "(call_indirect (result i32) (i32.const 7))",
        "(call_indirect (result i32) (i32.const 0))",
        "(call_indirect (param i64) (result i32) (i64.const 0) (i32.const 1))",
        "(drop (table.get (i32.const 7))) (i32.const 1024)",
    ];
    for decide in bodies {
        let more = "(table 2 funcref) (elem (i32.const 1) $none) (func $none)";
        let fault = fault_of(&Guest { decide, more, ..Guest::default() }.component());
        assert!(matches!(fault, RuleFault::Trap(_)), "{decide}: {fault:?}");
        let fault = review_fault(&Guest { review: "unreachable", ..Guest::default() });
        assert!(matches!(fault, RuleFault::Trap(_)), "{fault:?}");
    }
}

/// A copy of many bytes is one instruction, but not for one unit of fuel.
#[test]
fn large_copies_burn_fuel_by_their_size() {
    let guest = Guest {
        decide: "(loop (memory.copy (i32.const 0) (i32.const 131072) (i32.const 131072)) (br 0)) unreachable",
        ..Guest::default()
    };
    assert_eq!(fault(&guest), RuleFault::OutOfFuel { limit: FUEL });
    let once = Guest {
        decide: "(memory.copy (i32.const 0) (i32.const 131072) (i32.const 1024)) (i32.const 2048)",
        ..Guest::default()
    };
    let engine = engine();
    let (small, large) = (activate(&engine, &Guest::default()), activate(&engine, &once));
    assert!(large.decide(&query()).1 > small.decide(&query()).1 + 500);
}

/// What is called after an answer was read (`post-return`) is held to the same.
#[test]
fn misbehaviour_after_the_answer_is_a_fault() {
    let name = "cabi_post_paasla:rule/ruling@0.1.0#decide";
    let after = |body: &str| {
        let more = format!(r#"(func (export "{name}") (param i32) {body})"#);
        fault_of(&Guest { more: more.leak(), ..Guest::default() }.component())
    };
    assert!(matches!(after("unreachable"), RuleFault::Trap(_)));
    assert_eq!(after("(loop (br 0))"), RuleFault::OutOfFuel { limit: FUEL });
    let growing = "(drop (memory.grow (i32.const 1000))) unreachable";
    assert_eq!(after(growing), RuleFault::OutOfMemory { limit: MEMORY });
}

/// A rule that cannot be snapshotted is configured each time; when that breaks, the query is refused.
#[test]
fn a_rule_that_is_configured_each_time_is_held_to_the_same() {
    // What changes tables cannot be snapshotted.
    let more = "(table $t 1 funcref) (func $unused (table.set $t (i32.const 0) (ref.null func)))";
    let engine = engine();
    let good = Guest { more, ..Guest::default() };
    let good = activate_bytes(&engine, &good.component());
    assert!(matches!(good.start, Start::ConfigureEachTime(_)));
    assert_eq!(good.decide(&query()).0, Ok(Ruling::Abstain));
    let bad = Guest { more, decide: LOOP, ..Guest::default() };
    assert_eq!(fault_of(&bad.component()), RuleFault::OutOfFuel { limit: FUEL });
    // Cheap enough to be activated with, too dear for a query.
    let dear = "(local $i i32) (loop (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if 0 (i32.lt_u (local.get $i) (i32.const 1000000)))) (i32.const 1024)";
    let dear = Guest { more, configure: dear, ..Guest::default() };
    assert_eq!(fault_of(&dear.component()), RuleFault::OutOfFuel { limit: FUEL });
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
