// SPDX-License-Identifier: Apache-2.0
//! The harness of the whole-system tests: the real program, real sockets, real databases. `cargo xtask` lives by the same,
//! and what the demo needs of it is in `paasla-demo`.

pub mod archive;
pub mod disk;
pub mod given;
pub mod office;
pub mod sources;
pub mod wait;

pub use disk::Disk;
pub use given::Given;
pub use office::Office;
pub use paasla_demo::{
    Ask, Claim, Client, Got, Home, Host, Parts, Persons, Stage, World, ask, files, host, out, show, world,
};
pub use wait::{LONG, within};
