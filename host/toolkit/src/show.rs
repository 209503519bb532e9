// SPDX-License-Identifier: Apache-2.0
//! What came of a command, for people and for programs.

use std::io::Write as _;

use anyhow::Result;
use serde_json::Value;

use crate::out::out;

/// Prints one thing: as JSON, or as text.
///
/// # Errors
/// When standard output takes no more.
pub fn one(json: bool, value: &Value, text: impl FnOnce(&Value) -> String) -> Result<()> {
    let mut out = out();
    if json {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}", text(value).trim_end())?;
    }
    Ok(())
}

/// The same text without what could move a terminal's cursor or turn the direction of writing: it came from elsewhere.
pub fn plain(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    text.chars().map(|c| if unseen(c) { '\u{FFFD}' } else { c }).collect()
}
