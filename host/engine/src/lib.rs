// SPDX-License-Identifier: Apache-2.0
//! WebAssembly in, rulings out. The only room that sees wasmtime or generated bindings.
//!
//! A rule is checked and compiled once ([`Engine::load`]), configured once and snapshotted ([`Engine::activate`]),
//! and every ruling starts from that snapshot in a fresh instance ([`Activated::decide`], [`Activated::review`]),
//! which is thrown away. No state passes from one query to the next. Compiled code is kept in a [`CodeCache`], and compiled in a process of its own where the [`Compiler`] is one.

mod about;
mod activate;
mod bindings;
mod cache;
mod cases;
mod check;
mod compiler;
mod config;
mod fault;
mod input;
mod instances;
mod load;
mod output;
mod priority;
mod program;
mod reachable;
mod rulings;
mod sandbox;
mod sections;
mod shard;
mod snapshot;
pub mod travelling;
mod worker;

pub use about::{About, FactNeed, ProvisionAbout};
pub use activate::{ActivateError, Activated, SettingsProblem, Start};
pub use cache::CodeCache;
pub use cases::{CaseRunner, Outcome, RunnerError, run_cases};
pub use compiler::Compiler;
pub use config::{AnswerLimits, ComponentLimits, EngineConfig, Ration, Setup};
pub use fault::RuleFault;
pub use input::RowInput;
pub use load::{LoadError, Rule, digest_of};
pub use priority::{give_way, lower_priority};
#[cfg(feature = "bench")]
pub use rulings::Reused;
pub use rulings::{Said, decide_all};
pub use sandbox::{Engine, EngineError};
pub use worker::run_compiler;
