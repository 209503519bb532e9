// SPDX-License-Identifier: Apache-2.0
//! Who may see a field of a service, and why: for every client with an access right, what its query for that field would
//! be told. It is the evaluator of queries that says so, as in [`rights`](super::rights).

use std::collections::BTreeSet;

use paasla_core::ClientId;

use super::{
    Queries, access,
    ask::{Caller, Places},
    rights::{Right, RightsAsk},
};
use crate::{clock, nearest::nearest, problem::Problem};

/// Where a request says what it asks.
const PLACES: Places = Places {
    select: "url",
    keys: "url",
    context: "url",
    limit: "url",
    case: &[],
    official: &[],
    provision: &[],
    represented: &[],
};

/// A question who may see a field.
#[derive(Debug, Clone)]
pub struct WhoAsk {
    /// The service's name.
    pub service: String,
    /// Its version; none for the newest.
    pub version: Option<u32>,
    /// The field, as the service names it.
    pub field: String,
    /// Only clients of this member; none for all.
    pub of: Option<ClientId>,
    /// Only clients whose names come after this one.
    pub after: Option<String>,
    /// How many clients at most.
    pub limit: usize,
}

/// Who may see a field.
#[derive(Debug, Clone)]
pub struct WhoMay {
    /// The rulebook's generation.
    pub generation: u64,
    /// The version of the service.
    pub version: u32,
    /// Each client, in the order of their names, with what it would be told for each purpose and legal basis.
    pub clients: Vec<(ClientId, Vec<Right>)>,
    /// Whether there are more clients.
    pub more: bool,
}

impl Queries {
    /// Who may see a field of a service. An official is supposed to ask, who names no case.
    pub(super) async fn who_may(&self, ask: &WhoAsk) -> Result<WhoMay, Problem> {
        let active = self.active.load_full();
        let service = access::service(&active, &ask.service, ask.version)?;
        if !service.fields.contains(&ask.field) {
            let meant = nearest(&ask.field, service.fields.iter().map(String::as_str));
            let message = format!("the service has no such field{meant}");
            return Err(Problem::new("field_unknown", "url", message));
        }
        let instant = clock::now();
        let date = self.description.date_at(instant);
        let holders: BTreeSet<&ClientId> = active
            .rulebook
            .grants
            .iter()
            .filter(|grant| grant.service == service.name && date.is_some_and(|date| grant.holds_on(date)))
            .map(|grant| &grant.client)
            .filter(|client| ask.of.as_ref().is_none_or(|of| of.covers(client)))
            .filter(|client| ask.after.as_ref().is_none_or(|after| client.as_str() > after.as_str()))
            .collect();
        let more = holders.len() > ask.limit;
        let mut clients = Vec::new();
        for client in holders.into_iter().take(ask.limit) {
            let rights = RightsAsk {
                caller: supposed(instant, client),
                service: service.name.clone(),
                version: Some(service.version),
                purpose: None,
                legal_basis: None,
                field: Some(ask.field.clone()),
                places: PLACES,
            };
            let id = clock::id().to_string();
            let found = self.find_rights(&active, &rights, &id).await;
            let found = found.map_err(|_| {
                Problem::new("overloaded", "host", "the host cannot decide now; try again in a moment")
            })?;
            clients.push((client.clone(), found.rights));
        }
        Ok(WhoMay { generation: active.rulebook.generation, version: service.version, clients, more })
    }
}

/// Somebody of a client, who asks through no door.
fn supposed(instant: i64, client: &ClientId) -> Caller {
    Caller {
        instant,
        arrived: std::time::Instant::now(),
        channel: "xroad",
        client: client.clone(),
        message_id: None,
        request_id: None,
        official: Some("supposed".to_owned()),
        represented: None,
        case: None,
        statements: Vec::new(),
    }
}
