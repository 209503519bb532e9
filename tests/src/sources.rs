// SPDX-License-Identifier: Apache-2.0
//! The sources of a crate, for the tests that look at them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The files of Rust below a folder, with their texts.
///
/// # Errors
/// When one cannot be read.
pub fn sources(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let (mut all, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                all.insert(path, text);
            }
        }
    }
    Ok(all)
}
