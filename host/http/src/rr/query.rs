// SPDX-License-Identifier: Apache-2.0
//! The body of a request for persons: `isikukoodid` and `andmevaljad`. Real clients leave out members of
//! `andmevaljad` or send empty lists; a name that is not known is a problem, never silently dropped.

use std::collections::HashSet;

use super::{
    SERVICE,
    words::{KEY, PARTS, Part},
};
use crate::{
    envelope::{Envelope, ISSUE, PARTY, USER},
    legal,
    problems::Problems,
    shape::{self, Members},
    strict_json::Tree,
};
use paasla_app::{
    Gatehouse,
    ask::{Ask, Caller, Key, Places, Select, Stated},
    nearest::nearest,
};

/// How many persons one request may name: the register's own limit.
pub(super) const MAX_PERSONS: usize = 20;
/// How many names one list of fields may hold; each counts once.
const MAX_NAMES: usize = 200;
/// The longest text anywhere in a request.
const MAX_TEXT_CHARACTERS: usize = 100;

/// Clients of this door state a purpose in a header, or nowhere.
const PLACES: Places = Places {
    select: "/andmevaljad",
    keys: "/isikukoodid",
    context: "X-Road-PDU-Purpose",
    limit: "",
    case: &[ISSUE],
    official: &[USER],
    provision: &[],
    represented: &[PARTY],
};

/// What a body asks.
pub(super) fn ask(
    gate: &dyn Gatehouse,
    envelope: &Envelope,
    caller: Caller,
    body: &Tree<'_>,
    problems: &mut Problems,
) -> Option<Ask> {
    let members = Members::open(body, "", &["isikukoodid", "andmevaljad"], problems)?;
    let values = members
        .required("isikukoodid", problems)
        .map(|(tree, place)| codes(tree, &place, problems))
        .unwrap_or_default();
    let select = members
        .required("andmevaljad", problems)
        .and_then(|(tree, place)| select(tree, &place, problems))
        .unwrap_or_default();
    let legal = legal::settle(gate, envelope, None, problems);
    let key = Stated { text: KEY.to_owned(), place: members.place("isikukoodid").into() };
    Some(Ask {
        caller,
        service: SERVICE.to_owned(),
        version: None,
        purpose: legal.purpose,
        legal_basis: legal.basis,
        special_ground: None,
        provision: None,
        agent: None,
        hidden: envelope.statements.hidden,
        select: Select::Fields(select),
        keys: vec![Key { field: key, sent: values.len(), values }],
        limit: None,
        places: PLACES,
    })
}

/// The codes asked for; the same one twice is asked once.
fn codes(tree: &Tree<'_>, place: &str, problems: &mut Problems) -> Vec<Stated> {
    let mut seen = HashSet::new();
    let mut codes = Vec::new();
    let items = shape::list(tree, place, 1, MAX_PERSONS, problems).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{place}/{index}");
        if let Some(code) = shape::text(item, &place, MAX_TEXT_CHARACTERS, problems)
            && seen.insert(code)
        {
            codes.push(Stated { text: code.to_owned(), place: place.into() });
        }
    }
    codes
}

/// The fields asked for, part by part.
fn select(tree: &Tree<'_>, place: &str, problems: &mut Problems) -> Option<Vec<Stated>> {
    let members = Members::open(tree, place, &PARTS.each_ref().map(|part| part.wire), problems)?;
    let mut fields = Vec::new();
    let (mut seen, mut named) = (HashSet::new(), false);
    for part in &PARTS {
        let Some((tree, place)) = members.optional(part.wire) else { continue };
        let items = shape::list(tree, &place, 0, MAX_NAMES, problems);
        named |= items.is_none_or(|items| !items.is_empty());
        for (index, item) in items.unwrap_or_default().iter().enumerate() {
            let stated = field(part, item, format!("{place}/{index}"), problems);
            fields.extend(stated.filter(|stated| seen.insert(stated.text.clone())));
        }
    }
    if !named {
        problems.add("list_empty", place, format!("{place} names no field; name at least one"));
    }
    Some(fields)
}

fn field(part: &Part, item: &Tree<'_>, place: String, problems: &mut Problems) -> Option<Stated> {
    let name = shape::text(item, &place, MAX_TEXT_CHARACTERS, problems)?;
    let Some(word) = part.words.iter().find(|word| word.wire == name) else {
        let meant = nearest(name, part.words.iter().map(|word| word.wire));
        let message = format!(
            "{place} is no field of {}{meant}; GET openapi.json beside this address lists them",
            part.wire
        );
        problems.add("field_unknown", place, message);
        return None;
    };
    Some(Stated { text: word.field.to_owned(), place: place.into() })
}
