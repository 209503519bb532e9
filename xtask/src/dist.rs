// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask dist`: one archive with the program, the rules and the demo, for a machine without Rust.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use paasla_tests::archive;

use crate::{demo, out::step, workspace::Workspace};

/// How many synthetic people are in the archive's register, and the seed that they come from.
const PEOPLE: u32 = 10_000;
const SEED: u64 = 1;

/// What to pack, and where.
#[derive(Debug, Args)]
pub(crate) struct Dist {
    /// How the program is built.
    #[arg(long, value_enum, default_value_t = Profile::Dist)]
    profile: Profile,
    /// The archive. [default: paasla-VERSION-SYSTEM-PROCESSOR.tar.gz in the target folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A profile of the workspace's Cargo.toml.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Profile {
    /// What is shipped: linked as one piece. It takes longest to build.
    Dist,
    /// With optimisation.
    Release,
    /// As `cargo xtask demo` builds it: soonest, and largest.
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dist => "dist",
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }
}

/// Builds everything and packs it.
///
/// # Errors
/// With the step that failed.
pub(crate) fn run(arguments: &Dist) -> Result<()> {
    let workspace = Workspace::find()?;
    let out = match &arguments.out {
        Some(out) => std::path::absolute(out)?,
        None => workspace.target.join(format!("{}.tar.gz", archive::name())),
    };
    let profile = ["--profile", arguments.profile.name()];
    let folder = workspace.target.join("paasla-dist");
    let parts = demo::build(&workspace, &profile, &folder, (PEOPLE, SEED))?;
    step("pack", out.display());
    archive::pack(&parts, &workspace.root, &out)?;
    step("try", format_args!("unpack it anywhere: {}/{} demo", archive::name(), archive::PROGRAM));
    Ok(())
}
