// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/rules`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{
    Answer,
    body::{read, read_up_to},
    json::Json,
    not_found, unread,
};
use paasla_app::governance::{
    Governance,
    actor::Actor,
    admission::Permit,
    refusal::Refusal,
    rules::{NewRule, NewSignature, RuleView},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    /// The component, in base64.
    component: String,
    /// The text of each file of cases, by name.
    #[serde(default)]
    cases: BTreeMap<String, String>,
    #[serde(default)]
    signatures: Vec<NewSignature>,
    #[serde(default)]
    reason: String,
}

pub(super) async fn list(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
) -> Answer<Json<Vec<RuleView>>> {
    Ok(Json(governance.rules(&actor).await.map_err(unread)?))
}

pub(super) async fn one(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(digest): Path<String>,
) -> Answer<Json<RuleView>> {
    governance.rule(&actor, &digest).await?.map(Json).ok_or_else(|| not_found("rule", &digest))
}

pub(super) async fn component(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(digest): Path<String>,
) -> Answer<Response> {
    let bytes = governance.component(&actor, &digest).await?.ok_or_else(|| not_found("rule", &digest))?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], bytes).into_response())
}

pub(super) async fn upload(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Extension(permit): Extension<Permit>,
    body: Body,
) -> Answer<(StatusCode, Json<RuleView>)> {
    let Upload { component, cases, signatures, reason } = read_up_to(body, governance.upload_bytes()).await?;
    let component = STANDARD.decode(component).map_err(|_| {
        Refusal::invalid(
            "component_invalid",
            "/component",
            "the component is not written in base64 (RFC 4648, 4)",
        )
    })?;
    let new = NewRule { component, cases, signatures };
    let (view, is_new) = governance.upload(&actor, permit, new, &reason).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(view)))
}

pub(super) async fn sign(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(digest): Path<String>,
    body: Body,
) -> Answer<Json<RuleView>> {
    let Signed { rule, key, signature, reason } = read(body).await?;
    Ok(Json(governance.sign(&actor, &digest, NewSignature { key, signature, rule }, &reason).await?))
}

/// A signature as `paasla rule sign` writes it down, with a reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    #[serde(default)]
    rule: Option<String>,
    key: String,
    signature: String,
    #[serde(default)]
    reason: String,
}
