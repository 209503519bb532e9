// SPDX-License-Identifier: Apache-2.0
//! What a bad rule can do to the host: nothing. Each gets its own typed fault, and the next good call is answered.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test has no public items, and may fail at any line"
)]

#[path = "../common/mod.rs"]
mod common;

mod bombs;
mod limits;
mod limits_of_answers;
mod limits_of_components;
mod load;
mod output;
mod output_of_reasons;
mod output_of_review;
mod output_of_setup;
mod run;
mod same;
mod schema;
mod shards;
mod told;
mod worker;
