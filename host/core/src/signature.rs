// SPDX-License-Identifier: Apache-2.0
//! The text that a signature on a rule is on: the same for whoever signs and for the host that checks.

/// What is signed: the domain and the digest, so that a signature on a rule is never taken for one on anything else.
#[must_use]
pub fn signed_text(rule: &str) -> String {
    format!("paasla-rule-v1\nsha256:{rule}\n")
}
