// SPDX-License-Identifier: Apache-2.0
//! Rulings that may take long. A sandbox keeps its thread until it is done, and a few of those would keep every thread
//! that answers: then nobody is answered, not even who asks about something else.

use tokio::runtime::{Handle, RuntimeFlavor};

/// The fuel from which on a ruling may take long: it burns in some ten milliseconds.
const LONG: u64 = 20_000_000;

/// Runs a ruling that may use so much fuel. If that is much, another thread takes over meanwhile what else this one has
/// to do.
pub(super) fn ruling<T>(fuel: u64, work: impl FnOnce() -> T) -> T {
    let has_others =
        || Handle::try_current().is_ok_and(|own| own.runtime_flavor() == RuntimeFlavor::MultiThread);
    if fuel > LONG && has_others() { tokio::task::block_in_place(work) } else { work() }
}
