// SPDX-License-Identifier: Apache-2.0
//! `paasla`: the program of Pääsla.

mod admin;
mod client;
mod config;
mod files;
mod host;
mod key;
mod policy;
mod rule;
mod rulebook;
mod seed;
mod serve;
mod show;
mod watch;

use std::{
    fs::File,
    io::{IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

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
    /// Look after who may change governance, at the host's machine.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Make keys that sign rules, and look after the list of those whose signatures count.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Build, test, sign and inspect rules, and bring them to a host or a registry.
    #[command(subcommand)]
    Rule(rule::RuleCommand),
    /// Make policies of rules, and lead them through their life: shadow, approved, in force, retired.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Look at the control data that queries are decided by.
    #[command(subcommand)]
    Rulebook(rulebook::RulebookCommand),
    /// Compile one component from standard input to standard output. The host starts this by itself.
    #[command(hide = true)]
    CompileWorker {
        /// Leave the processor to others first.
        #[arg(long)]
        give_way: bool,
    },
}

/// A query takes and gives back some hundred small pieces of memory, many of them on other threads than took them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if let Command::CompileWorker { give_way } = command {
        if give_way {
            paasla_engine::give_way();
        }
        return paasla_engine::run_compiler(std::io::stdin().lock(), std::io::stdout().lock());
    }
    let filter = EnvFilter::try_from_env("PAASLA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log())
        .with_ansi(colours)
        .with_target(false)
        .init();
    let done = match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Seed(arguments) => seed::run(&arguments),
        Command::Admin(command) => admin::run(command),
        Command::Key(command) => key::run(command),
        Command::Rule(command) => rule::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Rulebook(command) => rulebook::run(command),
        Command::CompileWorker { .. } => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut stderr = std::io::stderr();
            let _ = match error.downcast_ref::<client::Problems>() {
                // One problem a line, as they are.
                Some(problems) => writeln!(stderr, "{problems}"),
                None => writeln!(stderr, "error: {error:#}"),
            };
            ExitCode::FAILURE
        }
    }
}

/// Standard error without the lock that `std` has all threads take for it: a line is written in one call, and the kernel
/// keeps lines apart.
fn log() -> BoxMakeWriter {
    match std::io::stderr().as_fd().try_clone_to_owned() {
        Ok(file) => BoxMakeWriter::new(File::from(file)),
        Err(_) => BoxMakeWriter::new(std::io::stderr),
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
