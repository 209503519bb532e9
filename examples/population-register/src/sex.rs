// SPDX-License-Identifier: Apache-2.0
//! The sex that the register and the personal code name.

/// The sex of a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sex {
    /// `M`, mees.
    Man,
    /// `N`, naine.
    Woman,
}

impl Sex {
    /// The letter that the register stores.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Man => "M",
            Self::Woman => "N",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Man => Self::Woman,
            Self::Woman => Self::Man,
        }
    }
}
