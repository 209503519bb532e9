// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/changes`: who changed what, and why.

use std::sync::Arc;

use axum::{Extension, extract::State, http::Uri};
use paasla_store::governance::change::Change;
use percent_encoding::percent_decode_str;

use super::{Answer, json::Json};
use paasla_app::governance::{Governance, actor::Actor, refusal::Refusal};

/// How many are listed unless told otherwise, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 1_000;

/// `?target=NAME&before=ID&limit=N`, all optional.
pub(super) async fn list(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    uri: Uri,
) -> Answer<Json<Vec<Change>>> {
    let (mut target, mut before, mut limit) = (None, None, USUAL);
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let wrong = |what: &str| Refusal::invalid("query_string", "url", format!("`{name}` {what}"));
        match name {
            "target" => {
                let decoded = percent_decode_str(value).decode_utf8().map_err(|_| wrong("must be UTF-8"))?;
                target = Some(decoded.into_owned());
            }
            "before" => before = Some(value.parse().map_err(|_| wrong("must be the id of a change"))?),
            "limit" => limit = value.parse().map_err(|_| wrong("must be a number"))?,
            _ => return Err(wrong("is not known: target, before and limit are").into()),
        }
    }
    Ok(Json(governance.changes(&actor, target.as_deref(), before, limit.min(MOST)).await?))
}
