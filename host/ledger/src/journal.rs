// SPDX-License-Identifier: Apache-2.0
//! Where records become durable.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use paasla_core::Record;

/// Keeps records. All records come from one writer, in the order in which they were queued, so an
/// implementation never sees two calls at a time from one ledger.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes all records or none of them. They are durable when it returns `Ok`: they outlive a crash of the
    /// program and a loss of power.
    ///
    /// # Errors
    /// [`JournalError::Refused`] when a record cannot be written whatever the state of the journal, so that the
    /// others should be tried without it; [`JournalError::Unavailable`] when nothing can be written now.
    async fn append(&self, records: &[Record]) -> Result<(), JournalError>;
}

/// Why a journal did not write. Its source must hold no personal data: it is logged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// At least one of the records is not acceptable, e.g. its id is already there.
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
