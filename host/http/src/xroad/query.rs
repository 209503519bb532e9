// SPDX-License-Identifier: Apache-2.0
//! The body of a query: `select`, `where`, `limit`, `context`.
//!
//! Which fields and keys there are, of what type, and how many subjects and rows a service allows, is for the app to say; here
//! only the shape is checked. A name in `where` that the register does not know is the caller's own: its place is `/where`.

use std::{borrow::Cow, collections::HashSet, sync::LazyLock};

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
};

const MEMBERS: [&str; 4] = ["select", "where", "limit", "context"];
/// How many fields one query may select.
const MAX_FIELDS: usize = 200;
/// How many keys one query may give.
const MAX_KEYS: usize = 20;
/// How many values one key may have.
const MAX_VALUES: usize = 10_000;
/// The longest name of a field.
const MAX_NAME_CHARACTERS: usize = 100;
/// The longest value of a key.
const MAX_VALUE_CHARACTERS: usize = 500;

/// Places of selected fields, which nearly every request has some of and hardly any needs.
static SELECTED: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..MAX_FIELDS).map(|index| format!("{SELECT}/{index}")).collect());

const SELECT: &str = "/select";

const PLACES: Places = Places {
    select: SELECT,
    keys: "/where",
    context: "/context",
    limit: "/limit",
    case: &["/context/case", ISSUE],
    official: &[USER],
    provision: &["/context/provision"],
    represented: &[PARTY],
};

/// What is said in place of a list to select all fields.
pub(crate) const ALL: &str = "*";

/// What a body asks. `None` when it cannot be read at all; otherwise the problems say whether the ask may be used.
pub(super) fn ask(
    gate: &dyn Gatehouse,
    envelope: &Envelope,
    mut caller: Caller,
    service: String,
    version: Option<u32>,
    body: &Tree<'_>,
    problems: &mut Problems,
) -> Option<Ask> {
    let members = Members::open(body, "", &MEMBERS, problems)?;
    let select = members.optional("select").map_or(Select::Unsaid, |(tree, _)| select(tree, problems));
    let keys = members
        .required("where", problems)
        .map(|(tree, place)| keys(gate, tree, &place, problems))
        .unwrap_or_default();
    let limit = members.optional("limit").and_then(|(tree, place)| shape::positive(tree, &place, problems));
    let legal = legal::settle(gate, envelope, members.optional("context"), problems);
    caller.case = legal.case;
    Some(Ask {
        caller,
        service,
        version,
        purpose: legal.purpose,
        legal_basis: legal.basis,
        special_ground: legal.special_ground,
        provision: legal.provision,
        agent: legal.agent,
        hidden: envelope.statements.hidden,
        select,
        keys,
        limit,
        places: PLACES,
    })
}

fn select(tree: &Tree<'_>, problems: &mut Problems) -> Select {
    match tree {
        Tree::Text(text) if *text == ALL => Select::All,
        Tree::Text(_) => {
            let message =
                format!("{SELECT} must be a list of fields, or `{ALL}` for every field that may be had");
            problems.add("type_wrong", SELECT, message);
            Select::Fields(Vec::new())
        }
        _ => Select::Fields(fields(tree, problems)),
    }
}

fn fields(tree: &Tree<'_>, problems: &mut Problems) -> Vec<Stated> {
    let items = shape::list(tree, SELECT, 1, MAX_FIELDS, problems).unwrap_or_default();
    let mut seen = HashSet::with_capacity(items.len());
    let mut fields = Vec::with_capacity(items.len());
    for (item, place) in items.iter().zip(&*SELECTED) {
        let place = place.as_str();
        let Some(name) = shape::text(item, place, MAX_NAME_CHARACTERS, problems) else { continue };
        if name == ALL {
            let message =
                format!("{place} is `{ALL}`, which stands in place of the list: give \"select\": \"{ALL}\"");
            problems.add("select_all_in_list", place, message);
        } else if seen.insert(name) {
            fields.push(Stated { text: name.to_owned(), place: Cow::Borrowed(place) });
        } else {
            let message = format!("{place} names a field a second time; name each field once");
            problems.add("field_duplicate", place, message);
        }
    }
    fields
}

fn keys(gate: &dyn Gatehouse, tree: &Tree<'_>, place: &str, problems: &mut Problems) -> Vec<Key> {
    let Some(members) = shape::object(tree, place, problems) else { return Vec::new() };
    if members.is_empty() {
        problems.add("list_empty", place, format!("{place} is empty; name at least one key and its value"));
    }
    if members.len() > MAX_KEYS {
        let message = format!("{place} has {} members; at most {MAX_KEYS} are allowed", members.len());
        problems.add("list_too_long", place, message);
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for (number, (name, value)) in members.iter().enumerate() {
        // No such name holds what a pointer would have to escape.
        let known = gate.is_field(name).then(|| format!("{place}/{name}"));
        let is_known = known.is_some();
        let place = known.unwrap_or_else(|| place.to_owned());
        if !shape::check_text(name, &place, MAX_NAME_CHARACTERS, problems) {
            continue;
        }
        if !seen.insert(name) {
            let message = format!(
                "member {number} of /where, counted from 0, repeats an earlier one; give a list of values"
            );
            problems.add("member_duplicate", place, message);
            continue;
        }
        let sent = if let Tree::List(items) = value { items.len() } else { 1 };
        let values = values(value, &place, is_known, problems);
        keys.push(Key { field: Stated { text: name.to_string(), place: place.into() }, sent, values });
    }
    keys
}

/// One value or several; the same one twice is asked once. Only the values of a known key have places of their own.
fn values(tree: &Tree<'_>, place: &str, is_known: bool, problems: &mut Problems) -> Vec<Stated> {
    let mut stated = Vec::new();
    match tree {
        Tree::Text(_) => {
            let text = shape::text(tree, place, MAX_VALUE_CHARACTERS, problems);
            stated.extend(text.map(|text| Stated { text: text.to_owned(), place: place.to_owned().into() }));
        }
        Tree::List(_) => {
            let mut seen = HashSet::new();
            let items = shape::list(tree, place, 1, MAX_VALUES, problems).unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                let place = if is_known { format!("{place}/{index}") } else { place.to_owned() };
                if let Some(text) = shape::text(item, &place, MAX_VALUE_CHARACTERS, problems)
                    && seen.insert(text)
                {
                    stated.push(Stated { text: text.to_owned(), place: place.into() });
                }
            }
        }
        other => {
            let message = format!("{place} must be a string or a list of strings, but is {}", other.kind());
            problems.add("type_wrong", place, message);
        }
    }
    stated
}
