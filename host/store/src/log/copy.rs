// SPDX-License-Identifier: Apache-2.0
//! A copy of a log that others write to meanwhile.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use cap_std::fs::Dir;

use super::{
    folder::{Making, name, numbers},
    head::Start,
    reader::Reader,
};

/// Copies every segment into a new folder, up to the end of its last whole batch: all that was on the disk when this began
/// is in the copy, and maybe more. What is damaged is copied as it is.
pub(crate) fn copy(from: &Dir, into: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(into)?;
    let numbers = Making::begin(from).and_then(|_making| numbers(from))?;
    for number in numbers {
        let name = name(number);
        let mut file = match from.open(&name) {
            Ok(file) => file.into_std(),
            // What holds nothing may have been taken away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let length = whole(&file)?;
        let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(into.join(name))?;
        io::copy(&mut Read::by_ref(&mut file).take(length), &mut copy)?;
        copy.sync_all()?;
    }
    File::open(into)?.sync_all()
}

/// Where the last whole batch of a file ends.
fn whole(file: &File) -> io::Result<u64> {
    let reader = Reader { file, length: file.metadata()?.len() };
    let start = Start::read(file, reader.length)?;
    let mut at = start.first();
    if start == Start::Empty {
        return Ok(0);
    }
    loop {
        if let Some(end) = reader.batch(at, &mut |_, _| {})? {
            at = end;
            continue;
        }
        let Some(behind) = reader.behind(at)? else { return Ok(at) };
        // What was just being written may be whole by now.
        at = reader.batch(at, &mut |_, _| {})?.unwrap_or(behind);
    }
}
