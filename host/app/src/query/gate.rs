// SPDX-License-Identifier: Apache-2.0
//! The gatehouse: the app as the doors see it, a trait.

use std::sync::Arc;

use async_trait::async_trait;
use paasla_core::{ClientId, Service};

use super::{
    Queries,
    answer::Answer,
    ask::{Ask, Caller},
    catalogue::CatalogueEntry,
    draft::Draft,
    rights::{Rights, RightsAsk},
    who::{WhoAsk, WhoMay},
};
use crate::{
    clock,
    health::Readiness,
    problem::{NoAnswer, Problem},
};

/// What the doors ask of the app.
#[async_trait]
pub trait Gatehouse: Send + Sync + 'static {
    /// Decides and answers one query. A record is durable before this returns, whatever it returns.
    ///
    /// Doors see to it that it goes on to its end when the caller hangs up.
    async fn answer(&self, ask: Ask) -> Result<Answer, NoAnswer>;

    /// What a client may ask, for each purpose and legal basis of its access rights.
    async fn rights(&self, ask: RightsAsk) -> Result<Rights, NoAnswer>;

    /// Who may see a field of a service, and why.
    async fn who(&self, ask: &WhoAsk) -> Result<WhoMay, Problem>;

    /// Records a request of an identified client that could not be understood. Gives back the record's id, or none when
    /// it could not be written: the door then says that it cannot answer now. `service` is what the URL says, unchecked.
    async fn reject(
        &self,
        caller: Caller,
        service: Option<(String, Option<u32>)>,
        problems: &[Problem],
    ) -> Option<String>;

    /// Whether a client has any right to ask. One that has none is refused before anything is read of what it asks.
    fn has_right(&self, client: &ClientId) -> bool;

    /// Refuses a client that has no right to anything. A few of these refusals are recorded each by itself; the others
    /// of a minute as their number.
    async fn refuse_stranger(&self, caller: Caller, service: Option<(String, Option<u32>)>) -> NoAnswer;

    /// What is wrong with an ask in the register's own terms: unknown fields, invalid codes, unknown purposes. Doors
    /// add it to what they found themselves, so that a caller sees every problem at once.
    fn check(&self, ask: &Ask) -> Vec<Problem>;

    /// Whether the register knows a field by this name. Only such a name may be repeated to who sent it.
    fn is_field(&self, name: &str) -> bool;

    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// The full form of a compact IRI (`dpv:Query`); anything else comes back as it is. Doors compare statements
    /// with it.
    fn expand(&self, iri: &str) -> String;

    /// The code list and the label of a code that a field holds: `("status", "E")` gives
    /// `("ISIKU_STAATUS", "ELUS")`.
    fn code_label(&self, field: &str, code: &str) -> Option<(String, String)>;

    /// Whether queries can be answered.
    fn readiness(&self) -> Readiness;

    /// What describes a service; none when there is no such service.
    fn catalogue_entry(&self, service: &str) -> Option<CatalogueEntry>;
}

#[async_trait]
impl Gatehouse for Queries {
    async fn answer(&self, ask: Ask) -> Result<Answer, NoAnswer> {
        self.query(ask).await
    }

    async fn rights(&self, ask: RightsAsk) -> Result<Rights, NoAnswer> {
        self.rights_of(ask).await
    }

    async fn who(&self, ask: &WhoAsk) -> Result<WhoMay, Problem> {
        self.who_may(ask).await
    }

    async fn reject(
        &self,
        caller: Caller,
        service: Option<(String, Option<u32>)>,
        problems: &[Problem],
    ) -> Option<String> {
        let active = self.active.load_full();
        let id = clock::id().to_string();
        let mut draft = Draft::new(&id, active.rulebook.generation, &caller);
        if let Some((name, version)) = service {
            draft.service_if_known(&active.rulebook, &name, version);
        }
        match self.invalid::<()>(draft, id, problems.to_vec()).await {
            Err(NoAnswer::Invalid { id, .. }) => Some(id),
            _ => None,
        }
    }

    fn has_right(&self, client: &ClientId) -> bool {
        let active = self.active.load();
        active.index.has_grant(&active.rulebook, client)
    }

    async fn refuse_stranger(&self, caller: Caller, service: Option<(String, Option<u32>)>) -> NoAnswer {
        self.refuse_unknown(caller, service).await
    }

    fn check(&self, ask: &Ask) -> Vec<Problem> {
        self.problems(ask)
    }

    fn is_field(&self, name: &str) -> bool {
        self.description.entities().iter().any(|entity| entity.field(name).is_some())
    }

    fn now(&self) -> i64 {
        clock::now()
    }

    fn expand(&self, iri: &str) -> String {
        self.active.load().rulebook.vocabulary.expand(iri)
    }

    fn code_label(&self, field: &str, code: &str) -> Option<(String, String)> {
        let described = self.description.entities().iter().find_map(|entity| entity.field(field))?;
        let list = described.code_list()?;
        Some((list.to_owned(), self.description.label(list, code)?.to_owned()))
    }

    fn readiness(&self) -> Readiness {
        self.health.readiness()
    }

    fn catalogue_entry(&self, service: &str) -> Option<CatalogueEntry> {
        let active = self.active.load();
        let all = active.rulebook.services.iter().filter(|of| of.name == service);
        let mut versions: Vec<Service> = all.cloned().collect();
        versions.sort_by_key(|of| of.version);
        Some(CatalogueEntry {
            newest: versions.last()?.clone(),
            versions,
            vocabulary: active.rulebook.vocabulary.clone(),
            register: Arc::clone(&self.description),
        })
    }
}
