// SPDX-License-Identifier: Apache-2.0
//! Work that gives way to queries. A priority, and the processors to run on, are each thread's own on Linux, and what
//! a thread starts has them too.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How much lower the priority is (`nice`).
const NICE: i32 = 10;

/// Lowers the priority of this thread.
///
/// # Errors
/// When the system does not let it.
pub fn lower_priority() -> io::Result<()> {
    Ok(rustix::process::setpriority_process(None, NICE)?)
}

/// Lowers the priority of this thread, and keeps it off half of the processors: who wakes up on one that is busy waits a
/// little, whatever the priorities are. Not where somebody waits for the work. Where the system does not let it, the work
/// is done all the same.
pub fn give_way() {
    let _ = lower_priority();
    keep_half_free();
}

fn keep_half_free() {
    let Ok(all) = sched_getaffinity(None) else { return };
    let own = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
    let skipped = usize::try_from(all.count()).unwrap_or(1) / 2;
    let mut half = CpuSet::new();
    own.skip(skipped).for_each(|cpu| half.set(cpu));
    let _ = sched_setaffinity(None, &half);
}
