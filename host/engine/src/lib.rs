// SPDX-License-Identifier: Apache-2.0
//! WebAssembly in, rulings out. The only room that sees wasmtime or generated bindings.
//!
//! A rule is checked and compiled once ([`Engine::load`]), configured once and snapshotted ([`Engine::activate`]),
//! and every ruling starts from that snapshot in a fresh instance ([`Activated::decide`], [`Activated::review`]),
//! which is thrown away. No state passes from one query to the next. Compiled code is kept in a [`CodeCache`], and compiled in a process of its own where the [`Compiler`] is one.

mod cases;
mod config;
mod engine;
mod error;
mod fault;
mod interface;
mod load;
mod policy;
mod priority;
mod sandbox;
mod system;

pub use cases::{
    runner::{CaseRunner, Outcome, RunnerError, run_cases},
    travelling,
};
pub use config::{AnswerLimits, ComponentLimits, EngineConfig, Ration, Setup};
pub use engine::Engine;
pub use error::{ActivateError, EngineError, LoadError, SettingsProblem};
pub use fault::RuleFault;
pub use interface::{
    about::{About, FactNeed, ProvisionAbout},
    input::RowInput,
};
pub use load::{
    cache::CodeCache,
    compiler::Compiler,
    rule::{Rule, digest_of},
    worker::run_compiler,
};
#[cfg(feature = "bench")]
pub use policy::rulings::Reused;
pub use policy::{
    Activated, Start,
    rulings::{Said, decide_all},
};
pub use priority::{give_way, lower_priority};
