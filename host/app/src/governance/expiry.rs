// SPDX-License-Identifier: Apache-2.0
//! Expiry of a version: the version that it had replaced is in force again, so that nothing more is seen than before it
//! came.

use paasla_core::{Mode, Policy};
use paasla_store::governance::version::{PolicyVersion, digest_of, version_of};

use super::{
    ActContext, Governance,
    actor::Actor,
    refusal::Refusal,
    rulebook_change::{OnUnloadable, RulebookChange},
};

impl Governance {
    /// Takes a version that is in force out of it. `versions` are those of its name; the caller holds the change
    /// lock.
    pub(super) async fn expire(
        &self,
        version: &PolicyVersion,
        versions: &[PolicyVersion],
    ) -> Result<(), Refusal> {
        let (back, barred) = self.predecessor(version, versions).await?;
        let reason = match (&back, &barred) {
            (Some(back), _) => format!("its time is over: {} is in force again", label(versions, back)),
            (None, Some(why)) => {
                let cut: String = why.message.chars().take(300).collect();
                format!("its time is over, and nothing of its name is in force any more: {cut}")
            }
            (None, None) => "its time is over".to_owned(),
        };
        let actor = Actor::host();
        let name = version.policy.name.as_str();
        let context = ActContext {
            actor: &actor,
            action: "policy.expire",
            target: name,
            version: Some(version.version),
            reason: &reason,
        };
        let digest = version.digest();
        self.change_rulebook(context, OnUnloadable::Refuse, |active| {
            let mut rulebook = active.rulebook.clone();
            let in_force = |own: &Policy| own.mode == Mode::Enforce && own.name == name;
            if !rulebook.policies.iter().any(|own| in_force(own) && digest_of(own) == digest) {
                return Err(Refusal::changed_meanwhile());
            }
            rulebook.policies.retain(|own| !in_force(own));
            if let Some(back) = &back {
                let back_digest = digest_of(back);
                rulebook.policies.retain(|own| digest_of(own) != back_digest);
                rulebook.policies.push(Policy { mode: Mode::Enforce, ..back.clone() });
            }
            Ok(RulebookChange::new(rulebook, Vec::new()))
        })
        .await?;
        match (back, barred) {
            (Some(back), _) => {
                tracing::info!(
                    policy = name,
                    again = label(versions, &back),
                    "a policy has expired: what it took the \
                               place of is in force again"
                );
            }
            (None, Some(why)) => tracing::error!(
                policy = name,
                why = why.message,
                "a policy has expired, and nothing of its name is in force any more: more may be seen than before"
            ),
            (None, None) => tracing::info!(policy = name, "a policy has expired"),
        }
        Ok(())
    }
}

fn label(versions: &[PolicyVersion], policy: &Policy) -> String {
    version_of(versions, policy).map_or_else(
        || "what came with the seeded rulebook".to_owned(),
        |known| format!("version {}", known.version),
    )
}
