// SPDX-License-Identifier: Apache-2.0
//! Work that gives way to queries. A priority, and the processors to run on, are each thread's own on Linux, and what
//! a thread starts has them too.

use std::io;

use crate::system;

/// Lowers the priority of this thread, where threads have one.
///
/// # Errors
/// When the system does not let it.
pub fn lower_priority() -> io::Result<()> {
    system::lower_priority()
}

/// Lowers the priority of this thread, and keeps it off half of the processors: who wakes up on one that is busy waits a
/// little, whatever the priorities are. Not where somebody waits for the work. Where the system does not let it, the work
/// is done all the same.
pub fn give_way() {
    let _ = lower_priority();
    system::keep_half_free();
}
