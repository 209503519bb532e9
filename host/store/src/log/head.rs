// SPDX-License-Identifier: Apache-2.0
//! What a segment begins with: which one it is, and which one was before it. So a segment that lies under another's name,
//! or is there twice, is told from the one that was written there.
//!
//! A head is: [`MAGIC`] (16 bytes), the segment's number (4, big-endian), its id (16), the id of the segment before it (16,
//! zeros where there is none), and of SHA-256 over all this the first 12 bytes. Segments of the first version have
//! [`MAGIC_1`] alone; their id is the beginning of the first batch's hash.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use sha2::{Digest as _, Sha256};

use super::{
    frame::{BATCH_HEAD, BatchHead},
    reader::Reader,
};

/// What every segment begins with; its version is the last byte.
const MAGIC: [u8; 16] = *b"paasla records 2";
const MAGIC_1: [u8; 16] = *b"paasla records 1";

/// Bytes of a head.
pub(crate) const HEAD: usize = 64;

/// Where the first batch begins: in a segment of the newest version, and in one of the first.
pub(crate) const FIRST: u64 = HEAD as u64;
const FIRST_1: u64 = MAGIC_1.len() as u64;

/// What no other segment has.
pub(crate) type Id = [u8; 16];

/// See [`self`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: u32,
    pub(crate) id: Id,
    pub(crate) before: Option<Id>,
}

/// How a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Too short for a head, or zeros: it was made, and nothing more.
    Empty,
    /// As a segment of the first version, whose id its first batch gives.
    First(Option<Id>),
    Head(Head),
    /// As no segment does.
    Damaged,
}

impl Head {
    /// Of a new segment.
    pub(crate) fn new(number: u32, before: Option<Id>) -> io::Result<Self> {
        let mut id = Id::default();
        getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { number, id, before })
    }

    pub(crate) fn bytes(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let parts =
            [&MAGIC[..], &self.number.to_be_bytes(), &self.id, &self.before.unwrap_or_default()].concat();
        let check = Sha256::digest(&parts);
        for (place, byte) in bytes.iter_mut().zip(parts.iter().chain(check.iter())) {
            *place = *byte;
        }
        bytes
    }

    fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let (number, rest) = bytes.strip_prefix(&MAGIC)?.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let before: Id = *rest.first_chunk()?;
        let head = Self {
            number: u32::from_be_bytes(*number),
            id: *id,
            before: (before != Id::default()).then_some(before),
        };
        (head.bytes() == *bytes).then_some(head)
    }
}

impl Start {
    /// Reads how a file of so many bytes begins.
    pub(crate) fn read(file: &File, length: u64) -> io::Result<Self> {
        let mut magic = MAGIC_1;
        if length < FIRST_1 {
            return Ok(Self::Empty);
        }
        file.read_exact_at(&mut magic, 0)?;
        if magic == MAGIC_1 {
            return Ok(Self::First(first_batch(file, length)?));
        }
        let mut bytes = [0; HEAD];
        if length >= FIRST {
            file.read_exact_at(&mut bytes, 0)?;
        }
        let is_zeros = magic.iter().chain(&bytes).all(|byte| *byte == 0);
        Ok(match Head::read(&bytes) {
            Some(head) => Self::Head(head),
            // A head is on the disk before anything behind it is written.
            None if length < FIRST || (is_zeros && length == FIRST) => Self::Empty,
            None => Self::Damaged,
        })
    }

    /// Where the first batch begins.
    pub(crate) fn first(&self) -> u64 {
        match self {
            Self::Head(_) => FIRST,
            Self::First(_) => FIRST_1,
            Self::Empty | Self::Damaged => 0,
        }
    }

    pub(crate) fn id(&self) -> Option<Id> {
        match self {
            Self::Head(head) => Some(head.id),
            Self::First(id) => *id,
            Self::Empty | Self::Damaged => None,
        }
    }
}

/// The id that the first batch of a segment of the first version gives, if it is as it was written.
fn first_batch(file: &File, length: u64) -> io::Result<Option<Id>> {
    if (Reader { file, length }).batch(FIRST_1, &mut |_, _| {})?.is_none() {
        return Ok(None);
    }
    let mut head = [0; BATCH_HEAD];
    file.read_exact_at(&mut head, FIRST_1)?;
    Ok(BatchHead::read(&head).and_then(|head| head.check.first_chunk().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written_and_not_otherwise() {
        for before in [None, Some([7; 16])] {
            let head = Head::new(5, before).unwrap();
            assert_eq!(Head::read(&head.bytes()), Some(head));
            for bit in 0..8 * HEAD {
                let mut bytes = head.bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Head::read(&bytes), None, "bit {bit}");
            }
        }
    }
}
