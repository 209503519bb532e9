// SPDX-License-Identifier: Apache-2.0
//! How many queries may be under way at once. One more is turned away at once: a queue would only make every
//! caller wait, until all time out together.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{problem::Document, router::Doors};

/// The places there are.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    all: u32,
}

/// One place, held until the request and the task that works on it are both done.
#[derive(Debug, Clone)]
pub(super) struct Place(
    #[expect(dead_code, reason = "it is held, not read: dropping the last clone frees the place")]
    Arc<OwnedSemaphorePermit>,
);

impl Admission {
    pub(super) fn new(places: u32) -> Self {
        let count = usize::try_from(places).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(count)), all: places }
    }

    fn enter(&self) -> Option<Place> {
        self.places.clone().try_acquire_owned().ok().map(|permit| Place(Arc::new(permit)))
    }

    /// Waits until nothing is under way; false when that took longer than `grace`.
    pub(super) async fn idle(&self, grace: Duration) -> bool {
        tokio::time::timeout(grace, self.places.acquire_many(self.all)).await.is_ok()
    }
}

/// Lets a request in when there is a place. A request turned away is not recorded: it was not read.
pub(super) async fn admit<F: Future<Output = Response>>(
    doors: &Doors,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let Some(place) = doors.admission.enter() else {
        let detail = "too many queries are under way; try again in a moment";
        return Document::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .retry_after(Duration::from_secs(1))
            .into_response();
    };
    request.extensions_mut().insert(place.clone());
    next(request).await
}
