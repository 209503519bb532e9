// SPDX-License-Identifier: Apache-2.0
//! Searches, against looking at every record.

use std::{cmp::Reverse, fs};

use cap_std::ambient_authority;
use paasla_core::{IndexRow, Outcome};
use serde_json::json;
use tempfile::TempDir;

use super::{hit::Wanted, row::outcome_number, *};

const SEGMENTS: u32 = 300;

struct Written {
    finds: IndexRow,
    hit: Hit,
}

/// What finds a record of which there is not much else.
fn finds(n: u32, instant: i64) -> IndexRow {
    // Some of every kind in every combination, whatever the segments' lengths.
    let subjects: Vec<String> = (0..n % 4).map(|subject| format!("s{}", (n / 3 + subject) % 11)).collect();
    let mut record = json!({
        "id": format!("id-{}", n - n % 50 % 2), // Some come twice.
        "instant": instant,
        "outcome": (["answered", "refused", "invalid", "failed"][n as usize / 2 % 4]),
        "client": format!("EE/GOV/7000{}/a", n / 5 % 7),
        "subjects": subjects,
        "returned": 0,
    });
    if !n.is_multiple_of(3) {
        record["service"] = format!("service-{}", n / 7 % 5).into();
    }
    Entry::skim(record.to_string().as_bytes()).unwrap().0
}

/// Segments of some records each, of which the last stay in memory.
fn filled() -> (TempDir, Dir, Known, Vec<Written>) {
    let home = tempfile::tempdir().unwrap();
    let folder = Dir::open_ambient_dir(home.path(), ambient_authority()).unwrap();
    let (mut known, mut all) = (Known::default(), Vec::new());
    let mut n = 0;
    for segment in 1..=SEGMENTS {
        let mut tail = Tail::new(segment);
        // Not even in the order of time, within a segment and beyond it; some at one instant; some segments are empty.
        for offset in 0..segment % 6 {
            let instant = i64::from(segment * 10 + (offset * 7) % 5 * 3) - i64::from(segment % 3) * 40;
            let place = Place { segment, offset };
            let finds = finds(n, instant);
            tail.add(place, &finds);
            all.push(Written { finds, hit: Hit { instant, place } });
            n += 1;
        }
        if segment + 2 < SEGMENTS {
            known.put_index(&folder, tail).unwrap();
            known.merge(&folder);
        } else {
            known.open.insert(segment, tail);
        }
    }
    all.sort_by_key(|written| Reverse(written.hit));
    (home, folder, known, all)
}

fn fits(wanted: &Wanted, written: &Written) -> bool {
    let finds = &written.finds;
    wanted.client.as_ref().is_none_or(|client| *client == finds.client)
        && (wanted.service.is_none() || wanted.service == finds.service)
        && wanted.outcome.is_none_or(|outcome| outcome == outcome_number(finds.outcome))
        && wanted.subject.is_none_or(|subject| finds.subjects.iter().any(|other| key(other) == subject))
        && wanted.is_not_before(written.hit.instant)
        && wanted.is_not_after(written.hit)
}

fn tails(known: &Known, wanted: &Wanted) -> Vec<Vec<Hit>> {
    known.open.values().map(|tail| tail.hits(wanted)).collect()
}

#[test]
fn a_search_finds_what_looking_at_every_record_finds() {
    let (home, folder, known, all) = filled();
    // 256, twice 16, and what is left.
    let lengths: Vec<usize> = known.indexes.iter().map(|index| index.segments().count()).collect();
    assert_eq!(lengths[..3], [256, 16, 16]);
    assert!(lengths[3..].iter().all(|length| *length == 1), "{lengths:?}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), lengths.len(), "what was merged is gone");

    for bits in 0_u32..128 {
        let set = |bit: u32| bits & (1 << bit) != 0;
        let mut wanted = Wanted {
            client: set(0).then(|| "EE/GOV/70003/a".into()),
            service: set(1).then(|| (if set(6) { "service-2" } else { "service-9" }).into()),
            outcome: set(2).then_some(outcome_number(Outcome::Refused)),
            subject: set(3).then(|| key("s4")),
            since: set(4).then_some(800),
            until: set(5).then_some(2_500),
            before: None,
        };
        let expected: Vec<Hit> =
            all.iter().filter(|written| fits(&wanted, written)).map(|written| written.hit).collect();
        let mut count: u64 = tails(&known, &wanted).iter().map(|hits| hits.len() as u64).sum();
        for index in known.indexes.iter().filter(|index| index.may_hold(&wanted)) {
            let hits = index.hits(&index.file(&folder).unwrap(), &wanted).unwrap();
            count += hits.map_or(0, |hits| hits.count().unwrap());
        }
        assert_eq!(count, expected.len() as u64, "{wanted:?}");
        // Page by page.
        let mut found = Vec::new();
        loop {
            let tails = tails(&known, &wanted);
            let page = newest(&folder, &known.indexes, tails, &wanted, 1 + found.len() % 40).unwrap();
            wanted.before = page.last().copied();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, expected, "{wanted:?}");
    }
    for written in all.iter().step_by(7) {
        let id = key(&written.finds.id);
        let mut found: Vec<Hit> = known.open.values().flat_map(|tail| tail.by_id(&id)).collect();
        for index in &known.indexes {
            found.extend(index.by_id(&folder, &id).unwrap());
        }
        found.sort_unstable();
        let same = all.iter().filter(|other| other.finds.id == written.finds.id);
        let mut expected: Vec<Hit> = same.map(|other| other.hit).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    assert!(known.indexes.iter().all(|index| index.by_id(&folder, &key("nothing")).unwrap().is_empty()));
}

/// Who comes later finds the same indexes, whether or not somebody was killed between merging and removing.
#[test]
fn what_is_there_is_taken_as_it_is() {
    let (home, folder, known, _) = filled();
    let segments = |known: &Known| known.indexes.iter().map(|index| index.segments()).collect::<Vec<_>>();
    let leftover = known.indexes[2].segments();
    let mut tail = Tail::new(*leftover.start());
    tail.add(Place { segment: tail.segment, offset: 0 }, &finds(1, 1));
    build::of_tail(&folder, &tail).unwrap();
    let mut again = Known::default();
    again.list(&folder).unwrap();
    assert_eq!(segments(&again), segments(&known));
    assert!(again.open.is_empty());
    assert_eq!(again.next, SEGMENTS - 2);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), known.indexes.len(), "the leftover is gone");
}

/// However deep a file is damaged, nothing is found that is not there, and nothing panics.
#[test]
fn a_damaged_page_is_told() {
    let (home, folder, known, all) = filled();
    let index = &known.indexes[1];
    let path = home.path().join(index::name(&index.segments()));
    let good = fs::read(&path).unwrap();
    let id = key(&all[all.len() / 2].finds.id);
    for place in (0..good.len()).step_by(509) {
        let mut bytes = good.clone();
        bytes[place] ^= 0x40;
        fs::write(&path, bytes).unwrap();
        assert!(index.check(&index.file(&folder).unwrap()).is_err(), "byte {place}");
        if let Err(error) = index.by_id(&folder, &id) {
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
    fs::write(&path, &good).unwrap();
    index.check(&index.file(&folder).unwrap()).unwrap();
}
