// SPDX-License-Identifier: Apache-2.0
//! The id of a file, whatever its name: device and inode.

use std::{io, os::fd::AsFd, path::Path};

use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, statx};

/// Device and inode.
///
/// Nothing else is asked of the system, above all not when the file was changed: a file of which somebody has learned that
/// has its next change noted to the nanosecond (Linux, Documentation/filesystems/multigrain-ts.rst), and a file system
/// without a journal writes that to the disk with the change. It doubled what a record takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: (u32, u32),
    inode: u64,
}

impl FileId {
    /// Of an open file or folder.
    pub(crate) fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::INO)?.into())
    }

    /// Of the file with this name.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(statx(CWD, path, AtFlags::empty(), StatxFlags::INO)?.into())
    }

    /// Of the file with this name in a folder.
    pub(crate) fn within(folder: impl AsFd, name: &str) -> io::Result<Self> {
        Ok(statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::INO)?.into())
    }
}

impl From<Statx> for FileId {
    fn from(told: Statx) -> Self {
        Self { device: (told.stx_dev_major, told.stx_dev_minor), inode: told.stx_ino }
    }
}
