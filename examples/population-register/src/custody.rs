// SPDX-License-Identifier: Apache-2.0
//! The rows of `custody`: who cares for a child and the child's property.

use crate::{
    day::Day,
    family::{Care, Ending, Family, Seat},
    record::{Cells, Record},
    source::Source,
};

/// Custody that ended longer ago than this many years is not kept.
const YEARS_KEPT: i32 = 4;

/// Guardians do not become older than this.
const OLDEST_GUARDIAN: i32 = 80;

const INSTITUTIONS: &[&str] = &[
    "SA Näidis-Lastekodu (väljamõeldud)",
    "MTÜ Näidiskodu (väljamõeldud)",
    "Näidise Vallavalitsus (väljamõeldud)",
    "Näidislinna Linnavalitsus (väljamõeldud)",
];

/// What custody is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `H10`: the person of the child.
    Person,
    /// `H20`: the property of the child.
    Property,
}

/// Who holds custody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A parent or a guardian.
    Person(Seat),
    /// An institution, which has no personal code.
    Institution(&'static str),
}

/// Custody over a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tie {
    /// The child.
    pub child: Seat,
    /// Who holds it.
    pub holder: Holder,
    /// Over what.
    pub kind: Kind,
    /// Since when.
    pub from: Day,
    /// When it ended; none while it is valid.
    pub until: Option<Day>,
}

/// A row of `custody`.
#[derive(Clone, Copy, Debug)]
pub struct Custody {
    person_id: i64,
    other_person_id: Option<i64>,
    other_institution: Option<&'static str>,
    role: &'static str,
    kind: Kind,
    from: Day,
    until: Option<Day>,
}

impl Source {
    /// Draws the custody over every child of a family.
    pub fn custody(&mut self, family: &Family) -> Vec<Tie> {
        let mut ties = Vec::new();
        for child in family.seats() {
            let member = family.at(child);
            let childhood = member.death.map_or(member.majority(), |death| death.min(member.majority()));
            if childhood > self.as_of.plus_years(-YEARS_KEPT) {
                let mut own = self.parents(family, child, childhood);
                if childhood > self.as_of {
                    self.guardians(family, child, &mut own);
                }
                ties.append(&mut own);
            }
        }
        ties
    }

    /// Custody of the parents: from birth, until it ends.
    fn parents(&mut self, family: &Family, child: Seat, childhood: Day) -> Vec<Tie> {
        let birth = family.at(child).birth;
        let loss = self.loss(family, child, childhood);
        let withdrawn = self.withdrawal(family, child, childhood);
        let mut ties = Vec::new();
        for parent in family.parents_of(child).into_iter().flatten() {
            for kind in [Kind::Person, Kind::Property] {
                let lost = loss.filter(|(loser, what, _)| *loser == parent && what.contains(&Some(kind)));
                let ends = [Some(childhood), family.at(parent).death, withdrawn, lost.map(|(_, _, day)| day)];
                let until = ends.into_iter().flatten().min().filter(|&day| day <= self.as_of);
                if until.is_none_or(|day| day > birth) {
                    ties.push(Tie { child, holder: Holder::Person(parent), kind, from: birth, until });
                }
            }
        }
        ties
    }

    /// Whether a parent loses custody when the couple parts: who, what and when.
    fn loss(
        &mut self,
        family: &Family,
        child: Seat,
        childhood: Day,
    ) -> Option<(Seat, [Option<Kind>; 2], Day)> {
        let couple = *family.couple_of_parents(child)?;
        let (end, how) = couple.ended?;
        let together = how == Ending::Death || end < family.at(child).birth;
        if together || !self.dice.percent(35) {
            return None;
        }
        let day = end.plus_days(self.dice.between(30, 400));
        let loser = if self.dice.percent(85) { couple.man } else { couple.woman };
        let keeper = family.at(couple.other(loser));
        let property = Some(Kind::Property).filter(|_| self.dice.percent(75));
        let possible = day < childhood && day <= self.as_of && keeper.alive_on(day);
        possible.then_some((loser, [Some(Kind::Person), property], day))
    }

    /// Rarely, a court takes custody from both parents.
    fn withdrawal(&mut self, family: &Family, child: Seat, childhood: Day) -> Option<Day> {
        let cast = |seat: Seat| family.at(seat).care != Care::Usual;
        let of_cast = cast(child) || family.parents_of(child).into_iter().flatten().any(cast);
        let birth = family.at(child).birth;
        let first = birth.plus_days(60);
        let possible = self.dice.permille(2) && !of_cast && childhood > self.as_of && first < self.as_of;
        possible.then(|| self.dice.day(first, self.as_of))
    }

    /// Finds a guardian for a child where nobody holds custody: a parent, else a grandparent, else an institution.
    fn guardians(&mut self, family: &Family, child: Seat, ties: &mut Vec<Tie>) {
        let birth = family.at(child).birth;
        for kind in [Kind::Person, Kind::Property] {
            let of_kind = || ties.iter().filter(|tie| tie.kind == kind);
            if of_kind().any(|tie| tie.until.is_none()) {
                continue;
            }
            let from = of_kind().filter_map(|tie| tie.until).max().unwrap_or(birth);
            let holder = self.guardian(family, child, ties, from);
            ties.push(Tie { child, holder, kind, from, until: None });
        }
    }

    fn guardian(&mut self, family: &Family, child: Seat, ties: &[Tie], from: Day) -> Holder {
        // Whoever already holds the other kind of custody takes this one too.
        if let Some(tie) = ties.iter().find(|tie| tie.until.is_none()) {
            return tie.holder;
        }
        let parents: Vec<Seat> = family.parents_of(child).into_iter().flatten().collect();
        // A parent who lost custody gets it back when the other one dies.
        let survivor = parents.iter().copied().find(|&seat| {
            let bereaved = parents.iter().any(|&other| other != seat && family.at(other).death == Some(from));
            bereaved && family.at(seat).alive_on(self.as_of)
        });
        let grandparent = parents.iter().flat_map(|&seat| family.parents_of(seat)).flatten().find(|&seat| {
            let member = family.at(seat);
            member.alive_on(self.as_of) && self.as_of.age(member.birth) < OLDEST_GUARDIAN
        });
        match survivor.or(grandparent) {
            Some(seat) => Holder::Person(seat),
            None => Holder::Institution(self.dice.pick(INSTITUTIONS)),
        }
    }
}

/// The rows of custody, in both directions where both are persons.
pub(crate) fn custodies(family: &Family, ties: &[Tie]) -> Vec<Custody> {
    let mut rows = Vec::with_capacity(ties.len() * 2);
    for &Tie { child, holder, kind, from, until } in ties {
        let child = family.at(child).id;
        let (holder, other_institution) = match holder {
            Holder::Person(seat) => (Some(family.at(seat).id), None),
            Holder::Institution(name) => (None, Some(name)),
        };
        let row = |person_id, other_person_id, role| Custody {
            person_id,
            other_person_id,
            other_institution,
            role,
            kind,
            from,
            until,
        };
        rows.push(row(child, holder, "child"));
        if let Some(holder) = holder {
            rows.push(row(holder, Some(child), "holder"));
        }
    }
    rows
}

impl Record for Custody {
    const TABLE: &'static str = "custody";
    const COLUMNS: &'static [&'static str] = &[
        "person_id",
        "other_person_id",
        "other_institution",
        "role",
        "kind",
        "status",
        "started_on",
        "ended_on",
    ];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.person_id)?;
        cells.number_or_null(self.other_person_id)?;
        cells.text_or_null(self.other_institution)?;
        cells.text(self.role)?;
        cells.text(match self.kind {
            Kind::Person => "H10",
            Kind::Property => "H20",
        })?;
        cells.text(if self.until.is_some() { "H2" } else { "H1" })?;
        cells.day(self.from)?;
        cells.day_or_null(self.until)
    }
}
