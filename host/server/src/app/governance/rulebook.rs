// SPDX-License-Identifier: Apache-2.0
//! The rulebook: what it is now, what it was, and back to what it was.

use paasla_core::Rulebook;
use paasla_store::{GenerationInfo, StoreError};

use super::{Deed, actor::Actor, refusal::Refusal, turn::Turn};
use crate::app::App;

impl App {
    /// The rulebook at work.
    #[must_use]
    pub fn rulebook(&self) -> Rulebook {
        self.active.load().rulebook.clone()
    }

    /// Every generation, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError> {
        self.store.generations().await
    }

    /// Puts the content of an earlier generation to work again (that of the one before, if none is named), as a new one. Gives back the new generation's number.
    ///
    /// # Errors
    /// When there is no such generation, it is the one at work, or it can no longer be put to work.
    pub async fn roll_back(&self, actor: &Actor, to: Option<u64>, reason: &str) -> Result<u64, Refusal> {
        let to = to.unwrap_or_else(|| self.active.load().rulebook.generation.saturating_sub(1));
        let target = to.to_string();
        let deed = Deed { actor, action: "rulebook.rollback", target: &target, version: None, reason };
        match self.roll_back_to(deed, to).await {
            Ok(generation) => Ok(generation),
            Err(refusal) => Err(self.refused(deed, refusal).await),
        }
    }

    async fn roll_back_to(&self, deed: Deed<'_>, to: u64) -> Result<u64, Refusal> {
        deed.check_reason()?;
        deed.actor.check_ministry()?;
        let _turn = self.governor.turn.lock().await;
        self.catch_up().await?;
        let current = self.active.load().rulebook.generation;
        if to == current {
            let message = format!("generation {to} is the one at work");
            return Err(Refusal::conflict("already_at_work", message));
        }
        let earlier = self.store.rulebook_at(to).await?;
        let earlier = earlier.ok_or_else(|| Refusal::not_found("generation", &to.to_string()))?;
        self.take_turn(deed, |_| Ok(Turn { rulebook: earlier.clone(), acts: Vec::new() })).await
    }
}
