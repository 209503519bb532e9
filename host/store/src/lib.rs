// SPDX-License-Identifier: Apache-2.0
//! Control data (rulebooks, rules) and records, behind one trait: [`Store`]. [`SqliteStore`] keeps them in one
//! file and a folder beside it. Every implementation must pass the contract in `tests/store`.

pub mod error;
pub mod fault;
pub mod filter;
mod find;
pub mod generation;
pub mod governance;
pub mod health;
mod log;
pub mod quarantine;
pub mod rule;
pub mod sqlite;
pub mod store;
pub mod usage;

pub use error::StoreError;
pub use fault::{FaultKind, LogFault};
pub use filter::RecordFilter;
pub use generation::GenerationInfo;
pub use governance::Governance;
pub use health::StoreHealth;
pub use quarantine::{Action, Lifted, NewQuarantine, Quarantine};
pub use rule::{RuleInfo, StoredRule};
pub use sqlite::SqliteStore;
pub use store::Store;
pub use usage::Usage;
