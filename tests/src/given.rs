// SPDX-License-Identifier: Apache-2.0
//! What `cargo xtask test` makes ready for the tests.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::AtomicBool,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Home, Host, World, files};

/// A host of its own for one test, in a folder that goes with it.
#[derive(Debug)]
pub struct Given {
    /// Where the host lives.
    pub home: Home,
    /// Who may ask, and about whom.
    pub world: World,
    /// The folder with the components of the shipped rules.
    pub rules: PathBuf,
    /// The register's SQLite file.
    pub register: PathBuf,
    /// Gone when this is dropped.
    _folder: TempDir,
}

impl Given {
    /// A fresh folder with the example's control data in it, as `cargo xtask test` has put it in once for all tests.
    ///
    /// # Errors
    /// When the tests were not started by `cargo xtask test`.
    pub fn seeded() -> Result<Self> {
        let given = Self::empty()?;
        let template = given.register.parent().context("the register is in a folder")?;
        for file in [given.home.config(), given.home.database()] {
            let name = file.file_name().context("a file has a name")?;
            let copied = fs::copy(template.join(name), &file);
            copied.with_context(|| format!("{} is not there: run `cargo xtask test`", name.display()))?;
        }
        Ok(given)
    }

    /// A fresh folder with nothing in it.
    ///
    /// # Errors
    /// When the tests were not started by `cargo xtask test`.
    pub fn empty() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let register = variable("PAASLA_TEST_REGISTER")?;
        let examples = root()?.join("examples");
        let world = World::read(&examples, &register.join("persons.json"))?;
        // The template's cache can be used with the template's secret only.
        let secret = register.join("secret.hex");
        if secret.is_file() {
            fs::copy(secret, folder.path().join("secret.hex"))?;
        }
        let home = Home {
            cache: Some(register.join("cache")),
            paasla: variable("PAASLA_BIN")?,
            folder: folder.path().to_owned(),
            examples,
            log_level: "debug",
            serve_with: Vec::new(),
        };
        let register = register.join("register.sqlite");
        Ok(Self { home, world, rules: variable("PAASLA_RULES")?, register, _folder: folder })
    }

    /// A copy of the example's description and control data that the test may change before it seeds; gives the folder
    /// `control` of it.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn own_control(&mut self) -> Result<PathBuf> {
        let own = self.home.folder.join("examples");
        for part in ["control", "population-register"] {
            files::copy(&self.home.examples.join(part), &own.join(part))?;
        }
        self.home.examples = own;
        Ok(self.home.examples.join("control"))
    }

    /// Moves the host, before it is started, to another folder.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn move_to(&mut self, folder: &Path) -> Result<()> {
        files::copy(&self.home.folder, folder)?;
        folder.clone_into(&mut self.home.folder);
        Ok(())
    }

    /// Starts the host on a free port.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&self) -> Result<Host> {
        self.home.start(0, &AtomicBool::new(false))
    }
}

/// The workspace's folder.
///
/// # Errors
/// When this crate does not lie in it.
pub fn root() -> Result<PathBuf> {
    let here = env::var_os("CARGO_MANIFEST_DIR").context("start the tests with cargo")?;
    Ok(Path::new(&here).parent().context("this crate lies in the workspace")?.to_owned())
}

/// As much of the repository as one rule needs, in another folder: what a clone would hold. Gives the rule's folder.
///
/// # Errors
/// When it cannot be copied.
pub fn clone_to(folder: &Path, rule: &str) -> Result<PathBuf> {
    let root = root()?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let (before, rest) = manifest.split_once("members = [").context("the workspace lists its members")?;
    let (_, after) = rest.split_once(']').context("the list ends")?;
    fs::create_dir_all(folder)?;
    let manifest = format!("{before}members = [\"guest-sdk\", \"rules/*\"]{after}");
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let own = Path::new("rules").join(rule);
    for part in [Path::new("guest-sdk"), Path::new("wit"), &own] {
        files::copy(&root.join(part), &folder.join(part))?;
    }
    Ok(folder.join(own))
}

/// The target folder for rules that tests build, and a lock on it to hold while it is used.
///
/// It is the tests' own: in that of the shipped rules cargo could take a changed rule for theirs, since both have the same
/// place in their workspace. It starts as a copy, so that the standard library need not be built again.
///
/// # Errors
/// When it cannot be made.
pub fn rule_target() -> Result<(PathBuf, File)> {
    let shipped = variable("PAASLA_RULES")?;
    let target = variable("PAASLA_TEST_REGISTER")?.join("rules");
    fs::create_dir_all(&target)?;
    let lock = File::create(target.join("paasla-tests.lock"))?;
    lock.lock()?;
    if !target.join("wasm32-unknown-unknown").exists() {
        for part in ["release", "rule", "wasm32-unknown-unknown"] {
            let from = shipped.join(part);
            if from.exists() {
                // Keeps times, by which cargo knows what is fresh.
                let copied = Command::new("cp").arg("-a").arg(&from).arg(&target).status()?;
                ensure!(copied.success(), "{} could not be copied", from.display());
            }
        }
    }
    Ok((target, lock))
}

/// Builds a rule with `paasla rule build`, and gives its digest.
///
/// # Errors
/// When it cannot be built.
pub fn build_rule(rule: &Path, out: &Path) -> Result<String> {
    let (target, _lock) = rule_target()?;
    let mut command = Command::new(variable("PAASLA_BIN")?);
    command.args(["rule", "build", "--json", "--target-dir"]).arg(&target).arg("--out").arg(out).arg(rule);
    let output = command.stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        bail!("the rule could not be built:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let built: Value = serde_json::from_slice(&output.stdout)?;
    Ok(built.get("digest").and_then(Value::as_str).context("a build has a digest")?.to_owned())
}

/// A path that `cargo xtask test` hands to the tests.
///
/// # Errors
/// When it does not.
pub fn variable(name: &str) -> Result<PathBuf> {
    let path = env::var_os(name).with_context(|| format!("{name} is not set: run `cargo xtask test`"))?;
    Ok(PathBuf::from(path))
}
