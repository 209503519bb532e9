// SPDX-License-Identifier: Apache-2.0
//! The rows of `contact`: e-mail addresses in domains kept for examples, and invented telephone numbers.

use crate::{
    family::{Care, Member},
    names::ascii,
    record::{Cells, Record},
    source::Source,
};

/// A row of `contact`.
#[derive(Clone, Debug)]
pub struct Contact {
    person_id: i64,
    kind: &'static str,
    value: String,
}

impl Source {
    /// Draws the contact data of a person.
    pub(crate) fn contacts(&mut self, member: &Member) -> Vec<Contact> {
        let mut rows = Vec::new();
        let age = self.as_of.age(member.birth);
        if member.death.is_some() || (age < 13 && member.care == Care::Usual) {
            return rows;
        }
        let (email, phone) = match age {
            _ if member.care != Care::Usual => (100, 100),
            ..18 => (25, 45),
            18..75 => (85, 92),
            _ => (30, 70),
        };
        let person_id = member.id;
        if self.dice.percent(email) {
            let name = member.names.last();
            let given = name.map_or_else(String::new, |name| ascii(&name.given));
            let family = name.map_or_else(String::new, |name| ascii(name.family.form(member.sex)));
            let domain = self.dice.pick(&["example.ee", "example.ee", "example.com"]);
            rows.push(Contact {
                person_id,
                kind: "email",
                value: format!("{given}.{family}.{person_id}@{domain}"),
            });
        }
        if self.dice.percent(phone) {
            let number = self.dice.between(0, 9_999_999);
            rows.push(Contact { person_id, kind: "phone", value: format!("+3725{number:07}") });
        }
        rows
    }
}

impl Record for Contact {
    const TABLE: &'static str = "contact";
    const COLUMNS: &'static [&'static str] = &["person_id", "kind", "value"];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.person_id)?;
        cells.text(self.kind)?;
        cells.text(&self.value)
    }
}
