// SPDX-License-Identifier: Apache-2.0
//! Faults of the folder of records.

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

/// Something in the folder of records is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFault {
    /// The segments: the numbers in the names of their files.
    pub segments: RangeInclusive<u32>,
    /// What is wrong with them.
    pub kind: FaultKind,
}

/// See [`LogFault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// Their files are not there.
    Missing,
    /// The file is shorter than it was.
    Shortened {
        /// How many bytes it has.
        length: u64,
        /// How many it had at least.
        noted: u64,
    },
    /// Bytes of it are not as they were written. What is behind them is.
    Changed {
        /// The first byte of the part.
        from: u64,
        /// The first byte behind it.
        to: u64,
    },
    /// The file is that of another segment, which is there as well.
    Copy {
        /// The other.
        of: u32,
    },
    /// The file is that of another segment, which is not at its own place.
    Misplaced {
        /// The other.
        is: u32,
    },
    /// The file is not the one that was there.
    Replaced,
    /// No segment can come after it.
    Last,
    /// A link, a folder or something else that is no file has its name.
    NoFile,
}

impl LogFault {
    /// Whether records are lost, which can be accepted. What is no loss is put right by moving files.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self.kind, FaultKind::Missing | FaultKind::Shortened { .. } | FaultKind::Changed { .. })
    }
}

impl fmt::Display for LogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.segments.start(), self.segments.end());
        if first == last {
            write!(f, "{first:010}.log ")?;
        } else {
            write!(f, "{first:010}.log to {last:010}.log ")?;
        }
        match self.kind {
            FaultKind::Missing if first == last => write!(f, "is missing"),
            FaultKind::Missing => write!(f, "are missing"),
            FaultKind::Shortened { length, noted } => {
                write!(f, "has {length} bytes, of at least {noted} that it had")
            }
            FaultKind::Changed { from, to } => {
                write!(f, "was changed: bytes {from} to {to} are not as they were written")
            }
            FaultKind::Copy { of } => write!(f, "is a copy of {of:010}.log: take it away"),
            FaultKind::Misplaced { is } => {
                write!(f, "is segment {is} under another name: name it {is:010}.log again")
            }
            FaultKind::Replaced => {
                write!(f, "is not the file that was there: put that one back, or take this one away")
            }
            FaultKind::NoFile => {
                write!(
                    f,
                    "is a link, a folder or something else, and no file: put the file itself there, or take this away"
                )
            }
            FaultKind::Last => write!(f, "leaves no number for the next: take it away"),
        }
    }
}
