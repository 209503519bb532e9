// SPDX-License-Identifier: Apache-2.0
//! WebAssembly in, rulings out. The only room that sees wasmtime or generated bindings.
//!
//! A rule is checked and compiled once ([`Engine::load`]), configured once and snapshotted ([`Engine::activate`]),
//! and every ruling starts from that snapshot in a fresh instance ([`Activated::decide`], [`Activated::review`]),
//! which is thrown away. No state passes from one query to the next.

mod activate;
mod bindings;
mod cases;
mod check;
mod config;
mod fault;
mod input;
mod load;
mod output;
mod sandbox;
mod snapshot;

pub use activate::{ActivateError, Activated, SettingsProblem, Start};
pub use cases::{CaseRunner, RunnerError, run_cases};
pub use config::{EngineConfig, Ration};
pub use fault::RuleFault;
pub use input::RowInput;
pub use load::{About, FactNeed, LoadError, ProvisionAbout, Rule, digest_of};
pub use sandbox::{Engine, EngineError};
