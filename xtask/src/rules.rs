// SPDX-License-Identifier: Apache-2.0
//! The rules shipped, compiled.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{out::step, workspace::Workspace};

#[derive(Deserialize)]
struct Built {
    path: PathBuf,
}

/// What `paasla` says with `--json` when it fails.
#[derive(Deserialize)]
struct Failed {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    message: String,
}

/// Builds every rule in `rules/`, and gives the folder that holds the components.
///
/// # Errors
/// When one cannot be built.
pub(crate) fn build(workspace: &Workspace, paasla: &Path) -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(workspace.root.join("rules"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .collect();
    folders.sort();
    step(
        "rules",
        format_args!("compiling {} rules to WebAssembly; the first time takes minutes", folders.len()),
    );
    let mut command = Command::new(paasla);
    command.args(["rule", "build", "--json"]).args(&folders).current_dir(&workspace.root);
    if env::var_os("PAASLA_LOG").is_none() {
        command.env("PAASLA_LOG", "warn");
    }
    let output = command.stderr(Stdio::inherit()).output().context("`paasla` could not be started")?;
    let text = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        let last = text.lines().last().unwrap_or_default();
        let failed: Failed = serde_json::from_str(last).context("the rules could not be built")?;
        bail!("the rules could not be built: {}", failed.error.message);
    }
    let built: Vec<Built> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let first = built.first().context("there is no rule in rules/")?;
    Ok(first.path.parent().context("a component is in a folder")?.to_owned())
}
