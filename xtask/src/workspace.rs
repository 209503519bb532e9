// SPDX-License-Identifier: Apache-2.0
//! The workspace and its cargo.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// Where things are.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Workspace {
    /// The folder of the root's Cargo.toml.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds; never guessed.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl Workspace {
    /// The workspace that this program was started from.
    ///
    /// # Errors
    /// When cargo cannot tell.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("start this as `cargo xtask`")?;
        let mut command = cargo();
        command.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(manifest);
        let output = command.stderr(Stdio::inherit()).output().context("cargo could not be started")?;
        if !output.status.success() {
            bail!("cargo cannot read the workspace: see the messages above");
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Cargo in the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// Builds packages, and says where their programs are, by name.
    ///
    /// # Errors
    /// When something does not compile.
    pub(crate) fn build(&self, packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
        self.build_with(&[], packages)
    }

    /// The same, with more options for cargo.
    ///
    /// # Errors
    /// When something does not compile.
    pub(crate) fn build_with(
        &self,
        options: &[&str],
        packages: &[&str],
    ) -> Result<BTreeMap<String, PathBuf>> {
        let mut command = self.cargo();
        command.args(["build", "--message-format=json-render-diagnostics"]).args(options);
        for package in packages {
            command.args(["--package", package]);
        }
        let output = command.stderr(Stdio::inherit()).output().context("cargo could not be started")?;
        if !output.status.success() {
            bail!("the build failed: see the messages above");
        }
        let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut programs = BTreeMap::new();
        for line in messages {
            let message: Message = serde_json::from_slice(line).context("cargo said something unexpected")?;
            if let (Some(program), Some(target)) = (message.executable, message.target)
                && message.reason == "compiler-artifact"
            {
                programs.insert(target.name, program);
            }
        }
        Ok(programs)
    }
}

/// One program of those built.
///
/// # Errors
/// When it is not among them.
pub(crate) fn program<'a>(programs: &'a BTreeMap<String, PathBuf>, name: &str) -> Result<&'a Path> {
    programs.get(name).map(PathBuf::as_path).with_context(|| format!("cargo built no program `{name}`"))
}

/// The cargo that runs this program, or the first on the path. What cargo told this program of itself is not passed on: build
/// scripts that ask for it would run anew each time that cargo is started in another way.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for (name, _) in env::vars_os() {
        let ours = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "OUT_DIR"
        });
        if ours {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started, or fails.
pub(crate) fn finish(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("{what} could not be started"))?;
    if !status.success() {
        bail!("{what} failed ({status}): see the messages above");
    }
    Ok(())
}

/// Waits until what was written before is on the disk: what a build left would go there in the midst of a measurement, and
/// every record would wait for it.
///
/// # Errors
/// When there is no `sync` (coreutils).
pub(crate) fn settle() -> Result<()> {
    finish(&mut Command::new("sync"), "`sync`")
}
