// SPDX-License-Identifier: Apache-2.0
//! Where a component is compiled. Looking at untrusted bytes is the engine's most exposed work, and a compiler
//! cannot be interrupted: so a host lets a process of its own do it, which has limits and can be ended.

use std::{ffi::OsString, path::PathBuf};

use super::{
    compile::{Code, Job, compile},
    worker,
};
use crate::{config::EngineConfig, error::LoadError};

/// Where components are checked and compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// In this process. Limits of time and memory cannot be kept, and a crash of the compiler is a crash of the
    /// program: for components that one has built oneself.
    InProcess,
    /// In a process that is started for each component, and calls [`run_compiler`](crate::run_compiler).
    Worker {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<OsString>,
    },
}

impl Compiler {
    /// Checks and compiles, where it was told to.
    pub(crate) fn compile(
        &self,
        wasm: &wasmtime::Engine,
        config: &EngineConfig,
        job: &Job,
        component: &[u8],
    ) -> Result<Code, LoadError> {
        match self {
            Self::InProcess => compile(wasm, config, job, component),
            Self::Worker { program, arguments } => worker::ask(program, arguments, config, job, component),
        }
    }
}
