// SPDX-License-Identifier: Apache-2.0
//! A rule: an author's component, checked and described.

use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

use super::compile::Form;
use crate::{interface::about::About, policy::settings::Schema, sandbox::program::Program};

/// A rule: checked and described, and compiled when that is needed. Cheap to clone.
#[derive(Clone)]
pub struct Rule {
    /// SHA-256 of the component's bytes, lower-case hex.
    pub digest: String,
    /// What it says of itself.
    pub about: Arc<About>,
    /// What its settings are checked against.
    pub(crate) schema: Arc<Schema>,
    pub(crate) bytes: Arc<[u8]>,
    pub(super) prepared: Arc<OnceLock<Prepared>>,
}

/// A rule's code before any settings.
pub(crate) struct Prepared {
    pub(crate) program: Program,
    pub(crate) form: Form,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule")
            .field("digest", &self.digest)
            .field("name", &self.about.name)
            .finish_non_exhaustive()
    }
}

/// The digest that names a rule: SHA-256 of its bytes, lower-case hex.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
