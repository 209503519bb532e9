// SPDX-License-Identifier: Apache-2.0
//! What rule authors work with: rules are built, tested, inspected and signed, on any system that has a Rust compiler.
//!
//! The program `paasla-toolkit` is these four commands and nothing else; `paasla rule` has them too, beside what talks to
//! hosts and registries.

pub mod build;
pub mod command;
pub mod engine;
pub mod failure;
pub mod files;
mod imports;
pub mod log;
pub mod out;
pub mod pair;
pub mod quick;
pub mod show;
mod sign;
pub mod signature;
mod toolchain;
