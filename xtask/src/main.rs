// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask`: set-up and chores of the workspace.

mod bench;
mod demo;
mod dist;
mod docs;
mod fuzz;
mod judges;
mod progress;
mod register;
mod rules;
mod scenario;
mod soak;
mod table;
mod test;
mod tools;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};
use paasla_tests::out;

/// Set-up and chores of the Pääsla workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build everything, make a synthetic register, and serve it until Ctrl-C.
    Demo(demo::Demo),
    /// Make a book of the documentation, and look whether every link in it leads somewhere.
    Docs,
    /// Pack program, rules and demo in one archive, for a machine without Rust.
    Dist(dist::Dist),
    /// Fuzz the engine for a while, from the seeds in `fuzz/seeds` and from what earlier runs found.
    Fuzz(fuzz::Fuzz),
    /// Run the whole test suite.
    Test {
        /// Passed on to cargo-nextest, or to `cargo test` where there is no nextest.
        #[arg(last = true)]
        rest: Vec<OsString>,
    },
    /// Look for what is needed to build rules and to test; on Debian, install it.
    Tools,
    /// Measure rulings beside cedar-policy and regorus, and governed queries beside ungoverned ones.
    Bench(bench::Bench),
    /// Change governance a thousand times under a steady load.
    Soak(soak::Soak),
    /// Count the instructions of one ruling with valgrind, and compare with what is committed.
    Instructions(bench::instructions::Instructions),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Docs => docs::run(),
        Command::Dist(arguments) => dist::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Test { rest } => test::run(&rest),
        Command::Tools => tools::ensure().and_then(|()| {
            tools::offer_registry();
            judges::offer(&workspace::Workspace::find()?);
            Ok(())
        }),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Instructions(arguments) => bench::instructions::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::complain(format_args!("error: {error:#}"));
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
