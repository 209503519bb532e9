// SPDX-License-Identifier: Apache-2.0
//! What `cargo xtask test` makes ready for the tests.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context as _, Result};
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

/// A path that `cargo xtask test` hands to the tests.
///
/// # Errors
/// When it does not.
pub fn variable(name: &str) -> Result<PathBuf> {
    let path = env::var_os(name).with_context(|| format!("{name} is not set: run `cargo xtask test`"))?;
    Ok(PathBuf::from(path))
}
