// SPDX-License-Identifier: Apache-2.0
//! A rulebook taken apart into the objects that it holds, and put together of them.

use std::collections::{HashMap, HashSet};

use paasla_core::{Concept, ObjectId, ObjectKind, Rulebook};
use serde::{Serialize, de::DeserializeOwned};

use super::WHAT;
use crate::{error::StoreError, rule::digest};

/// How far apart the places of two neighbours are at first, so that there is room between them.
const STEP: i64 = 1 << 20;

/// Objects of one kind are in one list, and these kinds share one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum List {
    Prefixes,
    Concepts,
    Services,
    Grants,
    Policies,
}

impl List {
    fn of(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Prefix => Self::Prefixes,
            ObjectKind::Purpose | ObjectKind::LegalBasis | ObjectKind::SpecialGround => Self::Concepts,
            ObjectKind::Service => Self::Services,
            ObjectKind::Grant => Self::Grants,
            ObjectKind::Policy | ObjectKind::Shadow => Self::Policies,
        }
    }
}

/// One object as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) id: ObjectId,
    /// SHA-256 of the content.
    pub(super) digest: String,
    /// JSON.
    pub(super) content: String,
}

/// Where an object stands, and which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) place: i64,
    pub(super) digest: String,
}

/// Everything that a rulebook holds, list by list, each in its order.
pub(super) fn taken_apart(rulebook: &Rulebook) -> Result<Vec<Stored>, StoreError> {
    let mut all = Vec::new();
    for (name, namespace) in &rulebook.vocabulary.prefixes {
        all.push(stored(ObjectId::new(ObjectKind::Prefix, name), namespace)?);
    }
    for concept in &rulebook.vocabulary.concepts {
        all.push(stored(ObjectId::of_concept(concept), concept)?);
    }
    for service in &rulebook.services {
        all.push(stored(ObjectId::of_service(service), service)?);
    }
    for grant in &rulebook.grants {
        all.push(stored(ObjectId::of_grant(grant), grant)?);
    }
    for policy in &rulebook.policies {
        all.push(stored(ObjectId::of_policy(policy), policy)?);
    }
    // SQLite would end a text there.
    if let Some(odd) = all.iter().find(|object| object.id.name.contains('\0')) {
        let key = odd.id.kind.name().to_owned();
        return Err(StoreError::Invalid { what: "rulebook: a name with a character that ends texts", key });
    }
    let mut names: Vec<&ObjectId> = all.iter().map(|object| &object.id).collect();
    names.sort();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(twice) => {
            let key = twice.first().map(ToString::to_string).unwrap_or_default();
            Err(StoreError::Invalid { what: "rulebook: two things of one name", key })
        }
        None => Ok(all),
    }
}

fn stored(id: ObjectId, object: &impl Serialize) -> Result<Stored, StoreError> {
    let content =
        serde_json::to_string(object).map_err(|_| StoreError::Invalid { what: WHAT, key: id.to_string() })?;
    Ok(Stored { digest: digest(content.as_bytes()), id, content })
}

/// The rulebook of these objects, which are list by list in their order.
pub(super) fn put_together(generation: u64, objects: Vec<Stored>) -> Result<Rulebook, StoreError> {
    let mut rulebook = Rulebook { generation, ..Rulebook::default() };
    for object in objects {
        match List::of(object.id.kind) {
            List::Prefixes => {
                let namespace = read(&object)?;
                rulebook.vocabulary.prefixes.insert(object.id.name, namespace);
            }
            List::Concepts => {
                let concept: Concept = read(&object)?;
                rulebook.vocabulary.concepts.push(concept);
            }
            List::Services => rulebook.services.push(read(&object)?),
            List::Grants => rulebook.grants.push(read(&object)?),
            List::Policies => rulebook.policies.push(read(&object)?),
        }
    }
    Ok(rulebook)
}

pub(super) fn read<T: DeserializeOwned>(object: &Stored) -> Result<T, StoreError> {
    let corrupt = || StoreError::Corrupt { what: WHAT, key: object.id.to_string() };
    if digest(object.content.as_bytes()) != object.digest {
        return Err(corrupt());
    }
    serde_json::from_str(&object.content).map_err(|_| corrupt())
}

/// What the members of a rulebook become when these objects take their place: rows for what is new, another or elsewhere,
/// and rows without a digest for what is taken out.
pub(super) fn difference<'o>(
    before: &HashMap<ObjectId, Membership>,
    objects: &'o [Stored],
) -> (Vec<(&'o Stored, i64)>, Vec<ObjectId>) {
    let mut written = Vec::new();
    for list in objects.chunk_by(|a, b| List::of(a.id.kind) == List::of(b.id.kind)) {
        let had: Vec<Option<i64>> =
            list.iter().map(|object| before.get(&object.id).map(|member| member.place)).collect();
        for (object, place) in list.iter().zip(places(&had)) {
            let is_there = before
                .get(&object.id)
                .is_some_and(|member| member.place == place && member.digest == object.digest);
            if !is_there {
                written.push((object, place));
            }
        }
    }
    let now: HashSet<&ObjectId> = objects.iter().map(|object| &object.id).collect();
    let gone = before.keys().filter(|id| !now.contains(id)).cloned().collect();
    (written, gone)
}

/// Rising places for a list of which some had one: as many as can keep theirs.
fn places(had: &[Option<i64>]) -> Vec<i64> {
    let mut last = 0;
    let kept: Vec<Option<i64>> = had
        .iter()
        .map(|place| {
            let kept = place.filter(|place| *place > last);
            last = kept.unwrap_or(last);
            kept
        })
        .collect();
    filled(&kept)
        .unwrap_or_else(|| (1_i64..).map(|number| number.saturating_mul(STEP)).take(had.len()).collect())
}

/// Gives the rest places between those that are kept; none where there is no room.
fn filled(kept: &[Option<i64>]) -> Option<Vec<i64>> {
    let mut places = Vec::with_capacity(kept.len());
    let (mut before, mut waiting) = (0_i64, 0_i64);
    for place in kept {
        let Some(place) = *place else {
            waiting = waiting.checked_add(1)?;
            continue;
        };
        let room = place.checked_sub(before)?.checked_div(waiting.checked_add(1)?)?;
        if room == 0 {
            return None;
        }
        for number in 1..=waiting {
            places.push(before.checked_add(room.checked_mul(number)?)?);
        }
        places.push(place);
        (before, waiting) = (place, 0);
    }
    for number in 1..=waiting {
        places.push(before.checked_add(STEP.checked_mul(number)?)?);
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_stays_keeps_the_place() {
        assert_eq!(places(&[None, None]), [STEP, 2 * STEP]);
        assert_eq!(places(&[Some(STEP), None]), [STEP, 2 * STEP], "added");
        assert_eq!(places(&[Some(STEP), Some(3 * STEP)]), [STEP, 3 * STEP], "one between was taken out");
        assert_eq!(places(&[Some(8), None, Some(16)]), [8, 12, 16], "put between");
        assert_eq!(places(&[None, Some(STEP)]), [STEP / 2, STEP], "put first");
        assert_eq!(places(&[Some(8), None, Some(9)]), [STEP, 2 * STEP, 3 * STEP], "there is no room");
        assert_eq!(places(&[None, Some(i64::MAX), None]), [STEP, 2 * STEP, 3 * STEP], "nor at the end");
    }

    proptest! {
        /// Whatever was there before, the order is told by places.
        #[test]
        fn places_rise(had in proptest::collection::vec(proptest::option::of(any::<i64>()), 0..40)) {
            let places = places(&had);
            prop_assert_eq!(places.len(), had.len());
            prop_assert!(places.iter().all(|place| *place > 0));
            prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
