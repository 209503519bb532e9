// SPDX-License-Identifier: Apache-2.0
//! What a rule says of itself, checked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bindings::v0_1::exports::paasla::rule::ruling as wit;
use crate::config::AnswerLimits;

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub summary: String,
    /// JSON Schema of its settings.
    pub settings_schema: serde_json::Value,
    /// Query facts it needs.
    pub facts: Vec<FactNeed>,
    /// Row facts it needs, in the order that its conditions and rows count.
    pub row_facts: Vec<FactNeed>,
    /// Categories of fields whose raw values it reads.
    pub reads: Vec<String>,
    /// Provisions it implements.
    pub provisions: Vec<ProvisionAbout>,
}

/// A fact that a rule needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FactNeed {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub summary: String,
    /// Whether the rule works without it.
    pub optional: bool,
}

/// A provision of law that a rule implements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvisionAbout {
    /// Its id, as reasons repeat it.
    pub id: Arc<str>,
    /// Its name for people.
    pub label: String,
    /// Where it can be read.
    pub source: String,
}

/// Takes what `describe` says.
///
/// # Errors
/// What it must not say.
pub(crate) fn about(said: wit::Description, limits: &AnswerLimits) -> Result<About, String> {
    let (most, most_chars) = (limits.described, limits.described_chars);
    let fits = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
    let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !fits(&said.name, 60) || !said.name.chars().all(in_name) {
        return Err("`name` must be 1 to 60 characters of a-z, 0-9 and `-`".to_owned());
    }
    if !fits(&said.version, 60) || !fits(&said.summary, most_chars) {
        return Err(format!("`version` must be 1 to 60 characters, `summary` 1 to {most_chars}"));
    }
    if said.settings_schema.len() > limits.schema_bytes {
        return Err(format!("a `settings-schema` of more than {} bytes", limits.schema_bytes));
    }
    let settings_schema = match serde_json::from_str(&said.settings_schema) {
        Ok(schema @ serde_json::Value::Object(_)) => schema,
        Ok(_) => return Err("`settings-schema` must be a JSON object".to_owned()),
        Err(error) => return Err(format!("`settings-schema` is no JSON: {error}")),
    };
    let lists = [said.facts.len(), said.row_facts.len(), said.reads.len(), said.provisions.len()];
    if lists.into_iter().sum::<usize>() > most {
        return Err(format!("more than {most} facts, categories and provisions together"));
    }
    let needs = said.facts.iter().chain(&said.row_facts).flat_map(|need| [&need.name, &need.summary]);
    let provisions = said.provisions.iter().flat_map(|p| [&p.id, &p.label, &p.source]);
    if needs.chain(&said.reads).chain(provisions).any(|text| text.chars().count() > most_chars) {
        return Err(format!("a text of more than {most_chars} characters"));
    }
    let needs = |list: Vec<wit::FactNeed>| {
        let need = |n: wit::FactNeed| FactNeed { name: n.name, summary: n.summary, optional: n.optional };
        list.into_iter().map(need).collect()
    };
    let provision = |p: wit::Provision| ProvisionAbout { id: p.id.into(), label: p.label, source: p.source };
    Ok(About {
        name: said.name,
        version: said.version,
        summary: said.summary,
        settings_schema,
        facts: needs(said.facts),
        row_facts: needs(said.row_facts),
        reads: said.reads,
        provisions: said.provisions.into_iter().map(provision).collect(),
    })
}
