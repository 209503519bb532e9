// SPDX-License-Identifier: Apache-2.0
//! Rules: bringing one in. It is looked at under limits, its cases run in the sandbox, and its signatures are checked,
//! before anything is stored.

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

use super::{Deed, actor::Actor, now, refusal::Refusal, vouch};
use crate::app::{App, aside::aside, problem::Problem};

/// A signature as it is brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewSignature {
    /// The key's id.
    pub key: String,
    /// The signature (Ed25519, RFC 8032) on [`vouch::signed_text`], in hex.
    pub signature: String,
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

impl App {
    /// Brings a rule in. One that is there already stays as it is; signatures that are new are added.
    ///
    /// # Errors
    /// With every problem: of the component, of each case, of each signature. Nothing is stored then.
    pub async fn upload(
        &self,
        actor: &Actor,
        new: NewRule,
        reason: &str,
    ) -> Result<(RuleView, bool), Refusal> {
        let digest = digest_of(&new.component);
        let deed = Deed { actor, action: "rule.upload", target: &digest, version: None, reason };
        match self.bring_in(deed, &digest, new).await {
            Ok(done) => Ok(done),
            Err(refusal) => Err(self.refused(deed, refusal).await),
        }
    }

    async fn bring_in(
        &self,
        deed: Deed<'_>,
        digest: &str,
        new: NewRule,
    ) -> Result<(RuleView, bool), Refusal> {
        deed.check_reason()?;
        let NewRule { component, cases, signatures } = new;
        let mut acts: Vec<Act> = Vec::new();
        // A rule that was admitted is there: the store refuses an admission without it.
        if self.store.admission(digest).await?.is_none() {
            let (fresh, mut problems) = self.signed(digest, &signatures).await?;
            let is_signed = !fresh.is_empty() || !self.store.signatures(digest).await?.is_empty();
            // Cases are run for nobody who must have a signature and has none that counts.
            let cases = (is_signed || !self.governor.settings.signatures).then_some(cases);
            let (component, examined) = self.examined(component, cases).await?;
            let (about, cases) = examined.map_err(|wrong| {
                problems.splice(..0, wrong).for_each(drop);
                Refusal { status: 422, problems: std::mem::take(&mut problems) }
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
                by: deed.actor.who.clone(),
                institution: deed.actor.owner(),
                at: now(),
                cases: u64::try_from(cases).unwrap_or(u64::MAX),
                also_by: Vec::new(),
            };
            acts.push(Act::PutRule(stored, admission));
        }
        let _turn = self.governor.turn.lock().await;
        // Somebody may have brought it in meanwhile, or revoked a key.
        let known = self.store.rule(digest).await?;
        let admission = self.store.admission(digest).await?;
        let is_known = admission.is_some();
        if let Some(admission) = admission {
            acts.clear();
            // Whoever brings a rule that is there does not approve its policies either.
            if !admission.was_brought_by(&deed.actor.who) {
                acts.push(Act::AddBringer { rule: digest.to_owned(), by: deed.actor.who.clone() });
            }
        }
        let (fresh, problems) = self.signed(digest, &signatures).await?;
        Refusal::all(problems)?;
        acts.extend(fresh.into_iter().map(Act::PutSignature));
        if !acts.is_empty() {
            let before = known.map(|rule| rule.digest);
            self.store.commit(&acts, &deed.change(before, Some(digest.to_owned()))).await?;
        }
        let view = self.rule(digest).await?.ok_or_else(Refusal::internal)?;
        Ok((view, !is_known))
    }

    /// Signatures that are not there yet, and why the rule is not signed as it must be.
    async fn signed(
        &self,
        digest: &str,
        signatures: &[NewSignature],
    ) -> Result<(Vec<Signature>, Vec<Problem>), Refusal> {
        let (fresh, mut problems) = self.fresh(digest, signatures).await?;
        let unsigned = signatures.is_empty() && self.store.signatures(digest).await?.is_empty();
        if unsigned && self.governor.settings.signatures {
            let message = "a rule must be signed by a key of the trust list: sign it with `paasla rule sign`";
            problems.push(Problem::new("rule_unsigned", "/signatures", message));
        }
        Ok((fresh, problems))
    }

    /// Looks at a component, a few at one time, and runs cases if they are given. The place is kept until that has
    /// ended, also when whoever brought it has gone.
    async fn examined(
        &self,
        component: Vec<u8>,
        cases: Option<CaseFiles>,
    ) -> Result<(Vec<u8>, Result<(Arc<About>, usize), Vec<Problem>>), Refusal> {
        let place = self.governor.examination().await?;
        // What comes of bytes that may not get in is kept nowhere.
        let engine = self.governor.engine.without_cache();
        let longest = self.governor.longest_cases();
        let work = move || {
            let _place = place;
            let examined = examine(&engine, &component, cases, longest);
            (component, examined)
        };
        aside(work).await.ok_or_else(Refusal::internal)
    }

    /// The most bytes that bringing a rule in takes: a component as large as may be in base64 (four for three), its cases
    /// as text in JSON, and signatures.
    #[must_use]
    pub fn upload_bytes(&self) -> usize {
        let component = self.governor.engine.config().component.bytes;
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
        let deed = Deed { actor, action: "rule.sign", target: digest, version: None, reason };
        let work = async {
            deed.check_reason()?;
            let _turn = self.governor.turn.lock().await;
            self.rule(digest).await?.ok_or_else(|| Refusal::not_found("rule", digest))?;
            let (fresh, problems) = self.fresh(digest, &[new]).await?;
            Refusal::all(problems)?;
            let acts: Vec<Act> = fresh.into_iter().map(Act::PutSignature).collect();
            if !acts.is_empty() {
                let digest = Some(digest.to_owned());
                self.store.commit(&acts, &deed.change(digest.clone(), digest)).await?;
            }
            self.rule(digest).await?.ok_or_else(Refusal::internal)
        };
        match work.await {
            Ok(view) => Ok(view),
            Err(refusal) => Err(self.refused(deed, refusal).await),
        }
    }

    /// Signatures that are not there yet, and what is wrong with others.
    async fn fresh(
        &self,
        digest: &str,
        new: &[NewSignature],
    ) -> Result<(Vec<Signature>, Vec<Problem>), Refusal> {
        let (keys, known) = (self.store.keys().await?, self.store.signatures(digest).await?);
        let (mut fresh, mut problems) = (Vec::new(), Vec::new());
        for (place, NewSignature { key, signature }) in new.iter().enumerate() {
            let place = format!("/signatures/{place}");
            if let Some(problem) = vouch::problem(&keys, digest, key, signature, &place) {
                problems.push(problem);
            } else if !known.iter().any(|known| known.key == *key) {
                let (key, signature) = (key.clone(), signature.clone());
                fresh.push(Signature { rule: digest.to_owned(), key, signature, at: now() });
            }
        }
        Ok((fresh, problems))
    }

    /// Every rule.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rules(&self) -> Result<Vec<RuleView>, StoreError> {
        let mut views = Vec::new();
        for info in self.store.rules().await? {
            views.push(self.rule_view(info).await?);
        }
        Ok(views)
    }

    /// One rule; none when it is not there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rule(&self, digest: &str) -> Result<Option<RuleView>, StoreError> {
        match self.store.rules().await?.into_iter().find(|info| info.digest == digest) {
            Some(info) => self.rule_view(info).await.map(Some),
            None => Ok(None),
        }
    }

    /// A rule's bytes; none when it is not there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.store.rule(digest).await?.map(|rule| rule.bytes))
    }

    async fn rule_view(&self, info: RuleInfo) -> Result<RuleView, StoreError> {
        let admission = self.store.admission(&info.digest).await?;
        let keys = self.store.keys().await?;
        let signatures = self.store.signatures(&info.digest).await?;
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
        Ok(RuleView {
            digest: info.digest,
            name: info.name,
            version: info.version,
            summary: info.summary,
            size: info.size,
            state: if cases > 0 { "tested" } else { "checked" },
            cases,
            by: admission.map(|admission| admission.by),
            signatures: signatures.collect(),
        })
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
