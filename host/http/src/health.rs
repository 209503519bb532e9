// SPDX-License-Identifier: Apache-2.0
//! The health door: liveness and readiness.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;
use serde_json::json;

use super::router::Doors;
use paasla_app::health::Readiness;

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> impl IntoResponse {
    Json(json!({ "status": "live" }))
}

/// `GET /health/ready`: whether queries can be answered, those in the scope of a policy out of service set aside.
pub(super) async fn ready(State(doors): State<Arc<Doors>>) -> impl IntoResponse {
    let seen = doors.gate.readiness();
    let (code, status) = if seen.is_ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    (code, Json(HealthBody { status, seen }))
}

#[derive(Serialize)]
struct HealthBody {
    status: &'static str,
    #[serde(flatten)]
    seen: Readiness,
}
