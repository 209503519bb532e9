// SPDX-License-Identifier: Apache-2.0
//! The JSON Schema of a rule's settings: what is wrong with settings is told all at once, before any code of the rule runs.
//!
//! A schema is the rule author's word, and is run in the host. So it fetches nothing, its patterns are matched in linear
//! time, and what it may apply to one value, and to all of the settings, is counted first (`steps.rs`).

mod steps;
#[cfg(test)]
mod tests;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use self::steps::{Steps, check};
use crate::{config::AnswerLimits, error::SettingsProblem};

/// The one dialect of JSON Schema that is taken.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Bytes of one pattern, compiled.
const PATTERN_BYTES: usize = 64 << 10;

/// How many values that a setting may have are told.
const OPTIONS: usize = 20;

/// Bytes of what is said of a schema that is wrong.
const MESSAGE_BYTES: usize = 400;

/// A rule's schema, ready to check settings.
pub(crate) struct Schema {
    schema: Value,
    validator: Validator,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl Schema {
    /// Makes a schema ready, if it is one that may be run in the host.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn new(said: &Value) -> Result<Self, String> {
        let mut schema = said.clone();
        if let Some(members) = schema.as_object_mut() {
            // Without an address of its own, it is the same schema: nothing in it may refer to one.
            members.shift_remove("$id");
            if members.shift_remove("$schema").is_some_and(|dialect| dialect_of(&dialect) != Some(DIALECT)) {
                return Err(format!("at `/$schema`: only JSON Schema 2020-12 is taken: write `{DIALECT}`"));
            }
        }
        check(&schema)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES);
        let options = jsonschema::options().with_draft(Draft::Draft202012).offline();
        let options = options.should_validate_formats(false).with_pattern_options(patterns);
        let validator = options.build(&schema).map_err(|error| wrong(&error))?;
        Ok(Self { schema, validator })
    }

    /// Everything that is wrong with settings, as far as an answer may tell.
    pub(crate) fn problems(&self, settings: &Value, limits: &AnswerLimits) -> Vec<SettingsProblem> {
        if Steps::new(&self.schema).walk(&self.schema, settings).is_err() {
            let message =
                "this is too large, or too deep, to be checked against the rule's schema".to_owned();
            return vec![SettingsProblem { pointer: String::new(), message }];
        }
        let problems = self.validator.iter_errors(settings).flat_map(|error| problems(&error));
        let short = |problem: SettingsProblem| SettingsProblem {
            message: cut(problem.message, limits.text_bytes),
            // Not in the midst of `~0` or `~1`.
            pointer: cut(problem.pointer, limits.text_bytes).trim_end_matches('~').to_owned(),
        };
        problems.take(limits.problems).map(short).collect()
    }
}

/// The address of a dialect, which may end with an empty fragment.
fn dialect_of(said: &Value) -> Option<&str> {
    said.as_str().map(|dialect| dialect.strip_suffix('#').unwrap_or(dialect))
}

/// What is wrong with a schema.
fn wrong(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().as_str();
    let is_pattern = place.ends_with("/pattern") || place.contains("/patternProperties/");
    let message = match error.kind() {
        ValidationErrorKind::Format { .. } if is_pattern => {
            "a pattern has no look-around and no back-references, and is not large".to_owned()
        }
        _ => Some(error.to_string())
            .filter(|message| message.len() <= MESSAGE_BYTES)
            .unwrap_or_else(|| error.masked_with("this").to_string()),
    };
    format!("at `{place}`: {}", cut(message, MESSAGE_BYTES))
}

/// What one error of the validator says: a problem for each member that is too many, at that member.
fn problems(error: &ValidationError<'_>) -> Vec<SettingsProblem> {
    let place = error.instance_path().as_str();
    let here = |message: String| vec![SettingsProblem { pointer: place.to_owned(), message }];
    let member = |name: &str, message: String| SettingsProblem {
        pointer: format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")),
        message,
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unknown = |name: &String| member(name, "there is no setting of this name".to_owned());
            unexpected.iter().map(unknown).collect()
        }
        ValidationErrorKind::PropertyNames { error } => {
            let message = error.masked_with("this name").to_string();
            vec![member(error.instance().as_str().unwrap_or_default(), message)]
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let told = options.iter().take(OPTIONS).map(Value::to_string).collect::<Vec<_>>().join(", ");
            let more = if options.len() > OPTIONS { " and others" } else { "" };
            if told.is_empty() {
                return here("nothing is allowed here".to_owned());
            }
            here(format!("this is none of {told}{more}"))
        }
        ValidationErrorKind::Required { property } => here(format!("{property} is missing")),
        ValidationErrorKind::FalseSchema => here("nothing is allowed here".to_owned()),
        ValidationErrorKind::Not { .. } => here("this is what the schema forbids".to_owned()),
        // The place says which value it is: it is not repeated.
        _ => here(error.masked_with("this").to_string()),
    }
}

/// At most so many bytes of a text.
fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}
