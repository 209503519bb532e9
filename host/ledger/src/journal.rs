// SPDX-License-Identifier: Apache-2.0
//! The journal behind the ledger: the trait of what makes a batch of records durable.

use std::{error::Error, sync::Arc};

use paasla_core::Entry;

/// Keeps records. A ledger makes one call at a time, in the order in which records were handed to it.
pub trait Journal: Send + Sync {
    /// Writes all records or none of them, and keeps the calling thread until that is done. They are durable when it
    /// returns `Ok`: they outlive a crash of the program and a loss of power.
    ///
    /// # Errors
    /// [`JournalError::Refused`] when a record cannot be written whatever the state of the journal, so that the
    /// others should be tried without it; [`JournalError::Unavailable`] when nothing can be written now.
    fn append(&self, entries: &[Entry]) -> Result<(), JournalError>;
}

/// Why a journal did not write. Its source must hold no personal data: it is logged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// At least one of the records is not acceptable, e.g. it is too long.
    #[error("the journal refused a record")]
    Refused(#[source] Arc<dyn Error + Send + Sync>),
    /// The journal cannot write at present.
    #[error("the journal cannot write")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// The journal panicked. Its message is not repeated: it could hold anything.
    #[error("the journal panicked")]
    Panicked,
}

impl JournalError {
    /// At least one of the records is not acceptable.
    pub fn refused(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Refused(Arc::new(source))
    }

    /// Nothing can be written at present.
    pub fn unavailable(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(source))
    }
}
