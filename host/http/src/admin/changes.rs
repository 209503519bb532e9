// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/changes`: who changed what, and why.

use std::sync::Arc;

use axum::{Extension, extract::State};
use paasla_store::governance::change::Change;

use super::{Answer, json::Json, parameters::Parameters};
use paasla_app::governance::{Governance, actor::Actor};

/// How many changes are listed where `limit` is not given.
const DEFAULT_LIMIT: u32 = 100;

/// `?target=NAME&before=ID&limit=N`, all optional.
pub(super) async fn list(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Extension(parameters): Extension<Parameters>,
) -> Answer<Json<Vec<Change>>> {
    let before = parameters.parsed("before", "the id of a change")?;
    let limit = parameters.limit(DEFAULT_LIMIT)?;
    Ok(Json(governance.changes(&actor, parameters.text("target"), before, limit).await?))
}
