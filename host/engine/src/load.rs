// SPDX-License-Identifier: Apache-2.0
//! From bytes to a rule: checked, compiled, described.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    about::{About, about},
    cache::Name,
    check::size,
    compiler::{Code, Form, Job},
    config::EngineConfig,
    fault::RuleFault,
    output::DeclaredReason,
    program::{Program, ProgramError},
    sandbox::Engine,
};

/// Why bytes are no rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LoadError {
    /// There is more of something than the host takes.
    #[error("the component has {found} {what}; the host takes at most {most}")]
    TooMuch {
        /// Of what.
        what: String,
        /// How much it has, or how much had been counted when it was too much.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// Checking and compiling took too long.
    #[error("the component could not be compiled in {limit_ms} ms")]
    CompileTime {
        /// The limit.
        limit_ms: u64,
    },
    /// Checking and compiling took too much memory.
    #[error("the component could not be compiled in {limit} bytes of memory")]
    CompileMemory {
        /// The limit.
        limit: u64,
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
    /// It could not be compiled, or not loaded.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// The compiler broke, or something ended it: that says nothing of the component, and trying again may help.
    #[error("the compiler {0}")]
    Crashed(String),
    /// `describe` failed.
    #[error("`describe` failed: {0}")]
    #[serde(skip)]
    Describe(RuleFault),
    /// What `describe` says is not allowed.
    #[error("`describe` says what it must not: {0}")]
    Description(String),
    /// The host itself is at fault.
    #[error("{0}")]
    Host(String),
}

/// A rule: checked and described, and compiled when that is needed. Cheap to clone.
#[derive(Clone)]
pub struct Rule {
    /// SHA-256 of the component's bytes, lower-case hex.
    pub digest: String,
    /// What it says of itself.
    pub about: Arc<About>,
    pub(crate) bytes: Arc<[u8]>,
    prepared: Arc<OnceLock<Prepared>>,
}

/// A rule's code before any settings.
pub(crate) struct Prepared {
    pub(crate) program: Program,
    pub(crate) form: Form,
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
    /// Checks, compiles and describes a rule. Takes tens of milliseconds for a small rule that the cache does not
    /// hold; keep it off threads that serve queries.
    ///
    /// # Errors
    /// When the bytes are no rule, or it cannot be compiled or described.
    pub fn load(&self, bytes: &[u8]) -> Result<Rule, LoadError> {
        size(bytes, &self.config.component)?;
        let digest = digest_of(bytes);
        let name = self.name("rule", &digest, &[]);
        let known = self.cached(&name).and_then(|content| serde_json::from_slice::<About>(&content).ok());
        let bytes: Arc<[u8]> = bytes.into();
        let rule = |about| Rule {
            digest: digest.clone(),
            about: Arc::new(about),
            bytes: Arc::clone(&bytes),
            prepared: Arc::default(),
        };
        if let Some(about) = known {
            return Ok(rule(about));
        }
        let prepared = self.prepare(&digest, &bytes)?;
        let about = self.describe(&prepared.program)?;
        if let (Some(cache), Ok(content)) = (&self.cache, serde_json::to_vec(&about)) {
            cache.put(&name, &content);
        }
        let rule = rule(about);
        // The cell is new: nobody else can have filled it.
        let _ = rule.prepared.set(prepared);
        Ok(rule)
    }

    /// The rule's code before any settings.
    pub(crate) fn prepared<'r>(&self, rule: &'r Rule) -> Result<&'r Prepared, LoadError> {
        if let Some(prepared) = rule.prepared.get() {
            return Ok(prepared);
        }
        let prepared = self.prepare(&rule.digest, &rule.bytes)?;
        Ok(rule.prepared.get_or_init(|| prepared))
    }

    fn prepare(&self, digest: &str, bytes: &[u8]) -> Result<Prepared, LoadError> {
        let name = self.name("prepared", digest, &[]);
        let budget = self.config.setup.describe();
        let make = || self.code(&Job::Prepare, bytes);
        let load = |code: &Code| Program::new(self, self.shards.emptiest(), &code.bytes, &code.form, budget);
        let (program, head) = self.cached_program(&name, make, load, |error| match error {
            ProgramError::Load(what) => LoadError::Compile(what),
            ProgramError::Fault(fault) => LoadError::Describe(fault),
        })?;
        Ok(Prepared { program, form: head.form })
    }

    fn describe(&self, program: &Program) -> Result<About, LoadError> {
        let budget = self.config.setup.describe();
        let mut store = program.sandbox(self, budget).map_err(LoadError::Describe)?;
        let said = program
            .instantiate(&mut store)
            .and_then(|instance| program.describe(&mut store, &instance))
            .map_err(|error| LoadError::Describe(self.fault(&store, budget, &error)))?;
        about(said, &self.config.answer).map_err(LoadError::Description)
    }

    /// The name of what is kept of a rule. Under other limits it would have to be checked again, so they are part
    /// of it.
    pub(crate) fn name(&self, kind: &str, digest: &str, more: &[&str]) -> Name {
        let EngineConfig { component, setup, answer, table_elements, stack_bytes, most, .. } = &*self.config;
        let most = most.memory_bytes;
        let limits = format!("{component:?} {setup:?} {answer:?} {table_elements} {stack_bytes} {most}");
        Name::new(kind, self.shards.wasm(), &[&[digest, &limits], more].concat())
    }

    fn cached(&self, name: &Name) -> Option<Vec<u8>> {
        self.cache.as_ref()?.get(name)
    }

    /// A program, or one for each shard, from the cache, or made now and kept once it has been seen to work. What the
    /// cache holds and cannot be loaded is made anew.
    pub(crate) fn cached_program<P, E>(
        &self,
        name: &Name,
        make: impl FnOnce() -> Result<Code, E>,
        load: impl Fn(&Code) -> Result<P, ProgramError>,
        failed: impl FnOnce(ProgramError) -> E,
    ) -> Result<(P, Head), E> {
        if let Some((head, bytes)) = self.cached(name).and_then(as_code) {
            let code = Code { form: head.form, reasons: head.reasons, bytes };
            match load(&code) {
                Ok(program) => return Ok((program, Head { form: code.form, reasons: code.reasons })),
                Err(error @ ProgramError::Fault(_)) => return Err(failed(error)),
                Err(ProgramError::Load(why)) => {
                    tracing::warn!(%why, "compiled code in the cache cannot be loaded: made again");
                }
            }
        }
        let code = make()?;
        let program = load(&code).map_err(failed)?;
        let Code { form, reasons, bytes } = code;
        let head = Head { form, reasons };
        if let (Some(cache), Ok(mut content)) = (&self.cache, serde_json::to_vec(&head)) {
            content.push(b'\n');
            content.extend_from_slice(&bytes);
            cache.put(name, &content);
        }
        Ok((program, head))
    }
}

/// What is kept of a program beside its code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) form: Form,
    /// What `configure` declared, where it ran.
    pub(crate) reasons: Vec<DeclaredReason>,
}

/// An entry of the cache: the head, as a line of JSON, and the code.
fn as_code(mut content: Vec<u8>) -> Option<(Head, Vec<u8>)> {
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let head = serde_json::from_slice(content.get(..end)?).ok()?;
    content.drain(..=end);
    Some((head, content))
}
