// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

pub mod address;
pub mod build;
pub mod cast;
pub mod contact;
pub mod custody;
pub mod day;
pub mod dice;
pub mod document;
pub mod error;
pub mod family;
mod growth;
pub mod heritage;
pub mod kinship;
pub mod names;
pub mod person;
pub mod personal_code;
pub mod places;
pub mod plan;
pub mod record;
pub mod register;
pub mod residence;
pub mod restriction;
pub mod sex;
pub mod source;
mod writer;

pub use build::{CAST_FILE, Progress, build};
pub use cast::Cast;
pub use error::Error;
pub use plan::Plan;
pub use register::Register;

/// What every register and every list of a cast says of itself.
pub const NOTICE: &str = "Synthetic data. Every person, name, code, document, address and contact was made by a program from \
     chance. Nobody here is real; likeness to a real person, or to a personal code in use, is coincidence.";
