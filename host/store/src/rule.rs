// SPDX-License-Identifier: Apache-2.0
//! Rules as they are stored: named by the digest of their bytes.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::error::StoreError;

/// A rule with its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRule {
    /// SHA-256 of the bytes, as lower-case hex.
    pub digest: String,
    /// The WASM component.
    pub bytes: Vec<u8>,
    /// Its name, as it describes itself.
    pub name: String,
    /// Its version, as it describes itself.
    pub version: String,
    /// One line on what it does, as it describes itself.
    pub summary: String,
}

/// A rule without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// SHA-256 of the bytes, as lower-case hex.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line on what it does.
    pub summary: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was stored: milliseconds since 1970-01-01T00:00:00Z.
    pub stored_at: i64,
}

impl StoredRule {
    /// Checks that the digest names the bytes.
    ///
    /// # Errors
    /// [`StoreError::WrongDigest`] when it does not.
    pub fn check(&self) -> Result<(), StoreError> {
        let actual = digest(&self.bytes);
        if actual == self.digest {
            Ok(())
        } else {
            Err(StoreError::WrongDigest { stated: self.digest.clone(), actual })
        }
    }
}

impl fmt::Debug for StoredRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRule")
            .field("digest", &self.digest)
            .field("name", &self.name)
            .field("version", &self.version)
            .field("size", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// SHA-256 as lower-case hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
