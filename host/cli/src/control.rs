// SPDX-License-Identifier: Apache-2.0
//! Control data as files that people read, edit and compare: the vocabulary, and a file for each service and access right.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use paasla_core::Rulebook;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::{Kind, invalid, not_found, of_kind},
    files::{read_text, write_whole},
};

/// What a name of a file may hold as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The folders with a file for each object.
const FOLDERS: [&str; 2] = ["services", "grants"];

/// Reads vocabulary, services and access rights. IRIs may be compact; what is read has them in full.
pub(crate) fn read(folder: &Path) -> Result<Rulebook> {
    let mut rulebook = Rulebook {
        vocabulary: one(&folder.join("vocabulary.toml"))?,
        services: all(&folder.join("services"))?,
        grants: all(&folder.join("grants"))?,
        ..Rulebook::default()
    };
    rulebook.expand_iris();
    Ok(rulebook)
}

/// Writes the same, with compact IRIs. A folder that holds such files already is written into only to replace them: then
/// those of objects that are no more go.
pub(crate) fn write(folder: &Path, rulebook: &Rulebook, replace: bool) -> Result<()> {
    let old: Vec<PathBuf> =
        FOLDERS.iter().flat_map(|part| files(&folder.join(part)).unwrap_or_default()).collect();
    if !replace && (!old.is_empty() || folder.join("vocabulary.toml").exists()) {
        let shown = folder.display();
        return Err(invalid(format!("{shown} holds control data already: --replace writes it anew")));
    }
    let mut rulebook = rulebook.clone();
    rulebook.compact_iris();
    let mut new = vec![(folder.join("vocabulary.toml"), text(&rulebook.vocabulary)?)];
    for service in &rulebook.services {
        new.push((
            file(folder, "services", &format!("{}-v{}", service.name, service.version)),
            text(service)?,
        ));
    }
    for grant in &rulebook.grants {
        new.push((file(folder, "grants", &grant.id), text(grant)?));
    }
    for (path, text) in &new {
        write_whole(path, text.as_bytes())?;
    }
    for path in old.iter().filter(|path| !new.iter().any(|(own, _)| own == *path)) {
        fs::remove_file(path).with_context(|| format!("{} could not be removed", path.display()))?;
    }
    Ok(())
}

fn file(folder: &Path, part: &str, name: &str) -> PathBuf {
    folder.join(part).join(format!("{}.toml", utf8_percent_encode(name, ESCAPED)))
}

fn text(object: &impl Serialize) -> Result<String> {
    toml::to_string_pretty(object).context("an object could not be written as TOML")
}

/// Every `*.toml` in a folder, by name.
pub(crate) fn all<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>> {
    let files = files(folder)?;
    if files.is_empty() {
        return Err(not_found(format!("{} holds no .toml file", folder.display())));
    }
    files.iter().map(|file| one(file)).collect()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

fn one<T: DeserializeOwned>(file: &Path) -> Result<T> {
    toml::from_str(&read_text(file)?)
        .with_context(|| format!("{} is wrong", file.display()))
        .map_err(of_kind(Kind::Invalid))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is what was read, and a second time changes nothing.
    #[test]
    fn files_say_what_the_rulebook_holds() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/control");
        let rulebook = read(&example).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &rulebook, false).unwrap();
        let again = read(folder.path()).unwrap();
        assert_eq!(again.objects(), rulebook.objects());
        let refused = write(folder.path(), &rulebook, false).unwrap_err();
        assert!(refused.to_string().contains("--replace"), "{refused:#}");
        let mut fewer = rulebook.clone();
        let gone = fewer.grants.remove(0);
        fewer.grants[0].id = "a/../b c".to_owned();
        write(folder.path(), &fewer, true).unwrap();
        let again = read(folder.path()).unwrap();
        assert_eq!(again.objects(), fewer.objects());
        assert!(!again.grants.iter().any(|grant| grant.id == gone.id));
    }
}
