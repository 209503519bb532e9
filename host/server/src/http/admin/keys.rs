// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/keys`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use paasla_core::Scope;
use paasla_store::governance::key::TrustKey;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answer,
    body::{Why, read},
    with_instants,
};
use crate::app::{
    App,
    governance::{Revoked, actor::Actor, keys::NewKey},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Add {
    public_key: String,
    owner: String,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    reason: String,
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Json<Vec<Value>>> {
    Ok(Json(app.keys().await?.iter().map(view).collect()))
}

fn view(key: &TrustKey) -> Value {
    with_instants(json!(key), &["addedAt", "revokedAt"])
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
    let Add { public_key, owner, scope, reason } = read(body).await?;
    let key = app.add_key(&actor, NewKey { public_key, owner, scope }, &reason).await?;
    Ok((StatusCode::CREATED, Json(view(&key))))
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Body,
) -> Answer<Json<Value>> {
    let Why { reason } = read(body).await?;
    let done = app.revoke_key(&actor, &id, &reason).await?;
    let then = match done.then {
        Revoked::Keep => "keep",
        Revoked::Refuse => "refuse",
        Revoked::Retire => "retire",
    };
    Ok(Json(json!({ "key": view(&done.key), "policies": done.policies, "then": then })))
}
