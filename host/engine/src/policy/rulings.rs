// SPDX-License-Identifier: Apache-2.0
//! Rulings: each in a fresh sandbox, which is thrown away.

use paasla_core::{Query, RowRuling, Ruling};
use wasmtime::{Store, component::Instance};

use super::{Activated, Post, Start};
use crate::{
    config::Budget,
    fault::RuleFault,
    interface::{
        input::{QueryInput, RegisterInput, RowInput, RowsInput},
        output::Checks,
    },
    sandbox::{contain::contained, guard::Guard, program::Program},
};

/// What one policy said to one query.
#[derive(Debug)]
pub struct Said<'p> {
    /// The policy.
    pub policy: &'p Activated,
    /// Its ruling, or how it broke.
    pub ruling: Result<Ruling, RuleFault>,
    /// The fuel that it used.
    pub fuel: u64,
}

/// Asks policies one after the other, and stops at the first that refuses or breaks: what the others would say could
/// change nothing. Give them in an order that does not depend on chance, and what is said does not either.
pub fn decide_all<'p>(policies: impl IntoIterator<Item = &'p Activated>, query: &Query) -> Vec<Said<'p>> {
    let mut input = None;
    let mut all = Vec::new();
    for policy in policies {
        let input = input.get_or_insert_with(|| QueryInput::new(query));
        let (ruling, fuel) = policy.decide_input(input);
        let is_last = !matches!(ruling, Ok(Ruling::Abstain | Ruling::Narrow(_)));
        all.push(Said { policy, ruling, fuel });
        if is_last {
            break;
        }
    }
    all
}

impl Activated {
    /// Decides one query in a fresh sandbox. Gives the fuel used in any case.
    pub fn decide(&self, query: &Query) -> (Result<Ruling, RuleFault>, u64) {
        self.decide_input(&QueryInput::new(query))
    }

    fn decide_input(&self, input: &QueryInput<'_>) -> (Result<Ruling, RuleFault>, u64) {
        let budget = self.ration.decide();
        self.in_turn(|post| {
            let (said, fuel) = self.call(post, budget, |program, store, instance| {
                input.with(&self.about, |query| program.decide(store, instance, query))
            });
            (said.and_then(|said| checked(|| self.checks(post, input.query).decided(said))), fuel)
        })
    }

    /// What is said in the first shard that has a sandbox.
    fn in_turn<R>(
        &self,
        ask: impl FnMut(&Post) -> (Result<R, RuleFault>, u64),
    ) -> (Result<R, RuleFault>, u64) {
        let said = self.sandboxes.shards.first_with_room(&self.posts, ask, is_busy);
        said.unwrap_or((Err(RuleFault::Busy), 0))
    }

    /// Reviews all rows of one query in one fresh sandbox. Gives the fuel used in any case.
    pub fn review(&self, query: &Query, rows: &[RowInput]) -> (Result<Vec<RowRuling>, RuleFault>, u64) {
        let reads = |field| self.reads(query, field);
        let input = QueryInput::new(query);
        let rows_input = RowsInput::new(query, rows, &self.about.row_facts, reads);
        let budget = self.ration.review(rows.len(), &self.sandboxes.config.most);
        self.in_turn(|post| {
            let (said, fuel) = self.call(post, budget, |program, store, instance| {
                input.with(&self.about, |query| {
                    rows_input.with(|rows| program.review(store, instance, query, rows))
                })
            });
            let checks = self.checks(post, query);
            (said.and_then(|said| checked(|| checks.reviewed(said, rows))), fuel)
        })
    }

    /// The fuel that deciding one query may use.
    #[must_use]
    pub fn decide_fuel(&self) -> u64 {
        self.ration.decide().fuel
    }

    /// The fuel that reviewing so many rows may use.
    #[must_use]
    pub fn review_fuel(&self, rows: usize) -> u64 {
        self.ration.review(rows, &self.sandboxes.config.most).fuel
    }

    /// Whether the rule reads raw values of a field of the query.
    #[must_use]
    pub fn reads(&self, query: &Query, field: usize) -> bool {
        query.fields.get(field).is_some_and(|field| self.about.reads.contains(&field.category))
    }

    fn checks<'a>(&'a self, post: &'a Post, query: &'a Query) -> Checks<'a> {
        Checks {
            reasons: &post.reasons,
            about: &self.about,
            fields: &query.fields,
            limits: &self.sandboxes.config.answer,
        }
    }

    /// One call in a fresh instance, configured by the snapshot or now, which is thrown away at once.
    fn call<R>(
        &self,
        post: &Post,
        budget: Budget,
        call: impl FnOnce(&Program, &mut Store<Guard>, &Instance) -> wasmtime::Result<R>,
    ) -> (Result<R, RuleFault>, u64) {
        let mut store = match post.program.sandbox(&self.sandboxes, budget) {
            Ok(store) => store,
            Err(fault) => return (Err(fault), 0),
        };
        let run = || {
            let instance = self.instance(post, &mut store)?;
            call(&post.program, &mut store, &instance)
        };
        let said = contained(run).unwrap_or_else(|_| Err(RuleFault::Panic.into()));
        let said = said.map_err(|error| self.sandboxes.fault(&store, budget, &error));
        let fuel = match said {
            // Where the clock ends a call, what it has burnt is not written down: it counts as all of it.
            Err(RuleFault::Deadline { .. }) => budget.fuel,
            _ => budget.fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
        };
        (said, fuel)
    }

    fn instance(&self, post: &Post, store: &mut Store<Guard>) -> wasmtime::Result<Instance> {
        let instance = post.program.instantiate(store)?;
        if self.start != Start::Snapshot {
            let register = RegisterInput::new(&self.register);
            let configured = post.program.configure(store, &instance, &self.settings, &register)?;
            configured.map_err(|_| RuleFault::Forbidden("a problem with settings that it took before"))?;
        }
        Ok(instance)
    }
}

fn is_busy<R>((said, _): &(Result<R, RuleFault>, u64)) -> bool {
    matches!(said, Err(RuleFault::Busy))
}

/// What comes of looking at an answer. A panic there is a fault like one in the call.
fn checked<R>(check: impl FnOnce() -> Result<R, RuleFault>) -> Result<R, RuleFault> {
    contained(check).unwrap_or(Err(RuleFault::Panic))
}

/// One sandbox that is used again and again. No host does this: what a rule keeps from one query would reach the
/// next. It is here to measure what a fresh one costs.
#[cfg(feature = "bench")]
#[derive(Debug)]
pub struct Reused<'p> {
    policy: &'p Activated,
    post: &'p Post,
    store: Store<Guard>,
    instance: Instance,
}

#[cfg(feature = "bench")]
impl Activated {
    /// A sandbox to be used again and again.
    ///
    /// # Errors
    /// When there is none, or the rule breaks at once.
    pub fn reused(&self) -> Result<Reused<'_>, RuleFault> {
        let budget = self.ration.decide();
        let post = self.sandboxes.shards.home_first(&self.posts).next().ok_or(RuleFault::Busy)?;
        let mut store = post.program.sandbox(&self.sandboxes, budget)?;
        let instance = self.instance(post, &mut store);
        let instance = instance.map_err(|error| self.sandboxes.fault(&store, budget, &error))?;
        Ok(Reused { policy: self, post, store, instance })
    }
}

#[cfg(feature = "bench")]
impl Reused<'_> {
    /// Decides one query where earlier ones were decided.
    pub fn decide(&mut self, query: &Query) -> (Result<Ruling, RuleFault>, u64) {
        let Self { policy, post, store, instance } = self;
        let budget = policy.ration.decide();
        if store.set_fuel(budget.fuel).is_err() {
            return (Err(RuleFault::Host), 0);
        }
        // The backstop's clock runs on; it is for one call.
        store.set_epoch_deadline(u64::MAX / 2);
        let input = QueryInput::new(query);
        let said = input.with(&policy.about, |query| post.program.decide(store, instance, query));
        let fuel = budget.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let said = said.map_err(|error| policy.sandboxes.fault(store, budget, &error));
        (said.and_then(|said| policy.checks(post, query).decided(said)), fuel)
    }
}

#[cfg(test)]
mod tests;
