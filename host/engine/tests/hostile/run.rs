// SPDX-License-Identifier: Apache-2.0
//! Guests that do not come to an end, or want more than they may.

use std::{thread, time::Duration};

use paasla_core::{Limits, Policy, Ruling};
use paasla_engine::{
    ActivateError, Activated, CodeCache, ComponentLimits, Engine, EngineConfig, LoadError, Ration, RuleFault,
    Start,
};

use crate::common::{
    FUEL, MEMORY, SETUP_FUEL, activate, activate_bytes, configure_fault, engine, fault, fault_of,
    guest::Guest, is_well, limits, policy, query, refused, register, review_fault, rows,
};

pub const LOOP: &str = "(loop (br 0)) unreachable";

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
    // All of its fuel counts as used: how much it was, the clock does not say.
    let deadline = || Err(RuleFault::Deadline { limit_ms: 50 });
    assert_eq!(looping.decide(&query()), (deadline(), u64::MAX));
    let (said, cost) = looping.review(&query(), &rows());
    assert_eq!((said.unwrap_err(), cost), (RuleFault::Deadline { limit_ms: 50 }, u64::MAX));
    is_well(&engine);
}

/// On a machine where no pool can be had, each sandbox is allocated on demand: there are no more than there may be.
#[test]
fn without_a_pool_there_are_no_more_sandboxes_either() {
    // So many memories that no address space has room for them.
    let component = ComponentLimits { memories: 1 << 20, ..ComponentLimits::default() };
    let endless = Ration { fuel: u64::MAX, ..limits().ration };
    let config = EngineConfig {
        instances: 2,
        component,
        ration: endless,
        most: endless,
        deadline_ms: 2_000,
        ..limits()
    };
    let engine = Engine::new(config).unwrap();
    let looping = activate(&engine, &Guest { decide: LOOP, ..Guest::default() });
    let good = activate(&engine.clone(), &Guest::default());
    thread::scope(|scope| {
        let holders: Vec<_> = (0..2).map(|_| scope.spawn(|| held(&looping))).collect();
        let busy = std::iter::repeat_with(|| {
            thread::sleep(Duration::from_millis(1));
            good.decide(&query())
        });
        let all_hold =
            |holders: &[thread::ScopedJoinHandle<'_, _>]| holders.iter().all(|one| !one.is_finished());
        let busy = busy.take_while(|_| all_hold(&holders)).find(|(said, _)| said.is_err());
        assert_eq!(busy, Some((Err(RuleFault::Busy), 0)));
        for holder in holders {
            assert_eq!(holder.join().unwrap(), Err(RuleFault::Deadline { limit_ms: 2_000 }));
        }
    });
    is_well(&engine);
}

/// A component that needs as much as one may is never told that nothing is free, however few sandboxes there are.
#[test]
fn the_largest_component_finds_room_in_the_smallest_pool() {
    let engine = Engine::new(EngineConfig { instances: 1, ..limits() }).unwrap();
    let ComponentLimits { core_instances, memories, tables, .. } = ComponentLimits::default();
    let more = |text, count: u32| crate::bombs::instantiating(text, usize::try_from(count).unwrap() - 1);
    for bytes in [
        more("(module)", core_instances),
        more("(module (memory 0))", memories),
        more("(module (table 0 funcref))", tables),
        crate::bombs::with_module(&format!("(module {})", "(table 0 funcref)".repeat(16))),
    ] {
        assert_eq!(activate_bytes(&engine, &bytes).decide(&query()).0, Ok(Ruling::Abstain));
    }
}

/// Decides when a sandbox is free: a good query may have it just then.
pub fn held(looping: &Activated) -> Result<Ruling, RuleFault> {
    let said = std::iter::repeat_with(|| looping.decide(&query()).0);
    said.take(100_000).find(|said| *said != Err(RuleFault::Busy)).unwrap()
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
        let holder = scope.spawn(|| held(&looping));
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
    let name = "cabi_post_paasla:rule/ruling@0.1.0#";
    let after = |function: &str, body: &str| {
        let more = format!(r#"(func (export "{name}{function}") (param i32) {body})"#);
        let guest = Guest { more: more.leak(), ..Guest::default() };
        if function == "decide" { fault_of(&guest.component()) } else { review_fault(&guest) }
    };
    for function in ["decide", "review"] {
        assert!(matches!(after(function, "unreachable"), RuleFault::Trap(_)));
        assert_eq!(after(function, "(loop (br 0))"), RuleFault::OutOfFuel { limit: FUEL });
        let growing = "(drop (memory.grow (i32.const 1000))) unreachable";
        assert_eq!(after(function, growing), RuleFault::OutOfMemory { limit: MEMORY });
    }
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
    // Cheap enough to be configured with, too dear for a query: it could never rule.
    let dear = "(local $i i32) (loop (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if 0 (i32.lt_u (local.get $i) (i32.const 1000000)))) (i32.const 1024)";
    let dear = Guest { more, configure: dear, ..Guest::default() };
    assert_eq!(configure_fault(&dear), RuleFault::OutOfFuel { limit: FUEL });
}

/// A `configure` that takes more memory than a ruling gets leaves a policy that could never rule: it is not activated,
/// whether it could be snapshotted or not, also when its code comes from the cache.
#[test]
fn a_policy_that_could_never_rule_is_not_activated() {
    let ration = Ration { memory_bytes: MEMORY / 2, ..limits().ration };
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path(), b"a secret", 1 << 30).unwrap();
    let engine = Engine::new(EngineConfig { ration, ..limits() }).unwrap().with_cache(cache);
    let configure =
        "(if (i32.eq (memory.grow (i32.const 40)) (i32.const -1)) (then unreachable)) (i32.const 1024)";
    let generous = Limits { memory_bytes: Some(MEMORY), ..Limits::default() };
    for more in ["", "(table $t 1 funcref) (func $unused (table.set $t (i32.const 0) (ref.null func)))"] {
        let rule = engine.load(&Guest { configure, more, ..Guest::default() }.component()).unwrap();
        let out = ActivateError::Configure(RuleFault::OutOfMemory { limit: MEMORY / 2 });
        assert_eq!(engine.activate(&rule, &policy(), &register()).unwrap_err(), out, "{more}");
        // With more, it can.
        let generous = Policy { limits: generous.clone(), ..policy() };
        let activated = engine.activate(&rule, &generous, &register()).unwrap();
        assert_eq!(activated.decide(&query()).0, Ok(Ruling::Abstain));
        assert_eq!(engine.activate(&rule, &policy(), &register()).unwrap_err(), out, "{more}");
    }
    is_well(&engine);
}

/// Memory for rows, besides, is for `review` only, and never more than a policy may have at most.
#[test]
fn memory_grows_with_the_rows() {
    let ration = Ration { memory_bytes: 4 << 16, row_memory_bytes: 1 << 16, ..limits().ration };
    let most = Ration { memory_bytes: 7 << 16, ..ration };
    let engine = Engine::new(EngineConfig { ration, most, ..limits() }).unwrap();
    let review =
        "(drop (memory.grow (i32.const 3))) (if (i32.lt_u (memory.size) (i32.const 7)) (then unreachable))
                  (i32.const 1024)";
    let growing = activate(&engine, &Guest { review, decide: review, ..Guest::default() });
    let out = |pages: u64| RuleFault::OutOfMemory { limit: pages << 16 };
    assert_eq!(growing.decide(&query()).0, Err(out(4)));
    let many = |count| (0..count).flat_map(|_| rows()).collect::<Vec<_>>();
    let review = |count| growing.review(&query(), &many(count)).0;
    assert_eq!(review(2), Err(out(6)));
    assert_eq!(review(3), Ok(vec![]));
    assert_eq!(review(100), Ok(vec![]));
    let more =
        "(drop (memory.grow (i32.const 4))) (if (i32.lt_u (memory.size) (i32.const 8)) (then unreachable))
                (i32.const 1024)";
    let growing = activate(&engine, &Guest { review: more, ..Guest::default() });
    assert_eq!(growing.review(&query(), &many(100)).0, Err(out(7)));
}

/// More memory was wanted and not given, but that is not what it broke by.
#[test]
fn a_fault_is_told_by_what_it_was() {
    let refused =
        "(drop (memory.grow (i32.const -1))) (drop (table.grow $t (ref.null func) (i32.const 20000)))";
    let more = "(table $t 1 funcref)";
    let after = |body: &str| {
        let decide = format!("{refused} {body}").leak();
        fault_of(&Guest { decide, more, ..Guest::default() }.component())
    };
    let divided = after("(i32.div_u (i32.const 1) (i32.const 0))");
    assert!(matches!(&divided, RuleFault::Trap(what) if what.contains("divide by zero")), "{divided:?}");
    assert_eq!(after("(i32.const -16)"), RuleFault::Unreadable);
    assert_eq!(after("unreachable"), RuleFault::OutOfMemory { limit: MEMORY });
    // A list of a quarter of a gigabyte: it is what it says, not what was refused before.
    let long = "(i32.store8 (i32.const 2048) (i32.const 2)) (i32.store (i32.const 2052) (i32.const 0x2000))
                (i32.store (i32.const 2056) (i32.const 10000)) (i32.const 2048)";
    assert_eq!(after(long), RuleFault::OutputTooLarge { limit: crate::common::OUTPUT });
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
