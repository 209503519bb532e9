// SPDX-License-Identifier: Apache-2.0
//! The TOML file as it is written, not yet checked. What must be there but may be forgotten is an `Option`, so
//! that a check can name everything that is missing at once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::publisher::{Contact, Licence};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Register {
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) iri: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) contact: Option<Contact>,
    pub(super) licence: Option<Licence>,
    #[serde(default)]
    pub(super) prefixes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) code_lists: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) entities: Vec<Entity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Entity {
    pub(super) name: Option<String>,
    pub(super) table: Option<String>,
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) joins: Vec<Join>,
    #[serde(default)]
    pub(super) fields: Vec<Field>,
    #[serde(default)]
    pub(super) facts: Vec<Fact>,
    #[serde(default)]
    pub(super) groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Group {
    pub(super) name: Option<String>,
    pub(super) table: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) order_by: Option<String>,
    pub(super) about: Option<About>,
    #[serde(default)]
    pub(super) joins: Vec<Join>,
    #[serde(default)]
    pub(super) fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct About {
    pub(super) entity: String,
    pub(super) column: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Join {
    pub(super) alias: Option<String>,
    pub(super) table: Option<String>,
    pub(super) from: Option<Column>,
    pub(super) to: Option<String>,
}

/// Without a source, a column of the entity's or group's own table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Column {
    pub(super) source: Option<String>,
    pub(super) column: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Field {
    pub(super) name: Option<String>,
    pub(super) source: Option<String>,
    pub(super) column: Option<String>,
    pub(super) derived: Option<Derived>,
    pub(super) r#type: Option<String>,
    pub(super) list: Option<String>,
    pub(super) iri: Option<String>,
    pub(super) category: Option<String>,
    #[serde(default)]
    pub(super) special: bool,
    #[serde(default)]
    pub(super) reveals: Vec<String>,
    pub(super) title: Option<String>,
    pub(super) title_et: Option<String>,
    #[serde(default)]
    pub(super) key: bool,
    pub(super) compare: Option<String>,
    pub(super) compare_column: Option<Column>,
    pub(super) coarser: Option<Coarser>,
    pub(super) pseudonym_domain: Option<String>,
}

/// How a field is computed: exactly one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Derived {
    pub(super) age: Option<Input>,
    pub(super) age_at_least: Option<AgeAtLeast>,
    pub(super) is_absent: Option<Input>,
    pub(super) equals: Option<InputEquals>,
    pub(super) all: Option<Vec<Derived>>,
}

/// Without a source, a column of the entity's or group's own table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Input {
    pub(super) source: Option<String>,
    pub(super) column: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AgeAtLeast {
    pub(super) source: Option<String>,
    pub(super) column: Option<String>,
    pub(super) years: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct InputEquals {
    pub(super) source: Option<String>,
    pub(super) column: Option<String>,
    pub(super) value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Coarser {
    pub(super) municipality: Option<Column>,
    pub(super) county: Option<Column>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Fact {
    pub(super) name: Option<String>,
    pub(super) category: Option<String>,
    pub(super) column: Option<FactColumn>,
    pub(super) exists: Option<FactExists>,
    pub(super) equals: Option<FactEquals>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FactColumn {
    pub(super) source: Option<String>,
    pub(super) column: String,
    pub(super) r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FactExists {
    pub(super) table: String,
    pub(super) column: String,
    pub(super) valid_from: Option<String>,
    pub(super) valid_until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FactEquals {
    pub(super) source: Option<String>,
    pub(super) column: String,
    pub(super) value: String,
}
