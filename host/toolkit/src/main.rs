// SPDX-License-Identifier: Apache-2.0
//! `paasla-toolkit`: rules are built, tested, inspected and signed with it where `paasla` itself does not run.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
    thread::{self, JoinHandle},
};

use anyhow::Result;
use clap::Parser;
use paasla_toolkit::{
    command::{self, AuthorCommand},
    engine,
    failure::{Failure, Kind, asks_for_json, end_without_command},
    log,
    out::out,
};

/// Build, test, inspect and sign rules for Pääsla. `paasla rule` has the same commands.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: AuthorCommand,
}

/// Bytes of the stack that rules are compiled and run on. The first thread of a program has as much on Linux, and on Windows
/// an eighth of it.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    match thread::Builder::new().stack_size(STACK_BYTES).spawn(work).map(JoinHandle::join) {
        Ok(Ok(done)) => done,
        // It has said why.
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(error) => {
            let error = Failure::new(Kind::Failed, format!("no thread could be started: {error}"));
            fail(&error, false)
        }
    }
}

/// All that the program does.
fn work() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    if let Some(done) = engine::compile(&line) {
        return done;
    }
    let json = asks_for_json(&line);
    let command = match Arguments::try_parse_from(&line) {
        Ok(arguments) => arguments.command,
        Err(error) => return end_without_command(&error, json, fail),
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&Failure::of(&error), json),
    }
}

fn run(command: AuthorCommand) -> Result<()> {
    log::start(log::filter()?, io::stderr);
    command::run(command)
}

/// Says why a command failed: to programs on standard output, to people on standard error.
fn fail(failure: &Failure, json: bool) -> ExitCode {
    // A stream that takes nothing changes nothing.
    let _ = if json {
        writeln!(out(), "{}", failure.json())
    } else {
        writeln!(io::stderr(), "{}", failure.text())
    };
    ExitCode::from(failure.kind.status())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_speaks_to_programs_too() {
        let whole = Arguments::command();
        whole.clone().debug_assert();
        let commands: Vec<_> = whole.get_subcommands().collect();
        let names: Vec<_> = commands.iter().map(|command| command.get_name()).collect();
        assert_eq!(names, ["build", "test", "inspect", "sign"]);
        for command in commands {
            let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            assert!(has_json, "{}", command.get_name());
        }
    }
}
