// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/policies`.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use paasla_core::{Limits, Scope};
use serde::Deserialize;
use serde_json::json;

use super::{
    Answer,
    body::read,
    json::Json,
    not_found,
    parameters::{Parameters, wrong},
    proposals::answer,
    unread,
};
use paasla_app::governance::{
    Governance,
    actor::Actor,
    differences::ShadowSummary,
    lifecycle::{Step, StepOptions},
    policies::NewPolicy,
    proposals::How,
    refusal::Refusal,
    view::PolicyView,
};

/// How many queries a summary lists where `limit` is not given.
const DEFAULT_LIMIT: u32 = 20;

/// `?before=RECORD&limit=N`, both optional.
pub(super) const PAGE_PARAMETERS: &[&str] = &["before", "limit"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    rule: String,
    #[serde(default)]
    settings: serde_json::Value,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    #[serde(default)]
    version: Option<u32>,
    /// When it comes into force (RFC 3339); at once if left out.
    #[serde(default)]
    at: Option<String>,
    /// When it goes out of force by itself (RFC 3339).
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    reason: String,
}

pub(super) async fn list(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
) -> Answer<Json<Vec<PolicyView>>> {
    Ok(Json(governance.policies(&actor, None).await.map_err(unread)?))
}

pub(super) async fn one(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
) -> Answer<Json<Vec<PolicyView>>> {
    let versions = governance.policies(&actor, Some(&name)).await?;
    if versions.is_empty() { Err(not_found("policy", &name)) } else { Ok(Json(versions)) }
}

pub(super) async fn create(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<(StatusCode, Json<PolicyView>)> {
    let Create { name, rule, settings, scope, limits, reason } = read(body).await?;
    let new = NewPolicy { name, rule, settings, scope, limits };
    Ok((StatusCode::CREATED, Json(governance.create_policy(&actor, new, &reason).await?)))
}

pub(super) async fn diff(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Extension(parameters): Extension<Parameters>,
    Path(name): Path<String>,
) -> Answer<Json<ShadowSummary>> {
    summary(&governance, &actor, &name, None, &parameters).await
}

pub(super) async fn diff_of_version(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Extension(parameters): Extension<Parameters>,
    Path((name, version)): Path<(String, u32)>,
) -> Answer<Json<ShadowSummary>> {
    summary(&governance, &actor, &name, Some(version), &parameters).await
}

/// Which of the queries that would have been decided otherwise are listed, in [`PAGE_PARAMETERS`].
async fn summary(
    governance: &Governance,
    actor: &Actor,
    name: &str,
    version: Option<u32>,
    parameters: &Parameters,
) -> Answer<Json<ShadowSummary>> {
    let before = parameters.text("before");
    let is_id =
        |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if before.is_some_and(|id| !is_id(id)) {
        return Err(wrong("before", "the id of a record").into());
    }
    let limit = parameters.limit(DEFAULT_LIMIT)?;
    let summary = governance.shadow_summary(actor, name, version, before, limit).await?;
    summary.map(Json).ok_or_else(|| not_found("policy", name))
}

macro_rules! step {
    ($name:ident, $step:expr) => {
        pub(super) async fn $name(
            State(governance): State<Arc<Governance>>,
            Extension(actor): Extension<Actor>,
            Path(name): Path<String>,
            body: Body,
        ) -> Answer<Json<PolicyView>> {
            take(&governance, &actor, &name, $step, body).await
        }
    };
}

step!(shadow, Step::Shadow);
step!(approve, Step::Approve);
step!(reject, Step::Reject);
step!(activate, Step::Activate);

async fn take(
    governance: &Governance,
    actor: &Actor,
    name: &str,
    step: Step,
    body: Body,
) -> Answer<Json<PolicyView>> {
    let Take { version, at, expires, reason } = read(body).await?;
    let [at, expires] = [instant("/at", at)?, instant("/expires", expires)?];
    let options = StepOptions { version, at, expires };
    Ok(Json(governance.step(actor, name, step, options, &reason).await?))
}

/// A time in a body, as milliseconds since 1970-01-01T00:00:00Z.
pub(super) fn instant(place: &str, text: Option<String>) -> Result<Option<i64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let read: Result<jiff::Timestamp, _> = text.trim().parse();
    let message = "this is no time: write date, time and offset, as in 2027-01-01T00:00:00+02:00";
    let read = read.map_err(|_| Refusal::invalid("time_invalid", place, message))?;
    Ok(Some(read.as_millisecond()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Retire {
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    emergency: bool,
    #[serde(default)]
    reason: String,
}

pub(super) async fn retire(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    body: Body,
) -> Answer<Response> {
    let Retire { version, dry_run, emergency, reason } = read(body).await?;
    let outcome = governance
        .retire(&actor, &name, version, How { dry_run, emergency, ..How::default() }, &reason)
        .await?;
    let views = governance.policies(&actor, Some(&name)).await?;
    Ok(answer(outcome, |done| json!(views.iter().find(|view| view.version == done.version).or(views.last()))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Lift {
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    emergency: bool,
    #[serde(default)]
    reason: String,
}

pub(super) async fn lift(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    body: Body,
) -> Answer<Response> {
    let Lift { dry_run, emergency, reason } = read(body).await?;
    let outcome =
        governance.lift(&actor, &name, How { dry_run, emergency, ..How::default() }, &reason).await?;
    let views = governance.policies(&actor, Some(&name)).await?;
    Ok(answer(outcome, |_| json!({ "policies": views })))
}
