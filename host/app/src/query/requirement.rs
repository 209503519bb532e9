// SPDX-License-Identifier: Apache-2.0
//! What a service requires of a query besides purpose and legal basis, and whether the query states it.

use paasla_core::{Requirement, Service, text::is_blank};

use super::ask::Ask;
use crate::problem::Problem;

/// Notes everything that the service requires and the query does not state, and where its door reads it.
pub(super) fn check(service: &Service, ask: &Ask, problems: &mut Vec<Problem>) {
    for required in &service.requires {
        let (stated, places, what) = match required {
            Requirement::Case => (&ask.caller.case, ask.places.case, "the case or document"),
            Requirement::Official => (&ask.caller.official, ask.places.official, "the official who asks"),
            Requirement::Provision => (&ask.provision, ask.places.provision, "the provision of law"),
            Requirement::RepresentedParty => {
                (&ask.caller.represented, ask.places.represented, "on whose behalf it is asked")
            }
        };
        if stated.as_deref().is_some_and(|text| !is_blank(text)) {
            continue;
        }
        let (place, remedy) = match places {
            [] => ("url", "this address has no place for it: ask the service at its own".to_owned()),
            [first, ..] => (*first, format!("state it in {}", places.join(" or "))),
        };
        let message = format!("the service requires {what}; {remedy}");
        problems.push(Problem::new("context_missing", place, message));
    }
}
