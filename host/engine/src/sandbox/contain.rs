// SPDX-License-Identifier: Apache-2.0
//! Panics of the host's own code, kept from ending more than the work that they came from.

use std::panic::AssertUnwindSafe;

/// Contains a panic of work on an author's bytes.
///
/// # Errors
/// What the panic said.
pub(crate) fn contained<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
        said.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "it did not say why".to_owned())
    })
}
