// SPDX-License-Identifier: Apache-2.0
//! How Linux does it.

use std::{fs, io, time::Duration};

use rustix::{
    process::{Resource, Rlimit, setpriority_process, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity},
};

/// How much lower the priority is (`nice`).
const NICE: i32 = 10;

/// Every processor's number is lower.
pub(crate) const MOST_PROCESSORS: usize = CpuSet::MAX_CPU;

/// The processors that this thread may run on, by number, in order. None where the system does not say.
pub(crate) fn own_processors() -> Vec<usize> {
    let own = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|processor| own.is_set(*processor)).collect()
}

/// The processor that this thread runs on.
pub(crate) fn processor() -> usize {
    sched_getcpu()
}

/// Lowers the priority of this thread.
///
/// # Errors
/// When the system does not let it.
pub(crate) fn lower_priority() -> io::Result<()> {
    Ok(setpriority_process(None, NICE)?)
}

/// Keeps this thread off half of the processors that it may run on. Where the system does not let it, nothing happens.
pub(crate) fn keep_half_free() {
    let own = own_processors();
    let mut half = CpuSet::new();
    own.iter().skip(own.len() / 2).for_each(|processor| half.set(*processor));
    let _ = sched_setaffinity(None, &half);
}

/// How long a process that is there has had a processor, all its threads together. None where the system does not say.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it may hold anything (proc(5)): what follows begins with the third field.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks = times.next()?.ok()?.saturating_add(times.next()?.ok()?);
    let second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_millis(ticks.saturating_mul(1000) / second))
}

/// Gives up, for this process, what a compiler does not need: more address space and processor time than this, files, a
/// core dump.
///
/// # Errors
/// When the system does not let it.
pub(crate) fn limit_worker(bytes: u64, seconds: u64) -> io::Result<()> {
    for (resource, most) in [
        (Resource::As, bytes),
        (Resource::Cpu, seconds),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, 64),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
