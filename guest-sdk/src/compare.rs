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
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
#[inline(never)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    if n < WORD {
        // SAFETY: as above.
        return unsafe { few(a, b, n) };
    }
    let last = n - WORD;
    let mut at: usize = 0;
    loop {
        // Two words at a time. The last may begin among bytes that were compared: so far all are equal.
        let next = at.wrapping_add(WORD).min(last);
        // SAFETY: both places are at most `last`.
        let (left, right) = unsafe { (word(a, at), word(b, at)) };
        // SAFETY: as above.
        let (left_next, right_next) = unsafe { (word(a, next), word(b, next)) };
        if left != right {
            return order(left, right);
        }
        if left_next != right_next {
            return order(left_next, right_next);
        }
        if next == last {
            return 0;
        }
        at = next.wrapping_add(WORD).min(last);
    }
}

/// Of words as they stand in memory, which differ.
fn order(left: u64, right: u64) -> i32 {
    if left.swap_bytes() < right.swap_bytes() { -1 } else { 1 }
}

/// Fewer than eight bytes.
///
/// # Safety
/// `n` bytes can be read at both.
unsafe fn few(a: *const u8, b: *const u8, n: usize) -> i32 {
    let mut at: usize = 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_orders_as_slices_are_ordered() {
        let text: Vec<u8> = (0..=u8::MAX).rev().collect();
        for length in 0..70 {
            let one = &text[..length];
            let mut others = vec![one.to_owned()];
            for place in 0..length {
                for byte in [0, 1, 127, 128, 255] {
                    let mut other = one.to_owned();
                    other[place] = byte;
                    // What is behind the first difference says nothing.
                    if let Some(last) = other.last_mut() {
                        *last = last.wrapping_add(byte);
                    }
                    others.push(other);
                }
            }
            for other in others {
                // SAFETY: both have so many bytes.
                let compared = unsafe { memcmp(one.as_ptr(), other.as_ptr(), length) };
                assert_eq!(compared.cmp(&0), one.cmp(&other), "{one:?} {other:?}");
            }
        }
    }
}
