// SPDX-License-Identifier: Apache-2.0
//! Files that are written whole or not at all, and read with a plain word about what is wrong with them.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result};

use crate::failure::{Failure, Kind, invalid};

/// Writes beside the place and renames, so that a reader sees the old file or the new one.
///
/// # Errors
/// When the folder cannot be made or the file not be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("nothing can be written in {}", folder.display()))?;
    file.write_all(bytes)?;
    file.persist(path).with_context(|| format!("{} could not be written", path.display()))?;
    Ok(())
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a file whole.
///
/// # Errors
/// When it cannot be read; says which.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        let kind = if error.kind() == ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
        Failure::new(kind, format!("{} cannot be read: {error}", path.display())).into()
    })
}

/// Reads a file of text whole. A byte order mark, as some editors write it, is no part of the text.
///
/// # Errors
/// When it cannot be read, or is no text; says which.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read(path)?;
    let text = bytes.strip_prefix(MARK).unwrap_or(&bytes);
    if [&b"\xff\xfe"[..], b"\xfe\xff"].iter().any(|mark| text.starts_with(mark)) {
        return Err(invalid(format!("{} is written in UTF-16: save it in UTF-8", path.display())));
    }
    std::str::from_utf8(text)
        .map(str::to_owned)
        .map_err(|_| invalid(format!("{} is no text in UTF-8", path.display())))
}

/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, b"\xef\xbb\xbf{}").unwrap();
        assert_eq!(read_text(&file).unwrap(), "{}");
        for (bytes, said) in [(&b"\xff\xfea\0"[..], "UTF-16"), (b"\xff", "no text in UTF-8")] {
            fs::write(&file, bytes).unwrap();
            let failure = Failure::of(&read_text(&file).unwrap_err());
            assert!(failure.kind == Kind::Invalid && failure.message.contains(said), "{failure}");
        }
        let failure = Failure::of(&read_text(&folder.path().join("b")).unwrap_err());
        assert!(failure.kind == Kind::NotFound && failure.message.contains("/b cannot be read"), "{failure}");
    }
}
