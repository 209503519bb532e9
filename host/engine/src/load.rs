// SPDX-License-Identifier: Apache-2.0
//! From bytes to a rule: checked, compiled, described.

use std::{panic::AssertUnwindSafe, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker};

use crate::{
    bindings::v0_1::{self, RulePre},
    check::check,
    config::Ration,
    fault::RuleFault,
    sandbox::{Engine, Guard},
};

/// Why bytes are no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// More bytes than the host looks at.
    #[error("the component has {bytes} bytes; the host takes at most {most}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// No WebAssembly at all.
    #[error("this is no WebAssembly binary: build it with `paasla rule build`")]
    NotWasm,
    /// A core module.
    #[error("this is a core module, not a component: build it with `paasla rule build`")]
    CoreModule,
    /// Broken, or uses features that rules may not use.
    #[error("not a valid component for rules, at byte {offset}: {message}")]
    Invalid {
        /// Where in the bytes.
        offset: u64,
        /// What the validator says.
        message: String,
    },
    /// It wants something from outside.
    #[error("a rule imports nothing, but this one imports: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// Strings in another encoding than UTF-8.
    #[error("a rule's strings must be UTF-8")]
    NotUtf8,
    /// It does not export `paasla:rule/ruling@0.1.0` as the interface has it.
    #[error("the component does not offer the rule interface 0.1: {0}")]
    WrongWorld(String),
    /// It could not be compiled.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// `describe` failed.
    #[error("`describe` failed: {0}")]
    Describe(RuleFault),
    /// What `describe` says is not allowed.
    #[error("`describe` says what it must not: {0}")]
    Description(String),
    /// The host itself is at fault.
    #[error("{0}")]
    Host(String),
}

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
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// Where it can be read.
    pub source: String,
}

/// A rule: checked and compiled. Cheap to clone.
#[derive(Clone)]
pub struct Rule {
    /// SHA-256 of the component's bytes, lower-case hex.
    pub digest: String,
    /// What it says of itself.
    pub about: Arc<About>,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) pre: RulePre<Guard>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule")
            .field("digest", &self.digest)
            .field("name", &self.about.name)
            .finish_non_exhaustive()
    }
}

/// The digest that names a rule: SHA-256 of its bytes, lower-case hex.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Engine {
    /// Checks, compiles and describes a rule. Takes tens of milliseconds for a small rule; keep it off threads
    /// that serve queries.
    ///
    /// # Errors
    /// When the bytes are no rule, or it cannot be compiled or described.
    pub fn load(&self, bytes: &[u8]) -> Result<Rule, LoadError> {
        check(bytes, self.config.component_bytes)?;
        let pre = self.compile(bytes).map_err(LoadError::Compile)?;
        let about = self.describe(&pre, self.config.setup)?;
        Ok(Rule { digest: digest_of(bytes), about: Arc::new(about), bytes: bytes.into(), pre })
    }

    /// Compiles a component. A panic of the compiler is contained.
    pub(crate) fn compile(&self, bytes: &[u8]) -> Result<RulePre<Guard>, String> {
        let compile = || -> wasmtime::Result<RulePre<Guard>> {
            let component = Component::from_binary(&self.wasm, bytes)?;
            component.initialize_copy_on_write_image()?;
            RulePre::new(Linker::<Guard>::new(&self.wasm).instantiate_pre(&component)?)
        };
        match std::panic::catch_unwind(AssertUnwindSafe(compile)) {
            Ok(Ok(pre)) => Ok(pre),
            Ok(Err(error)) => Err(format!("{error:#}")),
            Err(_) => Err("the compiler panicked".to_owned()),
        }
    }

    fn describe(&self, pre: &RulePre<Guard>, ration: Ration) -> Result<About, LoadError> {
        let mut store = self.sandbox(ration).map_err(LoadError::Describe)?;
        let said = pre
            .instantiate(&mut store)
            .and_then(|rule| rule.paasla_rule_ruling().call_describe(&mut store))
            .map_err(|error| LoadError::Describe(self.fault(&store, ration, &error)))?;
        about(said)
    }
}

fn about(said: v0_1::exports::paasla::rule::ruling::Description) -> Result<About, LoadError> {
    let wrong = |what: String| Err(LoadError::Description(what));
    let fits = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
    let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !fits(&said.name, 60) || !said.name.chars().all(in_name) {
        return wrong("`name` must be 1 to 60 characters of a-z, 0-9 and `-`".to_owned());
    }
    if !fits(&said.version, 60) || !fits(&said.summary, 1_000) {
        return wrong("`version` must be 1 to 60 characters, `summary` 1 to 1,000".to_owned());
    }
    let settings_schema = match serde_json::from_str(&said.settings_schema) {
        Ok(schema @ serde_json::Value::Object(_)) => schema,
        Ok(_) => return wrong("`settings-schema` must be a JSON object".to_owned()),
        Err(error) => return wrong(format!("`settings-schema` is no JSON: {error}")),
    };
    if said.facts.len() + said.row_facts.len() + said.reads.len() + said.provisions.len() > 200 {
        return wrong("more than 200 facts, categories and provisions together".to_owned());
    }
    let needs = |list: Vec<v0_1::exports::paasla::rule::ruling::FactNeed>| {
        let need = |n: v0_1::exports::paasla::rule::ruling::FactNeed| FactNeed {
            name: n.name,
            summary: n.summary,
            optional: n.optional,
        };
        list.into_iter().map(need).collect()
    };
    Ok(About {
        name: said.name,
        version: said.version,
        summary: said.summary,
        settings_schema,
        facts: needs(said.facts),
        row_facts: needs(said.row_facts),
        reads: said.reads,
        provisions: said
            .provisions
            .into_iter()
            .map(|p| ProvisionAbout { id: p.id, label: p.label, source: p.source })
            .collect(),
    })
}
