// SPDX-License-Identifier: Apache-2.0
//! Machine code that several policies have in common is in memory once.
//!
//! Policies of one rule differ in their settings, which are data: the code is the same to the byte. wasmtime keeps a copy
//! for each. Here each policy keeps its own addresses, and behind them are the same pages: less memory, and when several
//! policies rule one after the other, their code is in the processor's cache already.
//!
//! Pages are only shared when they are equal byte by byte. They can be read and executed, and by nobody written: what held
//! them while they were filled is closed before the first of them runs.
#![expect(unsafe_code, reason = "memory is mapped where wasmtime keeps its code")]

use std::{
    collections::HashMap,
    ffi::c_void,
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::{self, Write as _},
    slice,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    mm::{MapFlags, MprotectFlags, MremapFlags, ProtFlags, mmap, mprotect, mremap_fixed},
};

/// Bytes of a page of x86-64.
const PAGE: usize = 4_096;

/// Where machine code is made executable. For x86-64.
#[derive(Default)]
pub(crate) struct SharedCode {
    hasher: RandomState,
    shared: Mutex<Shared>,
}

/// What is shared. Whatever is in it stays mapped as long as the lock is held: it is taken out before wasmtime gives its
/// memory back.
#[derive(Default)]
struct Shared {
    /// Where there is code of some hash; never empty.
    places: HashMap<u64, Vec<Place>>,
    /// The hash of what is at an address.
    hashes: HashMap<usize, u64>,
}

/// Where some code begins, and how many bytes it has.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    start: usize,
    length: usize,
}

impl Place {
    fn pointer(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.start)
    }

    /// # Safety
    /// It must be mapped, and nobody may write to it, as long as this is looked at.
    unsafe fn code<'a>(self) -> &'a [u8] {
        // SAFETY: as above.
        unsafe { slice::from_raw_parts(self.pointer().cast_const().cast(), self.length) }
    }
}

impl SharedCode {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts pages that are shared where this code is, and makes them executable. If it cannot, the code is left as it was.
    ///
    /// # Safety
    /// The place must be whole pages that its owner lets be replaced.
    unsafe fn share(&self, place: Place) -> io::Result<()> {
        // SAFETY: it is its owner's, who is calling.
        let code = unsafe { place.code() };
        let hash = self.hasher.hash_one(code);
        let mut shared = self.lock();
        let of_hash = shared.places.get(&hash).map(Vec::as_slice).unwrap_or_default();
        // SAFETY: what is noted is mapped as long as the lock is held.
        let same = of_hash.iter().find(|other| unsafe { other.code() } == code);
        match same {
            Some(same) => {
                // A second mapping of the same pages (mremap(2), of an `old_size` of zero).
                let flags = MremapFlags::MAYMOVE;
                // SAFETY: the new place is the caller's, and whole pages of the same length.
                unsafe { mremap_fixed(same.pointer(), 0, place.length, flags, place.pointer()) }?;
            }
            None => {
                let mut pages = File::from(memfd_create("paasla-code", MemfdFlags::CLOEXEC)?);
                pages.write_all(code)?;
                let may = ProtFlags::READ | ProtFlags::EXEC;
                let flags = MapFlags::SHARED | MapFlags::FIXED;
                // SAFETY: as above; the pages hold what is there.
                unsafe { mmap(place.pointer(), place.length, may, flags, &pages, 0) }?;
            }
        }
        shared.places.entry(hash).or_default().push(place);
        shared.hashes.insert(place.start, hash);
        Ok(())
    }
}

impl wasmtime::CustomCodeMemory for SharedCode {
    fn required_alignment(&self) -> usize {
        PAGE
    }

    fn publish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        let place = Place { start: start.expose_provenance(), length };
        // SAFETY: wasmtime hands over the pages of its code, and whole ones: it was told how large they are.
        if unsafe { self.share(place) }.is_err() {
            // A system may refuse to execute such pages. Then each has its own, as without this.
            let may = MprotectFlags::READ | MprotectFlags::EXEC;
            // SAFETY: as above.
            unsafe { mprotect(place.pointer(), length, may) }?;
        }
        Ok(())
    }

    fn unpublish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        let place = Place { start: start.expose_provenance(), length };
        let mut shared = self.lock();
        if let Some(hash) = shared.hashes.remove(&place.start)
            && let Some(places) = shared.places.get_mut(&hash)
        {
            places.retain(|other| *other != place);
            if places.is_empty() {
                shared.places.remove(&hash);
            }
        }
        // wasmtime gives the memory back next. It is not made writable before that: it may be others' code.
        Ok(())
    }
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use wasmtime::CustomCodeMemory as _;

    use super::*;

    /// A page of code that gives a number back: `mov eax, number; ret`.
    fn page(number: u8) -> *mut u8 {
        let may = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: new memory.
        let start = unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), PAGE, may, MapFlags::PRIVATE) }
            .unwrap();
        let start = start.cast::<u8>();
        let code = [0xb8, number, 0, 0, 0, 0xc3];
        // SAFETY: it is that long.
        unsafe { start.copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        start
    }

    fn called(start: *mut u8) -> u32 {
        // SAFETY: see `page`.
        let function: extern "C" fn() -> u32 = unsafe { std::mem::transmute(start) };
        function()
    }

    /// Protection and inode of what is at an address, as /proc/self/maps has it.
    fn mapped(start: *mut u8) -> (String, u64) {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let bound = |text: &str| usize::from_str_radix(text, 16).unwrap();
            (bound(from)..bound(to)).contains(&start.addr())
        });
        let mut words = line.unwrap().split_whitespace();
        (words.nth(1).unwrap().to_owned(), words.nth(2).unwrap().parse().unwrap())
    }

    fn give_back(memory: &SharedCode, start: *mut u8) {
        memory.unpublish_executable(start, PAGE).unwrap();
        // SAFETY: nothing of it is used any more.
        unsafe { rustix::mm::munmap(start.cast(), PAGE) }.unwrap();
    }

    #[test]
    fn the_same_code_is_there_once_as_long_as_somebody_has_it() {
        let memory = SharedCode::default();
        let [first, second, other, third, again] = [7, 7, 8, 7, 7].map(page);
        for start in [first, second, other] {
            memory.publish_executable(start, PAGE).unwrap();
        }
        assert_eq!([first, second, other].map(called), [7, 7, 8]);
        let (may, pages) = mapped(first);
        assert_eq!(may, "r-xs");
        assert_ne!(pages, 0, "its pages are its own");
        assert_eq!(mapped(second), (may.clone(), pages));
        assert_ne!(mapped(other), (may.clone(), pages));

        give_back(&memory, first);
        memory.publish_executable(third, PAGE).unwrap();
        assert_eq!(mapped(third), (may, pages));
        assert_eq!([second, other, third].map(called), [7, 8, 7]);

        for start in [second, other, third] {
            give_back(&memory, start);
        }
        assert!(memory.lock().places.is_empty() && memory.lock().hashes.is_empty());
        memory.publish_executable(again, PAGE).unwrap();
        assert_eq!(called(again), 7);
        give_back(&memory, again);
    }

    #[test]
    fn what_cannot_be_shared_is_executable_all_the_same() {
        let memory = SharedCode::default();
        let start = page(9);
        let (limit, none) = (rustix::process::Resource::Nofile, Some(0));
        let before = rustix::process::getrlimit(limit);
        rustix::process::setrlimit(limit, rustix::process::Rlimit { current: none, ..before }).unwrap();
        let published = memory.publish_executable(start, PAGE);
        rustix::process::setrlimit(limit, before).unwrap();
        published.unwrap();
        assert_eq!(called(start), 9);
        assert_eq!(mapped(start), ("r-xp".to_owned(), 0));
        give_back(&memory, start);
    }
}
