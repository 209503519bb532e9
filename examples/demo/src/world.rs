// SPDX-License-Identifier: Apache-2.0
//! The example's clients, and people of its register with a known part.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use serde::Deserialize;

use crate::files;

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
    /// When a file is missing or wrong.
    pub fn read(examples: &Path, persons: &Path) -> Result<Self> {
        let clients = files::read(&examples.join("control/clients.json"))?;
        Ok(Self { clients, persons: files::read(persons)? })
    }

    /// The id of a client, by the part it plays; empty when nobody plays it.
    #[must_use]
    pub fn client(&self, part: &str) -> &str {
        self.clients.get(part).map_or("", |client| client.id.as_str())
    }
}
