// SPDX-License-Identifier: Apache-2.0
//! The compiler as a program of its own: one component in, machine code out. Give it to an engine as
//! `Compiler::Worker`.

use std::{
    io::{stdin, stdout},
    process::ExitCode,
};

fn main() -> ExitCode {
    paasla_engine::run_compiler(stdin().lock(), stdout().lock())
}
