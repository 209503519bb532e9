// SPDX-License-Identifier: Apache-2.0
//! The harness of the whole-system tests: the real program, real sockets, real databases. `cargo xtask demo` lives by
//! the same.

pub mod ask;
pub mod disk;
pub mod files;
pub mod given;
pub mod host;
pub mod office;
pub mod sources;
pub mod wait;
pub mod world;

pub use ask::{Ask, Got};
pub use disk::Disk;
pub use given::Given;
pub use host::{Home, Host};
pub use office::Office;
pub use wait::{LONG, within};
pub use world::{Client, Persons, World};
