// SPDX-License-Identifier: Apache-2.0
//! How many queries may be under way at once. One more is turned away at once: a queue would only make every
//! caller wait, until all time out together.

use std::{sync::Arc, time::Duration};

use axum::{
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

/// One place, held until the request and the work on it are both done.
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

/// Lets a request in when there is a place; then its time begins to run. A request turned away is not recorded: it was
/// not read.
pub(super) async fn admit<F: Future<Output = Response>>(
    doors: &Doors,
    pass: impl FnOnce(Place) -> F,
) -> Response {
    let Some(place) = doors.admission.enter() else {
        let detail = "too many queries are under way; try again in a moment";
        return unavailable("overloaded", detail, Duration::from_secs(1));
    };
    match tokio::time::timeout(doors.settings.request_timeout, pass(place)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "no answer was ready in time; nothing was disclosed";
            unavailable("timed_out", detail, Duration::from_secs(5))
        }
    }
}

fn unavailable(code: &'static str, detail: &'static str, after: Duration) -> Response {
    Document::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(after).into_response()
}
