// SPDX-License-Identifier: Apache-2.0
//! The guest's allocator: it hands out memory in one direction and never takes any back. A ruling lives for
//! microseconds in an instance of its own, so freeing would be work for nothing.
#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
};

/// Bytes of a page of WebAssembly memory.
const PAGE: usize = 65_536;

struct Arena {
    /// Address of the next free byte; 0 before the first allocation.
    next: UnsafeCell<usize>,
}

// SAFETY: a rule is a module without threads (the host refuses shared memory), so nothing is ever shared.
unsafe impl Sync for Arena {}

#[global_allocator]
static ARENA: Arena = Arena { next: UnsafeCell::new(0) };

unsafe extern "C" {
    /// Set by the linker: the first address behind the stack and static data.
    static __heap_base: u8;
}

impl Arena {
    fn reserve(&self, size: usize, align: usize) -> Option<usize> {
        // SAFETY: no threads, and no reference to the cell outlives this function.
        let next = unsafe { &mut *self.next.get() };
        if *next == 0 {
            *next = &raw const __heap_base as usize;
        }
        let start = next.checked_add(align - 1)? & !(align - 1);
        let end = start.checked_add(size)?;
        let have = core::arch::wasm32::memory_size(0) * PAGE;
        if end > have {
            let pages = (end - have).div_ceil(PAGE);
            if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
                return None;
            }
        }
        *next = end;
        Some(start)
    }
}

/// Sees to it that so many bytes can be reserved without asking for memory. If there is none to be had, whoever needs it
/// will ask again.
pub(crate) fn make_room(bytes: usize) {
    // SAFETY: no threads, and no reference to the cell outlives this block.
    let next = unsafe { *ARENA.next.get() };
    if ARENA.reserve(bytes, 1).is_some() {
        // SAFETY: as above; nobody was told of the block, so it is free again.
        unsafe { *ARENA.next.get() = next };
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
        // SAFETY: as in `reserve`.
        let is_last = unsafe { *self.next.get() } == block as usize + layout.size();
        if is_last {
            let more = self.reserve(new_size - layout.size(), 1);
            return more.map_or(core::ptr::null_mut(), |_| block);
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
