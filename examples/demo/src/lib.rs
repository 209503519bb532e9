// SPDX-License-Identifier: Apache-2.0
//! The demo: the example's clients and people, the real program as a child process, and what is shown of its answers.
//!
//! `paasla demo`, `cargo xtask demo` and the whole-system tests live by it.

pub mod ask;
pub mod files;
pub mod host;
pub mod out;
pub mod parts;
pub mod pretty;
pub mod show;
pub mod signals;
pub mod stage;
pub mod world;

pub use ask::{Ask, Got};
pub use host::{Home, Host};
pub use parts::Parts;
pub use stage::{Claim, Demo, Stage};
pub use world::{Client, Persons, World};
