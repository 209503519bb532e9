// SPDX-License-Identifier: Apache-2.0
//! What is told to people. A reader that has gone away is no reason to stop.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// One line on standard output.
pub(crate) fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// One line on standard error.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The beginning of a step.
pub(crate) fn step(name: &str, what: impl Display) {
    say(format_args!("==> {name}: {what}"));
}
