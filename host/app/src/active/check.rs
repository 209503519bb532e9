// SPDX-License-Identifier: Apache-2.0
//! Checks of a rulebook that need none of its rules.

use std::collections::BTreeSet;

use paasla_core::{Mode, Rulebook};
use paasla_register::Description;

use super::unmet::did_you_mean;

pub(super) fn check(description: &Description, rulebook: &Rulebook) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for service in &rulebook.services {
        let mut wrong =
            |what: String| problems.push(format!("service `{}` v{}: {what}", service.name, service.version));
        if !names.insert((service.name.as_str(), service.version)) {
            wrong("it is there twice".to_owned());
        }
        let reserved = ["listMethods", "allowedMethods", "getOpenAPI", "getWsdl"];
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if service.name.is_empty()
            || !service.name.chars().all(fits)
            || reserved.contains(&service.name.as_str())
        {
            wrong(
                "its name must be letters, digits and `-`, and none of X-Road's own service codes".to_owned(),
            );
        }
        if service.keys.is_empty() || service.fields.is_empty() {
            wrong("it needs at least one key and one field".to_owned());
        }
        if description.entity(&service.entity).is_none() {
            wrong(format!("the register has no entity `{}`", service.entity));
            continue;
        }
        for field in service.fields.iter().chain(&service.keys) {
            if description.field(&service.entity, field).is_none() {
                wrong(format!("the register has no field `{field}`"));
            }
        }
        for key in &service.keys {
            if description.field(&service.entity, key).is_some_and(|field| !field.is_key()) {
                wrong(format!("the register's description does not allow `{key}` as a key"));
            }
        }
    }
    let mut ids = BTreeSet::new();
    for grant in &rulebook.grants {
        let mut wrong = |what: String| problems.push(format!("grant `{}`: {what}", grant.id));
        if !ids.insert(grant.id.as_str()) {
            wrong("its id is there twice".to_owned());
        }
        let services: Vec<_> = rulebook.services.iter().filter(|s| s.name == grant.service).collect();
        if services.is_empty() {
            let names = rulebook.services.iter().map(|service| service.name.as_str());
            let meant = did_you_mean(&grant.service, names);
            wrong(format!("there is no service `{}`{meant}", grant.service));
        }
        // Of a service that is not there no field is.
        for field in grant.fields.iter().filter(|_| !services.is_empty()) {
            if field != "*" && !services.iter().any(|service| service.fields.contains(field)) {
                let names = services.iter().flat_map(|service| service.fields.iter().map(String::as_str));
                let meant = did_you_mean(field, names);
                wrong(format!("service `{}` has no field `{field}`{meant}", grant.service));
            }
        }
        if grant.purposes.is_empty() || grant.legal_bases.is_empty() {
            wrong("it needs at least one purpose and one legal basis".to_owned());
        }
    }
    let terms = |iris: &[String], kind, what: &str, problems: &mut Vec<String>| {
        for iri in iris {
            if rulebook.vocabulary.concept(kind, iri).is_none() {
                problems.push(format!("{what}: the vocabulary has no such term: {iri}"));
            }
        }
    };
    use paasla_core::term::ConceptKind::{LegalBasis, Purpose};
    for service in &rulebook.services {
        terms(&service.purposes, Purpose, &format!("service `{}`", service.name), &mut problems);
    }
    for grant in &rulebook.grants {
        terms(&grant.purposes, Purpose, &format!("grant `{}`", grant.id), &mut problems);
        terms(&grant.legal_bases, LegalBasis, &format!("grant `{}`", grant.id), &mut problems);
    }
    // A policy may be in shadow beside the one of the same name that is in force, whose place it would take.
    let mut policies = BTreeSet::new();
    for policy in &rulebook.policies {
        if !policies.insert((policy.name.as_str(), policy.mode == Mode::Shadow))
            || matches!(policy.name.as_str(), "grant" | "host" | "")
        {
            problems.push(format!("policy `{}`: its name is empty, reserved, or there twice", policy.name));
        }
    }
    problems
}
