// SPDX-License-Identifier: Apache-2.0
//! `paasla`: the program of Pääsla.

mod config;
mod host;
mod policy;
mod rule;
mod seed;
mod serve;

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Pääsla: a gatehouse between institutions and a register of personal data.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve queries until told to stop.
    Serve(serve::Serve),
    /// Put control data from readable files into the store, as a new generation.
    Seed(seed::Seed),
    /// Look after policies at work.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Build, test and inspect rules.
    #[command(subcommand)]
    Rule(rule::RuleCommand),
    /// Compile one component from standard input to standard output. The host starts this by itself.
    #[command(hide = true)]
    CompileWorker,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if matches!(command, Command::CompileWorker) {
        return paasla_engine::run_compiler(std::io::stdin().lock(), std::io::stdout().lock());
    }
    let filter = EnvFilter::try_from_env("PAASLA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
    let done = match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Seed(arguments) => seed::run(&arguments),
        Command::Policy(command) => policy::run(command),
        Command::Rule(command) => rule::run(command),
        Command::CompileWorker => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
