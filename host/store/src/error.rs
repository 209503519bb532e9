// SPDX-License-Identifier: Apache-2.0
//! Errors of a store. No message holds personal data, not even through a source: database errors name tables and
//! columns, and what could not be read is named by its key only.

use std::error::Error;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A thing that the call depends on is not there.
    #[error("there is no {what} `{key}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        key: String,
    },
    /// A thing with this id is already there. Nothing was written.
    #[error("{what} `{key}` is already stored")]
    Conflict {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        key: String,
    },
    /// A policy names a rule that is not stored. Nothing was written.
    #[error("policy `{policy}` names the rule `{digest}`, which is not stored")]
    UnknownRule {
        /// The policy's name.
        policy: String,
        /// The digest it names.
        digest: String,
    },
    /// The bytes of a rule do not have the digest that was stated. Nothing was written.
    #[error("the rule `{stated}` has other bytes: their digest is `{actual}`")]
    WrongDigest {
        /// The digest that was stated.
        stated: String,
        /// SHA-256 of the bytes.
        actual: String,
    },
    /// A value does not fit into the store. Nothing was written.
    #[error("{what} `{key}` cannot be stored")]
    Invalid {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        key: String,
    },
    /// What is stored cannot be read: it was changed behind the program's back, or by a faulty program.
    #[error("{what} `{key}` is stored in a form that cannot be read")]
    Corrupt {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        key: String,
    },
    /// The database was made by a newer program.
    #[error("the database is at version {found}, but this program knows versions up to {known} only")]
    Newer {
        /// A version of the database that this program does not know.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("the database holds something else than control data and records")]
    Foreign,
    /// What was opened is not there any more, or something else is.
    #[error(
        "the {what} was moved, removed or replaced since it was opened: put it back, or restart the host"
    )]
    Replaced {
        /// What: `control database`, `folder of records`.
        what: &'static str,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The database or the log of records did not do it: it is busy, full, broken or not there. The message names every
    /// cause.
    #[error("the store is not available: {}", chain(&**.0))]
    Unavailable(Box<dyn Error + Send + Sync>),
}

/// An error with all its causes: what a log says of it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}
