// SPDX-License-Identifier: Apache-2.0
//! `paasla seed`: control data from readable files into the store, as a new generation. What came to work through
//! governance stays, what was taken out stays out, and what loosens is proposed to a second person.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use paasla_app::{
    BuildError, Pool, build,
    governance::{
        refusal::{Refusal, RefusalKind},
        seed::{Combined, combine},
    },
    rulebook_digest, unmet,
};
use paasla_core::{Grant, Person, Policy, Rulebook, Service, Vocabulary};
use paasla_store::{
    Governance as _, SqliteStore, Store as _, StoreError, StoredRule,
    governance::{
        act::Act,
        change::ChangeOutcome,
        proposal::{Effect, ProposalState, ProposedAct},
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    config::Config,
    effect,
    failure::{Failure, Kind, invalid, not_found, of_kind},
    files::{read as read_file, read_text},
    host,
    proposal::{at_machine, change},
    secret::secret,
    show,
    why::reason,
};

/// What to put in.
#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// The configuration.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// The folder with vocabulary.toml, services/, grants/ and policies/.
    #[arg(long)]
    from: PathBuf,
    /// The folder with the components that policies name: `rule = "minors"` is `minors.wasm`.
    #[arg(long)]
    rules: PathBuf,
    /// Who does this: `Mari Maasikas <mari.m>`, or a name alone.
    #[arg(long)]
    by: Person,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Put in the policies of the folder only. Without it, policies that came to work through governance (`paasla
    /// policy`) stay.
    #[arg(long)]
    replace_policies: bool,
    /// Bring this back, though it was taken out before: `NAME`, or `grant/NAME` and the like. Give it once for each. A
    /// second person must confirm that.
    #[arg(long, value_name = "NAME")]
    bring_back: Vec<String>,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Put it in at once even where it loosens. It stays marked until a second person confirms it.
    #[arg(long, conflicts_with = "dry_run")]
    emergency: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Seed) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(seed(arguments))
}

async fn seed(arguments: &Seed) -> Result<()> {
    reason("--reason", &arguments.reason)?;
    let config = Config::read(&arguments.config)?;
    let description = host::description(&config)?;
    let store = SqliteStore::open(&config.store.database).await?;
    let secret = secret(&config.secrets.file, &store).await?;
    let engine = host::engine(&config, &secret, false)?;
    let mut files = read(&arguments.from)?;
    let mut components = std::collections::BTreeMap::new();
    let mut stored = Vec::new();
    for policy in &mut files.policies {
        if let Some(limit) = policy.limits.impossible().next() {
            let why =
                format!("policy `{}`: under this limit its rule could never rule: `{limit}`", policy.name);
            return Err(invalid(why));
        }
        if let Some((limit, most)) = config.engine.beyond_most(&policy.limits).next() {
            let why = format!(
                "policy `{}`: no policy gets more than {most} of `{limit}` (`engine.most` in the configuration)",
                policy.name
            );
            return Err(invalid(why));
        }
        let file = arguments.rules.join(format!("{}.wasm", policy.rule));
        let bytes = component(&policy.name, &file)?;
        let rule = engine
            .load(&bytes)
            .with_context(|| format!("{} is no rule", file.display()))
            .map_err(of_kind(Kind::Invalid))?;
        policy.rule.clone_from(&rule.digest);
        stored.push(StoredRule {
            digest: rule.digest.clone(),
            bytes: bytes.clone(),
            name: rule.about.name.clone(),
            version: rule.about.version.clone(),
            summary: rule.about.summary.clone(),
        });
        components.insert(rule.digest.clone(), bytes);
    }
    let done = async {
        let now = store.rulebook().await?;
        let combined = match &now {
            None => Combined { rulebook: files.clone(), effect: Effect::default() },
            Some(now) => {
                let (replace, back) = (arguments.replace_policies, &arguments.bring_back);
                combine(&store, now, &files, replace, back).await.map_err(refused)?
            }
        };
        for policy in &combined.rulebook.policies {
            if !components.contains_key(&policy.rule) {
                let rule = store.rule(&policy.rule).await?;
                let rule = rule.with_context(|| format!("policy `{}`: its rule is gone", policy.name))?;
                components.insert(rule.digest, rule.bytes);
            }
        }
        // Nothing is stored unless all of it can be put to work.
        build(&engine, &description, combined.rulebook.clone(), &components, &Pool::default())
            .with_context(|| left_out(&combined.effect))
            .map_err(of_kind(Kind::Invalid))?;
        // Of the files only: what came through governance may outlive an access right.
        let from_files = files.policies.iter().filter(|own| combined.rulebook.policies.contains(own));
        let unmet = unmet(&combined.rulebook, &from_files.cloned().collect::<Vec<_>>());
        if !unmet.is_empty() {
            let error: Result<()> = Err(BuildError(unmet).into());
            error.with_context(|| left_out(&combined.effect)).map_err(of_kind(Kind::Invalid))?;
        }
        put(&store, arguments, config.governance.four_eyes, Ready { now, files, combined, stored }).await
    };
    let done = done.await;
    store.close().await?;
    show::one(arguments.json, &done?, |done| {
        effect::outcome(done, |done| {
            let at = |place: &str| show::text(done, place);
            format!(
                "Generation {} is at work, with {} services, {} access rights and {} policies.",
                at("/generation"),
                at("/services"),
                at("/grants"),
                at("/policies")
            )
        })
    })
}

/// The component that a policy of the folder names.
fn component(policy: &str, file: &Path) -> Result<Vec<u8>> {
    read_file(file).map_err(|error| {
        let is_missing = Failure::of(&error).kind == Kind::NotFound;
        let build = if is_missing { ": there is no rule; build it with `paasla rule build`" } else { "" };
        error.context(format!("policy `{policy}`{build}"))
    })
}

/// Why it is not done, one problem a line.
fn refused(refusal: Refusal) -> anyhow::Error {
    let kind = if refusal.kind == RefusalKind::Conflict { Kind::Conflict } else { Kind::Invalid };
    let problems: Vec<String> = refusal.problems.into_iter().map(|problem| problem.message).collect();
    Failure::new(kind, problems.join("\n")).into()
}

fn left_out(effect: &Effect) -> String {
    let names: Vec<String> = effect.left_out.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        return "the control data cannot be put to work".to_owned();
    }
    format!(
        "the control data cannot be put to work without what was taken out before, and stays out ({}); --bring-back \
         NAME brings it back",
        names.join(", ")
    )
}

/// Puts the rulebook in, or proposes it where a second person is needed; tells what came of it.
async fn put(store: &SqliteStore, arguments: &Seed, four_eyes: bool, seed: Ready) -> Result<Value> {
    let Ready { now, files, combined, stored } = seed;
    let by = arguments.by.to_string();
    let (by, reason) = (by.as_str(), arguments.reason.trim());
    let Combined { rulebook, effect } = combined;
    let (before, after) = (now.as_ref().map(rulebook_digest), rulebook_digest(&rulebook));
    let expected = now.as_ref().map_or(0, |now| now.generation);
    // Nobody is there yet who could confirm the first.
    let second_person = four_eyes && now.is_some() && effect.loosens();
    if arguments.dry_run {
        return Ok(json!({ "dryRun": true, "secondPerson": second_person, "effect": effect }));
    }
    let mut told = json!({
        "generation": expected,
        "services": rulebook.services.len(),
        "grants": rulebook.grants.len(),
        "policies": rulebook.policies.len(),
    });
    let mut tell =
        |name: &str, value: Value| told.as_object_mut().map(|told| told.insert(name.to_owned(), value));
    if now.is_some() {
        tell("effect", json!(effect));
    }
    if before.as_ref() == Some(&after) {
        return Ok(told);
    }
    for rule in &stored {
        store.put_rule(rule).await?;
    }
    let proposal = |state| {
        let act = ProposedAct::Seed {
            files: Box::new(files),
            replace_policies: arguments.replace_policies,
            bring_back: arguments.bring_back.clone(),
        };
        Act::PutProposal(Box::new(at_machine(act, state, (by, reason), expected, effect.clone())))
    };
    let (of, who) = (("rulebook.seed", "rulebook"), (by, reason));
    if second_person && !arguments.emergency {
        let change = change(of, who, ChangeOutcome::Proposed, (None, None));
        let done = store.commit(&[proposal(ProposalState::Open)], &change).await?;
        return Ok(json!({ "proposal": { "id": done.proposal, "effect": effect } }));
    }
    let mut acts = vec![Act::Install { rulebook: Box::new(rulebook), expected }];
    acts.extend(second_person.then(|| proposal(ProposalState::Unconfirmed)));
    let done = match store.commit(&acts, &change(of, who, ChangeOutcome::Done, (before, Some(after)))).await {
        Ok(done) => done,
        Err(StoreError::Conflict { .. }) => {
            let why =
                "somebody else changed the rulebook at the same time, and nothing was put in: try again";
            return Err(Failure::new(Kind::Conflict, why).into());
        }
        Err(error) => return Err(error.into()),
    };
    tell("generation", done.generation.unwrap_or(expected).into());
    if let Some(id) = done.proposal {
        tell("unconfirmed", id.into());
    }
    Ok(told)
}

/// What is to be put in.
struct Ready {
    /// The newest rulebook; none before the first.
    now: Option<Rulebook>,
    files: Rulebook,
    combined: Combined,
    /// The rules of the files.
    stored: Vec<StoredRule>,
}

fn read(folder: &Path) -> Result<Rulebook> {
    let mut vocabulary: Vocabulary = one(&folder.join("vocabulary.toml"))?;
    vocabulary.expand_all();
    let mut services: Vec<Service> = all(&folder.join("services"))?;
    let mut grants: Vec<Grant> = all(&folder.join("grants"))?;
    let policies: Vec<Policy> = all(&folder.join("policies"))?;
    let expand = |iris: &mut Vec<String>| iris.iter_mut().for_each(|iri| *iri = vocabulary.expand(iri));
    for service in &mut services {
        expand(&mut service.purposes);
        expand(&mut service.legal_bases);
    }
    for grant in &mut grants {
        expand(&mut grant.purposes);
        expand(&mut grant.legal_bases);
    }
    Ok(Rulebook { generation: 0, vocabulary, services, grants, policies })
}

/// Every `*.toml` in a folder, by name.
fn all<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        return Err(not_found(format!("{} holds no .toml file", folder.display())));
    }
    files.iter().map(|file| one(file)).collect()
}

fn one<T: DeserializeOwned>(file: &Path) -> Result<T> {
    toml::from_str(&read_text(file)?)
        .with_context(|| format!("{} is wrong", file.display()))
        .map_err(of_kind(Kind::Invalid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rule_that_is_not_there_is_to_be_built() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("minors.wasm");
        let failure = || Failure::of(&component("minors", &file).unwrap_err());
        let missing = failure();
        assert!(
            missing.kind == Kind::NotFound && missing.message.contains("`paasla rule build`"),
            "{missing}"
        );
        fs::create_dir(&file).unwrap();
        let unreadable = failure();
        let said = format!("policy `minors`: {} cannot be read: ", file.display());
        assert!(unreadable.kind == Kind::Failed && unreadable.message.starts_with(&said), "{unreadable}");
        assert!(!unreadable.message.contains("rule build"), "{unreadable}");
    }
}
