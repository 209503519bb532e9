// SPDX-License-Identifier: Apache-2.0
//! A family: people of several generations, and the couples among them.

use crate::{
    day::Day,
    heritage::{Country, Heritage},
    names::Surname,
    personal_code::PersonalCode,
    places::Municipality,
    sex::Sex,
};

/// The place of a member in its family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Seat(usize);

/// Why a name changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// On marriage.
    Marriage,
    /// Back to an earlier name on divorce.
    Divorce,
    /// Because the person asked for it.
    Application,
}

impl Reason {
    /// The word that the register stores.
    pub fn word(self) -> &'static str {
        match self {
            Self::Marriage => "marriage",
            Self::Divorce => "divorce",
            Self::Application => "application",
        }
    }
}

/// A name that a person bears from some day on.
#[derive(Clone, Debug)]
pub struct Name {
    /// The first day of the name.
    pub from: Day,
    /// Given names.
    pub given: String,
    /// Surname.
    pub family: Surname,
    /// Why the name before it ended; none for the name at birth.
    pub reason: Option<Reason>,
}

/// How much of a person's record chance decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Care {
    /// All of it.
    Usual,
    /// A member of the cast: every field is filled, nothing is restricted.
    Full,
    /// A member of the cast whose data is restricted; every field is filled.
    Restricted,
}

/// A person as the family knows them, before there are records.
#[derive(Clone, Debug)]
pub struct Member {
    /// Row id in the register.
    pub id: i64,
    /// Personal code.
    pub code: PersonalCode,
    /// Sex.
    pub sex: Sex,
    /// Birth day.
    pub birth: Day,
    /// Day of death, if dead.
    pub death: Option<Day>,
    /// Heritage.
    pub heritage: Heritage,
    /// Names, the oldest first; never empty.
    pub names: Vec<Name>,
    /// Mother, if she is in the register.
    pub mother: Option<Seat>,
    /// Father, if he is in the register.
    pub father: Option<Seat>,
    /// Country of birth.
    pub birth_country: Country,
    /// Place of birth.
    pub birth_place: &'static str,
    /// When a person born abroad came.
    pub arrived: Option<Day>,
    /// Where the person lives now, or lived last.
    pub home: &'static Municipality,
    /// Main citizenship; none where it is undetermined.
    pub citizenship: Option<Country>,
    /// How much chance decides.
    pub care: Care,
}

impl Member {
    /// The name on a day, or at birth for a day before that.
    pub fn name_on(&self, day: Day) -> Option<&Name> {
        self.names.iter().rev().find(|name| name.from <= day).or(self.names.first())
    }

    /// The surname on a day.
    pub fn surname_on(&self, day: Day) -> Surname {
        self.name_on(day).map_or_else(|| Surname::plain(""), |name| name.family.clone())
    }

    /// Whether the person lives on a day.
    pub fn alive_on(&self, day: Day) -> bool {
        self.birth <= day && self.death.is_none_or(|death| death > day)
    }

    /// The eighteenth birthday.
    pub fn majority(&self) -> Day {
        self.birth.plus_years(18)
    }

    /// The first day from which the person can have been in Estonia.
    pub fn here_since(&self) -> Day {
        self.arrived.unwrap_or(self.birth)
    }
}

/// How a couple ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// They divorced.
    Divorce,
    /// They parted; they were not married.
    Parting,
    /// One of them died.
    Death,
}

/// A couple, married or not.
#[derive(Clone, Copy, Debug)]
pub struct Couple {
    /// The woman.
    pub woman: Seat,
    /// The man.
    pub man: Seat,
    /// Since when they live together.
    pub from: Day,
    /// When they married.
    pub married: Option<Day>,
    /// When and how it ended.
    pub ended: Option<(Day, Ending)>,
}

impl Couple {
    /// Whether a person is half of it.
    pub fn has(&self, seat: Seat) -> bool {
        self.woman == seat || self.man == seat
    }

    /// The other half.
    pub fn other(&self, seat: Seat) -> Seat {
        if self.woman == seat { self.man } else { self.woman }
    }
}

/// People who belong together. Every kinship in the register lies inside one family.
#[derive(Clone, Default, Debug)]
pub struct Family {
    members: Vec<Member>,
    /// The couples, in the order in which they met.
    pub couples: Vec<Couple>,
}

#[expect(clippy::indexing_slicing, reason = "a seat is handed out by `add` only, and no member ever leaves")]
impl Family {
    /// The member in a seat.
    pub fn at(&self, seat: Seat) -> &Member {
        &self.members[seat.0]
    }

    /// The member in a seat, to change.
    pub fn at_mut(&mut self, seat: Seat) -> &mut Member {
        &mut self.members[seat.0]
    }
}

impl Family {
    /// Adds a member.
    pub fn add(&mut self, member: Member) -> Seat {
        self.members.push(member);
        Seat(self.members.len() - 1)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Every seat, in the order of joining: parents come before their children.
    pub fn seats(&self) -> impl Iterator<Item = Seat> + use<> {
        (0..self.members.len()).map(Seat)
    }

    /// The couples of a person, in order.
    pub fn couples_of(&self, seat: Seat) -> impl Iterator<Item = &Couple> {
        self.couples.iter().filter(move |couple| couple.has(seat))
    }

    /// The children of a person.
    pub fn children_of(&self, parent: Seat) -> impl Iterator<Item = Seat> {
        self.seats().filter(move |&seat| self.parents_of(seat).contains(&Some(parent)))
    }

    /// Mother and father.
    pub fn parents_of(&self, child: Seat) -> [Option<Seat>; 2] {
        let member = self.at(child);
        [member.mother, member.father]
    }

    /// The couple whose child this is.
    pub fn couple_of_parents(&self, child: Seat) -> Option<&Couple> {
        let [Some(woman), Some(man)] = self.parents_of(child) else {
            return None;
        };
        self.couples.iter().find(|couple| couple.woman == woman && couple.man == man)
    }

    /// The couple that a person lives in now, if both live.
    pub fn partnership_now(&self, seat: Seat) -> Option<&Couple> {
        self.couples_of(seat).find(|couple| couple.ended.is_none())
    }
}
