// SPDX-License-Identifier: Apache-2.0
//! The example's clients, and people of its register with a known part.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::files;

/// The parts that the demo lets clients play.
const NEEDED: [&str; 4] = ["public_task", "legitimate_interest", "statistics_office", "stranger"];

/// One of the example's clients.
#[derive(Debug, Clone, Deserialize)]
pub struct Client {
    /// `instance/class/member/subsystem`.
    pub id: String,
    /// Who it is, in a line.
    pub what: String,
}

/// People with a known part, by personal code. The generator's README says who is who.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the generator's README describes each part")]
pub struct Persons {
    pub adult: String,
    pub child: String,
    pub restricted: String,
    pub child_of_restricted: String,
    pub deceased: String,
    pub absent: String,
    pub special_characters: String,
    pub no_custody_adult: String,
    pub twenty: Vec<String>,
}

/// Who may ask, and about whom.
#[derive(Debug, Clone)]
pub struct World {
    /// Clients by the part they play.
    pub clients: BTreeMap<String, Client>,
    /// People of the register.
    pub persons: Persons,
}

impl World {
    /// Reads the clients of the example, and the people of a register.
    ///
    /// # Errors
    /// When a file is missing or wrong, or nobody plays a part that the demo needs.
    pub fn read(examples: &Path, persons: &Path) -> Result<Self> {
        let file = examples.join("control/clients.json");
        let clients: BTreeMap<String, Client> = files::read(&file)?;
        if let Some(part) = NEEDED.into_iter().find(|part| !clients.contains_key(*part)) {
            bail!("{} has no client `{part}`", file.display());
        }
        Ok(Self { clients, persons: files::read(persons)? })
    }

    /// The id of a client, by the part it plays; empty when nobody plays it.
    #[must_use]
    pub fn client(&self, part: &str) -> &str {
        self.clients.get(part).map_or("", |client| client.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_that_is_wrong_or_lacks_a_client_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (clients, persons) =
            (folder.path().join("control/clients.json"), folder.path().join("persons.json"));
        fs::create_dir(folder.path().join("control")).unwrap();
        let mut all: BTreeMap<&str, _> =
            NEEDED.map(|part| (part, json!({ "id": part, "what": "" }))).into_iter().collect();
        let error = || format!("{:#}", World::read(folder.path(), &persons).unwrap_err());
        fs::write(&clients, "{").unwrap();
        assert!(error().starts_with(&format!("{} is not what it should be: ", clients.display())));
        files::write(&clients, &all).unwrap();
        fs::write(&persons, "[]").unwrap();
        assert!(error().starts_with(&format!("{} is not what it should be: ", persons.display())));
        all.remove("stranger");
        files::write(&clients, &all).unwrap();
        assert_eq!(error(), format!("{} has no client `stranger`", clients.display()));
    }
}
