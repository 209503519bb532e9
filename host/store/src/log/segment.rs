// SPDX-License-Identifier: Apache-2.0
//! One file of a log, by whom it is written.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt as _},
    path::{Path, PathBuf},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt as _},
};

use super::{direct::Direct, frame::MAGIC, identity::Identity};

/// Where the first batch begins.
pub(crate) const FIRST: u64 = MAGIC.len() as u64;

/// How many zeros are written at a time: the kernel keeps in one piece what was written in one, and counts all of it
/// whenever a part is changed.
const ZEROS: usize = 16 << 10;

/// How many zeros are written behind a batch, so that those that follow make no file longer.
const AHEAD: u64 = 1 << 20;

/// A batch that is longer is one of many records: how long the disk takes is shared by all of them, and zeros would only
/// be written twice.
const SHORT: usize = 32 << 10;

/// A batch that is longer takes the long way, so that nothing is kept for it.
const LONG: usize = 1 << 20;

/// A segment that this program writes to. Its lock is held as long as this is.
pub(crate) struct Segment {
    number: u32,
    path: PathBuf,
    file: File,
    identity: Identity,
    length: u64,
    written: u64,
    /// Up to where there are zeros on the disk; at least `written`.
    zeroed: u64,
    /// The short way to the disk, where there is one.
    direct: Option<Direct>,
}

impl Segment {
    /// Makes the next segment of a folder, which will have so many bytes.
    pub(crate) fn make(path: &Path, length: u64) -> io::Result<Self> {
        let folder = folder(path)?;
        let mut number = 1;
        for entry in folder.entries()? {
            let taken = entry?.file_name().to_str().and_then(number_of);
            number = number.max(taken.map_or(1, |taken| taken.saturating_add(1)));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = loop {
            match folder.open_with(name(number), &options) {
                Ok(file) => break file.into_std(),
                // Somebody else was quicker.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => {
                    number += 1
                }
                Err(error) => return Err(error),
            }
        };
        // Before it has its first bytes: what has them and no lock is taken for one that does not grow.
        file.lock()?;
        file.write_all_at(&MAGIC, 0)?;
        file.sync_all()?;
        // cap-std's own handle is for names only.
        File::open(path)?.sync_all()?;
        let identity = Identity::of(&file)?;
        let path = path.join(name(number));
        let direct = Direct::open(&path, &MAGIC, LONG).filter(|direct| direct.leads_to(identity));
        Ok(Self { number, path, file, identity, length, written: FIRST, zeroed: FIRST, direct })
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Up to where it is on the disk.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Whether a batch of so many bytes fits.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.length - self.written >= bytes as u64
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.written > self.length / 2
    }

    /// Writes a batch, which is on the disk when this returns. After an error nobody knows what is.
    pub(crate) fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        let end = self.written + batch.len() as u64;
        if !self.write_directly(batch)? {
            self.file.write_all_at(batch, self.written)?;
            if end > self.zeroed {
                // A disk that has no room for zeros may have some for records.
                let zeroed = if batch.len() <= SHORT { self.put_zeros(end).ok() } else { None };
                self.zeroed = zeroed.unwrap_or(end);
            }
            self.file.sync_data()?;
            if let Some(direct) = &mut self.direct {
                direct.follow(batch);
            }
        }
        // What was moved away or removed would take records along, and nobody would find them.
        if Identity::at(&self.path)? != self.identity {
            return Err(io::Error::new(io::ErrorKind::NotFound, "another file is where the segment was"));
        }
        self.written = end;
        Ok(())
    }

    /// Writes a batch the short way: a short one over zeros, a longer one also where the file ends. The kernel's own copy
    /// of it costs more than a longer file does, as many records share that. False where it cannot be.
    fn write_directly(&mut self, batch: &[u8]) -> io::Result<bool> {
        let end = Direct::end(self.written, batch.len());
        let fits = batch.len() <= LONG && (batch.len() > SHORT || end <= self.zeroed);
        let Some(direct) = self.direct.as_mut().filter(|_| fits) else { return Ok(false) };
        match direct.write(batch, self.written) {
            Ok(()) => {
                self.zeroed = self.zeroed.max(end);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.direct = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes zeros from `from` on, and says where they end.
    fn put_zeros(&self, from: u64) -> io::Result<u64> {
        let zeros = [0; ZEROS];
        let (mut at, end) = (from, (from + AHEAD).min(self.length));
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(ZEROS).min(ZEROS);
            self.file.write_all_at(zeros.get(..most).unwrap_or(&zeros), at)?;
            at += most as u64;
        }
        Ok(at)
    }

    /// Cuts off what was not used.
    pub(crate) fn end(self) -> io::Result<()> {
        self.file.set_len(self.written)
    }
}

/// How long a segment must be for a batch of so many bytes.
pub(crate) fn length_for(bytes: usize) -> u64 {
    FIRST + bytes as u64
}

/// Makes the folder if there is none, readable by its owner only.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {
            let around = path.parent().filter(|around| !around.as_os_str().is_empty());
            File::open(around.unwrap_or(Path::new(".")))?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder(path).map(drop),
        Err(error) => Err(error),
    }
}

pub(crate) fn folder(path: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(path, ambient_authority())
}

/// The name of the segment with this number.
pub(crate) fn name(number: u32) -> String {
    format!("{number:010}.log")
}

/// The number of the segment with this name.
pub(crate) fn number_of(name: &str) -> Option<u32> {
    name.strip_suffix(".log")?.parse().ok()
}
