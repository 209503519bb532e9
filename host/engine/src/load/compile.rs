// SPDX-License-Identifier: Apache-2.0
//! From a component to machine code, here and now. The same component gives the same code.

use serde::{Deserialize, Serialize};
use wasmtime_wizer::Wizer;

use super::{check::check, reachable::pruned};
use crate::{
    config::{EngineConfig, within},
    error::LoadError,
    interface::output::DeclaredReason,
    sandbox::contain::contained,
};

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

impl Form {
    pub(crate) fn is_snapshot(&self) -> bool {
        *self == Self::Snapshot
    }
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
                check(component, config)?;
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
    within("bytes of machine code", bytes, config.component.code_bytes)?;
    Ok(code)
}
