// SPDX-License-Identifier: Apache-2.0
//! Checks of a rulebook that need none of its rules.

use std::collections::BTreeSet;

use paasla_core::{Mode, Rulebook};
use paasla_register::Description;

use super::{service, unmet::did_you_mean};

pub(super) fn check(description: &Description, rulebook: &Rulebook) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for own in &rulebook.services {
        let mut wrong = |what: String| problems.push(service::named(own, what));
        if !names.insert((own.name.as_str(), own.version)) {
            wrong("it is there twice".to_owned());
        }
        service::check(description, &rulebook.vocabulary, own).into_iter().for_each(wrong);
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
