// SPDX-License-Identifier: Apache-2.0
//! The panic hook. The message of a panic may quote a value, and Rust writes it to standard error before anybody can catch it.

use std::panic::{self, PanicHookInfo};

/// Makes every panic of the program leave one log line with its place in the code, and nothing else. For `main`, once,
/// before anything is served.
pub fn hush() {
    panic::set_hook(Box::new(tell));
}

fn tell(info: &PanicHookInfo<'_>) {
    let (file, line) = info.location().map_or(("unknown", 0), |place| (place.file(), place.line()));
    tracing::error!(file, line, "a panic");
}
