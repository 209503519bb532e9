// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/proposals`, and what acts that may become one answer.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use paasla_core::Edit;
use paasla_store::governance::proposal::{Decided, Effect, Proposal, ProposedAct};
use serde_json::{Value, json};

use super::{
    Answer,
    body::{Why, read},
    json::Json,
    parameters::Parameters,
};
use paasla_app::governance::{
    Governance,
    actor::Actor,
    proposals::{Done, Outcome},
    refusal::Refusal,
    view::instant,
};

/// What an act answers: 202 while it waits for a second person, or for its time.
pub(super) fn answer(outcome: Outcome, done: impl FnOnce(&Done) -> Value) -> Response {
    match outcome {
        Outcome::DryRun { effect, second_person } => {
            Json(json!({ "dryRun": true, "secondPerson": second_person, "effect": effect_view(&effect) }))
                .into_response()
        }
        Outcome::Proposed(proposal) => {
            (StatusCode::ACCEPTED, Json(json!({ "proposal": view(&proposal) }))).into_response()
        }
        Outcome::Planned(planned) => {
            (StatusCode::ACCEPTED, Json(json!({ "planned": view(&planned) }))).into_response()
        }
        Outcome::Done(act) => {
            let mut json = done(&act);
            if let Value::Object(members) = &mut json {
                members.insert("effect".to_owned(), effect_view(&act.effect));
                members.extend(act.unconfirmed.map(|id| ("unconfirmed".to_owned(), id.into())));
            }
            Json(json).into_response()
        }
    }
}

/// `?waiting=true`: only those that wait for a second person.
pub(super) async fn list(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Extension(parameters): Extension<Parameters>,
) -> Answer<Json<Vec<Value>>> {
    let waiting = parameters.parsed("waiting", "true or false")?.unwrap_or(false);
    Ok(Json(governance.proposals(&actor, waiting).await?.iter().map(view).collect()))
}

pub(super) async fn one(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    Ok(Json(view(&governance.proposal(&actor, number(&id)?).await?)))
}

pub(super) async fn confirm(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Body,
) -> Answer<Json<Value>> {
    let Why { reason } = read(body).await?;
    let (proposal, generation) = governance.confirm(&actor, number(&id)?, &reason).await?;
    let mut json = json!({ "proposal": view(&proposal) });
    if let (Some(members), Some(generation)) = (json.as_object_mut(), generation) {
        members.insert("generation".to_owned(), generation.into());
    }
    Ok(Json(json))
}

pub(super) async fn reject(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Body,
) -> Answer<Json<Value>> {
    let Why { reason } = read(body).await?;
    Ok(Json(json!({ "proposal": view(&governance.reject_proposal(&actor, number(&id)?, &reason).await?) })))
}

fn number(id: &str) -> Result<i64, Refusal> {
    id.parse().map_err(|_| Refusal::not_found("proposal", id))
}

/// A proposal as people see it: of files that were seeded, what they change.
fn view(proposal: &Proposal) -> Value {
    let what = match &proposal.act {
        ProposedAct::Retire { name, .. } => json!({ "kind": "retire", "policy": name }),
        ProposedAct::Lift { name } => json!({ "kind": "lift", "policy": name }),
        ProposedAct::RollBack { to, .. } => json!({ "kind": "roll-back", "to": to }),
        ProposedAct::Seed { .. } => json!({ "kind": "seed" }),
        act @ ProposedAct::Edit { edits, at } => {
            let objects: Vec<_> = edits.iter().map(Edit::id).collect();
            json!({ "kind": act.action(), "name": act.target(), "objects": objects, "at": at.map(instant) })
        }
    };
    let decided = proposal
        .decided
        .as_ref()
        .map(|Decided { by, at, reason, .. }| json!({ "by": by, "at": instant(*at), "reason": reason }));
    json!({
        "id": proposal.id,
        "act": what,
        "state": proposal.state,
        "by": proposal.by,
        "institution": proposal.institution,
        "at": instant(proposal.at),
        "reason": proposal.reason,
        "base": proposal.base,
        "effect": effect_view(&proposal.effect),
        "decided": decided,
    })
}

fn effect_view(effect: &Effect) -> Value {
    let mut json = json!(effect);
    if let Some(members) = json.as_object_mut() {
        members.insert("loosens".to_owned(), effect.loosens().into());
    }
    json
}
