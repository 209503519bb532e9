// SPDX-License-Identifier: Apache-2.0
//! From a rule and settings to a policy at work.

use std::{slice, sync::Arc};

use paasla_core::{Policy, Reason, Register};

use crate::{
    about::About,
    bindings::v0_1::exports::paasla::rule::ruling as wit,
    compiler::{Code, Form, Job},
    config::{Budget, Ration},
    fault::RuleFault,
    input::RegisterInput,
    load::{LoadError, Rule},
    output::{DeclaredReason, declared, reasons},
    program::{Program, ProgramError},
    sandbox::Engine,
    snapshot::Configured,
};

/// One thing wrong with a policy's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// JSON pointer into the settings.
    pub pointer: String,
    /// What is wrong, as the rule says.
    pub message: String,
}

/// Why a policy could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivateError {
    /// The settings are wrong.
    #[error("the settings are wrong: {}", list(.0))]
    Settings(Vec<SettingsProblem>),
    /// `configure` broke.
    #[error("`configure` failed: {0}")]
    Configure(RuleFault),
    /// The configured rule could not be compiled.
    #[error("the configured rule could not be compiled: {0}")]
    Compile(String),
    /// The rule itself could not be made ready.
    #[error("{0}")]
    Load(#[from] LoadError),
}

fn list(problems: &[SettingsProblem]) -> String {
    let one = |p: &SettingsProblem| format!("at `{}`: {}", p.pointer, p.message);
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

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
    pub(crate) engine: Engine,
    pub(crate) settings: Arc<str>,
    pub(crate) register: Arc<Register>,
    pub(crate) ration: Ration,
    /// What there is of it in each shard.
    pub(crate) posts: Arc<[Post]>,
}

/// What there is of a policy in one shard. All that a ruling counts or locks is in one, and in memory apart from others'.
#[derive(Clone)]
#[repr(align(128))]
pub(crate) struct Post {
    pub(crate) program: Program,
    /// The reasons that its rule declared.
    pub(crate) reasons: Arc<[Reason]>,
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
        let (own, usual) = (&self.ration, &self.engine.config.ration);
        let ration = Ration {
            fuel: own.fuel.min(usual.fuel),
            review_fuel: own.review_fuel.min(usual.review_fuel),
            row_fuel: own.row_fuel.min(usual.row_fuel),
            ..*own
        };
        Self { ration, ..self.clone() }
    }
}

impl Engine {
    /// Configures a rule for a policy and a register, and snapshots it where that can be done.
    ///
    /// # Errors
    /// When the settings are wrong, or the rule breaks on them, or needs more for an instance than a ruling gets.
    pub fn activate(
        &self,
        rule: &Rule,
        policy: &Policy,
        register: &Arc<Register>,
    ) -> Result<Activated, ActivateError> {
        let settings = match &policy.settings {
            serde_json::Value::Null => "{}".to_owned(),
            settings => settings.to_string(),
        };
        let name = self.name("configured", &rule.digest, &[&settings, register.digest()]);
        let ration = self.config.ration_for(&policy.limits);
        // What no ruling could even begin with is not activated: an instance is made under what a ruling gets.
        let budget = ration.decide();
        let input = RegisterInput::new(register);
        let make = || self.configured(rule, &settings, &input);
        let load = |code: &Code| Program::in_each(self, &code.bytes, &code.form, budget);
        let (programs, head) = self.cached_program(&name, make, load, |error| match error {
            ProgramError::Load(what) => ActivateError::Compile(what),
            ProgramError::Fault(fault) => ActivateError::Configure(fault),
        })?;
        if let Form::AsItIs(_) = head.form {
            self.try_settings(&rule.about, &programs, &settings, &input, budget)?;
        }
        let start = head.form.into();
        let by: Arc<str> = policy.name.as_str().into();
        let post = |program| Post { reasons: reasons(&head.reasons, &by, &rule.about), program };
        Ok(Activated {
            policy: Arc::new(policy.clone()),
            about: Arc::clone(&rule.about),
            start,
            engine: self.clone(),
            settings: settings.into(),
            register: Arc::clone(register),
            ration,
            posts: programs.into_iter().map(post).collect(),
        })
    }

    /// How instances of a rule come to be configured, as far as it can be told without settings.
    ///
    /// # Errors
    /// When it cannot be compiled.
    pub fn start(&self, rule: &Rule) -> Result<Start, LoadError> {
        Ok(self.prepared(rule)?.form.clone().into())
    }

    /// The code of a configured rule, or of the rule itself where it has to be configured each time.
    fn configured(
        &self,
        rule: &Rule,
        settings: &str,
        register: &RegisterInput<'_>,
    ) -> Result<Code, ActivateError> {
        let prepared = self.prepared(rule)?;
        let why = match &prepared.form {
            Form::AsItIs(why) => why.clone(),
            Form::Instrumented | Form::Snapshot => {
                let configured = self.snapshot(&rule.bytes, &prepared.program, settings, register);
                match configured.map_err(ActivateError::Configure)? {
                    Configured::Snapshot(bytes, said) => match self.code(&Job::Snapshot, &bytes) {
                        Ok(code) => return Ok(Code { reasons: self.declared(said, &rule.about)?, ..code }),
                        // What the compiler will not have configured works all the same.
                        Err(LoadError::Compile(why)) => why,
                        Err(error) => return Err(error.into()),
                    },
                    Configured::Problems(problems) => return Err(self.problems(problems)),
                    Configured::NotPossible(why) => why,
                }
            }
        };
        let program = slice::from_ref(&prepared.program);
        let budget = self.config.setup.configure();
        let reasons = self.try_settings(&rule.about, program, settings, register, budget)?;
        Ok(Code { reasons, ..self.code(&Job::AsItIs(why), &rule.bytes)? })
    }

    fn declared(&self, said: Vec<wit::Reason>, about: &About) -> Result<Vec<DeclaredReason>, ActivateError> {
        declared(said, about, &self.config.answer).map_err(ActivateError::Configure)
    }

    /// Configures a rule in the first shard that has room, and tells what it declared.
    fn try_settings(
        &self,
        about: &About,
        each: &[Program],
        settings: &str,
        register: &RegisterInput<'_>,
        budget: Budget,
    ) -> Result<Vec<DeclaredReason>, ActivateError> {
        let configure = |program: &Program| {
            let mut store = program.sandbox(self, budget)?;
            let outcome = program
                .instantiate(&mut store)
                .and_then(|instance| program.configure(&mut store, &instance, settings, register));
            outcome.map_err(|error| self.fault(&store, budget, &error))
        };
        let is_busy = |outcome: &Result<_, _>| matches!(outcome, Err(RuleFault::Busy));
        let outcome = self.shards.first_with_room(each, configure, is_busy).unwrap_or(Err(RuleFault::Busy));
        let said = outcome.map_err(ActivateError::Configure)?.map_err(|problems| self.problems(problems))?;
        self.declared(said, about)
    }

    /// What a rule says against settings, if it does not say too much.
    fn problems(&self, said: Vec<wit::Problem>) -> ActivateError {
        let limits = &self.config.answer;
        let too_many = |what, limit| ActivateError::Configure(RuleFault::TooMany { what, limit });
        if said.len() > limits.problems {
            return too_many("problems", limits.problems);
        }
        if said.iter().any(|problem| problem.pointer.len().max(problem.message.len()) > limits.text_bytes) {
            return too_many("bytes in a problem", limits.text_bytes);
        }
        let problem = |p: wit::Problem| SettingsProblem { pointer: p.pointer, message: p.message };
        ActivateError::Settings(said.into_iter().map(problem).collect())
    }
}
