// SPDX-License-Identifier: Apache-2.0
//! What can go wrong while a register is made.

use std::path::PathBuf;

/// Why a register was not made.
///
/// No variant carries a personal code or any other value of a person.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The plan asks for fewer people than the cast and some company for it need.
    #[error("at least {least} people are needed, {asked} were asked for")]
    TooFewPeople {
        /// The smallest number that works.
        least: u32,
        /// The number that was asked for.
        asked: u32,
    },
    /// The plan asks for more people than there are document numbers and personal codes for.
    #[error("at most {most} people are possible, {asked} were asked for")]
    TooManyPeople {
        /// The largest number that works.
        most: u32,
        /// The number that was asked for.
        asked: u32,
    },
    /// The date of the register lies outside the years for which ages and codes are right.
    #[error("the register can be made as of 2000-01-01 to 2099-12-31 only")]
    DateOutOfRange,
    /// Every personal code of a birth day, and of every day before it, is taken.
    #[error("no personal code is left")]
    CodesExhausted,
    /// A file is in the way.
    #[error("`{}` exists already; only force overwrites it", .0.display())]
    Exists(PathBuf),
    /// A file could not be written, moved or removed.
    #[error("cannot write `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database refused a statement.
    #[error("the database could not be written")]
    Database(#[from] sqlx::Error),
    /// The list of the cast could not be put into JSON.
    #[error("the cast could not be written as JSON")]
    Json(#[from] serde_json::Error),
}
