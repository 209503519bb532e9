// SPDX-License-Identifier: Apache-2.0
//! `paasla`: the program of Pääsla.

mod admin;
mod backup;
mod client;
mod config;
mod control;
mod demo;
mod effect;
mod failure;
mod governance;
mod host;
mod key;
mod log;
mod names;
mod object;
mod policy;
mod proposal;
mod records;
mod restore;
mod rule;
mod rulebook;
mod secret;
mod seed;
mod serve;
mod show;
mod watch;
mod when;
mod why;

use std::{ffi::OsString, io::Write, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser, Subcommand};
use failure::{Failure, asks_for_json, end_without_command};
use paasla_toolkit::{engine, files, out};

/// Pääsla: a gatehouse between institutions and a register of personal data.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show queries and answers on a register of synthetic people, and serve it until Ctrl-C.
    Demo(demo::Demo),
    /// Serve queries until told to stop.
    Serve(serve::Serve),
    /// Put control data from readable files into the store, as a new generation.
    Seed(seed::Seed),
    /// Copy the store, of a host at work or not, into a new folder: control database and records, as they are at one moment.
    Backup(backup::Backup),
    /// Put a backup where there is no store yet.
    Restore(restore::Restore),
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
    /// Keep services, access rights and vocabulary as files, compare these with a host, and put them to work as a whole.
    #[command(subcommand)]
    Governance(governance::GovernanceCommand),
    /// Look after services: the configured kinds of query.
    #[command(subcommand)]
    Service(object::ServiceCommand),
    /// Look after access rights: which client may ask what, for what purpose, on what ground.
    #[command(subcommand)]
    Grant(object::ObjectCommand),
    /// Look after the vocabulary: purposes, and the grounds that they stand on.
    #[command(subcommand)]
    Purpose(object::ObjectCommand),
    /// Look at what loosens and waits for a second person, and confirm or reject it.
    #[command(subcommand)]
    Proposal(proposal::ProposalCommand),
    /// Look at the control data that queries are decided by.
    #[command(subcommand)]
    Rulebook(rulebook::RulebookCommand),
    /// Print a script that lets a shell complete commands and options.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// A query takes and gives back some hundred small pieces of memory, many of them on other threads than took them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    if let Some(done) = engine::compile(&line) {
        return done;
    }
    let json = asks_for_json(&line);
    let command = match Arguments::try_parse_from(&line) {
        Ok(arguments) => arguments.command,
        Err(error) => return end_without_command(&error, json, fail),
    };
    let done = log::start(matches!(command, Command::Serve(_))).and_then(|()| match command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Seed(arguments) => seed::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Admin(command) => admin::run(command),
        Command::Key(command) => key::run(command),
        Command::Rule(command) => rule::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Governance(command) => governance::run(command),
        Command::Service(command) => object::service(command),
        Command::Grant(command) => object::run(object::ObjectKind::Grant, command),
        Command::Purpose(command) => object::run(object::ObjectKind::Purpose, command),
        Command::Proposal(command) => proposal::run(command),
        Command::Rulebook(command) => rulebook::run(command),
        Command::Completions { shell } => completions(shell, &mut out::out()),
    });
    match done {
        Ok(()) => {
            log::end("");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&Failure::of(&error), json),
    }
}

/// Writes the script of a shell. It is made whole first: its maker does not bear a writer that fails.
fn completions(shell: clap_complete::Shell, out: &mut impl Write) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "paasla", &mut script);
    out.write_all(&script).and_then(|()| out.flush()).context("the script could not be written")
}

/// Says why a command failed: to programs on standard output, to people on standard error.
fn fail(failure: &Failure, json: bool) -> ExitCode {
    if json {
        // A stream that takes nothing changes nothing.
        let _ = writeln!(out::out(), "{}", failure.json());
        log::end("");
    } else {
        log::end(&format!("{}\n", failure.text()));
    }
    ExitCode::from(failure.kind.status())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn a_full_disk_is_an_error_of_the_completions() {
        let shell = clap_complete::Shell::Bash;
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let failure = Failure::of(&completions(shell, &mut full).unwrap_err());
        assert_eq!(failure.kind, Kind::Failed);
        assert!(failure.message.starts_with("the script could not be written: "), "{failure}");
        let mut script = Vec::new();
        completions(shell, &mut script).unwrap();
        assert!(String::from_utf8(script).unwrap().contains("paasla"));
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
