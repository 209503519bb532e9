// SPDX-License-Identifier: Apache-2.0
//! The archive of a release: the program and what `paasla demo` needs, in one file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::Parts;

/// The program's name in an archive, below its folder.
pub const PROGRAM: &str = "bin/paasla";
/// Where the demo's files are, below the archive's folder: the program looks for them there, from its own folder.
const SHARE: &str = "share/paasla";

/// What the archive and the folder in it are called: `paasla-0.1.0-linux-x86_64`.
#[must_use]
pub fn name() -> String {
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("paasla-{}-{system}-{processor}", env!("CARGO_PKG_VERSION"))
}

/// Packs what was built. `root` is the workspace's folder. The same files give the same bytes, whoever packs them when.
///
/// # Errors
/// When something is missing, or there is no GNU tar or no gzip.
pub fn pack(parts: &Parts, root: &Path, out: &Path) -> Result<()> {
    let whole = tempfile::tempdir()?;
    let folder = whole.path().join(name());
    let program = folder.join(PROGRAM);
    fs::create_dir_all(program.parent().context("a program is in a folder")?)?;
    let singles = [
        (parts.paasla.clone(), program),
        (root.join("LICENSE"), folder.join("LICENSE")),
        (root.join("examples/demo/archive.md"), folder.join("README.md")),
    ];
    for (from, to) in singles {
        fs::copy(&from, to).with_context(|| format!("{} could not be copied", from.display()))?;
    }
    parts.lay_out(&folder.join(SHARE))?;
    let out = std::path::absolute(out)?;
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--format=ustar", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]);
    // Whatever the permissions of new files are here; only the program may be run.
    tar.args(["--mode=u=rwX,go=rX", "--use-compress-program=gzip -n", "-cf"]);
    run(tar.arg(&out).arg("-C").arg(whole.path()).arg(name()))
}

/// Unpacks an archive in a folder; gives the folder that was in it.
///
/// # Errors
/// When it cannot be unpacked.
pub fn unpack(archive: &Path, folder: &Path) -> Result<PathBuf> {
    run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder))?;
    Ok(folder.join(name()))
}

fn run(command: &mut Command) -> Result<()> {
    let done = command.output().context("there is no program `tar`: GNU tar is needed, and gzip")?;
    if !done.status.success() {
        bail!("tar failed: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(())
}
