// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask instructions`: how many instructions one ruling takes. Times are noisy, counts are not.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    out::step,
    rules, tools,
    workspace::{Workspace, program},
};

/// How to compare.
#[derive(Debug, Args)]
pub(crate) struct Instructions {
    /// Write what is counted to `docs/bench/instructions.toml`.
    #[arg(long)]
    update: bool,
}

/// The function of `bench/src/bin/one_ruling.rs` below which instructions are counted, and how many rulings it makes.
const FUNCTION: &str = "*hundred_rulings*";
const RULINGS: u64 = 100;

/// How much more or less than the committed count is taken for the same, in percent.
const TOLERANCE: u64 = 5;

/// Counts, and compares or writes.
///
/// # Errors
/// When it cannot be counted, or the count differs by more than [`TOLERANCE`].
pub(crate) fn run(arguments: &Instructions) -> Result<()> {
    let workspace = Workspace::find()?;
    tools::ensure()?;
    tools::ensure_valgrind()?;
    step("build", "the program that rules");
    let programs = workspace.build_with(&["--bins"], &["paasla", "paasla-bench"])?;
    let components = rules::build(&workspace, program(&programs, "paasla")?)?;
    step("count", "one ruling on 20 fields in a fresh sandbox, under valgrind");
    let counted = count(program(&programs, "one_ruling")?, &components)?;
    let file = workspace.root.join("docs/bench/instructions.toml");
    if arguments.update {
        fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        fs::write(&file, text(counted))?;
        step("instructions", format_args!("{counted} for one ruling, written to {}", file.display()));
        return Ok(());
    }
    let committed = fs::read_to_string(&file).with_context(|| {
        format!("{} cannot be read: `cargo xtask instructions --update` writes it", file.display())
    })?;
    let committed = parse(&committed).with_context(|| format!("{} has no count", file.display()))?;
    match compare(counted, committed) {
        Compared::Same => {
            step("instructions", format_args!("{counted} for one ruling; {committed} are committed"));
            Ok(())
        }
        Compared::More => bail!(
            "one ruling takes {counted} instructions, {committed} are committed: it became slower. If that must be, \
             write the new count with `cargo xtask instructions --update`, and say why in the commit"
        ),
        Compared::Less => bail!(
            "one ruling takes {counted} instructions, {committed} are committed: it became faster. Write the better \
             count with `cargo xtask instructions --update`, so that it stays"
        ),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Compared {
    Same,
    More,
    Less,
}

fn compare(counted: u64, committed: u64) -> Compared {
    let (counted, least, most) =
        (counted * 100, committed * (100 - TOLERANCE), committed * (100 + TOLERANCE));
    match counted {
        counted if counted > most => Compared::More,
        counted if counted < least => Compared::Less,
        _ => Compared::Same,
    }
}

/// The committed file. It is TOML; what reads it needs no more than its one line.
fn text(count: u64) -> String {
    format!(
        "# SPDX-License-Identifier: Apache-2.0\n\
         # Instructions of one ruling: the rule `minimisation`, 20 fields, a fresh sandbox; counted by valgrind's \
         callgrind\n# in a build for development on x86-64. Written by `cargo xtask instructions --update`; more or \
         less by {TOLERANCE} % fails\n# `cargo xtask instructions`.\none-ruling = {count}\n"
    )
}

fn parse(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("one-ruling = "))?;
    value.trim().parse().ok()
}

/// Instructions of one ruling: of the host and, as callgrind follows jumps into compiled code, of the guest.
fn count(program: &Path, components: &Path) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(format!("--toggle-collect={FUNCTION}")).arg(program);
    command.env("PAASLA_RULES", components).stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.output().context("valgrind could not be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("the program failed under valgrind ({}):\n{said}", output.status);
    }
    match collected(&said) {
        Some(0) | None => bail!("valgrind counted nothing below {FUNCTION}:\n{said}"),
        Some(total) => Ok(total / RULINGS),
    }
}

/// What callgrind says at its end, e.g. `==7== Collected : 12345`.
fn collected(said: &str) -> Option<u64> {
    let (_, rest) = said.lines().find_map(|line| line.split_once("Collected :"))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_are_the_same() {
        for (counted, said) in [
            (100_000, Compared::Same),
            (105_000, Compared::Same),
            (105_001, Compared::More),
            (95_000, Compared::Same),
            (94_999, Compared::Less),
        ] {
            assert_eq!(compare(counted, 100_000), said, "{counted}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&text(47_110)), Some(47_110));
        assert_eq!(parse("one-ruling = many"), None);
    }

    #[test]
    fn the_end_of_callgrind_is_understood() {
        let said = "==9== Callgrind, a call-graph generating cache profiler\n==9== \n==9== Events    : Ir\n\
                    ==9== Collected : 4711000\n";
        assert_eq!(collected(said), Some(4_711_000));
        assert_eq!(collected("==9== ERROR SUMMARY"), None);
    }
}
