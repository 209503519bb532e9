// SPDX-License-Identifier: Apache-2.0
//! A policy at work: compiled, configured, ready to rule.

pub(crate) mod activate;
pub(crate) mod rulings;
pub(crate) mod settings;
mod snapshot;

use std::sync::Arc;

use paasla_core::{Policy, Reason, Register};

use crate::{
    config::Ration,
    interface::about::About,
    load::compile::Form,
    sandbox::{Sandboxes, program::Program},
};

/// How a fresh instance of a policy comes to be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It starts configured, from a snapshot.
    Snapshot,
    /// `configure` runs in every instance, because the component cannot be snapshotted; why.
    ConfigureEachTime(String),
}

impl From<Form> for Start {
    fn from(form: Form) -> Self {
        match form {
            Form::Instrumented | Form::Snapshot => Self::Snapshot,
            Form::AsItIs(why) => Self::ConfigureEachTime(why),
        }
    }
}

/// A policy at work: compiled, configured, ready to rule. Cheap to clone.
#[derive(Clone)]
pub struct Activated {
    /// The policy.
    pub policy: Arc<Policy>,
    /// What its rule says of itself.
    pub about: Arc<About>,
    /// How its instances come to be configured.
    pub start: Start,
    sandboxes: Arc<Sandboxes>,
    settings: Arc<str>,
    register: Arc<Register>,
    ration: Ration,
    /// What there is of it in each shard.
    posts: Arc<[Post]>,
}

/// What there is of a policy in one shard. All that a ruling counts or locks is in one, and in memory apart from others'.
#[derive(Clone)]
#[repr(align(128))]
struct Post {
    program: Program,
    /// The reasons that its rule declared.
    reasons: Arc<[Reason]>,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Activated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activated")
            .field("policy", &self.policy.name)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

impl Activated {
    /// Every reason that its rule may give.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        self.posts.first().map(|post| &*post.reasons).unwrap_or_default()
    }

    /// The register that it was made for.
    #[must_use]
    pub fn register(&self) -> &Arc<Register> {
        &self.register
    }

    /// The same policy with no more fuel than a policy gets that sets nothing: for rulings that change no answer.
    #[must_use]
    pub fn rationed(&self) -> Self {
        let (own, usual) = (&self.ration, &self.sandboxes.config.ration);
        let ration = Ration {
            fuel: own.fuel.min(usual.fuel),
            review_fuel: own.review_fuel.min(usual.review_fuel),
            row_fuel: own.row_fuel.min(usual.row_fuel),
            ..*own
        };
        Self { ration, ..self.clone() }
    }
}
