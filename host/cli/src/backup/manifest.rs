// SPDX-License-Identifier: Apache-2.0
//! What is in a backup: every file with its length and its digest. It is written last, so a backup without it is none.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    failure::{Kind, invalid, of_kind},
    files::read_text,
};

/// Names in a backup.
pub(crate) const DATABASE: &str = "control.sqlite";
pub(crate) const RECORDS: &str = "records";
pub(crate) const SECRET: &str = "secret.hex";
const MANIFEST: &str = "manifest.json";

const FORMAT: u32 = 1;

/// How much is copied at a time.
const PART: usize = 1 << 20;

/// See [`self`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Manifest {
    format: u32,
    /// When it was made (RFC 3339).
    made: String,
    /// Which program made it.
    program: String,
    pub(crate) files: Vec<Entry>,
}

/// One file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Entry {
    /// Below the folder, with `/` between.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Lower-case hex.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Of what is in a folder.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let mut names = vec![DATABASE.to_owned()];
        names.extend(folder.join(SECRET).is_file().then(|| SECRET.to_owned()));
        let records = folder.join(RECORDS);
        if records.is_dir() {
            for entry in fs::read_dir(&records)? {
                names.push(format!("{RECORDS}/{}", entry?.file_name().to_string_lossy()));
            }
        }
        names.sort();
        let entry = |name: String| -> Result<Entry> {
            let mut file = File::open(folder.join(&name))?;
            let (bytes, sha256) = pass(&mut file, &mut io::sink())?;
            Ok(Entry { name, bytes, sha256 })
        };
        Ok(Self {
            format: FORMAT,
            made: jiff::Timestamp::now().to_string(),
            program: format!("paasla {}", env!("CARGO_PKG_VERSION")),
            files: names.into_iter().map(entry).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let mut file = new(&folder.join(MANIFEST))?;
        file.write_all(text.as_bytes())?;
        Ok(file.sync_all()?)
    }

    /// Of a backup.
    ///
    /// # Errors
    /// When it is none, or of a newer program, or there are other files in it than it says.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(MANIFEST);
        let text = read_text(&file).with_context(|| format!("{} is no backup", folder.display()))?;
        let manifest: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is wrong", file.display()))
            .map_err(of_kind(Kind::Invalid))?;
        if manifest.format != FORMAT {
            return Err(invalid(format!(
                "the backup has the format {}, and this program knows {FORMAT}",
                manifest.format
            )));
        }
        for Entry { name, .. } in &manifest.files {
            let record = name.strip_prefix(RECORDS).and_then(|rest| rest.strip_prefix('/'));
            let is_record = record.is_some_and(|name| name.ends_with(".log") && !name.contains('/'));
            if !is_record && ![DATABASE, SECRET].contains(&name.as_str()) {
                return Err(invalid(format!("{} names `{name}`, which is in no backup", file.display())));
            }
        }
        if !manifest.has(DATABASE) {
            return Err(invalid(format!("{} names no {DATABASE}", file.display())));
        }
        let records = folder.join(RECORDS);
        for entry in records.is_dir().then(|| fs::read_dir(&records)).transpose()?.into_iter().flatten() {
            let name = format!("{RECORDS}/{}", entry?.file_name().to_string_lossy());
            if !manifest.has(&name) {
                return Err(invalid(format!("{name} is in the backup, and its manifest does not know it")));
            }
        }
        Ok(manifest)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.iter().any(|entry| entry.name == name)
    }

    /// How many files of records.
    pub(crate) fn segments(&self) -> usize {
        self.files.iter().filter(|entry| entry.name.starts_with(RECORDS)).count()
    }

    /// Of all files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }
}

impl Entry {
    /// Copies the file out of a backup to a place where there is none.
    ///
    /// # Errors
    /// When it is not as it was when the backup was made, or cannot be written.
    pub(crate) fn copy(&self, backup: &Path, to: &Path) -> Result<()> {
        let from = backup.join(&self.name);
        let told = || format!("{} could not be copied to {}", from.display(), to.display());
        let (bytes, sha256) = copy(&from, to).with_context(told)?;
        if bytes != self.bytes || sha256 != self.sha256 {
            return Err(invalid(format!(
                "{} is not as it was when the backup was made: it has {bytes} bytes with the digest {sha256}, and had {} \
                 with {}",
                from.display(),
                self.bytes,
                self.sha256
            )));
        }
        Ok(())
    }
}

/// Copies a file to a place where there is none, readable by its owner only; gives its length and digest.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(u64, String)> {
    let mut copy = new(to)?;
    let told = pass(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()?;
    Ok(told)
}

fn new(file: &Path) -> Result<File> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    opened.with_context(|| format!("{} could not be made", file.display()))
}

/// Reads a file to its end into another; gives its length and its digest.
fn pass(from: &mut File, to: &mut impl io::Write) -> Result<(u64, String)> {
    let (mut bytes, mut digest, mut part) = (0, Sha256::new(), vec![0; PART]);
    loop {
        let read = from.read(&mut part)?;
        let Some(part) = part.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        to.write_all(part)?;
        bytes += read as u64;
    }
    Ok((bytes, hex::encode(digest.finalize())))
}
