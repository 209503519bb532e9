// SPDX-License-Identifier: Apache-2.0
//! Small files of JSON, read and written whole.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a file of JSON.
///
/// # Errors
/// When it is not there, or not what it should be.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not what it should be", file.display()))
}

/// Writes a file of JSON so that a reader sees the old one or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn write(file: &Path, content: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(content)?;
    text.push('\n');
    write_text(file, &text)
}

/// Writes a text so that a reader sees the old one or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn write_text(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().context("a file has a folder")?;
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    fresh.persist(file).with_context(|| format!("{} could not be written", file.display()))?;
    Ok(())
}

/// Removes a file if it is there.
///
/// # Errors
/// When it is there and stays.
pub fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", file.display()))
        }
        _ => Ok(()),
    }
}

/// Copies a folder with everything in it. What is copied is new: its times are those of the copy.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let (source, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if source.is_dir() {
            copy(&source, &to.join(name))?;
        } else {
            fs::copy(&source, to.join(name))?;
        }
    }
    Ok(())
}
