// SPDX-License-Identifier: Apache-2.0
//! The app as the doors know it.

use async_trait::async_trait;
use paasla_core::ClientId;

use super::{
    App,
    ask::{Ask, Caller},
    clock,
    health::Readiness,
    openapi::{self, FieldText, Publisher},
    problem::{NoAnswer, Problem},
    records::Draft,
};
use crate::http::{Gatehouse, Put, Sent};

#[async_trait]
impl Gatehouse for App {
    async fn answer(&self, ask: Ask, put: Put) -> Result<Sent, NoAnswer> {
        self.query(ask, |answer| put(self, answer)).await
    }

    async fn reject(
        &self,
        caller: Caller,
        service: Option<(String, Option<u32>)>,
        status: u16,
        problems: &[Problem],
    ) -> Option<String> {
        let active = self.active.load_full();
        let id = clock::id().to_string();
        let mut draft = Draft::new(&id, active.rulebook.generation, &caller);
        let known = service.and_then(|(name, version)| Some((active.rulebook.latest(&name)?, version)));
        if let Some((service, version)) = known {
            draft.service(&service.name, version.unwrap_or(service.version));
        }
        match self.invalid::<()>(draft, id, status, problems.to_vec()).await {
            Err(NoAnswer::Invalid { id, .. }) => id,
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
        self.readiness()
    }

    fn about(&self, service: &str, field: &str) -> Option<FieldText> {
        let active = self.active.load();
        openapi::about(&self.description, &active.rulebook.latest(service)?.entity, field)
    }

    fn publisher(&self, service: &str) -> Option<Publisher> {
        self.active.load().rulebook.latest(service)?;
        Some(Publisher::of(&self.description))
    }

    fn openapi(&self, service: &str) -> Option<serde_json::Value> {
        let active = self.active.load();
        openapi::describe(&active.rulebook, &self.description, service)
    }
}
