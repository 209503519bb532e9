// SPDX-License-Identifier: Apache-2.0
//! The health of a store: whether it could do its work now.

use crate::error::StoreError;

/// What a look at a store found.
#[derive(Debug)]
pub struct StoreHealth {
    /// Whether control data can be read.
    pub control: Result<(), StoreError>,
    /// Whether records can be written.
    pub records: Result<(), StoreError>,
    /// How many bytes are free where records are; none when the system does not know.
    pub free_bytes: Option<u64>,
}
