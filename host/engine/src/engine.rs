// SPDX-License-Identifier: Apache-2.0
//! The engine: all of its parts together, as a host uses them.

use std::sync::Arc;

use paasla_core::{Policy, Register};

use crate::{
    config::EngineConfig,
    error::{ActivateError, EngineError, LoadError, SettingsProblem},
    load::{Loader, cache::CodeCache, compiler::Compiler, rule::Rule},
    policy::{
        Activated, Start,
        activate::{activate, configure, refused},
    },
    sandbox::Sandboxes,
};

/// The engine: compiles rules and runs them. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    loader: Loader,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", self.config()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Sets up the engine, with a pool of sandboxes where the machine's address space allows it.
    ///
    /// # Errors
    /// When a limit makes no sense, when the machine cannot run it, or the backstop clock cannot be started.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        Ok(Self { loader: Loader::new(Sandboxes::new(config)?) })
    }

    /// The same engine with another compiler.
    #[must_use]
    pub fn with_compiler(self, compiler: Compiler) -> Self {
        Self { loader: self.loader.with_compiler(compiler) }
    }

    /// The same engine with a cache of compiled code.
    #[must_use]
    pub fn with_cache(self, cache: CodeCache) -> Self {
        Self { loader: self.loader.with_cache(Some(cache)) }
    }

    /// The same engine without a cache: what it compiles is gone with what it was compiled for.
    #[must_use]
    pub fn without_cache(&self) -> Self {
        Self { loader: self.loader.clone().with_cache(None) }
    }

    /// The limits it was set up with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.loader.sandboxes.config
    }

    /// Checks, compiles and describes a rule. Takes tens of milliseconds for a small rule that the cache does not
    /// hold; keep it off threads that serve queries.
    ///
    /// # Errors
    /// When the bytes are no rule, or it cannot be compiled or described.
    pub fn load(&self, bytes: &[u8]) -> Result<Rule, LoadError> {
        self.loader.load(bytes)
    }

    /// Checks settings against the rule's schema, configures the rule for a policy and a register, and snapshots it where
    /// that can be done.
    ///
    /// # Errors
    /// When the settings are wrong, or the rule breaks on them, or needs more for an instance than a ruling gets.
    pub fn activate(
        &self,
        rule: &Rule,
        policy: &Policy,
        register: &Arc<Register>,
    ) -> Result<Activated, ActivateError> {
        activate(&self.loader, rule, policy, register)
    }

    /// The same whatever the schema says: for cases, which are about the rule.
    pub(crate) fn configure(
        &self,
        rule: &Rule,
        policy: &Policy,
        register: &Arc<Register>,
    ) -> Result<Activated, ActivateError> {
        configure(&self.loader, rule, policy, register)
    }

    /// What the rule's schema has against the settings.
    pub(crate) fn refused(
        &self,
        rule: &Rule,
        policy: &Policy,
    ) -> Result<Vec<SettingsProblem>, ActivateError> {
        refused(&self.loader, rule, policy)
    }

    /// How instances of a rule come to be configured, as far as it can be told without settings.
    ///
    /// # Errors
    /// When it cannot be compiled.
    pub fn start(&self, rule: &Rule) -> Result<Start, LoadError> {
        Ok(self.loader.prepared(rule)?.form.clone().into())
    }
}
