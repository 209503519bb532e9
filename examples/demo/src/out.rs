// SPDX-License-Identifier: Apache-2.0
//! What is told to people. A reader that has gone away is no reason to stop.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use crate::pretty::wrap;

/// One line on standard output.
pub fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// One line on standard error.
pub fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The beginning of a step.
pub fn step(name: &str, what: impl Display) {
    say(wrap(&format!("==> {name}: {what}"), "    "));
}
