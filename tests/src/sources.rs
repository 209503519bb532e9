// SPDX-License-Identifier: Apache-2.0
//! The files below a folder, and those of Rust among them, for the tests that look at sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The files below a folder, its folders' folders included, in the order of their paths.
///
/// # Errors
/// When a folder cannot be read.
pub fn files_below(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let (mut all, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.insert(path);
            }
        }
    }
    Ok(all)
}

/// The files of Rust below a folder, with their texts.
///
/// # Errors
/// When one cannot be read.
pub fn sources(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let files = files_below(folder)?.into_iter();
    let of_rust = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    of_rust.map(|path| Ok((path.clone(), fs::read_to_string(path)?))).collect()
}
