// SPDX-License-Identifier: Apache-2.0
//! Threads that wipe sandboxes, and make new ones ready, while a processor has nothing else to do.
//!
//! A query that meets nobody waits for its record to be on the disk, and its processor sleeps meanwhile. So each processor
//! has a thread of its own. It does not leave it: the sandboxes are in its caches, and no other processor has to be woken,
//! which takes longer than to wipe a sandbox. And it gives way at once to whoever wakes up there (`SCHED_IDLE`, sched(7)).

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu};

use crate::{priority::take_only_spare_time, ready::Spent};

/// What as many queries left may wait for one thread. On a processor that is always busy it gets hardly any time.
const WAITING: usize = 4;

/// The threads. They end when this is dropped and they have done what waits for them.
#[derive(Debug)]
pub struct Wipers {
    /// By the processor's number. Nobody listens where the thread did not get what it needs.
    each: Vec<Option<SyncSender<Spent>>>,
}

impl Wipers {
    /// One for each processor that this process may run on.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start() -> io::Result<Self> {
        let may = sched_getaffinity(None).unwrap_or_default();
        let one = |processor| may.is_set(processor).then(|| start(processor)).transpose();
        Ok(Self { each: (0..CpuSet::MAX_CPU).map(one).collect::<io::Result<_>>()? })
    }

    /// Leaves it to the thread of the processor that the caller runs on. Gives back what that cannot take: when it is busy,
    /// or when the system does not let it run as it should.
    #[must_use = "what is given back is only wiped when it is dropped"]
    pub fn take(&self, spent: Spent) -> Option<Spent> {
        if spent.is_empty() {
            return None;
        }
        let Some(Some(wiper)) = self.each.get(sched_getcpu()) else { return Some(spent) };
        match wiper.try_send(spent) {
            Ok(()) => None,
            Err(TrySendError::Full(spent) | TrySendError::Disconnected(spent)) => Some(spent),
        }
    }
}

fn start(processor: usize) -> io::Result<SyncSender<Spent>> {
    let (sender, receiver) = sync_channel(WAITING);
    let work = move || match take_only_spare_time(processor) {
        Ok(()) => work(&receiver),
        Err(error) => tracing::debug!(processor, %error, "sandboxes are wiped after answers: no spare time"),
    };
    thread::Builder::new().name("paasla-wiper".to_owned()).spawn(work)?;
    Ok(sender)
}

fn work(receiver: &Receiver<Spent>) {
    while let Ok(spent) = receiver.recv() {
        spent.renew();
    }
}
