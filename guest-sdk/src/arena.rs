// SPDX-License-Identifier: Apache-2.0
//! The guest's allocator: it hands out memory in one direction and never takes any back. A ruling lives for
//! microseconds in an instance of its own, so freeing would be work for nothing.
//!
//! Every ruling begins with the memory that `configure` left. So what only `configure` needs (the text of the settings
//! and what was read from it) is put apart, at the end of the memory, and is zeros again afterwards.
#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};

/// Bytes of a page of WebAssembly memory.
const PAGE: usize = 65_536;

/// Bytes for one ruling: a query of a hundred fields and what is said of it. To ask for memory when the rule is configured
/// costs once, in each ruling it would cost much.
const ROOM: usize = 10 << 10;

struct Arena {
    /// Address of the next free byte; 0 before the first allocation.
    next: Cell<usize>,
    /// Where the free bytes behind it end, as far as is known; 0 as long as nothing is kept.
    limit: Cell<usize>,
    /// What is thrown away is put at the end of the first memory, downwards: where the lowest of it begins; 0 before
    /// there is any, and when it is gone.
    floor: Cell<usize>,
    /// Where it ends.
    end: Cell<usize>,
    /// Whether what is reserved is kept.
    keeps: Cell<bool>,
    /// Whether the rule is configured: what was reserved before is needed no more, unless it was kept.
    is_configured: Cell<bool>,
}

// SAFETY: a rule is a module without threads (the host refuses shared memory), so nothing is ever shared.
unsafe impl Sync for Arena {}

#[global_allocator]
static ARENA: Arena = Arena {
    next: Cell::new(0),
    limit: Cell::new(0),
    floor: Cell::new(0),
    end: Cell::new(0),
    keeps: Cell::new(false),
    is_configured: Cell::new(false),
};

unsafe extern "C" {
    /// Set by the linker: the first address behind the stack and static data.
    static __heap_base: u8;
}

fn memory_end() -> usize {
    core::arch::wasm32::memory_size(0) * PAGE
}

/// Where a block of so many bytes begins at or behind `next`, if it ends at or before `limit`.
fn place(next: usize, limit: usize, size: usize, align: usize) -> Option<usize> {
    let start = next.checked_add(align - 1)? & !(align - 1);
    (size <= limit.checked_sub(start)?).then_some(start)
}

impl Arena {
    fn reserve(&self, size: usize, align: usize) -> Option<usize> {
        match place(self.next.get(), self.limit.get(), size, align) {
            Some(start) => {
                self.next.set(start + size);
                Some(start)
            }
            None => self.reserve_otherwise(size, align),
        }
    }

    #[cold]
    #[inline(never)]
    fn reserve_otherwise(&self, size: usize, align: usize) -> Option<usize> {
        if self.next.get() == 0 {
            self.next.set(&raw const __heap_base as usize);
        }
        if !self.keeps.get()
            && let Some(start) = self.reserve_at_the_end(size, align)
        {
            return Some(start);
        }
        if self.next.get() <= self.floor.get() {
            if let Some(start) = self.reserve_before(self.floor.get(), size, align) {
                return Some(start);
            }
            // It goes behind what is thrown away.
            self.next.set(self.end.get());
        }
        if let Some(start) = self.reserve_before(memory_end(), size, align) {
            return Some(start);
        }
        let end = self.next.get().checked_add(align - 1)?.checked_add(size)?;
        let pages = end.checked_sub(memory_end())?.div_ceil(PAGE);
        if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
            return None;
        }
        self.reserve_before(memory_end(), size, align)
    }

    fn reserve_before(&self, limit: usize, size: usize, align: usize) -> Option<usize> {
        let start = place(self.next.get(), limit, size, align)?;
        self.next.set(start + size);
        if self.keeps.get() {
            self.limit.set(limit);
        }
        Some(start)
    }

    /// None where there is no room left.
    fn reserve_at_the_end(&self, size: usize, align: usize) -> Option<usize> {
        if self.end.get() == 0 {
            self.end.set(memory_end());
            self.floor.set(memory_end());
        }
        let start = self.floor.get().checked_sub(size)? & !(align - 1);
        if start < self.next.get() {
            return None;
        }
        self.floor.set(start);
        Some(start)
    }
}

/// From here on, what is reserved is kept.
pub(crate) fn keep() {
    ARENA.keeps.set(true);
}

/// The rule is configured, and nothing but what was kept is needed.
pub(crate) fn configured() {
    ARENA.is_configured.set(true);
}

/// Leaves a memory for rulings to begin from, if the rule is configured: what was thrown away is zeros again, so that
/// it need not be written anew for each of them, and [`ROOM`] bytes can be reserved without asking for memory. If there is
/// none to be had, whoever needs it will ask again.
///
/// # Safety
/// Nobody may hold what was reserved before [`keep`].
pub(crate) unsafe fn tidy() {
    if !ARENA.is_configured.get() {
        return;
    }
    let (floor, end) = (ARENA.floor.replace(0), ARENA.end.get());
    if floor != 0 {
        // SAFETY: that is memory which only this arena gives out, and nobody holds it.
        unsafe { core::ptr::write_bytes(floor as *mut u8, 0, end - floor) };
    }
    ARENA.limit.set(memory_end());
    let next = ARENA.next.get();
    if ARENA.reserve(ROOM, 1).is_some() {
        // Nobody was told of the block, so it is free again.
        ARENA.next.set(next);
    }
}

// SAFETY: every block starts at a multiple of its alignment, lies inside the memory, and overlaps no other,
// because `next` only grows; the one exception is `realloc` of the last block, which keeps its start.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.reserve(layout.size(), layout.align()).map_or(core::ptr::null_mut(), |start| start as *mut u8)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if new_size <= layout.size() {
            return block;
        }
        let (next, more) = (self.next.get(), new_size - layout.size());
        // The last block grows where it is, if there is room behind it.
        if next == block as usize + layout.size() && place(next, self.limit.get(), more, 1).is_some() {
            self.next.set(next + more);
            return block;
        }
        match self.reserve(new_size, layout.align()) {
            None => core::ptr::null_mut(),
            Some(start) => {
                let moved = start as *mut u8;
                // SAFETY: both blocks are live, do not overlap, and hold at least `layout.size()` bytes.
                unsafe { core::ptr::copy_nonoverlapping(block, moved, layout.size()) };
                moved
            }
        }
    }
}
