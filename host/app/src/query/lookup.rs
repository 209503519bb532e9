// SPDX-License-Identifier: Apache-2.0
//! The keys of a query: their values by type, whom they are about, and the lookup of the service that they are meant for.

use std::collections::BTreeSet;

use paasla_core::{Lookup, Service, Subjects, Value};
use paasla_register::{Description, FieldType, KeyError};

use super::ask::Ask;
use crate::problem::Problem;

/// What a query looks up by.
pub(super) struct Keys<'a> {
    /// Key fields and their values. A repeated value counts once.
    pub(super) values: Vec<(String, Vec<Value>)>,
    pub(super) subjects: Subjects,
    /// The lookup that these keys are meant for. None where the service has no lookups, or a problem says that none fits.
    pub(super) lookup: Option<&'a Lookup>,
}

/// Reads the keys of a query.
pub(super) fn keys<'a>(
    description: &Description,
    service: &'a Service,
    ask: &Ask,
    problems: &mut Vec<Problem>,
) -> Keys<'a> {
    let keys = &ask.keys;
    let mut read = Vec::new();
    let mut persons = None;
    for key in keys {
        let name = &key.field.text;
        if !service.keys.contains(name) {
            let message =
                format!("the service does not look up by this; it looks up by: {}", service.keys.join(", "));
            problems.push(Problem::new("key_unknown", &*key.field.place, message));
            continue;
        }
        let mut values = BTreeSet::new();
        for stated in &key.values {
            match description.parse_key(&service.entity, name, &stated.text) {
                Ok(value) => {
                    values.insert(value);
                }
                Err(error) => problems.push(key_problem(error, &stated.place)),
            }
        }
        let most = usize::try_from(service.max_subjects).unwrap_or(usize::MAX);
        if key.sent > most {
            let message = format!("one query may name at most {most} values here; ask in several queries");
            problems.push(Problem::new("subjects_too_many", &*key.field.place, message));
        }
        if key.values.is_empty() {
            problems.push(Problem::new("key_empty", &*key.field.place, "name at least one value"));
        }
        let field = description.field(&service.entity, name);
        if field.is_some_and(|field| *field.field_type() == FieldType::PersonalCode) {
            persons = Some(values.len());
        }
        read.push((name.clone(), values.into_iter().collect()));
    }
    if keys.is_empty() {
        let message = format!("say whom to look up; the service looks up by: {}", service.ways());
        problems.push(Problem::new("key_missing", ask.places.keys, message));
    }
    let mut lookup = None;
    // An unknown key is a problem already, and nobody knows what it was meant for.
    if !service.lookups.is_empty() && !keys.is_empty() && read.len() == keys.len() {
        let given: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        lookup = service.lookup(&given);
        if lookup.is_none() {
            let message = format!(
                "the service does not look up by just these keys; it looks up by: {}",
                service.ways()
            );
            problems.push(Problem::new("lookup_unknown", ask.places.keys, message));
        }
    }
    Keys { values: read, subjects: persons.map_or_else(Subjects::search, Subjects::named), lookup }
}

fn key_problem(error: KeyError, place: &str) -> Problem {
    let code = match error {
        KeyError::PersonalCode(_) => "personal_code_invalid",
        KeyError::NotAKey => "key_unknown",
        _ => "key_invalid",
    };
    Problem::new(code, place, error.to_string())
}
