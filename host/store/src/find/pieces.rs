// SPDX-License-Identifier: Apache-2.0
//! A list that grows by pieces. What is in it stays where it is: a list that doubles would hold on to half of itself, and
//! leave holes of every length behind.

/// How many things a piece has room for.
const PIECE: usize = 1_024;

/// Things in the order they came.
#[derive(Debug)]
pub(crate) struct Pieces<T>(Vec<Vec<T>>);

impl<T> Pieces<T> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, thing: T) {
        match self.0.last_mut().filter(|last| last.len() < PIECE) {
            Some(last) => last.push(thing),
            None => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(thing);
                self.0.push(piece);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * PIECE + last.len())
    }

    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        self.0.get(number / PIECE)?.get(number % PIECE)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_there_in_its_order() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7] {
            let mut pieces = Pieces::new();
            (0..length).for_each(|number| pieces.push(number));
            assert_eq!(pieces.len(), length);
            assert_eq!(pieces.iter().copied().collect::<Vec<_>>(), (0..length).collect::<Vec<_>>());
            assert!((0..length).all(|number| pieces.get(number) == Some(&number)));
            assert_eq!(pieces.get(length), None);
        }
    }
}
