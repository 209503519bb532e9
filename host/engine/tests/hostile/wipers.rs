// SPDX-License-Identifier: Apache-2.0
//! Threads that wipe sandboxes in a processor's spare time.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use paasla_engine::{Activated, Spent, Wipers};
use rustix::thread::sched_getcpu;

use crate::common::{activate, decide_leaving, engine, guest::Guest, is_well, query};
use crate::shards::{processors, run_on};

/// What a ruling leaves.
fn spent(policy: &Activated) -> Spent {
    let (said, spent) = decide_leaving(policy, &query());
    said.ruling.unwrap();
    spent
}

/// Whether it is so before long. A processor that is busy with other tests has little time to spare.
fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        if Instant::now() > until {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

#[test]
fn what_they_took_is_wiped_and_the_next_made_ready() {
    let engine = engine();
    let policy = activate(&engine, &Guest::default());
    let wipers = Wipers::start().unwrap();
    for _ in 0..20 {
        let left = spent(&policy);
        assert_eq!(policy.ready(), 0);
        assert!(wipers.take(left).is_none(), "nothing is given back");
        assert!(soon(|| policy.ready() == 1));
    }
    assert!(wipers.take(Spent::default()).is_none());
    policy.stand_down();
    is_well(&engine);
}

/// A processor that is busy has nothing to spare, and what queries leave does not pile up there.
#[test]
fn what_is_too_much_is_given_back() {
    let engine = engine();
    let policy = activate(&engine, &Guest::default());
    let all: Vec<Spent> = (0..100).map(|_| spent(&policy)).collect();
    let wipers = Wipers::start().unwrap();
    run_on(sched_getcpu());
    let given_back = all.into_iter().filter_map(|spent| wipers.take(spent)).count();
    assert!((1..100).contains(&given_back), "{given_back} of 100");
    assert!(soon(|| policy.ready() > 0), "what was taken is done when there is time");
    is_well(&engine);
}

/// The calls by which the system is asked for this can fail without anybody being told.
#[test]
fn each_stays_on_its_processor_and_gives_way_to_everybody() {
    let _wipers = Wipers::start().unwrap();
    let processors: BTreeSet<Option<usize>> = processors().into_iter().map(Some).collect();
    let mut own = Vec::new();
    let are_so = soon(|| {
        own = wipers_of_this_process();
        let bound: BTreeSet<Option<usize>> = own.iter().map(|(_, may)| may.parse().ok()).collect();
        bound == processors && own.iter().all(|(policy, _)| policy == SCHED_IDLE)
    });
    assert!(are_so, "policies and processors: {own:?}");
}

/// As `/proc` says it: see sched(7).
const SCHED_IDLE: &str = "5";

/// The policy and the processors of each thread that wipes.
fn wipers_of_this_process() -> Vec<(String, String)> {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path());
    let of_one = |path: std::path::PathBuf| {
        let read = |file| fs::read_to_string(path.join(file)).ok();
        if read("comm")?.trim() != "paasla-wiper" {
            return None;
        }
        // The 41st field; the second, a name in brackets, may hold spaces.
        let policy = read("stat")?.rsplit_once(')')?.1.split_whitespace().nth(38)?.to_owned();
        let status = read("status")?;
        let may = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        Some((policy, may.trim().to_owned()))
    };
    threads.filter_map(of_one).collect()
}
