// SPDX-License-Identifier: Apache-2.0
//! Comparing bytes, eight at a time. The library's own loop for this target looks at one byte at a time, and rules
//! mostly compare IRIs, which are long and begin alike: with it, comparing would be most of what a ruling costs.
#![expect(unsafe_code, reason = "the function has a fixed name, and takes pointers")]

use core::cmp::Ordering;

const WORD: usize = size_of::<u64>();

/// C's `memcmp`: below, at or above zero as the first `n` bytes at `a` sort before, with or after those at `b`.
///
/// # Safety
/// `n` bytes can be read at both.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    let whole = n & !(WORD - 1);
    let mut at: usize = 0;
    while at != whole {
        // SAFETY: `at + WORD <= n`.
        let (left, right) = unsafe { (word(a, at), word(b, at)) };
        if left != right {
            return if left.swap_bytes() < right.swap_bytes() { -1 } else { 1 };
        }
        at = at.wrapping_add(WORD);
    }
    while at != n {
        // SAFETY: `at < n`.
        let (left, right) = unsafe { (*a.add(at), *b.add(at)) };
        match left.cmp(&right) {
            Ordering::Less => return -1,
            Ordering::Greater => return 1,
            Ordering::Equal => at = at.wrapping_add(1),
        }
    }
    0
}

/// The eight bytes at an offset.
///
/// # Safety
/// They can be read.
unsafe fn word(bytes: *const u8, at: usize) -> u64 {
    // SAFETY: as the caller promises; no alignment is needed.
    unsafe { bytes.add(at).cast::<u64>().read_unaligned() }
}
