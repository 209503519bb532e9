// SPDX-License-Identifier: Apache-2.0
//! Cases of rules, run against their components.

pub(crate) mod runner;
pub mod travelling;
