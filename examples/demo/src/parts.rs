// SPDX-License-Identifier: Apache-2.0
//! What a demo is made of, and how that lies in the folder of an unpacked archive.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{Home, files};

const CONTROL: &str = "control";
const DESCRIPTION: &str = "population-register/register.toml";

/// The files of a demo.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The program.
    pub paasla: PathBuf,
    /// The folder with the example's control data and the register's description.
    pub examples: PathBuf,
    /// The folder with the components of the rules.
    pub rules: PathBuf,
    /// The register's SQLite file.
    pub register: PathBuf,
    /// The list of people with a known part.
    pub persons: PathBuf,
}

impl Parts {
    /// Where a program finds them in a folder that [`Parts::lay_out`] has made.
    #[must_use]
    pub fn of(paasla: &Path, folder: &Path) -> Self {
        let register = folder.join("register");
        Self {
            paasla: paasla.to_owned(),
            examples: folder.join("examples"),
            rules: folder.join("rules"),
            persons: register.join("persons.json"),
            register: register.join("register.sqlite"),
        }
    }

    /// The first file or folder that is not there.
    #[must_use]
    pub fn missing(&self) -> Option<PathBuf> {
        let examples = [CONTROL, "control/clients.json", DESCRIPTION].map(|name| self.examples.join(name));
        let others = [&self.rules, &self.register, &self.persons].map(Clone::clone);
        examples.into_iter().chain(others).find(|path| !path.exists())
    }

    /// Copies all of them but the program into a folder.
    ///
    /// # Errors
    /// When one is missing, or cannot be copied.
    pub fn lay_out(&self, folder: &Path) -> Result<()> {
        let to = Self::of(&self.paasla, folder);
        files::copy(&self.examples.join(CONTROL), &to.examples.join(CONTROL))?;
        let singles = [
            (self.examples.join(DESCRIPTION), to.examples.join(DESCRIPTION)),
            (self.register.clone(), to.register),
            (self.persons.clone(), to.persons),
        ];
        for (from, to) in singles {
            copy(&from, &to)?;
        }
        let entries =
            fs::read_dir(&self.rules).with_context(|| format!("{} cannot be read", self.rules.display()))?;
        for entry in entries {
            let rule = entry?.path();
            if let Some(name) = rule.file_name()
                && rule.extension().is_some_and(|extension| extension == "wasm")
            {
                copy(&rule, &to.rules.join(name))?;
            }
        }
        Ok(())
    }

    /// A host of these parts, at home in a folder.
    #[must_use]
    pub fn home(&self, folder: &Path) -> Home {
        Home {
            paasla: self.paasla.clone(),
            cache: None,
            folder: folder.to_owned(),
            examples: self.examples.clone(),
            log_level: "info",
            serve_with: Vec::new(),
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to).with_context(|| format!("{} could not be copied", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_out_is_whole_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let parts = Parts {
            paasla: from.join("paasla"),
            examples: from.join("a"),
            rules: from.join("b"),
            register: from.join("c.sqlite"),
            persons: from.join("d.json"),
        };
        assert_eq!(parts.missing(), Some(from.join("a/control")));
        for name in ["a/control/clients.json", "a/population-register/register.toml", "b/one.wasm", "b/lock"]
        {
            fs::create_dir_all(from.join(name).parent().unwrap()).unwrap();
            fs::write(from.join(name), name).unwrap();
        }
        for file in [&parts.register, &parts.persons] {
            assert_eq!(parts.missing().as_ref(), Some(file));
            fs::write(file, "").unwrap();
        }
        assert_eq!(parts.missing(), None);
        parts.lay_out(&to).unwrap();
        let there = Parts::of(&parts.paasla, &to);
        assert_eq!(there.missing(), None);
        assert!(there.rules.join("one.wasm").is_file() && !there.rules.join("lock").exists());
    }
}
