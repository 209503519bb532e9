// SPDX-License-Identifier: Apache-2.0
//! `paasla restore`: a backup, put where there is no store yet.

use std::{
    fs::{self, DirBuilder, File},
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use crate::{
    backup::manifest::{DATABASE, Manifest, RECORDS, SECRET},
    config::Config,
    failure::{Failure, Kind},
    files::{folder_of, read},
    out::out,
};

/// What to restore, and where to.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder that `paasla backup` made.
    folder: PathBuf,
    /// The configuration of the host that is to have it. There must be no control database and no records yet.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Restore) -> Result<()> {
    let config = Config::read(&arguments.config)?;
    let (backup, database) = (&arguments.folder, &config.store.database);
    let manifest = Manifest::read(backup)?;
    let records = beside(database, "-records");
    for taken in [database.clone(), beside(database, "-wal"), beside(database, "-shm"), records.clone()] {
        if fs::symlink_metadata(&taken).is_ok() {
            return Err(in_the_way(format!(
                "{} is there already, and nothing is overwritten",
                taken.display()
            )));
        }
    }
    let secret = Secret { from: backup.join(SECRET), to: config.secrets.file.clone() };
    let secret = manifest.has(SECRET).then_some(secret);
    secret.as_ref().map(Secret::check).transpose()?;
    // Under other names until all of it is there and as it was.
    let fresh =
        Fresh { database: beside(database, ".restoring"), records: beside(database, "-records.restoring") };
    fresh.copy(backup, &manifest)?;
    if let Some(secret) = &secret {
        secret.put(&manifest, backup)?;
    }
    if fresh.records.is_dir() {
        fs::rename(&fresh.records, &records)?;
    }
    fs::rename(&fresh.database, database)?;
    File::open(folder_of(database))?.sync_all()?;
    let mut out = out();
    let (segments, has_secret) = (manifest.segments(), config.secrets.file.is_file());
    if arguments.json {
        writeln!(
            out,
            "{}",
            json!({ "database": database.display().to_string(), "segments": segments, "secret": has_secret })
        )?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: control database and {segments} files of records, as they were when the backup was made.",
        database.display()
    )?;
    if !has_secret {
        let secret = config.secrets.file.display();
        writeln!(out, "The secret is not in the backup: put it at {secret} before the host is started.")?;
    }
    Ok(())
}

fn in_the_way(what: String) -> anyhow::Error {
    Failure::new(Kind::Conflict, what).remedy("move it away first").into()
}

/// A secret in a backup, and where the host has its own.
struct Secret {
    from: PathBuf,
    to: PathBuf,
}

impl Secret {
    /// Where there is a secret it must be the same.
    fn check(&self) -> Result<()> {
        if self.to.exists() && read(&self.to)?.trim_ascii() != read(&self.from)?.trim_ascii() {
            let what = format!("{} is another secret than the one in the backup", self.to.display());
            return Err(in_the_way(what));
        }
        Ok(())
    }

    fn put(&self, manifest: &Manifest, backup: &Path) -> Result<()> {
        let entry = manifest.files.iter().find(|entry| entry.name == SECRET);
        match entry.filter(|_| !self.to.exists()) {
            Some(entry) => entry.copy(backup, &self.to),
            None => Ok(()),
        }
    }
}

/// What is copied, as long as not all of it is there. Goes when this is dropped before that.
struct Fresh {
    database: PathBuf,
    records: PathBuf,
}

impl Fresh {
    fn copy(&self, backup: &Path, manifest: &Manifest) -> Result<()> {
        self.remove();
        if backup.join(RECORDS).is_dir() {
            let made = DirBuilder::new().mode(0o700).create(&self.records);
            made.with_context(|| format!("{} could not be made", self.records.display()))?;
        }
        for entry in &manifest.files {
            match entry.name.strip_prefix(RECORDS) {
                Some(name) => entry.copy(backup, &self.records.join(name.trim_start_matches('/')))?,
                None if entry.name == DATABASE => entry.copy(backup, &self.database)?,
                None => {}
            }
        }
        if self.records.is_dir() {
            File::open(&self.records)?.sync_all()?;
        }
        Ok(())
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.database);
        let _ = fs::remove_dir_all(&self.records);
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.remove();
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
