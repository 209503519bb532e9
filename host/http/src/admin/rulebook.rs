// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/rulebook`.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, response::Response};
use jiff::Timestamp;
use paasla_core::{Grant, ObjectDiff, Rulebook, Service, Vocabulary};
use paasla_store::governance::proposal::ProposalState;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answer,
    body::{read, read_up_to},
    json::Json,
    parameters::{Parameters, wrong},
    proposals::answer,
};
use paasla_app::governance::{Governance, actor::Actor, proposals::How, refusal::Refusal, view::instant};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RollBack {
    /// The generation to go back to; the one before the one at work if left out.
    #[serde(default)]
    to: Option<u64>,
    /// What comes back of what was taken out since.
    #[serde(default)]
    bring_back: Vec<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    emergency: bool,
    #[serde(default)]
    reason: String,
}

/// `?at=INSTANT`: the rulebook as it was then. With it, since when it and each of its policies are at work, by whom and
/// why.
pub(super) async fn now(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Extension(parameters): Extension<Parameters>,
) -> Answer<Json<Value>> {
    let message = "`at` must be a time: date, time and offset, as in 2027-01-01T00:00:00+02:00";
    let read = |text: &str| text.parse().map_err(|_| Refusal::invalid("time_invalid", "url", message));
    let at: Option<Timestamp> = parameters.text("at").map(read).transpose()?;
    let at = at.map(Timestamp::as_millisecond);
    let (since, rulebook, policies) = governance.rulebook_at(&actor, at).await?;
    let mut json = json!(rulebook);
    if let Value::Object(members) = &mut json {
        members.insert("since".to_owned(), json!(since));
        members.insert("atWork".to_owned(), json!(policies));
        let waiting = governance.proposals(&actor, true).await?;
        let unconfirmed = waiting.iter().filter(|one| one.state == ProposalState::Unconfirmed);
        members.insert("unconfirmed".to_owned(), unconfirmed.map(|one| one.id).collect());
    }
    Ok(Json(json))
}

pub(super) async fn generations(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
) -> Answer<Json<Vec<Value>>> {
    let is_ministry = actor.institution.is_none();
    let all = governance.generations(&actor).await?.into_iter().map(|info| {
        if !is_ministry {
            let at = instant(info.installed_at);
            return json!({ "generation": info.generation, "installedAt": at, "active": info.active });
        }
        json!({
            "generation": info.generation,
            "installedAt": instant(info.installed_at),
            "by": info.by,
            "reason": info.reason,
            "policies": info.policies,
            "active": info.active,
        })
    });
    Ok(Json(all.collect()))
}

/// `?from=N&to=N`: what differs between two generations.
pub(super) async fn diff(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Extension(parameters): Extension<Parameters>,
) -> Answer<Json<Vec<ObjectDiff>>> {
    let number = |name: &str| {
        let what = "the number of a generation: ?from=3&to=4";
        parameters.parsed(name, what)?.ok_or_else(|| wrong(name, what))
    };
    Ok(Json(governance.rulebook_diff(&actor, number("from")?, number("to")?).await?))
}

/// The largest set of files, in bytes.
const MAX_FILES_BYTES: usize = 64 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Apply {
    /// The generation that it was made for.
    base: u64,
    vocabulary: Vocabulary,
    services: Vec<Service>,
    grants: Vec<Grant>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    emergency: bool,
    #[serde(default)]
    reason: String,
}

/// Services, access rights and vocabulary become what the body says, all or nothing.
pub(super) async fn apply(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<Response> {
    let Apply { base, vocabulary, services, grants, dry_run, emergency, reason } =
        read_up_to(body, MAX_FILES_BYTES).await?;
    let mut files = Rulebook { vocabulary, services, grants, ..Rulebook::default() };
    files.expand_iris();
    let how = How { dry_run, emergency, base: Some(base) };
    let outcome = governance.apply(&actor, &files, how, &reason).await?;
    Ok(answer(outcome, |done| json!({ "generation": done.generation })))
}

pub(super) async fn roll_back(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<Response> {
    let RollBack { to, bring_back, dry_run, emergency, reason } = read(body).await?;
    let (to, outcome) = governance
        .roll_back(&actor, to, bring_back, How { dry_run, emergency, ..How::default() }, &reason)
        .await?;
    Ok(answer(outcome, |done| json!({ "generation": done.generation, "contentOf": to })))
}
