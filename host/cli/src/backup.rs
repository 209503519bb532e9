// SPDX-License-Identifier: Apache-2.0
//! `paasla backup`: the store of a host, at work or not, in a folder of its own.

pub(crate) mod manifest;

use std::{
    fs::{self, DirBuilder},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use paasla_store::sqlite::backup::copy;
use serde_json::json;

use self::manifest::{DATABASE, Manifest, RECORDS, SECRET};
use crate::{
    config::Config,
    failure::{Failure, Kind, not_found},
    files::folder_of,
    out::out,
};

/// What to copy, and where to.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder to make. If it is there it must be empty.
    folder: PathBuf,
    /// The configuration of the host.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// Copy the secret as well. Whoever has both can undo pseudonyms and find out whom records are about.
    #[arg(long)]
    with_secret: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Backup) -> Result<()> {
    let config = Config::read(&arguments.config)?;
    let folder = &arguments.folder;
    let made = make(folder)?;
    let manifest = back_up(&config, folder, arguments.with_secret).inspect_err(|_| {
        // What is half there is no backup.
        for name in [DATABASE, SECRET] {
            let _ = fs::remove_file(folder.join(name));
        }
        let _ = fs::remove_dir_all(folder.join(RECORDS));
        if made {
            let _ = fs::remove_dir(folder);
        }
    })?;
    let (segments, bytes) = (manifest.segments(), manifest.bytes());
    let mut out = out();
    if arguments.json {
        let told = json!({ "folder": folder.display().to_string(), "segments": segments, "bytes": bytes, "secret": arguments.with_secret });
        writeln!(out, "{told}")?;
        return Ok(());
    }
    writeln!(out, "{}: control database and {segments} files of records, {bytes} bytes.", folder.display())?;
    if arguments.with_secret {
        writeln!(out, "The secret is in it: keep it as the secret is kept.")?;
    } else {
        let secret = config.secrets.file.display();
        writeln!(
            out,
            "The secret {secret} is not in it: keep a copy elsewhere, nothing can take its place."
        )?;
    }
    Ok(())
}

/// Makes the folder; false when it is there already, and empty.
fn make(folder: &Path) -> Result<bool> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut entries =
                fs::read_dir(folder).with_context(|| format!("{} is no folder", folder.display()))?;
            if entries.next().is_some() {
                let what = format!("{} is not empty", folder.display());
                return Err(Failure::new(Kind::Conflict, what)
                    .remedy("give a backup a folder of its own")
                    .into());
            }
            Ok(false)
        }
        Err(error) => Err(error).with_context(|| format!("{} could not be made", folder.display())),
    }
}

fn back_up(config: &Config, folder: &Path, with_secret: bool) -> Result<Manifest> {
    let database = &config.store.database;
    if !database.is_file() {
        return Err(not_found(format!("there is no store at {}", database.display())));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let copied = runtime.block_on(copy(database, &folder.join(DATABASE), &folder.join(RECORDS)));
    copied.with_context(|| format!("the store {} could not be copied", database.display()))?;
    if with_secret {
        let from = &config.secrets.file;
        manifest::copy(from, &folder.join(SECRET))
            .with_context(|| format!("the secret {} could not be copied", from.display()))?;
    }
    let manifest = Manifest::of(folder)?;
    manifest.write(folder)?;
    fs::File::open(folder)?.sync_all()?;
    fs::File::open(folder_of(folder))?.sync_all()?;
    Ok(manifest)
}
