// SPDX-License-Identifier: Apache-2.0
//! Visibilities and masks: how much of a field may be seen. They form a tree with `hide` at its root, so any two have
//! one greatest lower bound: the first point where their ways down meet. That makes `meet` commutative, associative and
//! idempotent, and no combination of rules can show more than each of them allows.
//!
//! ```text
//! show ── month ── year ── decade ──┐
//!    ├── municipality ── county ────┤
//!    ├── initial ───────────────────┼── redact ── hide
//!    └── pseudonym ─────────────────┘
//! ```

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

/// A way to show less than the whole value. The host applies it; a rule only names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mask {
    /// A date as `yyyy-mm`.
    Month,
    /// A date as `yyyy`.
    Year,
    /// A date as the first year of its decade and an `s`: `1990s`.
    Decade,
    /// An address as the municipality it lies in.
    Municipality,
    /// An address as the county it lies in.
    County,
    /// A name as its first letter and a full stop.
    Initial,
    /// A keyed pseudonym: the same value gives one client, for one purpose, the same pseudonym.
    Pseudonym,
    /// Only that there is a value, not what it is.
    Redact,
}

impl Mask {
    /// Every mask.
    pub const ALL: [Self; 8] = [
        Self::Month,
        Self::Year,
        Self::Decade,
        Self::Municipality,
        Self::County,
        Self::Initial,
        Self::Pseudonym,
        Self::Redact,
    ];

    /// The stable name, as rules and answers write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
            Self::Decade => "decade",
            Self::Municipality => "municipality",
            Self::County => "county",
            Self::Initial => "initial",
            Self::Pseudonym => "pseudonym",
            Self::Redact => "redact",
        }
    }

    /// The next mask that shows less; none below `redact` but `hide`.
    #[must_use]
    pub fn coarser(self) -> Option<Self> {
        match self {
            Self::Month => Some(Self::Year),
            Self::Year => Some(Self::Decade),
            Self::Municipality => Some(Self::County),
            Self::Decade | Self::County | Self::Initial | Self::Pseudonym => Some(Self::Redact),
            Self::Redact => None,
        }
    }
}

impl FromStr for Mask {
    type Err = UnknownMask;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mask| mask.name() == name).ok_or(UnknownMask)
    }
}

/// The name is none of the masks that this host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown mask")]
pub struct UnknownMask;

/// How much of one field may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Visibility {
    /// The whole value.
    Show,
    /// Less than the whole value.
    Masked(Mask),
    /// Nothing; the column is not even read.
    Hide,
}

impl Visibility {
    /// Every visibility.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let masks = Mask::ALL.into_iter().map(Self::Masked);
        std::iter::once(Self::Show).chain(masks).chain(std::iter::once(Self::Hide)).collect()
    }

    /// The next visibility that shows less; none below `hide`. `show` has several, so it has no single one.
    fn coarser(self) -> Option<Self> {
        match self {
            Self::Show | Self::Hide => None,
            Self::Masked(mask) => Some(mask.coarser().map_or(Self::Hide, Self::Masked)),
        }
    }

    /// Whether this shows no more than `other`.
    #[must_use]
    pub fn at_most(self, other: Self) -> bool {
        if other == Self::Show || self == Self::Hide {
            return true;
        }
        let mut below = Some(other);
        while let Some(point) = below {
            if point == self {
                return true;
            }
            below = point.coarser();
        }
        false
    }

    /// The most that may be seen when both must hold.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        let mut lower = self;
        loop {
            if lower.at_most(other) {
                return lower;
            }
            lower = match lower {
                Self::Show => other,
                _ => lower.coarser().unwrap_or(Self::Hide),
            };
        }
    }

    /// The stable name: `show`, a mask's name, or `hide`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Masked(mask) => mask.name(),
            Self::Hide => "hide",
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Visibility {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl TryFrom<String> for Visibility {
    type Error = UnknownMask;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "show" => Ok(Self::Show),
            "hide" => Ok(Self::Hide),
            mask => mask.parse().map(Self::Masked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The laws of a semilattice, for every pair and every triple: there are few enough to try them all.
    #[test]
    fn the_lattice_laws_hold_for_every_pair_and_triple() {
        for a in Visibility::all() {
            assert_eq!(a.meet(a), a);
            assert_eq!(a.meet(Visibility::Show), a);
            assert_eq!(a.meet(Visibility::Hide), Visibility::Hide);
            for b in Visibility::all() {
                let both = a.meet(b);
                assert_eq!(both, b.meet(a), "{a} {b}");
                assert!(both.at_most(a) && both.at_most(b), "{a} {b}");
                assert_eq!(a.at_most(b), both == a, "{a} {b}");
                for c in Visibility::all() {
                    assert_eq!(both.meet(c), a.meet(b.meet(c)), "{a} {b} {c}");
                    if c.at_most(a) && c.at_most(b) {
                        assert!(c.at_most(both), "{both} is not the greatest below {a} and {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn masks_that_do_not_refine_each_other_redact() {
        let year = Visibility::Masked(Mask::Year);
        assert_eq!(year.meet(Visibility::Masked(Mask::Month)), year);
        assert_eq!(year.meet(Visibility::Masked(Mask::Initial)), Visibility::Masked(Mask::Redact));
        assert_eq!(
            Visibility::Masked(Mask::Pseudonym).meet(Visibility::Masked(Mask::County)),
            Visibility::Masked(Mask::Redact)
        );
    }

    #[test]
    fn names_round_trip() {
        for visibility in Visibility::all() {
            assert_eq!(Visibility::try_from(visibility.name().to_owned()), Ok(visibility));
        }
        assert!(Visibility::try_from("shown".to_owned()).is_err());
    }
}
