// SPDX-License-Identifier: Apache-2.0
//! WebAssembly in, rulings out. The only room that sees wasmtime or generated bindings.
//!
//! A rule is checked and compiled once ([`Engine::load`]), configured once and snapshotted ([`Engine::activate`]),
//! and every ruling starts from that snapshot in a fresh instance ([`Activated::decide`], [`Activated::review`]),
//! which is thrown away. No state passes from one query to the next. A host with time to spare has instances made ready
//! before they are needed, and those that were used wiped when nobody waits ([`decide_all_leaving`], [`Spent`]). Compiled code is kept in a [`CodeCache`], and
//! compiled in a process of its own where the [`Compiler`] is one.

mod about;
mod activate;
mod bindings;
mod cache;
mod cases;
mod check;
mod code_memory;
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
mod ready;
mod rulings;
mod sandbox;
mod sections;
mod segments;
mod shard;
mod snapshot;
pub mod travelling;
mod wipers;
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
pub use ready::Spent;
#[cfg(feature = "bench")]
pub use rulings::Reused;
pub use rulings::{Said, decide_all, decide_all_leaving};
pub use sandbox::{Engine, EngineError};
pub use wipers::Wipers;
pub use worker::run_compiler;
