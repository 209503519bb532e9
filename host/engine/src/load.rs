// SPDX-License-Identifier: Apache-2.0
//! From bytes to a rule: checked, compiled, described.

pub(crate) mod cache;
mod check;
pub(crate) mod compile;
pub(crate) mod compiler;
mod instances;
mod reachable;
pub(crate) mod rule;
mod sections;
pub(crate) mod worker;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::{
    cache::{CodeCache, Name},
    check::size,
    compile::{Code, Form, Job},
    compiler::Compiler,
    rule::{Prepared, Rule, digest_of},
};
use crate::{
    config::EngineConfig,
    error::LoadError,
    interface::{
        about::{About, about},
        output::DeclaredReason,
    },
    policy::settings::Schema,
    sandbox::{
        Sandboxes,
        contain::contained,
        program::{Program, ProgramError},
    },
};

/// Makes rules and code. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Loader {
    pub(crate) sandboxes: Arc<Sandboxes>,
    compiler: Arc<Compiler>,
    cache: Option<Arc<CodeCache>>,
}

impl Loader {
    /// One that compiles in this process and keeps nothing.
    pub(crate) fn new(sandboxes: Sandboxes) -> Self {
        Self { sandboxes: Arc::new(sandboxes), compiler: Arc::new(Compiler::InProcess), cache: None }
    }

    pub(crate) fn with_compiler(self, compiler: Compiler) -> Self {
        Self { compiler: Arc::new(compiler), ..self }
    }

    pub(crate) fn with_cache(self, cache: Option<CodeCache>) -> Self {
        Self { cache: cache.map(Arc::new), ..self }
    }

    /// Checks, compiles and describes a rule.
    ///
    /// # Errors
    /// When the bytes are no rule, or it cannot be compiled or described.
    pub(crate) fn load(&self, bytes: &[u8]) -> Result<Rule, LoadError> {
        size(bytes, &self.sandboxes.config.component)?;
        let digest = digest_of(bytes);
        let name = self.name("rule", &digest, &[]);
        let known = self.cached(&name).and_then(|content| serde_json::from_slice::<About>(&content).ok());
        let bytes: Arc<[u8]> = bytes.into();
        let rule = |about: About| {
            let schema = contained(|| Schema::new(&about.settings_schema)).unwrap_or_else(Err);
            let wrong = |what| LoadError::Description(format!("`settings-schema`, {what}"));
            Ok::<_, LoadError>(Rule {
                digest: digest.clone(),
                schema: Arc::new(schema.map_err(wrong)?),
                about: Arc::new(about),
                bytes: Arc::clone(&bytes),
                prepared: Arc::default(),
            })
        };
        if let Some(about) = known {
            return rule(about);
        }
        let prepared = self.prepare(&digest, &bytes)?;
        let about = self.describe(&prepared.program)?;
        let content = serde_json::to_vec(&about);
        let rule = rule(about)?;
        if let (Some(cache), Ok(content)) = (&self.cache, content) {
            cache.put(&name, &content);
        }
        // The cell is new: nobody else can have filled it.
        let _ = rule.prepared.set(prepared);
        Ok(rule)
    }

    /// Checks and compiles.
    pub(crate) fn code(&self, job: &Job, component: &[u8]) -> Result<Code, LoadError> {
        self.compiler.compile(self.sandboxes.shards.wasm(), &self.sandboxes.config, job, component)
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
        let budget = self.sandboxes.config.setup.describe();
        let make = || self.code(&Job::Prepare, bytes);
        let load = |code: &Code| {
            let shard = self.sandboxes.shards.emptiest();
            Program::new(&self.sandboxes, shard, &code.bytes, code.form.is_snapshot(), budget)
        };
        let (program, head) = self.cached_program(&name, make, load, |error| match error {
            ProgramError::Load(what) => LoadError::Compile(what),
            ProgramError::Fault(fault) => LoadError::Describe(fault),
        })?;
        Ok(Prepared { program, form: head.form })
    }

    fn describe(&self, program: &Program) -> Result<About, LoadError> {
        let budget = self.sandboxes.config.setup.describe();
        let mut store = program.sandbox(&self.sandboxes, budget).map_err(LoadError::Describe)?;
        let said = program
            .instantiate(&mut store)
            .and_then(|instance| program.describe(&mut store, &instance))
            .map_err(|error| LoadError::Describe(self.sandboxes.fault(&store, budget, &error)))?;
        about(said, &self.sandboxes.config.answer).map_err(LoadError::Description)
    }

    /// The name of what is kept of a rule. Under other limits it would have to be checked again, so they are part
    /// of it.
    pub(crate) fn name(&self, kind: &str, digest: &str, more: &[&str]) -> Name {
        let EngineConfig { component, setup, answer, table_elements, stack_bytes, most, .. } =
            &self.sandboxes.config;
        let most = most.memory_bytes;
        let limits = format!("{component:?} {setup:?} {answer:?} {table_elements} {stack_bytes} {most}");
        Name::new(kind, self.sandboxes.shards.wasm(), &[&[digest, &limits], more].concat())
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
