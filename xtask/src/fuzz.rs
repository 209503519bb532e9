// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask fuzz`: a bounded run of the fuzz targets, from their seeds and from what earlier runs found.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    out::{say, step},
    workspace::{Workspace, finish},
};

/// The version of cargo-fuzz that is installed where there is none.
const CARGO_FUZZ: &str = "0.13.2";
/// The most that a target may hold, in MiB, and the most that one input may take, in seconds.
const MOST_MIB: u32 = 2_048;
const MOST_SECONDS: u32 = 20;

/// What is to be fuzzed, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// How long each target runs.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// The target; all of them where none is named.
    target: Option<String>,
}

/// Runs the targets one after the other.
///
/// # Errors
/// When something is missing, does not build, or a target finds an input that breaks the engine.
pub(crate) fn run(arguments: &Fuzz) -> Result<()> {
    let workspace = Workspace::find()?;
    let tools = workspace.tools();
    install(&workspace, &tools)?;
    let targets = targets(&workspace.root.join("fuzz/targets"))?;
    let chosen: Vec<_> = targets
        .iter()
        .filter(|name| arguments.target.as_ref().is_none_or(|chosen| chosen == *name))
        .collect();
    if chosen.is_empty() {
        bail!("there is no such target; there are: {}", targets.join(", "));
    }
    for target in chosen {
        fuzz(&workspace, &tools, target, arguments.seconds)?;
    }
    Ok(())
}

/// The targets, by their files.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Makes sure that there is cargo-fuzz, in a folder of ours where it is not installed.
fn install(workspace: &Workspace, tools: &Path) -> Result<()> {
    let mut version = cargo(workspace, tools)?;
    version.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if version.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    workspace.install("cargo-fuzz", CARGO_FUZZ, &[])
}

/// Cargo that finds our tools too.
fn cargo(workspace: &Workspace, tools: &Path) -> Result<Command> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let folders = [tools.join("bin")].into_iter().chain(env::split_paths(&folders));
    let mut command = workspace.cargo();
    command.env("PATH", env::join_paths(folders).context("a folder in PATH has a strange name")?);
    Ok(command)
}

fn fuzz(workspace: &Workspace, tools: &Path, target: &str, seconds: u32) -> Result<()> {
    step("fuzz", format_args!("{target}, {seconds} s"));
    let home = workspace.target.join("fuzz");
    let folder = |what: &str| -> Result<PathBuf> {
        let folder = home.join(what).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    };
    // What is found goes to the first; seeds are made anew each time, by the target itself.
    let (corpus, seeds, artifacts) = (folder("corpus")?, folder("seeds")?, folder("artifacts")?);
    let options = [
        format!("-max_total_time={seconds}"),
        format!("-timeout={MOST_SECONDS}"),
        format!("-rss_limit_mb={MOST_MIB}"),
        format!("-artifact_prefix={}/", artifacts.display()),
        "-max_len=65536".to_owned(),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
        "-print_funcs=0".to_owned(),
    ];
    let mut command = cargo(workspace, tools)?;
    // No sanitizer: they do not know of the engine's reservations of address space and of its signals, and there is
    // no unsafe code of ours for them to watch.
    command
        .args(["fuzz", "run", "--fuzz-dir", "fuzz", "--sanitizer", "none", "--codegen-units", "16"])
        .arg("--target-dir")
        .arg(home.join("build"))
        .arg(target)
        .args([&corpus, &seeds])
        .arg("--")
        .args(&options)
        .env("RUSTC_WRAPPER", workspace.root.join("fuzz/rustc.sh"))
        .env("PAASLA_FUZZ_SEEDS", &seeds);
    finish(&mut command, "`cargo fuzz run`").inspect_err(|_| {
        let found = fs::read_dir(&artifacts).into_iter().flatten().flatten();
        for input in found {
            say(format_args!("    an input that breaks it: {}", input.path().display()));
        }
        say(format_args!(
            "    once more: {}/{}-unknown-linux-gnu/release/{target} INPUT; keep what was found in fuzz/seeds/{target}",
            home.join("build").display(),
            env::consts::ARCH
        ));
    })
}
