// SPDX-License-Identifier: Apache-2.0
//! Rules: admission of a component. It is examined under limits, its cases run in the sandbox, and its signatures are
//! checked, before anything is stored.

use std::{sync::Arc, time::Duration};

use paasla_engine::{
    About, LoadError, RuleFault, digest_of,
    travelling::{Bounds, CaseFiles, cases_in, run_case_files},
};
use paasla_store::{
    RuleInfo, StoreError, StoredRule,
    governance::act::{Act, Admission, Signature},
};
use serde::{Deserialize, Serialize};

use super::{
    ActContext, Governance,
    actor::Actor,
    admission::Permit,
    now,
    refusal::{Refusal, RefusalKind},
    signatures,
};
use crate::{blocking::background, problem::Problem};

/// A signature as it is brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewSignature {
    /// The key's id.
    pub key: String,
    /// The signature (Ed25519, RFC 8032) on [`paasla_core::signed_text`], in hex.
    pub signature: String,
    /// The rule that it is on, as `paasla rule sign` writes it down; must be the one that is brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A rule as it is brought.
#[derive(Debug, Clone, Default)]
pub struct NewRule {
    /// The component.
    pub component: Vec<u8>,
    /// Files of cases by name, besides those that travel inside.
    pub cases: CaseFiles,
    /// Signatures.
    pub signatures: Vec<NewSignature>,
}

/// A rule as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Its name, as it describes itself.
    pub name: String,
    /// Its version, as it describes itself.
    pub version: String,
    /// What it does.
    pub summary: String,
    /// How many bytes it has.
    pub size: u64,
    /// Where it stands: `tested` when cases of it ran, else `checked`.
    pub state: &'static str,
    /// How many cases ran.
    pub cases: u64,
    /// Who brought it in; none for one that came with a seeded rulebook.
    pub by: Option<String>,
    /// Who signed it.
    pub signatures: Vec<SignatureView>,
}

/// A signature as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureView {
    /// The key's id.
    pub key: String,
    /// Whose it is; none when it is not in the trust list.
    pub owner: Option<String>,
    /// Whether the key is in force.
    pub in_force: bool,
    /// The signature, in hex.
    pub signature: String,
}

impl Governance {
    /// A permit to bring a rule in. Acquire it before the rule is read: that is what takes memory.
    ///
    /// # Errors
    /// When none becomes free in time.
    pub async fn upload_permit(&self, actor: &Actor) -> Result<Permit, Refusal> {
        self.limits.uploads.acquire(actor).await
    }

    /// A permit to act. Acquire it before the act is read.
    ///
    /// # Errors
    /// When none becomes free in time.
    pub async fn act_permit(&self, actor: &Actor) -> Result<Permit, Refusal> {
        self.limits.acts.acquire(actor).await
    }

    /// Brings a rule in. One that is there already stays as it is; signatures that are new are added. The permit is held
    /// until the rule has been looked at, also when whoever brought it has gone.
    ///
    /// # Errors
    /// With every problem: of the component, of each case, of each signature. Nothing is stored then.
    pub async fn upload(
        &self,
        actor: &Actor,
        permit: Permit,
        new: NewRule,
        reason: &str,
    ) -> Result<(RuleView, bool), Refusal> {
        let digest = digest_of(&new.component);
        let context = ActContext { actor, action: "rule.upload", target: &digest, version: None, reason };
        match self.bring_in(context, &digest, new, permit).await {
            Ok(done) => Ok(done),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    async fn bring_in(
        &self,
        context: ActContext<'_>,
        digest: &str,
        new: NewRule,
        permit: Permit,
    ) -> Result<(RuleView, bool), Refusal> {
        context.check_reason()?;
        let NewRule { component, cases, signatures } = new;
        let mut acts: Vec<Act> = Vec::new();
        let mut passed = None;
        // A rule that was admitted is there: the store refuses an admission without it. One that came in through the drop
        // folder or with a seed is there too, and none of its cases was run: that is made up for.
        let known = self.store.admission(digest).await?;
        if known.as_ref().is_none_or(|admission| admission.cases == 0) {
            let (fresh, mut problems) = self.signed(context.actor, digest, &signatures).await?;
            let is_signed = !fresh.is_empty() || !self.store.signatures(digest).await?.is_empty();
            // Cases are run for nobody who must have a signature and has none that counts.
            let cases = (is_signed || !self.settings.signatures).then_some(cases);
            let (component, examined) = self.examined(component, cases, permit).await?;
            let (about, cases) = examined.map_err(|wrong| {
                problems.splice(..0, wrong).for_each(drop);
                Refusal { kind: RefusalKind::Invalid, problems: std::mem::take(&mut problems) }
            })?;
            Refusal::all(problems)?;
            let stored = StoredRule {
                digest: digest.to_owned(),
                bytes: component,
                name: about.name.clone(),
                version: about.version.clone(),
                summary: about.summary.clone(),
            };
            let admission = Admission {
                by: context.actor.who.clone(),
                institution: context.actor.owner(),
                at: now(),
                cases: u64::try_from(cases).unwrap_or(u64::MAX),
                also_by: Vec::new(),
                also_for: Vec::new(),
            };
            passed = (admission.cases > 0).then_some(admission.cases);
            acts.push(Act::PutRule(stored, admission));
        }
        let _lock = self.change_lock.lock().await;
        // Somebody may have brought it in meanwhile, or revoked a key.
        let stored_rule = self.store.rule(digest).await?;
        let admission = self.store.admission(digest).await?;
        // One that only others have brought is new to an institution.
        let is_known =
            admission.is_some() && self.sees_rule(context.actor, digest, admission.as_ref()).await?;
        if let Some(admission) = admission {
            acts.clear();
            // Whoever brings a rule that is there does not approve its policies either.
            let (by, institution) = (context.actor.who.clone(), context.actor.owner());
            let is_new_for = institution.as_ref().is_some_and(|own| !admission.was_brought_for(own));
            if !admission.was_brought_by(&by) || is_new_for {
                acts.push(Act::AddBringer { rule: digest.to_owned(), by, institution });
            }
            let passed = passed.filter(|_| admission.cases == 0);
            acts.extend(passed.map(|cases| Act::PutCases { rule: digest.to_owned(), cases }));
        }
        let (fresh, problems) = self.signed(context.actor, digest, &signatures).await?;
        Refusal::all(problems)?;
        acts.extend(fresh.into_iter().map(Act::PutSignature));
        if !acts.is_empty() {
            let before = stored_rule
                .filter(|_| is_known || context.actor.institution.is_none())
                .map(|rule| rule.digest);
            self.store.commit(&acts, &context.change(before, Some(digest.to_owned()))).await?;
        }
        let view = self.rule(context.actor, digest).await?.ok_or_else(Refusal::internal)?;
        Ok((view, !is_known))
    }

    /// Signatures that are not there yet, and why the rule is not signed as it must be.
    async fn signed(
        &self,
        actor: &Actor,
        digest: &str,
        signatures: &[NewSignature],
    ) -> Result<(Vec<Signature>, Vec<Problem>), Refusal> {
        let place = |index| format!("/signatures/{index}");
        let (fresh, mut problems) = self.fresh(actor, digest, signatures, place).await?;
        let unsigned = signatures.is_empty() && self.signatures_for(actor, digest).await?.is_empty();
        if unsigned && self.settings.signatures {
            let message = "a rule must be signed by a key of the trust list: sign it with `paasla rule sign`";
            problems.push(Problem::new("rule_unsigned", "/signatures", message));
        }
        Ok((fresh, problems))
    }

    /// Looks at a component, and runs cases if they are given.
    async fn examined(
        &self,
        component: Vec<u8>,
        cases: Option<CaseFiles>,
        permit: Permit,
    ) -> Result<(Vec<u8>, Result<(Arc<About>, usize), Vec<Problem>>), Refusal> {
        // What comes of bytes that may not get in is kept nowhere.
        let engine = self.engine.without_cache();
        let longest = self.longest_cases();
        let work = move || {
            let _permit = permit;
            let examined = examine(&engine, &component, cases, longest);
            (component, examined)
        };
        background(work).await.ok_or_else(Refusal::internal)
    }

    /// The most bytes that bringing a rule in takes: a component as large as may be in base64 (four for three), its cases
    /// as text in JSON, and signatures.
    #[must_use]
    pub fn upload_bytes(&self) -> usize {
        let component = self.engine.config().component.bytes;
        let component = usize::try_from(component).unwrap_or(usize::MAX).div_ceil(3).saturating_mul(4);
        component.saturating_add(2 * Bounds::default().text_bytes).saturating_add(1 << 20)
    }

    /// Adds a signature to a rule that is there.
    ///
    /// # Errors
    /// When there is no such rule, or the signature does not count.
    pub async fn sign(
        &self,
        actor: &Actor,
        digest: &str,
        new: NewSignature,
        reason: &str,
    ) -> Result<RuleView, Refusal> {
        let context = ActContext { actor, action: "rule.sign", target: digest, version: None, reason };
        let work = async {
            context.check_reason()?;
            let _lock = self.change_lock.lock().await;
            self.rule(actor, digest).await?.ok_or_else(|| Refusal::not_found("rule", digest))?;
            let (fresh, problems) = self.fresh(actor, digest, &[new], |_| String::new()).await?;
            Refusal::all(problems)?;
            let acts: Vec<Act> = fresh.into_iter().map(Act::PutSignature).collect();
            if !acts.is_empty() {
                let digest = Some(digest.to_owned());
                self.store.commit(&acts, &context.change(digest.clone(), digest)).await?;
            }
            self.rule(actor, digest).await?.ok_or_else(Refusal::internal)
        };
        match work.await {
            Ok(view) => Ok(view),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    /// Signatures that are not there yet, and what is wrong with others, each at its place in what was sent.
    async fn fresh(
        &self,
        actor: &Actor,
        digest: &str,
        new: &[NewSignature],
        place: impl Fn(usize) -> String,
    ) -> Result<(Vec<Signature>, Vec<Problem>), Refusal> {
        let (keys, stored) = (self.keys_for(actor).await?, self.store.signatures(digest).await?);
        let (mut fresh, mut problems) = (Vec::new(), Vec::new());
        for (index, NewSignature { key, signature, rule }) in new.iter().enumerate() {
            let place = place(index);
            if rule.as_deref().is_some_and(|rule| rule != digest) {
                let message = "this signature is on another rule: take the one that was made of these bytes";
                problems.push(Problem::new("signature_of_other_rule", format!("{place}/rule"), message));
                continue;
            }
            if let Some(problem) = signatures::problem(&keys, digest, key, signature, &place) {
                problems.push(problem);
            } else if !stored.iter().any(|own| own.key == *key) {
                let (key, signature) = (key.clone(), signature.clone());
                fresh.push(Signature { rule: digest.to_owned(), key, signature, at: now() });
            }
        }
        Ok((fresh, problems))
    }

    /// The signatures on a rule, as far as the actor may know of their keys.
    async fn signatures_for(&self, actor: &Actor, digest: &str) -> Result<Vec<Signature>, StoreError> {
        let mut signatures = self.store.signatures(digest).await?;
        if actor.institution.is_some() {
            let keys = self.keys_for(actor).await?;
            signatures.retain(|signature| keys.iter().any(|key| key.id == signature.key));
        }
        Ok(signatures)
    }

    /// Every rule that the actor may see.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rules(&self, actor: &Actor) -> Result<Vec<RuleView>, StoreError> {
        let mut views = Vec::new();
        for info in self.store.rules().await? {
            views.extend(self.rule_view(actor, info).await?);
        }
        Ok(views)
    }

    /// One rule; none when it is not there, or not there for the actor.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rule(&self, actor: &Actor, digest: &str) -> Result<Option<RuleView>, StoreError> {
        match self.store.rules().await?.into_iter().find(|info| info.digest == digest) {
            Some(info) => self.rule_view(actor, info).await,
            None => Ok(None),
        }
    }

    /// A rule's bytes; none when it is not there, or not there for the actor.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn component(&self, actor: &Actor, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let admission = self.store.admission(digest).await?;
        if !self.sees_rule(actor, digest, admission.as_ref()).await? {
            return Ok(None);
        }
        Ok(self.store.rule(digest).await?.map(|rule| rule.bytes))
    }

    async fn rule_view(&self, actor: &Actor, info: RuleInfo) -> Result<Option<RuleView>, StoreError> {
        let admission = self.store.admission(&info.digest).await?;
        if !self.sees_rule(actor, &info.digest, admission.as_ref()).await? {
            return Ok(None);
        }
        let keys = self.keys_for(actor).await?;
        let signatures = self.signatures_for(actor, &info.digest).await?;
        let signatures = signatures.into_iter().map(|signature| {
            let key = keys.iter().find(|key| key.id == signature.key);
            SignatureView {
                key: signature.key,
                owner: key.map(|key| key.owner.clone()),
                in_force: key.is_some_and(|key| key.is_in_force()),
                signature: signature.signature,
            }
        });
        let cases = admission.as_ref().map_or(0, |admission| admission.cases);
        let admission = admission.filter(|admission| actor.sees_of(admission.institution.as_deref()));
        Ok(Some(RuleView {
            digest: info.digest,
            name: info.name,
            version: info.version,
            summary: info.summary,
            size: info.size,
            state: if cases > 0 { "tested" } else { "checked" },
            cases,
            by: admission.map(|admission| admission.by),
            signatures: signatures.collect(),
        }))
    }
}

/// Loads a rule and runs its cases in the sandbox, if any are given those too that travel inside; gives back how many
/// ran.
fn examine(
    engine: &paasla_engine::Engine,
    component: &[u8],
    files: Option<CaseFiles>,
    longest: Duration,
) -> Result<(Arc<About>, usize), Vec<Problem>> {
    let rule = engine.load(component).map_err(|error| vec![unfit(&error)])?;
    let inside = cases_in(component)
        .map_err(|message| vec![Problem::new("cases_unreadable", "/component", message)])?;
    let Some(mut files) = files else { return Ok((rule.about, 0)) };
    // Those inside are signed, so they come first.
    files.extend(inside);
    let cases = run_case_files(engine, &rule, &files, longest).map_err(|failures| {
        let problem = |message| Problem::new("case_failed", "/cases", message);
        failures.into_iter().map(problem).collect::<Vec<_>>()
    })?;
    Ok((rule.about, cases))
}

/// Why bytes are no rule.
fn unfit(error: &LoadError) -> Problem {
    let code = match error {
        LoadError::NotWasm | LoadError::Invalid { .. } => "component_invalid",
        LoadError::CoreModule => "core_module",
        LoadError::Imports(_) => "imports",
        LoadError::WrongWorld(_) => "wrong_world",
        LoadError::Describe(RuleFault::Trap(_)) => "describe_fault",
        LoadError::Describe(_) | LoadError::Description(_) => "description_invalid",
        LoadError::Host(_) | LoadError::Crashed(_) => "host_failed",
        _ => "component_unfit",
    };
    Problem::new(code, "/component", error.to_string())
}
