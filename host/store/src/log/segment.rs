// SPDX-License-Identifier: Apache-2.0
//! One file of a log, by whom it is written.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::PathBuf};

use cap_std::fs::{OpenOptions, OpenOptionsExt as _};

use super::{
    direct::Direct,
    file_id::FileId,
    folder::{Folder, Making, name, numbers, sync, within},
    head::{FIRST, Head, Start},
};

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
    file_id: FileId,
    length: u64,
    written: u64,
    /// Up to where there are zeros on the disk; at least `written`.
    zeroed: u64,
    /// The short way to the disk, where there is one.
    direct: Option<Direct>,
}

impl Segment {
    /// Makes the next segment of a folder, which will have so many bytes. Its number is above that of all there ever were.
    /// When it cannot be made whole, nothing is left of it.
    pub(crate) fn make(of: &Folder, length: u64) -> io::Result<Self> {
        let folder = &of.open()?;
        let _making = Making::begin(folder)?;
        let last = numbers(folder)?.last().copied().unwrap_or(0).max(of.above);
        let number = last.checked_add(1).ok_or_else(|| {
            io::Error::other(format!("there is no number above that of {}: take that file away", name(last)))
        })?;
        let before = folder.open(name(last)).map(cap_std::fs::File::into_std);
        let before = match before {
            Ok(file) => Start::read(&file, file.metadata()?.len()).map_err(within(last))?.id(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(within(last)(error)),
        };
        let head = Head::new(number, before)?.bytes();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = folder.open_with(name(number), &options)?.into_std();
        let made = (|| {
            // Before it has its first bytes: what has them and no lock is taken for one that does not grow.
            file.lock()?;
            file.write_all_at(&head, 0)?;
            file.sync_all()?;
            sync(folder)?;
            FileId::of(&file)
        })();
        let file_id = match made {
            Ok(file_id) => file_id,
            Err(error) => {
                let _ = folder.remove_file(name(number));
                return Err(error);
            }
        };
        let path = of.path.join(name(number));
        let direct = Direct::open(&path, &head, LONG).filter(|direct| direct.leads_to(file_id));
        Ok(Self { number, path, file, file_id, length, written: FIRST, zeroed: FIRST, direct })
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
        if FileId::at(&self.path)? != self.file_id {
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

    /// Cuts off what a write that failed has left. A segment with nothing else in it goes, unless there is one behind it.
    pub(crate) fn give_up(self, folder: &Folder) -> io::Result<()> {
        if self.written > FIRST {
            self.file.set_len(self.written)?;
            return self.file.sync_all();
        }
        let folder = &folder.open()?;
        let _making = Making::begin(folder)?;
        let is_last = numbers(folder)?.last() == Some(&self.number);
        let name = name(self.number);
        if is_last && FileId::within(folder, &name)? == self.file_id {
            folder.remove_file(&name)?;
            sync(folder)?;
        }
        Ok(())
    }
}

/// How long a segment must be for a batch of so many bytes.
pub(crate) fn length_for(bytes: usize) -> u64 {
    FIRST + bytes as u64
}
