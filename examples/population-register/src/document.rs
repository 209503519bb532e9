// SPDX-License-Identifier: Apache-2.0
//! The rows of `document`: identity cards, passports, residence permits. The number series are ours.

use crate::{
    day::Day,
    family::{Care, Member},
    heritage::{ESTONIA, in_european_union},
    record::{Cells, Record},
    source::Source,
};

/// Identity cards are issued since then.
const FIRST_CARDS: i16 = 2002;

/// A kind of document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    IdCard,
    Passport,
    Permit,
}

/// A row of `document`.
#[derive(Clone, Copy, Debug)]
pub struct Document {
    person_id: i64,
    kind: Kind,
    number: u32,
    issued: Day,
    until: Day,
    status: &'static str,
}

impl Source {
    /// Draws the documents of a person.
    pub(crate) fn documents(&mut self, member: &Member) -> Vec<Document> {
        let mut rows = Vec::new();
        if let Some(death) = member.death {
            if member.care != Care::Usual || self.dice.percent(40) {
                rows.extend(self.document(member, Kind::IdCard, death, 5, Some("revoked")));
            }
            return rows;
        }
        let (today, age) = (self.as_of, self.as_of.age(member.birth));
        let (cast, adult) = (member.care != Care::Usual, age >= 15);
        let citizen = member.citizenship == Some(ESTONIA);
        let european = member.citizenship.is_some_and(in_european_union);
        if european && (cast || self.dice.percent(if adult { 96 } else { 55 })) {
            let card = self.document(member, Kind::IdCard, today, 5, None);
            if let Some(card) = card.filter(|_| age > 25 && self.dice.percent(25)) {
                // The card before this one.
                let before = card.issued.plus_days(-self.dice.between(0, 20));
                rows.extend(self.document(member, Kind::IdCard, before, 5, Some("expired")));
            }
            rows.extend(card);
        }
        let alien = member.citizenship.is_none();
        let passport = if alien { 85 } else { 55 };
        if (citizen || alien) && (cast || self.dice.percent(passport)) {
            let years = if adult { 10 } else { 5 };
            rows.extend(self.document(member, Kind::Passport, today, years, None));
        }
        if !european {
            rows.extend(self.document(member, Kind::Permit, today, 5, None));
        }
        rows
    }

    /// A document of the last years before a day. It is valid on that day, unless its status is given.
    fn document(
        &mut self,
        member: &Member,
        kind: Kind,
        day: Day,
        years: i32,
        status: Option<&'static str>,
    ) -> Option<Document> {
        let (earliest, latest) = match status {
            // An expired document ran out on or shortly before the day.
            Some("expired") => (day.plus_years(-years), day.plus_years(-years)),
            _ => (day.plus_years(-years).plus_days(1), day),
        };
        let issued = self.dice.day(earliest.max(member.here_since()), latest);
        if issued > latest || issued < member.here_since() || issued.year() < FIRST_CARDS {
            return None;
        }
        let until = issued.plus_years(years);
        let lapsed = until < self.as_of;
        let usual = if lapsed { "expired" } else { "valid" };
        let status = status.filter(|&word| word != "expired" || lapsed).unwrap_or(usual);
        Some(Document { person_id: member.id, kind, number: self.document_number(), issued, until, status })
    }
}

impl Record for Document {
    const TABLE: &'static str = "document";
    const COLUMNS: &'static [&'static str] =
        &["person_id", "kind", "number", "issuer", "issued_on", "valid_until", "status"];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        let (kind, series) = match self.kind {
            Kind::IdCard => ("id-card", "ZA"),
            Kind::Passport => ("passport", "ZP"),
            Kind::Permit => ("residence-permit", "ZR"),
        };
        cells.number(self.person_id)?;
        cells.text(kind)?;
        cells.text(&format!("{series}{:07}", self.number))?;
        cells.text("Politsei- ja Piirivalveamet")?;
        cells.day(self.issued)?;
        cells.day(self.until)?;
        cells.text(self.status)
    }
}
