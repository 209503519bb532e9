// SPDX-License-Identifier: Apache-2.0
//! Refused acts: each leaves a change in the store, as one that was done does. A token bucket limits how many one token
//! may leave; what comes beyond that is counted, and the count is noted, so that nobody fills a disk by being refused.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use paasla_store::governance::{
    change::{ChangeOutcome, NewChange},
    token::Role,
};

use super::{ActContext, Governance, actor::Actor, refusal::Refusal};

/// How many refused acts of one token are noted at once.
const BURST_ACTS: u32 = 50;

/// How long it takes until one more is.
const REFILL_EVERY: Duration = Duration::from_secs(60);

/// How much of the reason of a refused act is kept, in characters.
const MAX_NOTED_REASON_CHARACTERS: usize = 100;

/// How much of the name of what it was to be done to is kept, in bytes.
const MAX_TARGET_BYTES: usize = 100;

/// What may still be noted, for each token.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<String, Bucket>>);

#[derive(Debug)]
struct Bucket {
    left: u32,
    /// Since when the next one grows.
    since: Instant,
    passed_over: u64,
    actor: Actor,
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        while self.left < BURST_ACTS && now.saturating_duration_since(self.since) >= REFILL_EVERY {
            self.left = self.left.saturating_add(1);
            self.since += REFILL_EVERY;
        }
        if self.left >= BURST_ACTS {
            self.since = now;
        }
    }
}

impl Refusals {
    /// Whether one more refused act is noted; otherwise it is counted.
    fn take(&self, actor: &Actor, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = actor.token.clone().unwrap_or_default();
        let fresh = || Bucket { left: BURST_ACTS, since: now, passed_over: 0, actor: actor.clone() };
        let bucket = buckets.entry(whose).or_insert_with(fresh);
        bucket.refill(now);
        match bucket.left.checked_sub(1) {
            // A count that waits comes first.
            Some(left) if bucket.passed_over == 0 => {
                bucket.left = left;
                true
            }
            _ => {
                bucket.passed_over = bucket.passed_over.saturating_add(1);
                false
            }
        }
    }

    /// Counts that may be noted now, each with who was refused so often; those who have done nothing lately are forgotten.
    fn due(&self, now: Instant, all: bool) -> Vec<(Actor, u64)> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        for bucket in buckets.values_mut() {
            bucket.refill(now);
            if bucket.passed_over > 0 && (all || bucket.left > 0) {
                bucket.left = bucket.left.saturating_sub(1);
                due.push((bucket.actor.clone(), std::mem::take(&mut bucket.passed_over)));
            }
        }
        buckets.retain(|_, bucket| bucket.left < BURST_ACTS);
        due
    }
}

impl Governance {
    /// Somebody tried what none of their roles allows.
    pub async fn refuse_role(
        &self,
        actor: &Actor,
        action: &'static str,
        target: &str,
        roles: &[Role],
    ) -> Refusal {
        let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let message =
            format!("this needs one of the roles {}, which your token does not have", roles.join(", "));
        let context = ActContext { actor, action, target, version: None, reason: "" };
        self.refused(context, Refusal::forbidden("role_missing", message)).await
    }

    /// Notes an act that was refused. What is refused because the store cannot write is in the log only.
    pub(crate) async fn refused(&self, context: ActContext<'_>, refusal: Refusal) -> Refusal {
        if !self.refusals.take(context.actor, Instant::now()) {
            return refusal;
        }
        let problems: Vec<String> = refusal.problems.iter().map(|problem| problem.code.to_owned()).collect();
        let target = if context.target.len() <= MAX_TARGET_BYTES { context.target } else { "" };
        let (action, token) = (context.action, context.actor.token.as_deref());
        tracing::warn!(action, token, target, ?problems, "an act of governance is refused");
        if !refusal.kind.is_the_hosts() {
            let reason: String = context.reason.trim().chars().take(MAX_NOTED_REASON_CHARACTERS).collect();
            self.note_refused(ActContext { target, reason: &reason, ..context }, problems).await;
        }
        refusal
    }

    /// Notes how many refused acts were not noted one by one, as far as more may be noted now. For every second.
    pub(crate) async fn note_passed_over(&self) {
        self.note_counts(self.refusals.due(Instant::now(), false)).await;
    }

    /// The same for all there are. For the end.
    pub(crate) async fn note_all_passed_over(&self) {
        self.note_counts(self.refusals.due(Instant::now(), true)).await;
    }

    async fn note_counts(&self, counts: Vec<(Actor, u64)>) {
        for (actor, count) in counts {
            let reason = format!("{count} more acts were refused, and not noted one by one");
            let target = actor.token.clone().unwrap_or_default();
            tracing::warn!(token = target, count, "refused acts were not noted one by one");
            let context = ActContext {
                actor: &actor,
                action: "acts.refused",
                target: &target,
                version: None,
                reason: &reason,
            };
            self.note_refused(context, vec!["too_many_refused".to_owned()]).await;
        }
    }

    async fn note_refused(&self, context: ActContext<'_>, problems: Vec<String>) {
        let change = context.change(None, None);
        let change = NewChange { outcome: ChangeOutcome::Refused, problems, ..change };
        if let Err(error) = self.store.commit(&[], &change).await {
            tracing::error!(action = context.action, %error, "a refused act could not be noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_noted_is_counted_and_the_count_is_noted_once() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let actor = |token: &str| Actor { token: Some(token.to_owned()), ..Actor::host() };
        let take = |token: &str, now| refusals.take(&actor(token), now);
        for _ in 0..BURST_ACTS {
            assert!(take("a", start));
        }
        assert!((0..1_000).all(|_| !take("a", start)), "the burst is over");
        assert!(take("b", start), "nobody else is kept from it");
        assert_eq!(refusals.due(start, false), [], "nor is the count noted before its time");
        assert_eq!(refusals.due(start + REFILL_EVERY, false), [(actor("a"), 1_000)]);
        assert!(!take("a", start + REFILL_EVERY), "the count has taken its place");
        assert_eq!(refusals.due(start + REFILL_EVERY, true), [(actor("a"), 1)], "at the end all are noted");
        assert!(take("a", start + 3 * REFILL_EVERY));
        let later = start + REFILL_EVERY * (BURST_ACTS + 10);
        assert_eq!(refusals.due(later, false), []);
        assert!(refusals.0.lock().unwrap().is_empty(), "who did nothing lately is forgotten");
    }
}
