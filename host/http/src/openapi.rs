// SPDX-License-Identifier: Apache-2.0
//! `GET /xroad/{service}/openapi.json`: what a security server reads when the service is registered.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{problem::Document, router::Doors};

/// The description of one service, all its versions.
pub(super) async fn description(
    State(doors): State<Arc<Doors>>,
    service: Result<Path<String>, PathRejection>,
) -> Response {
    let found = service.ok().and_then(|Path(service)| doors.gate.openapi(&service));
    match found {
        Some(description) => Json(description).into_response(),
        None => Document::new(StatusCode::NOT_FOUND, "service_unknown", "there is no such service")
            .into_response(),
    }
}
