// SPDX-License-Identifier: Apache-2.0
//! The one source of chance. Integers only, so that every machine throws the same.

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::day::Day;

/// Dice that fall the same way for the same seed.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice for a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// True this many times in a thousand.
    pub fn permille(&mut self, chance: u32) -> bool {
        self.0.random_range(0..1000) < chance
    }

    /// True this many times in a hundred.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.permille(chance.saturating_mul(10))
    }

    /// A number from `low` to `high`, both included. Where `high` is below `low`: `low`.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        if high <= low { low } else { self.0.random_range(low..=high) }
    }

    /// A day from `low` to `high`, both included. Where `high` is before `low`: `low`.
    pub fn day(&mut self, low: Day, high: Day) -> Day {
        low.plus_days(self.between(0, high.days_since(low)))
    }

    /// A number around `middle`: a bell with the standard deviation `spread`, cut off at three of them.
    pub fn bell(&mut self, middle: i32, spread: i32) -> i32 {
        (0..3).map(|_| self.between(-spread, spread)).fold(middle, i32::saturating_add)
    }

    /// One of the items; the default value where there is none.
    pub fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        items.choose(&mut self.0).copied().unwrap_or_default()
    }

    /// One of the items, each as likely as its weight. `None` only where no item has a weight.
    pub fn weighted<T: Copy>(&mut self, items: &[(T, u32)]) -> Option<T> {
        let total: u32 = items.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return None;
        }
        let mut left = self.0.random_range(0..total);
        items.iter().find_map(|&(item, weight)| {
            if left < weight {
                return Some(item);
            }
            left -= weight;
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_way() {
        let throw = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| dice.bell(0, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
    }

    #[test]
    fn weights_of_nought_are_never_picked() {
        let mut dice = Dice::new(1);
        for _ in 0..200 {
            assert_eq!(dice.weighted(&[('a', 0), ('b', 3)]), Some('b'));
        }
        assert_eq!(dice.weighted(&[('a', 0)]), None);
    }
}
