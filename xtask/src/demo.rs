// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: from a fresh clone to a host that answers. `paasla demo` does the same with what is built.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Args;
use paasla_tests::{Claim, Parts};

use crate::{
    out::step,
    register, rules, scenario, tools,
    workspace::{Workspace, program},
};

/// What to show, and where.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Listen on this port of the loopback address; otherwise on a free one.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Keep everything in this folder, also for the next time. [default: demo-data in the workspace]
    #[arg(long)]
    data: Option<PathBuf>,
    /// How many synthetic people to make.
    #[arg(long, default_value_t = 10_000)]
    people: u32,
    /// The seed of all chance: the same seed makes the same people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ask a scripted list of queries, say whether each ended as it should, and stop.
    #[arg(long)]
    check: bool,
}

/// Does everything.
///
/// # Errors
/// With the step that failed, or the queries that ended otherwise than they should.
pub(crate) fn run(arguments: &Demo) -> Result<()> {
    let workspace = Workspace::find()?;
    // Held to the end.
    let claim = match &arguments.data {
        Some(folder) => Claim::take(folder)?,
        None => Claim::take(&workspace.root.join("demo-data"))?,
    };
    let parts = build(&workspace, &[], claim.folder(), (arguments.people, arguments.seed))?;
    if arguments.check {
        step("check", "from an empty control database, so that earlier queries count towards no quota");
    }
    let mut demo = claim.open(&parts, arguments.port, arguments.check)?;
    let outcome = if arguments.check { scenario::run(&demo.stage) } else { demo.wait() };
    demo.close(outcome)
}

/// Builds what a demo is made of. `people` says how many synthetic people the register has, and the seed they come from; it
/// is made in `folder`.
///
/// # Errors
/// With the step that failed.
pub(crate) fn build(
    workspace: &Workspace,
    options: &[&str],
    folder: &Path,
    (people, seed): (u32, u64),
) -> Result<Parts> {
    tools::ensure()?;
    step("build", "the host and the generator of the register; the first time takes minutes");
    let programs = workspace.build_with(options, &["paasla", "population-register"])?;
    let paasla = program(&programs, "paasla")?;
    fs::create_dir_all(folder)?;
    let generator = program(&programs, "population-register")?;
    let register = register::make(workspace, generator, folder, people, seed)?;
    Ok(Parts {
        paasla: paasla.to_owned(),
        examples: workspace.root.join("examples"),
        rules: rules::build(workspace, paasla)?,
        register: register.file,
        persons: register.persons,
    })
}
