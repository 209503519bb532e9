// SPDX-License-Identifier: Apache-2.0
//! The synthetic register: made once, and again when it was made otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use paasla_tests::files;
use serde::{Deserialize, Serialize};

use crate::{
    out::step,
    workspace::{Workspace, finish},
};

/// What a register was made from.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    people: u32,
    seed: u64,
    /// A checksum of the generator's source: another generator makes another register.
    generator: String,
}

/// A register: its file, and the list of people with a known part.
#[derive(Debug)]
pub(crate) struct Register {
    pub(crate) file: PathBuf,
    pub(crate) persons: PathBuf,
}

/// Makes `register.sqlite` in a folder, unless one that was made alike is there.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make(
    workspace: &Workspace,
    generator: &Path,
    folder: &Path,
    people: u32,
    seed: u64,
) -> Result<Register> {
    let source = workspace.root.join("examples/population-register/src");
    let made = Made { people, seed, generator: checksum(&source)? };
    let (file, note, list) =
        (folder.join("register.sqlite"), folder.join("made.json"), folder.join("persons.json"));
    let is_there =
        file.is_file() && list.is_file() && files::read::<Made>(&note).is_ok_and(|old| old == made);
    if is_there {
        step("register", format_args!("{people} synthetic people are in {}", file.display()));
    } else {
        step("register", format_args!("making {people} synthetic people"));
        files::remove(&note)?;
        let (people, seed) = (people.to_string(), seed.to_string());
        let mut command = Command::new(generator);
        command.args(["--people", &people, "--seed", &seed, "--force", "--out"]).arg(&file);
        finish(&mut command, "the generator of the register")?;
        files::write(&note, &made)?;
    }
    Ok(Register { file, persons: list })
}

/// FNV-1a over names and contents of all files below a folder: enough to notice a change.
fn checksum(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        let name = file.strip_prefix(folder).context("a file below a folder")?.to_string_lossy().into_owned();
        let content = fs::read(&file)?;
        for byte in name.bytes().chain([0]).chain(content) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(format!("{hash:016x}"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
