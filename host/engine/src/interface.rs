// SPDX-License-Identifier: Apache-2.0
//! The rule interface at the host's side: generated bindings, and what they are turned into.
//!
//! What a rule says is untrusted, and is checked here.

pub(crate) mod about;
pub(crate) mod bindings;
pub(crate) mod input;
pub(crate) mod output;
