// SPDX-License-Identifier: Apache-2.0
//! The app as the doors know it.

use async_trait::async_trait;

use super::{
    App,
    ask::{Ask, Caller},
    clock,
    health::Readiness,
    openapi,
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

    fn check(&self, ask: &Ask) -> Vec<Problem> {
        self.problems(ask)
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

    fn openapi(&self, service: &str) -> Option<serde_json::Value> {
        let active = self.active.load();
        openapi::describe(&active.rulebook, &self.description, service)
    }
}
