// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench`: Pääsla beside its peers, and a governed query beside an ungoverned one, in one run.

mod http;
pub(crate) mod instructions;
mod machine;
mod plot;
mod report;
mod results;
mod side_channels;
mod thresholds;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use self::{
    machine::Machine,
    results::{Line, Results},
    thresholds::thresholds,
};
use crate::{
    out::{say, step},
    rules, tools,
    workspace::{Workspace, finish, program},
};

/// What to measure, and where to put it.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Only what holds this in its name, e.g. `decide/20-fields`, `http/`, `regorus`.
    #[arg(long)]
    only: Option<String>,
    /// Write the results to this file, one JSON object a line.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Few and short measurements: a first look.
    #[arg(long)]
    quick: bool,
    /// Write `docs/bench` also when not everything is measured: what is not stays as it was. A whole run always does.
    #[arg(long)]
    write: bool,
}

/// Builds everything, measures, reports.
///
/// # Errors
/// When something does not build, systems answer differently, or an answer under load is wrong. A threshold that is
/// missed is no error: times are noisy.
pub(crate) fn run(arguments: &Bench) -> Result<()> {
    let workspace = Workspace::find()?;
    tools::ensure()?;
    let only = arguments.only.as_deref();
    let http =
        only.is_none_or(|only| ["http", "fsync", "side-channels"].iter().any(|part| only.starts_with(part)));
    step("build", "everything with optimisation; the first time takes many minutes");
    let programs = if http {
        // What is shipped, and the bare handler made in the same way.
        let profile = ["--profile", "dist", "--bins"];
        workspace.build_with(&profile, &["paasla", "population-register", "paasla-bench"])?
    } else {
        // Only to compile the rules, which are the same whatever compiled their compiler.
        workspace.build(&["paasla"])?
    };
    let components = rules::build(&workspace, program(&programs, "paasla")?)?;
    let folder = workspace.target.join("paasla-bench");
    fs::create_dir_all(&folder)?;
    let file = match &arguments.json {
        Some(file) => std::path::absolute(file)?,
        None => folder.join("results.jsonl"),
    };
    fs::write(&file, "").with_context(|| format!("{} cannot be written", file.display()))?;

    let machine = Machine::look()?;
    if only.is_none() || !http {
        step("rulings", "in one process with the peers");
        let mut command = workspace.cargo();
        command.args([
            "bench",
            "--manifest-path",
            "bench/rulings/Cargo.toml",
            "--bench",
            "rulings",
            "--target-dir",
        ]);
        command.arg(workspace.target.join("bench")).arg("--").args(only);
        command.env("PAASLA_RULES", &components).env("PAASLA_BENCH_JSON", &file);
        command.env("CRITERION_HOME", folder.join("criterion")).env_remove("PAASLA_BENCH_QUICK");
        if arguments.quick {
            command.env("PAASLA_BENCH_QUICK", "1");
        }
        finish(&mut command, "the bench of rulings")?;
    }
    if http {
        let load = http::Load { workspace: &workspace, programs: &programs, quick: arguments.quick, only };
        append(&file, &load.run(&components, &folder)?)?;
    }

    let results = Results::read(&file)?;
    if results.lines().is_empty() {
        bail!("nothing is called `{}`", only.unwrap_or_default());
    }
    say(format_args!("\n{}", report::scenarios(&results)));
    say(report::thresholds(&thresholds(&results)));
    step("results", file.display());
    if arguments.write || (only.is_none() && !arguments.quick) {
        let docs = workspace.root.join("docs/bench");
        write(&docs, results, &machine.told(&command_line(arguments)), only.is_none())?;
        step("report", docs.display());
    }
    Ok(())
}

fn append(file: &Path, lines: &[Line]) -> Result<()> {
    let mut text = fs::read_to_string(file)?;
    for line in lines {
        text.push_str(&serde_json::to_string(line)?);
        text.push('\n');
    }
    Ok(fs::write(file, text)?)
}

/// The command that makes the same measurements again.
fn command_line(arguments: &Bench) -> String {
    let mut line = "cargo xtask bench".to_owned();
    if let Some(only) = &arguments.only {
        line.push_str(&format!(" --only {only}"));
    }
    if arguments.quick {
        line.push_str(" --quick");
    }
    if arguments.write {
        line.push_str(" --write");
    }
    line
}

/// Writes the page by these results, and by those kept of earlier runs unless it was a whole one.
fn write(docs: &Path, results: Results, run: &str, whole: bool) -> Result<()> {
    fs::create_dir_all(docs)?;
    let file = docs.join("results.jsonl");
    let kept = if whole || !file.is_file() { Results::default() } else { Results::read(&file)? };
    let results = results.over(kept, run);
    fs::write(&file, results.text()?)?;
    fs::write(docs.join("README.md"), report::page(&results))?;
    fs::write(docs.join("rulings.svg"), plot::svg(&results))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{results::tests::line, *};

    #[test]
    fn a_part_is_merged_into_the_page() {
        let docs = tempfile::tempdir().unwrap();
        let results = |line: String| Results::parse(&line).unwrap();
        write(docs.path(), results(line("decide/20-fields", "paasla-fresh", 5_000)), "first", true).unwrap();
        write(docs.path(), results(line("fsync", "disk", 70_000)), "second", false).unwrap();
        let page = fs::read_to_string(docs.path().join("README.md")).unwrap();
        for part in ["| decide/20-fields | `paasla-fresh` |", "| fsync | `disk` |", "first", "second"] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        write(docs.path(), results(line("fsync", "disk", 70_000)), "third", true).unwrap();
        let page = fs::read_to_string(docs.path().join("README.md")).unwrap();
        assert!(!page.contains("| decide/20-fields |") && page.contains("Made by third"), "{page}");
    }
}
