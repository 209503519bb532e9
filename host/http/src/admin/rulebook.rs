// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/rulebook`.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::Uri, response::Response};
use jiff::Timestamp;
use paasla_core::ObjectDiff;
use paasla_store::governance::proposal::ProposalState;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, body::read, json::Json, proposals::answer};
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
    uri: Uri,
) -> Answer<Json<Value>> {
    let [at] = asked(&uri, ["at"])?;
    let read = |text: String| {
        let message = "`at` must be a time: date, time and offset, as in 2027-01-01T00:00:00+02:00";
        let read: Result<Timestamp, _> = text.parse();
        read.map(Timestamp::as_millisecond).map_err(|_| Refusal::invalid("time_invalid", "url", message))
    };
    let (since, rulebook, policies) = governance.rulebook_at(&actor, at.map(read).transpose()?).await?;
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
    uri: Uri,
) -> Answer<Json<Vec<ObjectDiff>>> {
    let wrong = |name: &str| {
        let message = format!("`{name}` must be the number of a generation: ?from=3&to=4");
        Refusal::invalid("query_string", "url", message)
    };
    let [from, to] = asked(&uri, ["from", "to"])?;
    let number =
        |name: &str, text: Option<String>| text.and_then(|text| text.parse().ok()).ok_or_else(|| wrong(name));
    Ok(Json(governance.rulebook_diff(&actor, number("from", from)?, number("to", to)?).await?))
}

pub(super) async fn roll_back(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<Response> {
    let RollBack { to, bring_back, dry_run, emergency, reason } = read(body).await?;
    let (to, outcome) =
        governance.roll_back(&actor, to, bring_back, How { dry_run, emergency }, &reason).await?;
    Ok(answer(outcome, |done| json!({ "generation": done.generation, "contentOf": to })))
}

/// What stands in the query string under these names; nothing else may.
fn asked<const N: usize>(uri: &Uri, names: [&str; N]) -> Result<[Option<String>; N], Refusal> {
    let mut found = [const { None }; N];
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = names.iter().position(|known| *known == name).and_then(|number| found.get_mut(number));
        let Some(place) = place else {
            let message = format!("`{name}` is not known: {} may stand here", names.join(", "));
            return Err(Refusal::invalid("query_string", "url", message));
        };
        let decoded = percent_decode_str(value).decode_utf8();
        let decoded = decoded
            .map_err(|_| Refusal::invalid("query_string", "url", format!("`{name}` must be UTF-8")))?;
        *place = Some(decoded.into_owned());
    }
    Ok(found)
}
