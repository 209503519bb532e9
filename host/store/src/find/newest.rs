// SPDX-License-Identifier: Apache-2.0
//! The newest of what is found in many places.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    sync::Arc,
    vec,
};

use cap_std::fs::Dir;

use super::{
    hit::{Hit, Wanted},
    index::{Hits, Index},
};

/// What was found in one place, newest first.
enum Found {
    Tail(vec::IntoIter<Hit>),
    Index(Box<Hits>),
}

impl Found {
    fn next(&mut self) -> io::Result<Option<Hit>> {
        match self {
            Self::Tail(hits) => Ok(hits.next()),
            Self::Index(hits) => hits.next(),
        }
    }
}

/// The newest of all. An index is asked when nothing that was found is newer than all that is in it.
pub(super) fn newest(
    folder: &Dir,
    indexes: &[Arc<Index>],
    tails: Vec<Vec<Hit>>,
    wanted: &Wanted,
    limit: usize,
) -> io::Result<Vec<Hit>> {
    let mut indexes: Vec<&Index> =
        indexes.iter().map(Arc::as_ref).filter(|index| index.may_hold(wanted)).collect();
    indexes.sort_by_key(|index| Reverse(index.head.newest));
    let mut indexes = indexes.into_iter().peekable();
    let (mut sources, mut heap, mut hits) = (BTreeMap::new(), BinaryHeap::new(), Vec::new());
    let mut new: Vec<Found> = tails.into_iter().map(|hits| Found::Tail(hits.into_iter())).collect();
    let mut number = 0_usize;
    while hits.len() < limit {
        for mut source in new.drain(..) {
            if let Some(first) = source.next()? {
                heap.push((first, number));
                sources.insert(number, source);
                number += 1;
            }
        }
        let newest = heap.peek().map(|(hit, _): &(Hit, usize)| hit.instant);
        let may_be_newer = |index: &&Index| newest.is_none_or(|newest| newest <= index.head.newest);
        if let Some(index) = indexes.next_if(may_be_newer) {
            new.extend(index.hits(&index.file(folder)?, wanted)?.map(|hits| Found::Index(Box::new(hits))));
            continue;
        }
        let Some((hit, number)) = heap.pop() else { break };
        hits.push(hit);
        match sources.get_mut(&number).map_or(Ok(None), Found::next)? {
            Some(next) => heap.push((next, number)),
            None => drop(sources.remove(&number)),
        }
    }
    Ok(hits)
}
