// SPDX-License-Identifier: Apache-2.0
//! From a component to machine code. Looking at untrusted bytes is the engine's most exposed work, and a compiler
//! cannot be interrupted: so a host lets a process of its own do it, which has limits and can be ended.

use std::{ffi::OsString, panic::AssertUnwindSafe, path::PathBuf};

use serde::{Deserialize, Serialize};
use wasmtime_wizer::Wizer;

use crate::{
    check, config::EngineConfig, load::LoadError, output::DeclaredReason, reachable::pruned, sandbox::Engine,
    worker,
};

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

/// What is to be done with a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Job {
    /// An author's bytes: check them, make them ready for a snapshot where that is possible, compile them.
    Prepare,
    /// A snapshot that the engine made: compile what a ruling needs of it.
    Snapshot,
    /// An author's bytes that were checked and cannot be snapshotted, and why: compile them as they are.
    AsItIs(String),
}

/// How a component was compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// With what a snapshot needs to read its state.
    Instrumented,
    /// From a snapshot: every instance starts configured.
    Snapshot,
    /// As it is, because it cannot be snapshotted; why.
    AsItIs(String),
}

/// Machine code, as wasmtime writes it.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) form: Form,
    /// What `configure` declared, where it ran.
    pub(crate) reasons: Vec<DeclaredReason>,
    pub(crate) bytes: Vec<u8>,
}

impl Code {
    pub(crate) fn of(form: Form, bytes: Vec<u8>) -> Self {
        Self { form, reasons: Vec::new(), bytes }
    }
}

impl Engine {
    /// Checks and compiles, where the engine was told to.
    pub(crate) fn code(&self, job: &Job, component: &[u8]) -> Result<Code, LoadError> {
        match &*self.compiler {
            Compiler::InProcess => compile(self.shards.wasm(), &self.config, job, component),
            Compiler::Worker { program, arguments } => {
                worker::ask(program, arguments, &self.config, job, component)
            }
        }
    }
}

/// Checks and compiles here and now. A panic is contained.
pub(crate) fn compile(
    wasm: &wasmtime::Engine,
    config: &EngineConfig,
    job: &Job,
    component: &[u8],
) -> Result<Code, LoadError> {
    let compile = || {
        let failed = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
        let as_it_is = |why: String| {
            let bytes = wasm.precompile_component(component).map_err(failed)?;
            Ok(Code::of(Form::AsItIs(why), bytes))
        };
        match job {
            Job::Prepare => {
                check::check(component, config)?;
                let instrumented = Wizer::new().instrument_component(component);
                // What wasmtime cannot compile instrumented, it may as it is.
                match instrumented.and_then(|(_, bytes)| wasm.precompile_component(&bytes)) {
                    Ok(bytes) => Ok(Code::of(Form::Instrumented, bytes)),
                    Err(error) => as_it_is(format!("{error:#}")),
                }
            }
            Job::Snapshot => {
                // What cannot be made of it is left as it is.
                let lean = pruned(component);
                let component = lean.as_deref().unwrap_or(component);
                let bytes = wasm.precompile_component(component).map_err(failed)?;
                Ok(Code::of(Form::Snapshot, bytes))
            }
            Job::AsItIs(why) => as_it_is(why.clone()),
        }
    };
    let code =
        contained(compile).unwrap_or_else(|why| Err(LoadError::Crashed(format!("panicked: {why}"))))?;
    let bytes = u64::try_from(code.bytes.len()).unwrap_or(u64::MAX);
    check::within("bytes of machine code", bytes, config.component.code_bytes)?;
    Ok(code)
}

/// Contains a panic of work on an author's bytes.
///
/// # Errors
/// What the panic said.
pub(crate) fn contained<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
        said.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "it did not say why".to_owned())
    })
}
