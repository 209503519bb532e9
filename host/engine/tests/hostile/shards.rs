// SPDX-License-Identifier: Apache-2.0
//! An engine in parts, which must not be seen from outside.

use std::{thread, time::Duration};

use paasla_engine::{Engine, EngineConfig, Ration, RuleFault};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::common::{activate, answer::repeating, guest::Guest, is_well, limits, query, rows};
use crate::run::{LOOP, held};

/// The usual limits, and so many sandboxes in so many shards.
fn divided(instances: u32, shards: u32) -> EngineConfig {
    EngineConfig { instances, shards, ..limits() }
}

/// The processors that this thread may run on.
pub fn processors() -> Vec<usize> {
    let may = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|processor| may.is_set(*processor)).collect()
}

/// Has this thread run on one processor from now on.
pub fn run_on(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor);
    sched_setaffinity(None, &only).unwrap();
}

/// Each of three shards has one sandbox. Three queries at one time find it, on however many processors they run; the
/// fourth is told that there is none.
#[test]
pub fn all_shards_together_have_what_was_configured() {
    let endless = Ration { fuel: u64::MAX, ..limits().ration };
    let config = EngineConfig { ration: endless, most: endless, deadline_ms: 2_000, ..divided(3, 3) };
    let engine = Engine::new(config).unwrap();
    let looping = activate(&engine, &Guest { decide: LOOP, ..Guest::default() });
    let good = activate(&engine, &Guest::default());
    thread::scope(|scope| {
        let holders: Vec<_> = (0..3).map(|_| scope.spawn(|| held(&looping))).collect();
        let busy = std::iter::repeat_with(|| {
            thread::sleep(Duration::from_millis(1));
            (good.decide(&query()), good.review(&query(), &rows()))
        });
        let mut busy = busy.take_while(|_| holders.iter().all(|holder| !holder.is_finished()));
        let busy = busy.find(|((said, _), (rows, _))| said.is_err() && rows.is_err());
        assert_eq!(busy, Some(((Err(RuleFault::Busy), 0), (Err(RuleFault::Busy), 0))));
        for holder in holders {
            assert_eq!(holder.join().unwrap(), Err(RuleFault::Deadline { limit_ms: 2_000 }));
        }
    });
    is_well(&engine);
}

/// Ruling, fault and fuel are the same in every shard.
#[test]
fn rulings_and_fuel_are_the_same_on_every_processor() {
    let engine = Engine::new(divided(16, 4)).unwrap();
    let processors = processors();
    for guest in [Guest::default(), repeating(), Guest { decide: LOOP, review: LOOP, ..Guest::default() }] {
        let policy = activate(&engine, &guest);
        let ask = || (policy.decide(&query()), policy.review(&query(), &rows()));
        let first = ask();
        for processor in &processors {
            run_on(*processor);
            assert_eq!(ask(), first);
        }
    }
    is_well(&engine);
}
