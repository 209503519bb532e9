// SPDX-License-Identifier: Apache-2.0
//! The difference of two rulebooks, object by object, and which of it loosens: lets more be seen, by more, or for
//! longer.
//!
//! Whatever is not known to tighten loosens: what loosens needs two people, and a doubt must not spare the second.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Grant, Lookup, Mode, Policy, Rulebook, Service,
    term::{Concept, ConceptKind},
};

/// What kind of thing a rulebook holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// A version of a service.
    Service,
    /// An access right.
    Grant,
    /// A purpose of the vocabulary.
    Purpose,
    /// A legal basis of the vocabulary.
    LegalBasis,
    /// A ground for special categories, of the vocabulary.
    SpecialGround,
    /// A prefix of the vocabulary.
    Prefix,
    /// A policy in force.
    Policy,
    /// A policy in shadow: it changes no answer.
    Shadow,
}

/// One thing that a rulebook holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name among those of its kind; of a service with the version: `persons/v1`.
    pub name: String,
}

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectChange {
    /// It was not there before.
    Added,
    /// It is not there after.
    Removed,
    /// It is another.
    Changed,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDiff {
    /// Which.
    #[serde(flatten)]
    pub id: ObjectId,
    /// What became of it.
    pub change: ObjectChange,
    /// Whether more may be seen because of it, as far as can be told.
    pub loosens: bool,
    /// What of it differs; of what is added or removed, the whole.
    pub members: Vec<MemberDiff>,
}

/// One member that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberDiff {
    /// Where it stands in the thing (a JSON pointer, RFC 6901).
    pub place: String,
    /// What it was; none when it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; none when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl ObjectKind {
    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Grant => "grant",
            Self::Purpose => "purpose",
            Self::LegalBasis => "legal-basis",
            Self::SpecialGround => "special-ground",
            Self::Prefix => "prefix",
            Self::Policy => "policy",
            Self::Shadow => "shadow",
        }
    }

    /// The kind of a concept.
    #[must_use]
    pub fn of(kind: ConceptKind) -> Self {
        match kind {
            ConceptKind::Purpose => Self::Purpose,
            ConceptKind::LegalBasis => Self::LegalBasis,
            ConceptKind::SpecialGround => Self::SpecialGround,
        }
    }
}

impl ObjectId {
    /// A thing of this kind.
    #[must_use]
    pub fn new(kind: ObjectKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// A version of a service.
    #[must_use]
    pub fn of_service(service: &Service) -> Self {
        Self::new(ObjectKind::Service, format!("{}/v{}", service.name, service.version))
    }

    /// An access right.
    #[must_use]
    pub fn of_grant(grant: &Grant) -> Self {
        Self::new(ObjectKind::Grant, &grant.id)
    }

    /// A concept of the vocabulary.
    #[must_use]
    pub fn of_concept(concept: &Concept) -> Self {
        Self::new(ObjectKind::of(concept.kind), &concept.iri)
    }

    /// A policy, in force or in shadow.
    #[must_use]
    pub fn of_policy(policy: &Policy) -> Self {
        let kind = if policy.mode == Mode::Enforce { ObjectKind::Policy } else { ObjectKind::Shadow };
        Self::new(kind, &policy.name)
    }

    /// Whether somebody who says this name means it: its name, a service's without the version, or either with its kind
    /// before it (`grant/tartu`).
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let name = match name.split_once('/') {
            Some((kind, rest)) if kind == self.kind.name() => rest,
            _ => name,
        };
        let unversioned = || {
            self.kind == ObjectKind::Service
                && self.name.rsplit_once("/v").is_some_and(|(own, _)| own == name)
        };
        self.name == name || unversioned()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.name)
    }
}

impl Rulebook {
    /// Everything that it holds, by what it is, as JSON.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<ObjectId, Value> {
        let json = |object: Result<Value, serde_json::Error>| object.unwrap_or_default();
        let prefixes = self.vocabulary.prefixes.iter();
        let prefixes =
            prefixes.map(|(name, iri)| (ObjectId::new(ObjectKind::Prefix, name), Value::from(iri.as_str())));
        let concepts = self.vocabulary.concepts.iter();
        let concepts =
            concepts.map(|concept| (ObjectId::of_concept(concept), json(serde_json::to_value(concept))));
        let services =
            self.services.iter().map(|own| (ObjectId::of_service(own), json(serde_json::to_value(own))));
        let grants = self.grants.iter();
        let grants = grants.map(|own| (ObjectId::of_grant(own), json(serde_json::to_value(own))));
        let policies =
            self.policies.iter().map(|own| (ObjectId::of_policy(own), json(serde_json::to_value(own))));
        prefixes.chain(concepts).chain(services).chain(grants).chain(policies).collect()
    }

    /// One thing that it holds, as JSON; none when it does not.
    #[must_use]
    pub fn object(&self, id: &ObjectId) -> Option<Value> {
        fn one<T: Serialize>(all: &[T], id: &ObjectId, of: impl Fn(&T) -> ObjectId) -> Option<Value> {
            serde_json::to_value(all.iter().find(|own| of(own) == *id)?).ok()
        }
        match id.kind {
            ObjectKind::Prefix => Some(self.vocabulary.prefixes.get(&id.name)?.as_str().into()),
            ObjectKind::Purpose | ObjectKind::LegalBasis | ObjectKind::SpecialGround => {
                one(&self.vocabulary.concepts, id, ObjectId::of_concept)
            }
            ObjectKind::Service => one(&self.services, id, ObjectId::of_service),
            ObjectKind::Grant => one(&self.grants, id, ObjectId::of_grant),
            ObjectKind::Policy | ObjectKind::Shadow => one(&self.policies, id, ObjectId::of_policy),
        }
    }

    /// The same without these.
    #[must_use]
    pub fn without(mut self, out: &BTreeSet<ObjectId>) -> Self {
        let stays = |id: ObjectId| !out.contains(&id);
        self.vocabulary.prefixes.retain(|name, _| stays(ObjectId::new(ObjectKind::Prefix, name)));
        self.vocabulary.concepts.retain(|own| stays(ObjectId::of_concept(own)));
        self.services.retain(|own| stays(ObjectId::of_service(own)));
        self.grants.retain(|own| stays(ObjectId::of_grant(own)));
        self.policies.retain(|own| stays(ObjectId::of_policy(own)));
        self
    }

    /// What becomes of it when `after` takes its place, by kind and name.
    #[must_use]
    pub fn diff(&self, after: &Self) -> Vec<ObjectDiff> {
        let (old, mut new) = (self.objects(), after.objects());
        let mut all = Vec::new();
        for (id, before) in old {
            let now = new.remove(&id);
            if now.as_ref() != Some(&before) {
                let change = if now.is_some() { ObjectChange::Changed } else { ObjectChange::Removed };
                all.push(self.one(after, id, change, Some(before), now));
            }
        }
        all.extend(
            new.into_iter().map(|(id, now)| self.one(after, id, ObjectChange::Added, None, Some(now))),
        );
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    fn one(
        &self,
        after: &Self,
        id: ObjectId,
        change: ObjectChange,
        old: Option<Value>,
        new: Option<Value>,
    ) -> ObjectDiff {
        let mut members = Vec::new();
        compare("", old, new, &mut members);
        let loosens = !self.tightens(after, &id, change, &members);
        ObjectDiff { id, change, loosens, members }
    }

    /// Whether a change of one thing lets nobody see more.
    fn tightens(&self, after: &Self, id: &ObjectId, change: ObjectChange, members: &[MemberDiff]) -> bool {
        match (id.kind, change) {
            // A rule that is shown rows is approved before it is shown any, and nothing here says whether it is.
            (ObjectKind::Shadow, change) => change == ObjectChange::Removed,
            (ObjectKind::Policy, ObjectChange::Added) => true,
            (ObjectKind::Policy, ObjectChange::Removed) | (_, ObjectChange::Added) => false,
            (ObjectKind::Policy, ObjectChange::Changed) => {
                let [Some(old), Some(new)] = [self, after]
                    .map(|book| book.policies.iter().find(|own| ObjectId::of_policy(own) == *id))
                else {
                    return false;
                };
                policy_tightens(old, new)
            }
            (ObjectKind::Service, _) => {
                let [old, new] = [self, after]
                    .map(|book| book.services.iter().find(|own| ObjectId::of_service(own) == *id));
                match (old, new) {
                    // What another version of it offers is offered in its place.
                    (Some(old), None) => after.services.iter().all(|other| other.name != old.name),
                    (Some(old), Some(new)) => service_tightens(old, new),
                    _ => false,
                }
            }
            (ObjectKind::Grant, _) => {
                let [old, new] = [self, after].map(|book| book.grants.iter().find(|own| own.id == id.name));
                let Some(old) = old else { return false };
                // A query that stood on it may stand on another from now on, which may open more.
                let stands_in = |other: &Grant| {
                    other.id != old.id
                        && other.service == old.service
                        && (other.client.covers(&old.client) || old.client.covers(&other.client))
                };
                !after.grants.iter().any(stands_in) && new.is_none_or(|new| grant_tightens(old, new))
            }
            // What is broader than what, and what counts together, hangs on every term.
            (
                ObjectKind::Purpose | ObjectKind::LegalBasis | ObjectKind::SpecialGround,
                ObjectChange::Changed,
            ) => members.iter().all(|member| matches!(member.place.as_str(), "/label" | "/label-et")),
            _ => false,
        }
    }
}

fn is_subset(new: &[String], old: &[String]) -> bool {
    new.iter().all(|one| old.contains(one))
}

fn service_tightens(old: &Service, new: &Service) -> bool {
    let Service {
        name,
        version,
        title: _,
        entity,
        keys,
        fields,
        max_subjects,
        max_rows,
        purposes,
        legal_bases,
        requires,
        default_fields,
        lookups,
    } = new;
    // No legal basis stands for all of them.
    let bases_narrow =
        old.legal_bases.is_empty() || (!legal_bases.is_empty() && is_subset(legal_bases, &old.legal_bases));
    // No lookup stands for every way to ask.
    let was_open = |new: &Lookup| {
        old.lookups.is_empty() || old.lookups.iter().any(|old| lookup_tightens(old, new, fields))
    };
    let lookups_narrow = (old.lookups.is_empty() || !lookups.is_empty())
        && lookups.iter().all(|new| stays_below(new, *max_rows) && was_open(new));
    (name, version, entity) == (&old.name, &old.version, &old.entity)
        && is_subset(keys, &old.keys)
        && is_subset(fields, &old.fields)
        && *max_subjects <= old.max_subjects
        && *max_rows <= old.max_rows
        && is_subset(purposes, &old.purposes)
        && purposes.is_empty() == old.purposes.is_empty()
        && bases_narrow
        && old.requires.iter().all(|required| requires.contains(required))
        && is_subset(default_fields, &old.default_fields)
        && lookups_narrow
}

/// Whether a lookup lets no more rows be seen than so many.
fn stays_below(lookup: &Lookup, most: u32) -> bool {
    lookup.max_rows.is_none_or(|rows| rows <= most)
}

/// Whether whoever asks by the new lookup could ask by the old one, and saw as much.
fn lookup_tightens(old: &Lookup, new: &Lookup, fields: &[String]) -> bool {
    let Lookup { keys, optional_keys, fields: _, max_rows } = new;
    old.keys.iter().all(|key| keys.contains(key))
        && keys.iter().chain(optional_keys).all(|key| old.knows(key))
        && fields.iter().all(|field| old.offers(field) || !new.offers(field))
        // Where more was an error, a list that is cut shows rows that nobody was shown before.
        && old.max_rows.is_none_or(|most| max_rows.is_some() && stays_below(new, most))
}

fn grant_tightens(old: &Grant, new: &Grant) -> bool {
    let Grant {
        id,
        client,
        service,
        fields,
        purposes,
        legal_bases,
        valid_from,
        valid_until,
        quotas,
        // Rules are given these two, and nobody knows what they make of it.
        reference,
        attributes,
        may_hide,
    } = new;
    let ends_no_later = match (valid_until, old.valid_until) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => *new <= old,
    };
    // Rules may leave a window to the access right once it has a cap of its own there: the windows stay as they are.
    let is_capped =
        |old: &crate::Quota| quotas.iter().any(|new| new.window == old.window && new.persons <= old.persons);
    let is_known = |new: &crate::Quota| old.quotas.iter().any(|old| old.window == new.window);
    (id, service, reference, attributes) == (&old.id, &old.service, &old.reference, &old.attributes)
        // Usage counts for the holder: another one begins at nothing.
        && *client == old.client
        && (is_subset(fields, &old.fields) || old.opens("*"))
        && is_subset(purposes, &old.purposes)
        && is_subset(legal_bases, &old.legal_bases)
        // Where a client states none, the only one left is taken.
        && (purposes.len(), legal_bases.len()) == (old.purposes.len(), old.legal_bases.len())
        && *valid_from >= old.valid_from
        && ends_no_later
        && old.quotas.iter().all(is_capped)
        && quotas.iter().all(is_known)
        && (!may_hide || old.may_hide)
}

fn policy_tightens(old: &Policy, new: &Policy) -> bool {
    let Policy { name, rule, settings, scope, mode, limits, vouched_by } = new;
    (name, rule, settings, mode, limits) == (&old.name, &old.rule, &old.settings, &old.mode, &old.limits)
        && *vouched_by == old.vouched_by
        && old.scope.is_within(scope)
}

/// What differs between two values, member by member.
fn compare(place: &str, before: Option<Value>, after: Option<Value>, differ: &mut Vec<MemberDiff>) {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(mut after))) => {
            let inner = |name: &str| format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
            for (name, old) in before {
                let new = after.remove(&name);
                compare(&inner(&name), Some(old), new, differ);
            }
            for (name, new) in after {
                compare(&inner(&name), None, Some(new), differ);
            }
        }
        (before, after) => {
            // None and null are the same in what is stored.
            let [before, after] = [before, after].map(|value| value.filter(|value| !value.is_null()));
            if before != after {
                differ.push(MemberDiff { place: place.to_owned(), before, after });
            }
        }
    }
}

#[cfg(test)]
mod tests;
