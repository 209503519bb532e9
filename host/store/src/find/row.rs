// SPDX-License-Identifier: Apache-2.0
//! What an index holds, as bytes of a fixed length. Numbers are big-endian.

use paasla_core::Outcome;
use sha2::{Digest as _, Sha256};

use crate::log::Place;

/// What an id or a person is found by: 16 bytes of SHA-256, since the whole would only take more room. What records
/// hold of a person is itself a keyed hash.
pub(crate) type Key = [u8; 16];

/// The key of an id, or of what records hold of a person.
pub(crate) fn key(text: &str) -> Key {
    let mut key = Key::default();
    for (place, byte) in key.iter_mut().zip(Sha256::digest(text)) {
        *place = byte;
    }
    key
}

/// Something of a fixed length.
pub(crate) trait Item: Copy {
    /// How many bytes it takes.
    const BYTES: usize;

    fn put(&self, into: &mut Vec<u8>);

    /// Out of so many bytes; none where they are no such thing.
    fn get(bytes: &[u8]) -> Option<Self>;
}

/// One record. In the order of rows, the newest is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) instant: i64,
    pub(crate) place: Place,
    /// The client's number among the names of its index.
    pub(crate) client: u32,
    /// The service's number plus one; 0 where there is none.
    pub(crate) service: u32,
    pub(crate) outcome: u8,
}

/// A row that has something: in the order of lists, all rows that have it stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listed<K> {
    pub(crate) what: K,
    pub(crate) row: u32,
}

/// The number of an outcome.
pub(crate) fn outcome_number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Answered => 0,
        Outcome::Refused => 1,
        Outcome::Invalid => 2,
        Outcome::Failed => 3,
    }
}

macro_rules! number {
    ($($number:ty)*) => {$(
        impl Item for $number {
            const BYTES: usize = size_of::<Self>();

            fn put(&self, into: &mut Vec<u8>) {
                into.extend(self.to_be_bytes());
            }

            fn get(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().copied().map(Self::from_be_bytes)
            }
        }
    )*};
}

number!(u8 u32 u64 i64);

impl Item for Key {
    const BYTES: usize = 16;

    fn put(&self, into: &mut Vec<u8>) {
        into.extend(self);
    }

    fn get(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied()
    }
}

impl Item for Row {
    const BYTES: usize = 8 + 4 + 4 + 4 + 4 + 1;

    fn put(&self, into: &mut Vec<u8>) {
        self.instant.put(into);
        for number in [self.place.segment, self.place.offset, self.client, self.service] {
            number.put(into);
        }
        self.outcome.put(into);
    }

    fn get(bytes: &[u8]) -> Option<Self> {
        let (instant, rest) = bytes.split_at_checked(8)?;
        let number = |nth: usize| rest.get(4 * nth..).and_then(u32::get);
        Some(Self {
            instant: i64::get(instant)?,
            place: Place { segment: number(0)?, offset: number(1)? },
            client: number(2)?,
            service: number(3)?,
            outcome: *rest.get(16)?,
        })
    }
}

impl<K: Item> Item for Listed<K> {
    const BYTES: usize = K::BYTES + 4;

    fn put(&self, into: &mut Vec<u8>) {
        self.what.put(into);
        self.row.put(into);
    }

    fn get(bytes: &[u8]) -> Option<Self> {
        let (what, row) = bytes.split_at_checked(K::BYTES)?;
        Some(Self { what: K::get(what)?, row: u32::get(row)? })
    }
}
