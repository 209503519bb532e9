// SPDX-License-Identifier: Apache-2.0
//! The selection of a query: which fields it asks for, named one by one, all, or those that the service selects by itself.

use paasla_core::{Lookup, Service};

use super::ask::{Ask, Select, Stated};
use crate::{nearest::nearest, problem::Problem};

/// The names of the fields asked, each as the service writes it. Of all fields those are in it that the access right does not
/// open.
pub(super) fn names<'s>(
    service: &'s Service,
    lookup: Option<&'s Lookup>,
    ask: &Ask,
    problems: &mut Vec<Problem>,
) -> Vec<&'s str> {
    match &ask.select {
        Select::Fields(select) => named(service, lookup, select, ask.places.select, problems),
        Select::All => service.fields_by(lookup).collect(),
        Select::Unsaid => {
            let names: Vec<&str> = service.default_fields_by(lookup).collect();
            if names.is_empty() {
                let message =
                    "the fields are missing; name at least one, for the service selects none by itself here";
                problems.push(Problem::new("member_missing", ask.places.select, message));
            }
            names
        }
    }
}

/// The fields that are named.
fn named<'s>(
    service: &'s Service,
    lookup: Option<&Lookup>,
    select: &[Stated],
    place: &str,
    problems: &mut Vec<Problem>,
) -> Vec<&'s str> {
    let mut names = Vec::with_capacity(select.len());
    let mut seen = vec![false; service.fields.len()];
    // Most ask in the order of the service: each name is looked for behind the one before it first.
    let mut next = 0;
    for stated in select {
        let is_it = |(_, field): &(usize, &String)| **field == stated.text;
        let all = || service.fields.iter().enumerate();
        let Some((at, field)) = all().skip(next).find(is_it).or_else(|| all().take(next).find(is_it)) else {
            let meant = nearest(&stated.text, service.fields.iter().map(String::as_str));
            let message =
                format!("the service has no such field{meant}; its OpenAPI document lists all it has");
            problems.push(Problem::new("field_unknown", &*stated.place, message));
            continue;
        };
        next = at + 1;
        let is_repeated = seen.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true));
        match lookup.filter(|lookup| !lookup.offers(field)) {
            _ if is_repeated => problems.push(Problem::new(
                "field_duplicate",
                &*stated.place,
                format!("`{field}` is asked for twice"),
            )),
            Some(lookup) => problems.push(elsewhere(service, lookup, field, stated)),
            None => names.push(field.as_str()),
        }
    }
    if select.is_empty() {
        problems.push(Problem::new("field_missing", place, "ask for at least one field"));
    }
    names
}

/// A field that the service has, and not by the keys that were given.
fn elsewhere(service: &Service, lookup: &Lookup, field: &str, stated: &Stated) -> Problem {
    let others = service.lookups.iter().filter(|other| other.offers(field));
    let others: Vec<String> = others.map(Lookup::to_string).collect();
    let message = format!(
        "`{field}` cannot be had by {}; look up by {} for it, or leave it out",
        lookup.keys.join(" and "),
        others.join(", or by ")
    );
    Problem::new("field_not_by_these_keys", &*stated.place, message)
}
