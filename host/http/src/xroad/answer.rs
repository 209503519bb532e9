// SPDX-License-Identifier: Apache-2.0
//! The answer to a query: what was decided, and the rows, which are `records` on the wire.
//!
//! A field that is hidden or redacted is left out of its row, and a masked one holds what the mask leaves. So `null`
//! says one thing only: the register has no value. Why a field is left out the decision says.
//!
//! An answer is written as it is read, field by field, without a tree of it in memory: a tree costs several times what
//! writing costs. So nothing below may put a name into one object twice. No field is asked for twice, and no group has
//! the name of a field.

use std::collections::BTreeSet;

use paasla_core::{Attribute, FieldDecision, Mask, Obligation, Reason, Value, Visibility};
use serde::{Serialize, Serializer};

use paasla_app::answer::{Answer, AnswerField, AnswerRow, Cell};

/// The whole answer.
pub(super) fn shape<'a>(answer: &'a Answer) -> impl Serialize + use<'a> {
    Body {
        decision: Decision {
            id: &answer.id,
            generation: answer.generation,
            purpose: &answer.purpose,
            legal_basis: &answer.legal_basis,
            fields: Fields(&answer.fields),
            obligations: answer.obligations.iter().map(ObligationBody::of).collect(),
            rows: differing(answer),
        },
        records: Rows(answer),
        more: answer.more,
    }
}

#[derive(Serialize)]
struct Body<'a> {
    decision: Decision<'a>,
    records: Rows<'a>,
    more: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decision<'a> {
    id: &'a str,
    generation: u64,
    purpose: &'a str,
    legal_basis: &'a str,
    fields: Fields<'a>,
    obligations: Vec<ObligationBody<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Differing<'a>>,
}

/// Every field asked for, with what may be seen of it.
pub(super) struct Fields<'a>(pub(super) &'a [AnswerField]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|field| (&field.name, Seen::of(&field.decision))))
    }
}

/// What may be seen of a field, and why not more.
#[derive(Serialize)]
struct Seen<'a> {
    visibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<&'a BTreeSet<Reason>>,
}

impl<'a> Seen<'a> {
    fn of(decision: &'a FieldDecision) -> Self {
        let narrowed = decision.visibility != Visibility::Show && !decision.reasons.is_empty();
        Self { visibility: decision.visibility.name(), reasons: narrowed.then_some(&decision.reasons) }
    }
}

/// An obligation that the client has to observe.
#[derive(Serialize)]
pub(super) struct ObligationBody<'a> {
    code: &'a str,
    attributes: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    value: Plain<'a>,
}

impl<'a> ObligationBody<'a> {
    pub(super) fn of(obligation: &'a Obligation) -> Self {
        let named = |Attribute { name, value }: &'a Attribute| Named { name, value: Plain(value) };
        Self { code: &obligation.code, attributes: obligation.attributes.iter().map(named).collect() }
    }
}

/// One row of which less is shown than the decision says.
#[derive(Serialize)]
struct Differing<'a> {
    #[serde(rename = "record")]
    place: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    fields: Narrowed<'a>,
}

/// The fields that are shown less.
struct Narrowed<'a> {
    answer: &'a Answer,
    cells: &'a [(usize, Cell)],
}

impl<'a> Narrowed<'a> {
    fn all(&self) -> impl Iterator<Item = (&'a str, Seen<'a>)> {
        let answer = self.answer;
        let narrowed = move |(index, cell): &'a (usize, Cell)| {
            Some((answer.fields.get(*index)?.name.as_str(), Seen::of(cell.narrowed.as_ref()?)))
        };
        self.cells.iter().filter_map(narrowed)
    }
}

impl Serialize for Narrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.all())
    }
}

fn differing<'a>(answer: &'a Answer) -> Vec<Differing<'a>> {
    let mut rows = Vec::new();
    for (place, found) in answer.rows.iter().enumerate() {
        let mut add = |group, row, cells| {
            let fields = Narrowed { answer, cells };
            if fields.all().next().is_some() {
                rows.push(Differing { place, group, row, fields });
            }
        };
        add(None, None, &*found.cells);
        for (group, cells) in &found.groups {
            for (row, cells) in cells.iter().enumerate() {
                add(Some(group.as_str()), Some(row), cells);
            }
        }
    }
    rows
}

struct Rows<'a>(&'a Answer);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows.iter().map(|row| Row { answer: self.0, row }))
    }
}

/// One row, its members in the order asked; a group where its first field was asked for.
struct Row<'a> {
    answer: &'a Answer,
    row: &'a AnswerRow,
}

impl<'a> Row<'a> {
    fn members(&self) -> impl Iterator<Item = (&'a str, Member<'a>)> {
        let Self { answer, row } = *self;
        let member = move |(index, field): (usize, &'a AnswerField)| {
            let Some(group) = field.group.as_deref() else {
                return Some((field.name.as_str(), Member::Value(shown(index, &row.cells)?)));
            };
            let before = answer.fields.iter().take(index);
            if before.filter_map(|field| field.group.as_deref()).any(|other| other == group) {
                return None;
            }
            let (_, rows) = row.groups.iter().find(|(name, _)| *name == group)?;
            Some((group, Member::Rows(rows.iter().map(|cells| GroupRow { answer, group, cells }).collect())))
        };
        answer.fields.iter().enumerate().filter_map(member)
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members())
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Value(Plain<'a>),
    Rows(Vec<GroupRow<'a>>),
}

/// One row of a group.
struct GroupRow<'a> {
    answer: &'a Answer,
    group: &'a str,
    cells: &'a [(usize, Cell)],
}

impl Serialize for GroupRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.answer.fields.iter().enumerate();
        let own = fields.filter(|(_, field)| field.group.as_deref() == Some(self.group));
        serializer.collect_map(own.filter_map(|(index, field)| {
            let short = field.name.strip_prefix(self.group).and_then(|name| name.strip_prefix('.'));
            Some((short.unwrap_or(&field.name), shown(index, self.cells)?))
        }))
    }
}

/// The value of a field of which anything is disclosed.
fn shown(index: usize, cells: &[(usize, Cell)]) -> Option<Plain<'_>> {
    let (_, cell) = cells.iter().find(|(of, _)| *of == index)?;
    let is_disclosed = !matches!(cell.visibility, Visibility::Hide | Visibility::Masked(Mask::Redact));
    is_disclosed.then_some(Plain(&cell.value))
}

/// A value as [`Value::to_json`] has it.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Absent => serializer.serialize_unit(),
            Value::Truth(truth) => serializer.serialize_bool(*truth),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Date(date) => serializer.collect_str(date),
            Value::Texts(texts) => serializer.collect_seq(texts),
        }
    }
}
