// SPDX-License-Identifier: Apache-2.0
//! A small disk, to be filled.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// A file system of its own in memory, gone when this is dropped.
#[derive(Debug)]
pub struct Disk(TempDir);

impl Disk {
    /// A disk of so many MiB.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn new(mebibytes: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder.path())
            .output()
            .context("there is no program `mount`: install util-linux")?;
        ensure!(
            mount.status.success(),
            "no small disk could be mounted, which a real full disk needs: run the tests as root, in a container with \
             `--cap-add SYS_ADMIN`: {}",
            String::from_utf8_lossy(&mount.stderr).trim()
        );
        Ok(Self(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// When something else is in the way.
    pub fn fill(&self) -> Result<()> {
        let mut filler = File::options().append(true).create(true).open(self.filler())?;
        let mut step = 1 << 20;
        while step > 0 {
            match filler.write_all(&vec![0; step]) {
                Err(error) if error.kind() == ErrorKind::StorageFull => step /= 2,
                written => written?,
            }
        }
        Ok(())
    }

    /// Gives room again.
    ///
    /// # Errors
    /// When it cannot.
    pub fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
