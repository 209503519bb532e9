// SPDX-License-Identifier: Apache-2.0
//! From a rule and settings to a policy at work.

use std::{borrow::Cow, slice, sync::Arc};

use paasla_core::{Policy, Register};
use serde_json::{Map, Value};

use super::{
    Activated, Post,
    snapshot::{Configured, snapshot},
};
use crate::{
    config::Budget,
    error::{ActivateError, LoadError, SettingsProblem},
    fault::RuleFault,
    interface::{
        bindings::v0_1::exports::paasla::rule::ruling as wit,
        input::RegisterInput,
        output::{DeclaredReason, declared, reasons},
    },
    load::{
        Loader,
        compile::{Code, Form, Job},
        rule::Rule,
    },
    sandbox::{
        contain::contained,
        program::{Program, ProgramError},
    },
};

/// Checks settings against the rule's schema, then configures the rule as [`configure`] does. None of its code runs on
/// settings that the schema refuses.
///
/// # Errors
/// When the settings are wrong, or the rule breaks on them, or needs more for an instance than a ruling gets.
pub(crate) fn activate(
    loader: &Loader,
    rule: &Rule,
    policy: &Policy,
    register: &Arc<Register>,
) -> Result<Activated, ActivateError> {
    let problems = refused(loader, rule, policy)?;
    if problems.is_empty() {
        configure(loader, rule, policy, register)
    } else {
        Err(ActivateError::Settings(problems))
    }
}

/// What a rule's schema has against a policy's settings.
///
/// # Errors
/// When the validator breaks.
pub(crate) fn refused(
    loader: &Loader,
    rule: &Rule,
    policy: &Policy,
) -> Result<Vec<SettingsProblem>, ActivateError> {
    let limits = &loader.sandboxes.config.answer;
    contained(|| rule.schema.problems(&settings(policy), limits))
        .map_err(|_| ActivateError::Configure(RuleFault::Host))
}

/// The settings of a policy: an object without members where it has none.
fn settings(policy: &Policy) -> Cow<'_, Value> {
    match &policy.settings {
        Value::Null => Cow::Owned(Value::Object(Map::new())),
        settings => Cow::Borrowed(settings),
    }
}

/// Configures a rule for a policy and a register, and snapshots it where that can be done.
///
/// # Errors
/// When the settings are wrong, or the rule breaks on them, or needs more for an instance than a ruling gets.
pub(crate) fn configure(
    loader: &Loader,
    rule: &Rule,
    policy: &Policy,
    register: &Arc<Register>,
) -> Result<Activated, ActivateError> {
    let settings = settings(policy).to_string();
    let sandboxes = &loader.sandboxes;
    let name = loader.name("configured", &rule.digest, &[&settings, register.digest()]);
    let ration = sandboxes.config.ration_for(&policy.limits);
    // What no ruling could even begin with is not activated: an instance is made under what a ruling gets.
    let budget = ration.decide();
    let setting = Setting { loader, rule, settings: &settings, register: RegisterInput::new(register) };
    let make = || setting.configured();
    let load = |code: &Code| Program::in_each(sandboxes, &code.bytes, code.form.is_snapshot(), budget);
    let (programs, head) = loader.cached_program(&name, make, load, |error| match error {
        ProgramError::Load(what) => ActivateError::Compile(what),
        ProgramError::Fault(fault) => ActivateError::Configure(fault),
    })?;
    if let Form::AsItIs(_) = head.form {
        setting.tried(&programs, budget)?;
    }
    let start = head.form.into();
    let by: Arc<str> = policy.name.as_str().into();
    let post = |program| Post { reasons: reasons(&head.reasons, &by, &rule.about), program };
    Ok(Activated {
        policy: Arc::new(policy.clone()),
        about: Arc::clone(&rule.about),
        start,
        sandboxes: Arc::clone(sandboxes),
        register: Arc::clone(register),
        ration,
        posts: programs.into_iter().map(post).collect(),
        settings: settings.into(),
    })
}

/// A rule, and what it is to be configured with.
struct Setting<'s> {
    loader: &'s Loader,
    rule: &'s Rule,
    settings: &'s str,
    register: RegisterInput<'s>,
}

impl Setting<'_> {
    /// The code of the configured rule, or of the rule itself where it has to be configured each time.
    fn configured(&self) -> Result<Code, ActivateError> {
        let Self { loader, rule, settings, register } = self;
        let prepared = loader.prepared(rule)?;
        let why = match &prepared.form {
            Form::AsItIs(why) => why.clone(),
            Form::Instrumented | Form::Snapshot => {
                let configured =
                    snapshot(&loader.sandboxes, &rule.bytes, &prepared.program, settings, register);
                match configured.map_err(ActivateError::Configure)? {
                    Configured::Snapshot(bytes, said) => match loader.code(&Job::Snapshot, &bytes) {
                        Ok(code) => return Ok(Code { reasons: self.declared(said)?, ..code }),
                        // What the compiler will not have configured works all the same.
                        Err(LoadError::Compile(why)) => why,
                        Err(error) => return Err(error.into()),
                    },
                    Configured::Problems(problems) => return Err(self.problems(problems)),
                    Configured::NotPossible(why) => why,
                }
            }
        };
        let budget = loader.sandboxes.config.setup.configure();
        let reasons = self.tried(slice::from_ref(&prepared.program), budget)?;
        Ok(Code { reasons, ..loader.code(&Job::AsItIs(why), &rule.bytes)? })
    }

    fn declared(&self, said: Vec<wit::Reason>) -> Result<Vec<DeclaredReason>, ActivateError> {
        let limits = &self.loader.sandboxes.config.answer;
        declared(said, &self.rule.about, limits).map_err(ActivateError::Configure)
    }

    /// Configures the rule in the first shard that has room, and tells what it declared.
    fn tried(&self, each: &[Program], budget: Budget) -> Result<Vec<DeclaredReason>, ActivateError> {
        let sandboxes = &self.loader.sandboxes;
        let configure = |program: &Program| {
            let mut store = program.sandbox(sandboxes, budget)?;
            let outcome = program
                .instantiate(&mut store)
                .and_then(|instance| program.configure(&mut store, &instance, self.settings, &self.register));
            outcome.map_err(|error| sandboxes.fault(&store, budget, &error))
        };
        let is_busy = |outcome: &Result<_, _>| matches!(outcome, Err(RuleFault::Busy));
        let outcome = sandboxes.shards.first_with_room(each, configure, is_busy);
        let outcome = outcome.unwrap_or(Err(RuleFault::Busy)).map_err(ActivateError::Configure)?;
        self.declared(outcome.map_err(|problems| self.problems(problems))?)
    }

    /// What the rule says against the settings, if it does not say too much.
    fn problems(&self, said: Vec<wit::Problem>) -> ActivateError {
        let limits = &self.loader.sandboxes.config.answer;
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
