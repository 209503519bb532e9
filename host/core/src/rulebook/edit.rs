// SPDX-License-Identifier: Apache-2.0
//! Edits of a rulebook: single objects put in, in the place of what has their name, or taken out.

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
        let expand = |iris: &mut Vec<String>| iris.iter_mut().for_each(|iri| *iri = vocabulary.expand(iri));
        match &mut self {
            Self::Prefix { .. } => {}
            Self::Service(service) => expand(&mut service.purposes),
            Self::Grant(grant) => {
                expand(&mut grant.purposes);
                expand(&mut grant.legal_bases);
            }
            Self::Concept(concept) => {
                concept.iri = vocabulary.expand(&concept.iri);
                expand(&mut concept.broader);
            }
        }
        self
    }

    fn put_into(self, rulebook: &mut Rulebook) {
        match self {
            Self::Prefix { name, iri } => {
                rulebook.vocabulary.prefixes.insert(name, iri);
            }
            Self::Service(own) => {
                put(&mut rulebook.services, own, |a, b| (&a.name, a.version) == (&b.name, b.version));
            }
            Self::Grant(own) => put(&mut rulebook.grants, own, |a, b| a.id == b.id),
            Self::Concept(own) => {
                put(&mut rulebook.vocabulary.concepts, own, |a, b| (a.kind, &a.iri) == (b.kind, &b.iri))
            }
        }
    }
}

/// In the place of what is the same thing, or behind all.
fn put<T>(all: &mut Vec<T>, own: T, is_same: impl Fn(&T, &T) -> bool) {
    match all.iter_mut().find(|other| is_same(other, &own)) {
        Some(other) => *other = own,
        None => all.push(own),
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

    /// The same after these edits, one after the other.
    #[must_use]
    pub fn edited(&self, edits: &[Edit]) -> Self {
        let mut next = self.clone();
        for edit in edits {
            match edit {
                Edit::Put { object } => object.clone().put_into(&mut next),
                Edit::TakeOut { id } => next = next.without(&[id.clone()].into()),
            }
        }
        next
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
        let out = Edit::TakeOut { id: put.id() };
        let next = next.edited(&[out, put]);
        let iris: Vec<&str> = next.vocabulary.concepts.iter().map(|own| own.iri.as_str()).collect();
        assert_eq!(iris, ["urn:x#A", "urn:x#C", "urn:x#B"], "out, and in again behind the others");
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
    }
}
