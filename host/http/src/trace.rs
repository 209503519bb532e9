// SPDX-License-Identifier: Apache-2.0
//! One span and one log line for every request. They hold the route's
//! template, never the path, the query, a header that was sent, or the body: any of these may name a person.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    response::Response,
};
use tracing::{Instrument, info, info_span};

use super::DECISION;
use paasla_app::clock;

/// Gives the request an id of our own, opens its span, and logs how it ended.
pub(super) async fn trace<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let arrived = Instant::now();
    let id = clock::id();
    let route = request.extensions().get::<MatchedPath>().map_or("none", |path| path.as_str()).to_owned();
    let span = info_span!("request", %id, method = method(request.method()), route);
    let response = async { next(request).await }.instrument(span.clone()).await;
    let ms = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX);
    let decision = response.headers().get(DECISION).and_then(|id| id.to_str().ok()).unwrap_or("none");
    span.in_scope(|| info!(status = response.status().as_u16(), ms, decision, "answered"));
    response
}

/// A method's name; one that HTTP does not define is the caller's own text.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "other",
    }
}
