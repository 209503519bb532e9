// SPDX-License-Identifier: Apache-2.0
//! `paasla`: the program of Pääsla.

mod rule;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Pääsla: a gatehouse between institutions and a register of personal data.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build, test and inspect rules.
    #[command(subcommand)]
    Rule(rule::RuleCommand),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).without_time().init();
    let done = match Arguments::parse().command {
        Command::Rule(command) => rule::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
