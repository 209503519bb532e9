// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/rulebook`.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, body::read, json::Json};
use crate::app::{App, governance::actor::Actor};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollBack {
    /// The generation to go back to; the one before the one at work if left out.
    #[serde(default)]
    to: Option<u64>,
    #[serde(default)]
    reason: String,
}

pub(super) async fn now(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
) -> Answer<Json<Value>> {
    Ok(Json(json!(app.seen_rulebook(&actor).await?)))
}

pub(super) async fn generations(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
) -> Answer<Json<Vec<Value>>> {
    let is_ministry = actor.institution.is_none();
    let all = app.generations(&actor).await?.into_iter().map(|info| {
        if !is_ministry {
            let at = jiff::Timestamp::from_millisecond(info.installed_at).ok();
            return json!({ "generation": info.generation, "installedAt": at, "active": info.active });
        }
        json!({
            "generation": info.generation,
            "installedAt": jiff::Timestamp::from_millisecond(info.installed_at).ok(),
            "by": info.by,
            "reason": info.reason,
            "policies": info.policies,
            "active": info.active,
        })
    });
    Ok(Json(all.collect()))
}

pub(super) async fn roll_back(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<Json<Value>> {
    let RollBack { to, reason } = read(body).await?;
    let done = app.roll_back(&actor, to, &reason).await?;
    Ok(Json(json!({ "generation": done.generation, "contentOf": done.content_of })))
}
