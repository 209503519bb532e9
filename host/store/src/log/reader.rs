// SPDX-License-Identifier: Apache-2.0
//! A segment, batch by batch.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::frame::{BATCH_HEAD, BatchHead};

/// How many bytes are looked at at a time for anything but zeros.
const PART: usize = 1 << 20;

/// The file of a segment, up to where it is read.
pub(crate) struct Reader<'f> {
    pub(crate) file: &'f File,
    pub(crate) length: u64,
}

impl Reader<'_> {
    /// Reads the entries of the batch that begins at `at`, and says where it ends. None when there is none, or not all of it.
    pub(crate) fn batch(&self, at: u64, each: &mut impl FnMut(u32, &[u8])) -> io::Result<Option<u64>> {
        let mut head = [0; BATCH_HEAD];
        let begins = at + BATCH_HEAD as u64;
        if begins > self.length {
            return Ok(None);
        }
        self.file.read_exact_at(&mut head, at)?;
        let Some(head) = BatchHead::read(&head) else { return Ok(None) };
        let end = begins + u64::from(head.bytes);
        if end > self.length || u32::try_from(end).is_err() {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(head.bytes).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, begins)?;
        let Some(found) = head.entries(&bytes) else { return Ok(None) };
        for (offset, entry) in found {
            each(u32::try_from(begins + offset as u64).unwrap_or(u32::MAX), entry);
        }
        Ok(Some(end))
    }

    /// Where the next whole batch begins, behind bytes at `at` that are none.
    ///
    /// No client can have one found in what it sent: records are JSON, which escapes the zero byte that the length of an
    /// entry begins with.
    pub(crate) fn behind(&self, at: u64) -> io::Result<Option<u64>> {
        if self.is_zeros(at)? {
            return Ok(None);
        }
        let mut rest = vec![0; usize::try_from(self.length.saturating_sub(at)).unwrap_or(0)];
        self.file.read_exact_at(&mut rest, at)?;
        let is_whole = |from: &usize| {
            let Some((head, behind)) = rest.get(*from..).and_then(|rest| rest.split_first_chunk()) else {
                return false;
            };
            let head = BatchHead::read(head);
            let bytes = |head: &BatchHead| behind.get(..usize::try_from(head.bytes).ok()?);
            head.is_some_and(|head| bytes(&head).is_some_and(|bytes| head.entries(bytes).is_some()))
        };
        Ok((1..rest.len().saturating_sub(BATCH_HEAD)).find(is_whole).map(|from| at + from as u64))
    }

    /// Whether there is nothing but zeros from `at` on.
    pub(crate) fn is_zeros(&self, at: u64) -> io::Result<bool> {
        let mut part = vec![0; PART];
        let mut from = at;
        while from < self.length {
            let most = usize::try_from(self.length - from).unwrap_or(PART).min(PART);
            let Some(part) = part.get_mut(..most) else { break };
            self.file.read_exact_at(part, from)?;
            if part.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            from += most as u64;
        }
        Ok(true)
    }
}
