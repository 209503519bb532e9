// SPDX-License-Identifier: Apache-2.0
//! The rulebook: what it is now, what it was, and back to what it was.

use paasla_core::Rulebook;

use super::{Deed, actor::Actor, past, refusal::Refusal, turn::Turn};
use crate::app::App;

/// What came of going back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledBack {
    /// The generation that is at work now.
    pub generation: u64,
    /// The earlier one whose content it has.
    pub content_of: u64,
}

impl App {
    /// The rulebook at work.
    #[must_use]
    pub fn rulebook(&self) -> Rulebook {
        self.active.load().rulebook.clone()
    }

    /// Puts the content of an earlier generation to work again (that of the one before, if none is named), as a new one.
    ///
    /// # Errors
    /// When there is no such generation, it is the one at work, it can no longer be put to work, or it holds policies
    /// that governance has taken out since: rejected, expired, or signed by keys that were all revoked.
    pub async fn roll_back(
        &self,
        actor: &Actor,
        to: Option<u64>,
        reason: &str,
    ) -> Result<RolledBack, Refusal> {
        let _turn = self.governor.turn.lock().await;
        let newest = self.newest_or_unfit().await;
        let at_work = self.active.load().rulebook.generation;
        // A newest one that cannot be put to work is undone first.
        let is_passed_over = newest.as_ref().is_ok_and(|newest| *newest > at_work);
        let before = if is_passed_over { at_work } else { at_work.saturating_sub(1) };
        let to = to.unwrap_or(before);
        let target = to.to_string();
        let deed = Deed { actor, action: "rulebook.rollback", target: &target, version: None, reason };
        let done = match newest {
            Ok(newest) => self.roll_back_to(deed, to, newest).await,
            Err(error) => Err(error.into()),
        };
        match done {
            Ok(generation) => Ok(RolledBack { generation, content_of: to }),
            Err(refusal) => Err(self.refused(deed, refusal).await),
        }
    }

    async fn roll_back_to(&self, deed: Deed<'_>, to: u64, newest: u64) -> Result<u64, Refusal> {
        deed.check_reason()?;
        deed.actor.check_ministry()?;
        let now = self.rulebook();
        if to == now.generation && to == newest {
            let message = format!("generation {to} is the one at work");
            return Err(Refusal::conflict("already_at_work", message));
        }
        let earlier = self.store.rulebook_at(to).await?;
        let earlier = earlier.ok_or_else(|| Refusal::not_found("generation", &to.to_string()))?;
        let versions = self.store.versions(None).await?;
        Refusal::all(self.barred_in(&earlier, &now, &versions).await?)?;
        self.take_turn_anyway(deed, |active| {
            let cancelled = past::planned(&versions, |name| past::differ(&active.rulebook, &earlier, name));
            Ok(Turn::new(earlier.clone(), Vec::new()).cancelling(cancelled))
        })
        .await
    }
}
