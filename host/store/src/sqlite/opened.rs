// SPDX-License-Identifier: Apache-2.0
//! A file or folder that was opened, and whether its path still leads to it. What is written to one that was moved away or
//! replaced is found by nobody.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{error::StoreError, log::FileId};

/// What was opened, and where.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    what: &'static str,
    path: PathBuf,
    file_id: FileId,
}

impl Opened {
    /// What the path leads to now, symbolic links followed.
    pub(super) fn at(what: &'static str, path: &Path) -> io::Result<Self> {
        Ok(Self { what, path: path.to_owned(), file_id: FileId::at(path)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// [`StoreError::Replaced`] when the path leads elsewhere, or nowhere.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match FileId::at(&self.path) {
            Ok(file_id) if file_id == self.file_id => Ok(()),
            _ => Err(StoreError::Replaced { what: self.what }),
        }
    }
}
