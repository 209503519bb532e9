// SPDX-License-Identifier: Apache-2.0
//! Generations: the history of rulebooks.

/// One rulebook in the history, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationInfo {
    /// Its number.
    pub generation: u64,
    /// When it was installed: milliseconds since 1970-01-01T00:00:00Z.
    pub installed_at: i64,
    /// Who installed it.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// SHA-256 of its policies, as lower-case hex: generations with the same one differ elsewhere only.
    pub policies: String,
    /// Whether queries are decided by it now.
    pub active: bool,
}
