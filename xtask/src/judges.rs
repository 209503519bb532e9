// SPDX-License-Identifier: Apache-2.0
//! Other people's programs that tests need: openapi-spec-validator and schemathesis (Python), redocly and spectral (Node) judge
//! OpenAPI documents; componentize-py makes Python's types of the rule interface. They go under the target folder, in the
//! versions that `tests/openapi` names.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    out::step,
    tools::{answer, install_debian},
    workspace::{Workspace, finish},
};

/// What names the versions, in `tests/openapi`.
const PINS: [&str; 3] = ["requirements.txt", "package.json", "package-lock.json"];

/// Debian's packages for what the programs themselves run on.
const PACKAGES: [&str; 4] = ["python3", "python3-venv", "nodejs", "npm"];

/// Installs the programs, unless they are there; gives the folder. Where they cannot be had everything works but the
/// tests that need them, which then fail and say so.
pub(crate) fn offer(workspace: &Workspace) -> PathBuf {
    let folder = workspace.target.join("judges");
    if let Err(error) = ensure(&workspace.root.join("tests/openapi"), &folder) {
        step(
            "tools",
            format_args!("the programs that judge OpenAPI documents could not be installed: {error:#}"),
        );
    }
    folder
}

fn ensure(pins: &Path, folder: &Path) -> Result<()> {
    let read = |from: &Path| -> Result<Vec<Vec<u8>>> {
        PINS.iter()
            .map(|name| fs::read(from.join(name)).with_context(|| format!("{name} cannot be read")))
            .collect()
    };
    let wanted = read(pins)?;
    if folder.join("whole").is_file() && read(folder).is_ok_and(|there| there == wanted) {
        step("tools", format_args!("the programs that judge OpenAPI documents are in {}", folder.display()));
        return Ok(());
    }
    step("tools", "installing the programs that judge OpenAPI documents, from PyPI and npm");
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    for (name, content) in PINS.iter().zip(&wanted) {
        fs::write(folder.join(name), content)?;
    }
    let missing = |program| answer(program, &["--version"]).is_none();
    if missing("python3") || missing("npm") || !has_venv() {
        install_debian(&PACKAGES)?;
    }
    let python = folder.join("python");
    let pip = python.join("bin/pip");
    run(Command::new("python3").args(["-m", "venv"]).arg(&python), "python3 -m venv")?;
    let requirements = folder.join("requirements.txt");
    run(Command::new(pip).args(["install", "--quiet", "-r"]).arg(requirements), "pip install")?;
    let ci = ["ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"];
    run(Command::new("npm").args(ci).current_dir(folder), "npm ci")?;
    fs::write(folder.join("whole"), "")?;
    Ok(())
}

fn has_venv() -> bool {
    answer("python3", &["-c", "import ensurepip, venv"]).is_some()
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    if let Err(error) = finish(command.stdin(Stdio::null()), what) {
        bail!("{what}: {error:#}");
    }
    Ok(())
}
