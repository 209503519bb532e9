// SPDX-License-Identifier: Apache-2.0
//! Records, made durable before any data leaves. [`Ledger`] is the one way to write a record: it gathers what
//! many queries write at the same time into one commit. Where the records go is the [`Journal`]'s business.

pub mod journal;
pub mod ledger;
mod writer;

pub use journal::{Journal, JournalError};
pub use ledger::{Ledger, LedgerConfig, LedgerError};
