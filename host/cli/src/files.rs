// SPDX-License-Identifier: Apache-2.0
//! Files that are written whole or not at all.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};

/// Writes beside the place and renames, so that a reader sees the old file or the new one.
///
/// # Errors
/// When the folder cannot be made or the file not be written.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("nothing can be written in {}", folder.display()))?;
    file.write_all(bytes)?;
    file.persist(path).with_context(|| format!("{} could not be written", path.display()))?;
    Ok(())
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a file whole.
///
/// # Errors
/// When it cannot be read; says which.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Reads a file of text whole.
///
/// # Errors
/// When it cannot be read, or is no text; says which.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
