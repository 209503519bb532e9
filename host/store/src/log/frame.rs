// SPDX-License-Identifier: Apache-2.0
//! How records lie in a segment. Numbers are big-endian.
//!
//! A segment begins with a head (`head.rs`). Then come batches; where the next one would begin there are zeros, or nothing. A
//! batch is: how many entries (4 bytes), how many bytes they take (4), SHA-256 over these two numbers and the hashes of
//! the entries (32), and the entries. An entry is: its length (4 bytes), its hash (32), its bytes. The hash of an entry
//! is that of a leaf in a Merkle tree, SHA-256 over a zero byte and the bytes (RFC 6962, section 2.1).
//!
//! So a batch that a crash cut short is told from a whole one, and a record that was changed from the one that was
//! written.

use paasla_core::Entry;
use sha2::{Digest as _, Sha256};

/// Bytes before the entries of a batch, and before the bytes of an entry.
pub(crate) const BATCH_HEAD: usize = 4 + 4 + HASH;
pub(crate) const ENTRY_HEAD: usize = 4 + HASH;

/// The most bytes of one record.
pub(crate) const ENTRY_MAX: usize = 16 << 20;

const HASH: usize = 32;

/// What is said of a batch before its entries.
pub(crate) struct BatchHead {
    pub(crate) entries: u32,
    pub(crate) bytes: u32,
    pub(crate) check: [u8; HASH],
}

/// What is said of an entry before its bytes.
pub(crate) struct EntryHead {
    pub(crate) bytes: u32,
    hash: [u8; HASH],
}

/// Writes a batch into a buffer, which is emptied first. The entries must be few and short enough for 32 bits.
pub(crate) fn batch(entries: &[Entry], into: &mut Vec<u8>) {
    into.clear();
    into.resize(BATCH_HEAD, 0);
    let mut check = Sha256::new();
    let length: usize = entries.iter().map(|entry| ENTRY_HEAD + entry.bytes().len()).sum();
    let numbers = [number(entries.len()), number(length)].concat();
    check.update(&numbers);
    into.reserve(length);
    for entry in entries {
        let hash = leaf(entry.bytes());
        check.update(hash);
        into.extend_from_slice(&number(entry.bytes().len()));
        into.extend_from_slice(&hash);
        into.extend_from_slice(entry.bytes());
    }
    let head = numbers.iter().copied().chain(check.finalize());
    for (place, byte) in into.iter_mut().zip(head) {
        *place = byte;
    }
}

impl BatchHead {
    /// None when there is none.
    pub(crate) fn read(bytes: &[u8; BATCH_HEAD]) -> Option<Self> {
        let (entries, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let check = *rest.first_chunk()?;
        let head = Self { entries: u32::from_be_bytes(*entries), bytes: u32::from_be_bytes(*length), check };
        (head.entries > 0).then_some(head)
    }

    /// The entries, each with where it begins; none unless all are as they were written.
    pub(crate) fn entries<'b>(&self, bytes: &'b [u8]) -> Option<Vec<(usize, &'b [u8])>> {
        let mut check = Sha256::new();
        check.update(self.entries.to_be_bytes());
        check.update(self.bytes.to_be_bytes());
        let (mut entries, mut rest) = (Vec::new(), bytes);
        while let Some((head, after)) = rest.split_first_chunk() {
            let head = EntryHead::read(head)?;
            let (entry, after) = after.split_at_checked(usize::try_from(head.bytes).ok()?)?;
            check.update(head.hash);
            if !head.is_of(entry) {
                return None;
            }
            entries.push((bytes.len() - rest.len(), entry));
            rest = after;
        }
        let is_whole = rest.is_empty() && entries.len() == usize::try_from(self.entries).ok()?;
        (is_whole && check.finalize()[..] == self.check).then_some(entries)
    }
}

impl EntryHead {
    pub(crate) fn read(bytes: &[u8; ENTRY_HEAD]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        Some(Self { bytes: u32::from_be_bytes(*length), hash: *rest.first_chunk()? })
    }

    /// Whether these are the bytes that were written.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        leaf(bytes) == self.hash
    }
}

fn leaf(bytes: &[u8]) -> [u8; HASH] {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(bytes);
    hash.finalize().into()
}

fn number(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes()
}
