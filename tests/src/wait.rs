// SPDX-License-Identifier: Apache-2.0
//! Waiting for what comes about a moment later.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

/// As long as a test waits for what a busy machine does in the end: no test decides by how quick a machine is.
pub const LONG: Duration = Duration::from_secs(120);

/// Tries again until it holds.
///
/// # Errors
/// When it does not hold in time, or a try fails.
pub fn within(time: Duration, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !holds()? {
        ensure!(began.elapsed() < time, "it did not come about in time");
        sleep(Duration::from_millis(100));
    }
    Ok(())
}
