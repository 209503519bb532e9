// SPDX-License-Identifier: Apache-2.0
//! Why the engine cannot be set up, bytes are no rule, or a policy cannot be made.
//!
//! What breaks inside a sandbox is a [`RuleFault`].

use serde::{Deserialize, Serialize};

use crate::fault::RuleFault;

/// The engine could not be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine could not be set up: {0}")]
pub struct EngineError(pub(crate) String);

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

/// One thing wrong with a policy's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// JSON pointer into the settings.
    pub pointer: String,
    /// What is wrong, as the rule or its schema says.
    pub message: String,
}

/// Why a policy could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivateError {
    /// The settings are wrong.
    #[error("the settings are wrong: {}", list(.0))]
    Settings(Vec<SettingsProblem>),
    /// `configure` broke.
    #[error("`configure` failed: {0}")]
    Configure(RuleFault),
    /// The configured rule could not be compiled.
    #[error("the configured rule could not be compiled: {0}")]
    Compile(String),
    /// The rule itself could not be made ready.
    #[error(transparent)]
    Load(#[from] LoadError),
}

fn list(problems: &[SettingsProblem]) -> String {
    let one = |p: &SettingsProblem| format!("at `{}`: {}", p.pointer, p.message);
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}
