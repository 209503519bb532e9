// SPDX-License-Identifier: Apache-2.0
//! Writing an index: of a segment, or of indexes that follow each other.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufWriter, Write as _},
    ops::RangeInclusive,
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

use super::{
    index::{Head, Index, name},
    page::{Items, PageWriter, damaged},
    row::{Item, Listed, Row},
    tail::Tail,
};

/// What files are called as long as they are not whole.
pub(crate) const UNFINISHED: &str = ".tmp";

/// Writes the index of a segment.
pub(crate) fn of_tail(folder: &Dir, tail: &Tail) -> io::Result<Index> {
    let (clients, client_numbers) = tail.clients.sorted();
    let (services, service_numbers) = tail.services.sorted();
    let renumber = |row: &Row| Row {
        client: renumbered(&client_numbers, row.client, 0),
        service: renumbered(&service_numbers, row.service, 1),
        ..*row
    };
    // The newest is the last. No two records are in one place.
    let row = |number: &u32| usize::try_from(*number).ok().and_then(|number| tail.rows.get(number));
    let mut order: Vec<u32> = (0..).take(tail.rows.len()).collect();
    order.sort_unstable_by_key(|number| row(number).map(|row| (row.instant, row.place)));
    let mut places = vec![0; order.len()];
    for (number, before) in (0..).zip(&order) {
        if let Some(place) = usize::try_from(*before).ok().and_then(|before| places.get_mut(before)) {
            *place = number;
        }
    }
    let moved = |row: u32| usize::try_from(row).ok().and_then(|row| places.get(row)).copied().unwrap_or(0);
    let rows = || order.iter().filter_map(row).map(renumber);
    let outline = Outline {
        segments: tail.segment..=tail.segment,
        clients,
        services,
        rows: order.len(),
        subjects: tail.subjects.len() as u64,
        oldest: rows().next().map_or(0, |row| row.instant),
        newest: order.last().and_then(row).map_or(0, |row| row.instant),
    };
    // One list after the other, so that only one takes room.
    write(folder, &outline, |out| {
        out.section(rows().map(Ok))?;
        let ids = tail.ids.iter().zip(&places).map(|(what, row)| Listed { what: *what, row: *row });
        sorted(out, ids, order.len())?;
        let subjects = tail.subjects.iter().map(|listed| Listed { row: moved(listed.row), ..*listed });
        sorted(out, subjects, tail.subjects.len())?;
        for what in [|row: Row| row.client, |row: Row| row.service, |row: Row| row.outcome.into()] {
            sorted(
                out,
                rows().zip(0..).map(|(row, number)| Listed { what: what(row), row: number }),
                order.len(),
            )?;
        }
        Ok(())
    })
}

/// Writes so many things in their own order.
fn sorted<T: Item + Ord>(
    out: &mut PageWriter<BufWriter<File>>,
    things: impl Iterator<Item = T>,
    count: usize,
) -> io::Result<()> {
    let mut sorted = Vec::with_capacity(count);
    sorted.extend(things);
    sorted.sort_unstable();
    out.section(sorted.into_iter().map(Ok))
}

/// Writes one index in the place of several, whose segments follow each other.
pub(crate) fn of_indexes(folder: &Dir, parts: &[&Index]) -> io::Result<Index> {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return Err(damaged("there is nothing to merge"));
    };
    let union = |names: fn(&Index) -> &Vec<String>| {
        let mut union: Vec<String> = parts.iter().flat_map(|part| names(part)).cloned().collect();
        union.sort();
        union.dedup();
        union
    };
    let (clients, services) = (union(|part| &part.clients), union(|part| &part.services));
    let numbers = |union: &[String], names: &[String]| -> Vec<u32> {
        let number = |name| union.binary_search(name).ok().and_then(|at| u32::try_from(at).ok());
        names.iter().filter_map(number).collect()
    };
    let client_numbers: Vec<Vec<u32>> = parts.iter().map(|part| numbers(&clients, &part.clients)).collect();
    let service_numbers: Vec<Vec<u32>> =
        parts.iter().map(|part| numbers(&services, &part.services)).collect();
    let files: Vec<Arc<File>> = parts.iter().map(|part| part.file(folder)).collect::<io::Result<_>>()?;
    let sources = || parts.iter().zip(&files);
    let rows = parts.iter().map(|part| u64::from(part.head.rows)).sum::<u64>();
    let filled = || parts.iter().filter(|part| part.head.rows > 0);
    let outline = Outline {
        segments: first.head.first..=last.head.last,
        clients,
        services,
        rows: usize::try_from(rows).map_err(|_| damaged("it would be too long"))?,
        subjects: parts.iter().map(|part| part.head.subjects).sum(),
        oldest: filled().map(|part| part.head.oldest).min().unwrap_or(0),
        newest: filled().map(|part| part.head.newest).max().unwrap_or(0),
    };
    write(folder, &outline, |out| {
        // Rows keep their order, so what becomes of a row's number is known as soon as it is written.
        let mut places: Vec<Vec<u32>> = parts.iter().map(|_| Vec::new()).collect();
        let renumbered_rows = sources().enumerate().map(|(nth, (part, file))| {
            let (clients, services) = (client_numbers.get(nth), service_numbers.get(nth));
            part.rows(file).all().map(move |row| {
                row.map(|row| Row {
                    client: clients.map_or(0, |numbers| renumbered(numbers, row.client, 0)),
                    service: services.map_or(0, |numbers| renumbered(numbers, row.service, 1)),
                    ..row
                })
            })
        });
        let mut next = 0;
        out.section(merged(renumbered_rows.collect()).map(|found| {
            let (nth, row) = found?;
            if let Some(places) = places.get_mut(nth) {
                places.push(next);
            }
            next += 1;
            Ok(row)
        }))?;
        merge_lists(out, sources().map(|(part, file)| part.ids(file)), &places, |_, what| what)?;
        merge_lists(out, sources().map(|(part, file)| part.subjects(file)), &places, |_, what| what)?;
        merge_lists(out, sources().map(|(part, file)| part.by_client(file)), &places, |nth, what| {
            client_numbers.get(nth).map_or(0, |numbers| renumbered(numbers, what, 0))
        })?;
        merge_lists(out, sources().map(|(part, file)| part.by_service(file)), &places, |nth, what| {
            service_numbers.get(nth).map_or(0, |numbers| renumbered(numbers, what, 1))
        })?;
        merge_lists(out, sources().map(|(part, file)| part.by_outcome(file)), &places, |_, what| what)
    })
}

/// Writes lists of the same kind as one. Numbers of names and of rows change, their order does not.
fn merge_lists<K>(
    out: &mut PageWriter<BufWriter<File>>,
    lists: impl Iterator<Item = Items<Listed<K>>>,
    places: &[Vec<u32>],
    renumber: impl Fn(usize, K) -> K,
) -> io::Result<()>
where
    K: Copy + Ord,
    Listed<K>: Item,
{
    let renumber = &renumber;
    let sources = lists.enumerate().map(|(nth, list)| {
        let places = places.get(nth);
        list.all().map(move |listed| {
            let Listed { what, row } = listed?;
            let place = usize::try_from(row).ok().and_then(|row| places?.get(row)).copied();
            let row = place.ok_or_else(|| damaged("a list names a row that is none"))?;
            Ok(Listed { what: renumber(nth, what), row })
        })
    });
    out.section(merged(sources.collect()).map(|found| found.map(|(_, listed)| listed)))
}

/// Several sequences in order as one, each thing with the number of its sequence.
fn merged<T: Copy + Ord, S: Iterator<Item = io::Result<T>>>(
    mut sources: Vec<S>,
) -> impl Iterator<Item = io::Result<(usize, T)>> {
    let mut heap = BinaryHeap::new();
    let mut failed = None;
    for (nth, source) in sources.iter_mut().enumerate() {
        match source.next() {
            Some(Ok(item)) => heap.push(Reverse((item, nth))),
            Some(Err(error)) => failed = Some(error),
            None => {}
        }
    }
    std::iter::from_fn(move || {
        if let Some(error) = failed.take() {
            heap.clear();
            return Some(Err(error));
        }
        let Reverse((item, nth)) = heap.pop()?;
        match sources.get_mut(nth).and_then(Iterator::next) {
            Some(Ok(next)) => heap.push(Reverse((next, nth))),
            Some(Err(error)) => failed = Some(error),
            None => {}
        }
        Some(Ok((nth, item)))
    })
}

/// What becomes of a number of names; those below `from` stand for no name.
fn renumbered(numbers: &[u32], number: u32, from: u32) -> u32 {
    let Some(nth) = number.checked_sub(from) else { return number };
    usize::try_from(nth).ok().and_then(|nth| numbers.get(nth)).map_or(0, |number| number + from)
}

/// What a head is made of.
struct Outline {
    segments: RangeInclusive<u32>,
    clients: Vec<String>,
    services: Vec<String>,
    rows: usize,
    subjects: u64,
    oldest: i64,
    newest: i64,
}

/// Writes a file beside its place, and then puts it there: whoever finds it finds all of it.
fn write(
    folder: &Dir,
    outline: &Outline,
    sections: impl FnOnce(&mut PageWriter<BufWriter<File>>) -> io::Result<()>,
) -> io::Result<Index> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let too_long = || damaged("it would be too long");
    let Outline { segments, subjects, oldest, newest, .. } = outline;
    let (clients, services) = (serde_json::to_vec(&outline.clients)?, serde_json::to_vec(&outline.services)?);
    let head = Head {
        first: *segments.start(),
        last: *segments.end(),
        rows: u32::try_from(outline.rows).map_err(|_| too_long())?,
        subjects: *subjects,
        oldest: *oldest,
        newest: *newest,
        clients: u32::try_from(clients.len()).map_err(|_| too_long())?,
        services: u32::try_from(services.len()).map_err(|_| too_long())?,
    };
    let name = name(segments);
    let unfinished = format!("{name}.{}-{}{UNFINISHED}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = folder.open_with(&unfinished, &options)?.into_std();
    let written = (|| {
        let mut out = PageWriter::new(BufWriter::new(file));
        for bytes in [head.bytes(), clients, services] {
            out.section(bytes.into_iter().map(Ok))?;
        }
        sections(&mut out)?;
        let mut out = out.into_inner();
        out.flush()?;
        out.get_ref().sync_data()?;
        folder.rename(&unfinished, folder, &name)
    })();
    if let Err(error) = written {
        let _ = folder.remove_file(&unfinished);
        return Err(error);
    }
    Index::open(folder, segments)
}
