// SPDX-License-Identifier: Apache-2.0
//! Files of pages, each with a checksum: what was damaged is told from what was written.
//!
//! A page is 4096 bytes, of which the last four are CRC-32 (IEEE 802.3) over its number (8 bytes) and the rest. A section
//! is some number of things of one length; it begins with a page, and none of them lies across two.

use std::{
    fs::File,
    io::{self, Write},
    marker::PhantomData,
    ops::Range,
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use super::row::Item;

pub(crate) const PAGE: usize = 4096;
const CONTENT: usize = PAGE - 4;

/// Where some number of things are.
#[derive(Debug)]
pub(crate) struct Section<T> {
    page: u64,
    pub(crate) items: u64,
    of: PhantomData<T>,
}

impl<T> Clone for Section<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Section<T> {}

impl<T: Item> Section<T> {
    /// How many things go on a page.
    const ON_A_PAGE: u64 = (CONTENT / T::BYTES) as u64;

    /// So many things, from the page `next` on, which becomes the page after them.
    pub(crate) fn at(next: &mut u64, items: u64) -> Self {
        let page = *next;
        *next = page.saturating_add(items.div_ceil(Self::ON_A_PAGE));
        Self { page, items, of: PhantomData }
    }
}

/// Writes pages, one after the other.
pub(crate) struct PageWriter<W> {
    out: W,
    page: Vec<u8>,
    number: u64,
}

impl<W: Write> PageWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, page: Vec::with_capacity(PAGE), number: 0 }
    }

    /// Writes a section, and ends its last page.
    pub(crate) fn section<T: Item>(
        &mut self,
        items: impl IntoIterator<Item = io::Result<T>>,
    ) -> io::Result<()> {
        for item in items {
            if self.page.len() + T::BYTES > CONTENT {
                self.end_page()?;
            }
            item?.put(&mut self.page);
        }
        if self.page.is_empty() { Ok(()) } else { self.end_page() }
    }

    fn end_page(&mut self) -> io::Result<()> {
        self.page.resize(CONTENT, 0);
        let check = checksum(self.number, &self.page);
        self.page.extend(check.to_be_bytes());
        self.out.write_all(&self.page)?;
        self.page.clear();
        self.number += 1;
        Ok(())
    }

    pub(crate) fn into_inner(self) -> W {
        self.out
    }
}

/// Reads the things of one section, and keeps the page that was read last.
pub(crate) struct Items<T> {
    file: Arc<File>,
    section: Section<T>,
    held: Option<u64>,
    page: Vec<u8>,
}

impl<T: Item> Items<T> {
    pub(crate) fn new(file: &Arc<File>, section: Section<T>) -> Self {
        Self { file: Arc::clone(file), section, held: None, page: Vec::new() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.section.items
    }

    pub(crate) fn get(&mut self, index: u64) -> io::Result<T> {
        if index >= self.section.items {
            return Err(damaged("it points behind its own end"));
        }
        let number = self.section.page + index / Section::<T>::ON_A_PAGE;
        if self.held != Some(number) {
            self.held = None;
            read(&self.file, number, &mut self.page)?;
            self.held = Some(number);
        }
        let at = usize::try_from(index % Section::<T>::ON_A_PAGE).unwrap_or(0) * T::BYTES;
        let bytes = self.page.get(at..at + T::BYTES);
        bytes.and_then(T::get).ok_or_else(|| damaged("a page holds something else"))
    }

    /// The first in the range of which it does not hold, when it holds of all before and of none after.
    pub(crate) fn partition_point(
        &mut self,
        range: Range<u64>,
        mut holds: impl FnMut(&T) -> bool,
    ) -> io::Result<u64> {
        let Range { mut start, mut end } = range;
        while start < end {
            let middle = start + (end - start) / 2;
            if holds(&self.get(middle)?) { start = middle + 1 } else { end = middle }
        }
        Ok(start)
    }

    /// All of them, in their order.
    pub(crate) fn all(mut self) -> impl Iterator<Item = io::Result<T>> {
        (0..self.len()).map(move |index| self.get(index))
    }
}

/// Reads so many pages, only to see whether they are as they were written.
pub(crate) fn check(file: &File, pages: u64) -> io::Result<()> {
    let mut page = Vec::new();
    (0..pages).try_for_each(|number| read(file, number, &mut page))
}

fn read(file: &File, number: u64, page: &mut Vec<u8>) -> io::Result<()> {
    page.resize(PAGE, 0);
    file.read_exact_at(page, number * PAGE as u64)?;
    let (content, check) = page.split_at(CONTENT);
    if check == checksum(number, content).to_be_bytes() {
        Ok(())
    } else {
        Err(damaged("a page is not as it was written"))
    }
}

/// A file that is not as it was written.
pub(crate) fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn checksum(number: u64, content: &[u8]) -> u32 {
    let mut check = crc32fast::Hasher::new();
    check.update(&number.to_be_bytes());
    check.update(content);
    check.finalize()
}
