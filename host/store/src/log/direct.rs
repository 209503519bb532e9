// SPDX-License-Identifier: Apache-2.0
//! A short way to the disk: past the system's own memory of the file (`O_DIRECT`), in one call that returns when a batch is
//! on the disk (`O_DSYNC`).
//!
//! A disk is written in blocks. So the block in which the last batch ended is written again with the next one behind it,
//! and what the next one leaves of its last block is written as the zeros that are there already.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::OFlags;

use super::file_id::FileId;

/// In bytes: what every disk takes, in the file and in memory. One that wants more says so, and is written to the long way.
const BLOCK: usize = 4 << 10;

/// The way to one file.
pub(crate) struct Direct {
    file: File,
    /// From `start` on, the begun block in which the file ends. Never longer than its capacity: it must stay where it is.
    buffer: Vec<u8>,
    /// The first byte whose address is one of a block.
    start: usize,
}

impl Direct {
    /// The way to a file that holds these bytes so far, less than a block, for batches up to so many bytes. None where the
    /// file system has no such way.
    pub(crate) fn open(path: &Path, held: &[u8], longest: usize) -> Option<Self> {
        let flags = OFlags::DIRECT | OFlags::DSYNC | OFlags::NOFOLLOW;
        let file = File::options().write(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
        let mut buffer: Vec<u8> = Vec::with_capacity(longest + 3 * BLOCK);
        let start = buffer.as_ptr().align_offset(BLOCK);
        buffer.resize(start, 0);
        buffer.extend_from_slice(held);
        Some(Self { file, buffer, start })
    }

    pub(crate) fn leads_to(&self, file_id: FileId) -> bool {
        FileId::of(&self.file).is_ok_and(|own| own == file_id)
    }

    /// Up to where the disk is written for a batch of so many bytes that begins at `at`.
    pub(crate) fn end(at: u64, bytes: usize) -> u64 {
        (at + bytes as u64).next_multiple_of(BLOCK as u64)
    }

    /// Writes a batch at `at`, up to where the file was written so far. From there to [`Direct::end`] there are zeros on the
    /// disk, or nothing: then the file ends there afterwards.
    ///
    /// # Errors
    /// `InvalidInput` when the disk takes no such writes; then nothing was written. Otherwise nobody knows what was.
    pub(crate) fn write(&mut self, batch: &[u8], at: u64) -> io::Result<()> {
        let begun = self.buffer.len() - self.start;
        let length = (begun + batch.len()).next_multiple_of(BLOCK);
        if self.start + length > self.buffer.capacity() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.buffer.extend_from_slice(batch);
        let end = self.buffer.len();
        self.buffer.resize(self.start + length, 0);
        let blocks = self.buffer.get(self.start..).unwrap_or_default();
        loop {
            match self.file.write_at(blocks, at - begun as u64) {
                Ok(written) if written == length => break,
                Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(end);
        self.forget_whole_blocks();
        Ok(())
    }

    /// Takes note of what was written another way.
    pub(crate) fn follow(&mut self, batch: &[u8]) {
        let begun = self.buffer.len() - self.start;
        // Of a batch that ends in a later block only what is in that is needed.
        let own = if begun + batch.len() < BLOCK { batch.len() } else { (begun + batch.len()) % BLOCK };
        if own < batch.len() {
            self.buffer.truncate(self.start);
        }
        self.buffer.extend_from_slice(batch.get(batch.len() - own..).unwrap_or_default());
    }

    /// Moves what was begun of the last block to the front.
    fn forget_whole_blocks(&mut self) {
        let whole = (self.buffer.len() - self.start) / BLOCK * BLOCK;
        self.buffer.drain(self.start..self.start + whole);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    const LONGEST: usize = 3 * BLOCK;

    proptest! {
        /// Whichever way each batch takes, the file holds all of them and zeros behind, or ends in the block of the last.
        #[test]
        fn the_file_holds_what_was_written(
            held in 0..BLOCK,
            has_zeros in any::<bool>(),
            batches in vec((prop_oneof![1..200_usize, 1..=LONGEST, Just(BLOCK), Just(2 * BLOCK)], any::<bool>()), 1..20),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let length = (BLOCK + 20 * LONGEST).next_multiple_of(BLOCK);
            let mut expected = vec![b'h'; held];
            expected.resize(length, 0);
            fs::write(&path, expected.get(..if has_zeros { length } else { held }).unwrap()).unwrap();
            let direct = Direct::open(&path, expected.get(..held).unwrap(), LONGEST);
            let mut direct = direct.expect("TMPDIR is on a file system without O_DIRECT: choose another one");
            let file = File::options().write(true).open(&path).unwrap();
            let mut at = held;
            for (nth, (bytes, is_direct)) in batches.into_iter().enumerate() {
                let batch: Vec<u8> = (0..bytes).map(|n| u8::try_from((nth + n) % 255 + 1).unwrap()).collect();
                if is_direct {
                    direct.write(&batch, at as u64).unwrap();
                } else {
                    file.write_all_at(&batch, at as u64).unwrap();
                    direct.follow(&batch);
                }
                expected.get_mut(at..at + bytes).unwrap().copy_from_slice(&batch);
                at += bytes;
                let read = fs::read(&path).unwrap();
                let end = if has_zeros { length..=length } else { at..=at.next_multiple_of(BLOCK) };
                prop_assert!(end.contains(&read.len()), "{} bytes, of which {at} were written", read.len());
                prop_assert!(read == *expected.get(..read.len()).unwrap());
            }
        }
    }

    #[test]
    fn what_is_too_long_for_it_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![0; 8 * BLOCK]).unwrap();
        let mut direct = Direct::open(&path, &[], BLOCK).unwrap();
        let error = direct.write(&vec![1; 5 * BLOCK], 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(fs::read(&path).unwrap(), vec![0; 8 * BLOCK]);
    }
}
