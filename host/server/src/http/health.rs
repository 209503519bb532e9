// SPDX-License-Identifier: Apache-2.0
//! Whether the host lives, and whether it can answer queries.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::json;

use super::router::Doors;

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> impl IntoResponse {
    Json(json!({ "status": "live" }))
}

/// `GET /health/ready`: queries can be answered, those in the scope of a policy out of service set aside.
pub(super) async fn ready(State(doors): State<Arc<Doors>>) -> impl IntoResponse {
    if doors.gate.ready() {
        (StatusCode::OK, Json(json!({ "status": "ready", "quarantined": doors.gate.quarantined() })))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" })))
    }
}
