// SPDX-License-Identifier: Apache-2.0
//! Work that gives way to queries. A priority, and the processors to run on, are each thread's own on Linux, and what
//! a thread starts has them too.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id, thread_schedule_policy,
};

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

/// Lets this thread run on one processor, and there only while nobody else wants to (`SCHED_IDLE`, sched(7)).
///
/// # Errors
/// When the system does not let it.
pub(crate) fn take_only_spare_time(processor: usize) -> io::Result<()> {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // It sets the nice value, too, which means nothing then: what counts is what the system says afterwards.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    if !thread_schedule_policy().is_ok_and(|policy| policy == idle) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut one = CpuSet::new();
    one.set(processor);
    Ok(sched_setaffinity(None, &one)?)
}

fn keep_half_free() {
    let Ok(all) = sched_getaffinity(None) else { return };
    let own = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
    let skipped = usize::try_from(all.count()).unwrap_or(1) / 2;
    let mut half = CpuSet::new();
    own.skip(skipped).for_each(|cpu| half.set(cpu));
    let _ = sched_setaffinity(None, &half);
}
