// SPDX-License-Identifier: Apache-2.0
//! The folder of a log: which segments are in it, and who may make one.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use cap_std::{ambient_authority, fs::Dir};

use super::file_id::FileId;

/// A folder by its name, and which one it is.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// None as long as there is none.
    file_id: Option<FileId>,
    /// There were segments up to this number, whatever is there now.
    pub(crate) above: u32,
}

impl Folder {
    /// The folder with this name; if it is not there it is made if that is wanted, readable by its owner only.
    pub(crate) fn at(path: PathBuf, make: bool, above: u32) -> io::Result<Self> {
        if make {
            make_folder(&path)?;
        }
        let file_id = match FileId::at(&path) {
            Ok(file_id) => Some(file_id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, file_id, above })
    }

    /// Opens it, unless another has its name now.
    pub(crate) fn open(&self) -> io::Result<Dir> {
        let folder = Dir::open_ambient_dir(&self.path, ambient_authority())?;
        if Some(FileId::of(&folder)?) != self.file_id {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "another folder is where that of the records was",
            ));
        }
        Ok(folder)
    }
}

/// A lock on the folder: as long as it is held nobody else makes a segment or takes one away, so that none is missing
/// between two.
pub(crate) struct Making {
    _lock: File,
}

impl Making {
    pub(crate) fn begin(folder: &Dir) -> io::Result<Self> {
        let lock = folder.open(".")?.into_std();
        lock.lock()?;
        Ok(Self { _lock: lock })
    }
}

/// The numbers of the segments in a folder, in order.
pub(crate) fn numbers(folder: &Dir) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in folder.entries()? {
        numbers.extend(entry?.file_name().to_str().and_then(number_of));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Names that were made or taken away are on the disk when this returns.
pub(crate) fn sync(folder: &Dir) -> io::Result<()> {
    // cap-std's own handle is for names only.
    folder.open(".")?.into_std().sync_all()
}

fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {
            let around = path.parent().filter(|around| !around.as_os_str().is_empty());
            File::open(around.unwrap_or(Path::new(".")))?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name of the segment with this number.
pub(crate) fn name(number: u32) -> String {
    format!("{number:010}.log")
}

/// What went wrong with the segment of this number, with the name of its file.
pub(crate) fn within(number: u32) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", name(number)))
}

/// The number of the segment with this name.
pub(crate) fn number_of(of: &str) -> Option<u32> {
    let number = of.strip_suffix(".log")?.parse().ok()?;
    (number > 0 && name(number) == of).then_some(number)
}
