// SPDX-License-Identifier: Apache-2.0
//! What is done where nothing is known of the system: enough for a rule author. Never for a host, whose compiler must be
//! confined.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Every number that stands for a processor is lower.
pub(crate) const MOST_PROCESSORS: usize = 1024;

/// The numbers that [`processor`] gives.
pub(crate) fn own_processors() -> Vec<usize> {
    (0..MOST_PROCESSORS).collect()
}

/// A number of this thread's own instead of its processor's: threads that run at one time have different ones.
pub(crate) fn processor() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % MOST_PROCESSORS;
    }
    OWN.with(|own| *own)
}

/// Does nothing: every thread has the same priority.
///
/// # Errors
/// Never.
pub(crate) fn lower_priority() -> io::Result<()> {
    Ok(())
}

/// Does nothing: a thread runs where the system wants.
pub(crate) fn keep_half_free() {}

/// None: how long a process has worked is not told.
pub(crate) fn processor_time(_process: u32) -> Option<Duration> {
    None
}

/// Does nothing: a compiler is ended when its time is over, and has no other limit.
///
/// # Errors
/// Never.
pub(crate) fn limit_worker(_bytes: u64, _seconds: u64) -> io::Result<()> {
    Ok(())
}
