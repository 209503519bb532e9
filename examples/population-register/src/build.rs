// SPDX-License-Identifier: Apache-2.0
//! From a plan to two files: the register, and beside it `persons.json`, the list of the cast.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{cast::Cast, error::Error, plan::Plan, register::Register, writer::Writer};

/// How far a register is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// So many people are written.
    People(u64),
    /// The indexes are being made.
    Indexes,
    /// The statistics are being gathered, and the files closed.
    Closing,
}

/// The name of the list of the cast.
pub const CAST_FILE: &str = "persons.json";

/// Makes a register in `out`, and the list of its cast beside it.
///
/// Both files bear other names until they are whole, so a run that is killed leaves nothing half done.
///
/// # Errors
/// Where the plan cannot be carried out, a file is in the way and `force` is not set, or writing fails.
pub async fn build(
    plan: &Plan,
    out: &Path,
    force: bool,
    mut progress: impl FnMut(Progress),
) -> Result<Cast, Error> {
    let mut register = Register::begin(plan)?;
    let list = out.with_file_name(CAST_FILE);
    for file in [out, list.as_path()] {
        let there = file.try_exists().map_err(|source| at(file, source))?;
        if there && !force {
            return Err(Error::Exists(file.to_owned()));
        }
    }
    let (part, list_part) = (part(out), part(&list));
    remove(&part)?;

    let mut writer = Writer::create(&part, &about(plan)).await?;
    let mut people = 0;
    for step in &mut register {
        let (family, records) = step?;
        writer.add(&records).await?;
        people += family.len() as u64;
        progress(Progress::People(people));
    }
    writer.flush().await?;
    progress(Progress::Indexes);
    writer.index().await?;
    progress(Progress::Closing);
    writer.close().await?;

    let cast = register.cast().clone();
    let mut json = serde_json::to_vec_pretty(&cast)?;
    json.push(b'\n');
    fs::write(&list_part, json).map_err(|source| at(&list_part, source))?;
    // The register last: where it is, the list is too.
    fs::rename(&list_part, &list).map_err(|source| at(&list, source))?;
    fs::rename(&part, out).map_err(|source| at(out, source))?;
    Ok(cast)
}

fn about(plan: &Plan) -> [(&'static str, String); 5] {
    [
        ("notice", crate::NOTICE.to_owned()),
        ("people", plan.people.to_string()),
        ("seed", plan.seed.to_string()),
        ("as_of", plan.as_of.to_string()),
        ("generator", format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))),
    ]
}

fn part(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".part");
    name.into()
}

fn remove(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(file, error)),
        _ => Ok(()),
    }
}

fn at(file: &Path, source: io::Error) -> Error {
    Error::File { path: file.to_owned(), source }
}
