// SPDX-License-Identifier: Apache-2.0
//! Edits of a rulebook: single objects put in, in the place of what has their name, or taken out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Rulebook,
    diff::{ObjectId, ObjectKind},
};
use crate::{
    Grant, Service,
    term::{Concept, Vocabulary},
};

/// One governance object, policies aside: these have rules, and a life of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "content")]
pub enum Object {
    /// A prefix of the vocabulary.
    Prefix {
        /// As it stands before the colon.
        name: String,
        /// The namespace that it stands for.
        iri: String,
    },
    /// A version of a service.
    Service(Service),
    /// An access right.
    Grant(Grant),
    /// A concept of the vocabulary.
    Concept(Concept),
}

/// One thing that becomes another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
#[expect(clippy::large_enum_variant, reason = "they are few, and most put something in")]
pub enum Edit {
    /// It stands in the rulebook, in the place of what has its name.
    Put {
        /// What.
        object: Object,
    },
    /// It stands there no more.
    TakeOut {
        /// What.
        id: ObjectId,
    },
}

impl Object {
    /// What it is.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        match self {
            Self::Prefix { name, .. } => ObjectId::new(ObjectKind::Prefix, name),
            Self::Service(service) => ObjectId::of_service(service),
            Self::Grant(grant) => ObjectId::of_grant(grant),
            Self::Concept(concept) => ObjectId::of_concept(concept),
        }
    }

    /// The same with every IRI in full.
    #[must_use]
    pub fn expanded(mut self, vocabulary: &Vocabulary) -> Self {
        let expand = |iri: &mut String| *iri = vocabulary.expand(iri);
        match &mut self {
            Self::Prefix { .. } => {}
            Self::Service(service) => service.iris_mut().for_each(expand),
            Self::Grant(grant) => grant.iris_mut().for_each(expand),
            Self::Concept(concept) => concept.iris_mut().for_each(expand),
        }
        self
    }
}

impl Edit {
    /// What becomes another.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        match self {
            Self::Put { object } => object.id(),
            Self::TakeOut { id } => id.clone(),
        }
    }
}

impl Rulebook {
    /// The edits that make services, access rights and vocabulary what another has; policies are left aside.
    #[must_use]
    pub fn edits_to(&self, other: &Self) -> Vec<Edit> {
        let here = self.objects();
        let prefixes = other.vocabulary.prefixes.iter();
        let prefixes = prefixes.map(|(name, iri)| Object::Prefix { name: name.clone(), iri: iri.clone() });
        let concepts = other.vocabulary.concepts.iter().cloned().map(Object::Concept);
        let services = other.services.iter().cloned().map(Object::Service);
        let grants = other.grants.iter().cloned().map(Object::Grant);
        let wanted: Vec<Object> = prefixes.chain(concepts).chain(services).chain(grants).collect();
        let there = other.objects();
        let is_policy = |id: &ObjectId| matches!(id.kind, ObjectKind::Policy | ObjectKind::Shadow);
        let gone = here.keys().filter(|id| !there.contains_key(id) && !is_policy(id)).cloned();
        let out: Vec<Edit> = gone.map(|id| Edit::TakeOut { id }).collect();
        let is_new = |object: &Object| here.get(&object.id()) != there.get(&object.id());
        let put = wanted.into_iter().filter(is_new).map(|object| Edit::Put { object });
        put.chain(out).collect()
    }

    /// The same after these edits. Of several for one thing the last counts.
    #[must_use]
    pub fn edited(&self, edits: &[Edit]) -> Self {
        let mut of = Edits { last: BTreeMap::new(), order: Vec::new() };
        for edit in edits {
            let id = edit.id();
            let object = match edit {
                Edit::Put { object } => Some(object),
                Edit::TakeOut { .. } => None,
            };
            if of.last.insert(id.clone(), object).is_none() {
                of.order.push(id);
            }
        }
        let mut next = self.clone();
        for (id, object) in &of.last {
            if id.kind == ObjectKind::Prefix {
                match object {
                    Some(Object::Prefix { name, iri }) => {
                        next.vocabulary.prefixes.insert(name.clone(), iri.clone());
                    }
                    _ => drop(next.vocabulary.prefixes.remove(&id.name)),
                }
            }
        }
        of.make(&mut next.vocabulary.concepts, ObjectId::of_concept, |object| match object {
            Object::Concept(own) => Some(own),
            _ => None,
        });
        of.make(&mut next.services, ObjectId::of_service, |object| match object {
            Object::Service(own) => Some(own),
            _ => None,
        });
        of.make(&mut next.grants, ObjectId::of_grant, |object| match object {
            Object::Grant(own) => Some(own),
            _ => None,
        });
        next
    }
}

/// What becomes of each thing: another, or none.
struct Edits<'e> {
    last: BTreeMap<ObjectId, Option<&'e Object>>,
    /// In the order in which they were named first.
    order: Vec<ObjectId>,
}

impl Edits<'_> {
    /// Makes them in one list: each in the place of what has its name, what is new behind all.
    fn make<T: Clone>(
        &self,
        list: &mut Vec<T>,
        id: impl Fn(&T) -> ObjectId,
        own: impl Fn(&Object) -> Option<&T>,
    ) {
        let mut here = BTreeSet::new();
        list.retain_mut(|thing| {
            let id = id(thing);
            let Some(edit) = self.last.get(&id) else { return true };
            here.insert(id);
            let Some(other) = edit.and_then(&own) else { return false };
            thing.clone_from(other);
            true
        });
        let new = self.order.iter().filter(|id| !here.contains(*id));
        list.extend(new.filter_map(|id| self.last.get(id)?.and_then(&own)).cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::ConceptKind;

    fn concept(iri: &str) -> Concept {
        Concept {
            iri: iri.to_owned(),
            kind: ConceptKind::Purpose,
            label: iri.to_owned(),
            label_et: None,
            broader: vec!["x:A".to_owned()],
        }
    }

    #[test]
    fn an_object_takes_the_place_of_its_name_or_goes() {
        let mut rulebook = Rulebook::default();
        rulebook.vocabulary.prefixes.insert("x".to_owned(), "urn:x#".to_owned());
        rulebook.vocabulary.concepts = vec![concept("urn:x#A"), concept("urn:x#B"), concept("urn:x#C")];
        let new = Object::Concept(concept("x:B")).expanded(&rulebook.vocabulary);
        assert_eq!(new.id(), ObjectId::new(ObjectKind::Purpose, "urn:x#B"));
        let put = Edit::Put { object: new.clone() };
        let next = rulebook.edited(std::slice::from_ref(&put));
        let Object::Concept(new) = new else { panic!() };
        assert_eq!(new.broader, ["urn:x#A"]);
        assert_eq!(next.vocabulary.concepts[1], new, "in its place");
        let iris = |rulebook: &Rulebook| -> Vec<String> {
            rulebook.vocabulary.concepts.iter().map(|own| own.iri.clone()).collect()
        };
        let next = next.edited(&[Edit::TakeOut { id: put.id() }]);
        assert_eq!(iris(&next), ["urn:x#A", "urn:x#C"], "out");
        let next = next.edited(&[put]);
        assert_eq!(iris(&next), ["urn:x#A", "urn:x#C", "urn:x#B"], "and in again behind the others");
        assert_eq!(next.services, rulebook.services);
    }

    #[test]
    fn edits_make_one_rulebook_of_another() {
        let mut one = Rulebook::default();
        one.vocabulary.prefixes.insert("x".to_owned(), "urn:x#".to_owned());
        one.vocabulary.concepts = vec![concept("urn:x#A"), concept("urn:x#B")];
        let mut other = one.clone();
        other.vocabulary.prefixes.insert("y".to_owned(), "urn:y#".to_owned());
        other.vocabulary.concepts.remove(0);
        other.vocabulary.concepts[0].label = "another".to_owned();
        other.vocabulary.concepts.push(concept("urn:y#C"));
        let edits = one.edits_to(&other);
        assert_eq!(edits.len(), 4, "{edits:?}");
        assert_eq!(one.edited(&edits).objects(), other.objects());
        assert_eq!(other.edits_to(&other), []);
        for (id, content) in other.objects() {
            assert_eq!(other.object(&id), Some(content), "{id}");
        }
    }
}
