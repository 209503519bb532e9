// SPDX-License-Identifier: Apache-2.0
//! The rows of a person: the person, the names they bore before, their citizenships.

use paasla_core::text::fold_name;

use crate::{
    day::Day,
    dice::Dice,
    family::{Care, Ending, Family, Member, Reason, Seat},
    heritage::{Country, ESTONIA},
    record::{Cells, Record},
    sex::Sex,
    source::Source,
};

/// A row of `person`.
#[derive(Clone, Debug)]
pub struct Person {
    member: Member,
    marital_status: &'static str,
    education: &'static str,
    mother_tongue: &'static str,
    legal_capacity_restricted: bool,
    residence_address_id: Option<i64>,
}

/// A row of `name_history`: a name that a person bore before the present one.
#[derive(Clone, Debug)]
pub struct FormerName {
    person_id: i64,
    sex: Sex,
    name: crate::family::Name,
    until: Day,
    reason: Reason,
}

/// A row of `citizenship`.
#[derive(Clone, Copy, Debug)]
pub struct Citizenship {
    person_id: i64,
    country: Country,
    from: Day,
    until: Option<Day>,
}

impl Source {
    /// Draws what the family does not know about a person.
    pub(crate) fn person_record(&mut self, family: &Family, seat: Seat, home: Option<i64>) -> Person {
        let member = family.at(seat).clone();
        let age = member.death.unwrap_or(self.as_of).age(member.birth);
        let childless = family.children_of(seat).next().is_none();
        let chance = self.dice.permille(6);
        Person {
            marital_status: marital_status(family, seat),
            education: education(&mut self.dice, age, member.care),
            mother_tongue: member.heritage.mother_tongue(&mut self.dice),
            legal_capacity_restricted: chance && childless && age >= 18 && member.care == Care::Usual,
            residence_address_id: home,
            member,
        }
    }

    /// Draws the citizenships of a person.
    pub(crate) fn citizenships(&mut self, member: &Member) -> Vec<Citizenship> {
        let (person_id, until) = (member.id, member.death);
        let last = member.death.unwrap_or(self.as_of);
        let mut rows = Vec::new();
        let Some(main) = member.citizenship else {
            return rows;
        };
        let foreign = member.birth_country != ESTONIA
            && main == ESTONIA
            && !member.heritage.nationality().eq("estonian");
        let changed = if foreign { self.dice.day(member.here_since(), last) } else { member.birth };
        if foreign && changed > member.birth {
            let country = member.birth_country;
            rows.push(Citizenship { person_id, country, from: member.birth, until: Some(changed) });
        }
        rows.push(Citizenship { person_id, country: main, from: changed, until });
        if self.dice.permille(14) {
            let second = self.dice.pick(&["246", "752", "643", "840", "826", "276", "804"]);
            if rows.iter().all(|row| row.country != second) {
                let from = self.dice.day(member.birth, last);
                rows.push(Citizenship { person_id, country: second, from, until });
            }
        }
        rows
    }
}

/// The names that a person bore before the present one.
pub(crate) fn former_names(member: &Member) -> impl Iterator<Item = FormerName> {
    member.names.iter().zip(member.names.iter().skip(1)).filter_map(|(name, next)| {
        Some(FormerName {
            person_id: member.id,
            sex: member.sex,
            name: name.clone(),
            until: next.from,
            reason: next.reason?,
        })
    })
}

/// The marital status, by the last marriage.
fn marital_status(family: &Family, seat: Seat) -> &'static str {
    let death = family.at(seat).death;
    match family.couples_of(seat).filter(|couple| couple.married.is_some()).last().map(|couple| couple.ended)
    {
        None => "single",
        Some(None) => "married",
        Some(Some((day, Ending::Death))) if death == Some(day) => "married",
        Some(Some((_, Ending::Death))) => "widowed",
        Some(Some(_)) => "divorced",
    }
}

/// Draws the highest education that a person of this age can have completed.
fn education(dice: &mut Dice, age: i32, care: Care) -> &'static str {
    let drawn = dice.weighted(&[
        ("basic", 12),
        ("secondary", 27),
        ("vocational", 25),
        ("bachelor", 16),
        ("master", 14),
        ("doctorate", 1),
        ("unknown", 5),
    ]);
    match (age, drawn.unwrap_or("unknown")) {
        (..13, _) => "none",
        (13..16, _) => "primary",
        (16..19, _) => "basic",
        (19..22, "bachelor" | "master" | "doctorate") | (22..24, "master" | "doctorate") => "secondary",
        (24..28, "doctorate") => "master",
        (_, "unknown") if care != Care::Usual => "secondary",
        (_, word) => word,
    }
}

impl Record for Person {
    const TABLE: &'static str = "person";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "personal_code",
        "given_name",
        "family_name",
        "birth_family_name",
        "sex",
        "birth_date",
        "birth_country",
        "birth_place",
        "status",
        "death_date",
        "death_place",
        "main_citizenship",
        "marital_status",
        "education",
        "mother_tongue",
        "ethnic_nationality",
        "legal_capacity_restricted",
        "residence_address_id",
        "given_name_folded",
        "family_name_folded",
    ];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        let member = &self.member;
        let (first, last) = (member.names.first(), member.names.last());
        cells.number(member.id)?;
        cells.text(member.code.as_str())?;
        cells.text(last.map_or("", |name| &name.given))?;
        cells.text(last.map_or("", |name| name.family.form(member.sex)))?;
        cells.text(first.map_or("", |name| name.family.form(member.sex)))?;
        cells.text(member.sex.letter())?;
        cells.day(member.birth)?;
        cells.text(member.birth_country)?;
        cells.text(member.birth_place)?;
        cells.text(if member.death.is_some() { "S" } else { "E" })?;
        cells.day_or_null(member.death)?;
        cells.text_or_null(member.death.map(|_| member.home.stem()))?;
        cells.text_or_null(member.citizenship)?;
        cells.text(self.marital_status)?;
        cells.text(self.education)?;
        cells.text(self.mother_tongue)?;
        cells.text(member.heritage.nationality())?;
        cells.number(i64::from(self.legal_capacity_restricted))?;
        cells.number_or_null(self.residence_address_id)?;
        cells.text(&fold_name(last.map_or("", |name| &name.given)))?;
        cells.text(&fold_name(last.map_or("", |name| name.family.form(member.sex))))
    }
}

impl Record for FormerName {
    const TABLE: &'static str = "name_history";
    const COLUMNS: &'static [&'static str] =
        &["person_id", "given_name", "family_name", "valid_from", "valid_until", "reason"];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.person_id)?;
        cells.text(&self.name.given)?;
        cells.text(self.name.family.form(self.sex))?;
        cells.day(self.name.from)?;
        cells.day(self.until)?;
        cells.text(self.reason.word())
    }
}

impl Record for Citizenship {
    const TABLE: &'static str = "citizenship";
    const COLUMNS: &'static [&'static str] = &["person_id", "country", "valid_from", "valid_until"];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.person_id)?;
        cells.text(self.country)?;
        cells.day(self.from)?;
        cells.day_or_null(self.until)
    }
}
