// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/keys`.

use std::sync::Arc;

use axum::{
    Extension,
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
    json::Json,
};
use paasla_app::governance::{Governance, Revoked, actor::Actor, keys::NewKey};

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

pub(super) async fn list(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
) -> Answer<Json<Vec<TrustKey>>> {
    Ok(Json(governance.keys(&actor).await?))
}

pub(super) async fn add(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<(StatusCode, Json<TrustKey>)> {
    let Add { public_key, owner, scope, reason } = read(body).await?;
    let key = governance.add_key(&actor, NewKey { public_key, owner, scope }, &reason).await?;
    Ok((StatusCode::CREATED, Json(key)))
}

pub(super) async fn revoke(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Body,
) -> Answer<Json<Value>> {
    let Why { reason } = read(body).await?;
    let done = governance.revoke_key(&actor, &id, &reason).await?;
    let then = match done.then {
        Revoked::Keep => "keep",
        Revoked::Refuse => "refuse",
        Revoked::Retire => "retire",
    };
    Ok(Json(json!({ "key": done.key, "policies": done.policies, "then": then })))
}
