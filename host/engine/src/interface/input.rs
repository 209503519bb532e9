// SPDX-License-Identifier: Apache-2.0
//! From core's words to the interface's, borrowing wherever it can.

use jiff::civil::Date;
use paasla_core::{Attribute, Query, Register, Term, Value};

use super::{
    about::{About, FactNeed},
    bindings::v0_1::exports::paasla::rule::ruling as wit,
};

/// One row to be reviewed, as a rule may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowInput {
    /// The group it belongs to.
    pub group: Option<String>,
    /// Index of the row it stands under.
    pub parent: Option<u32>,
    /// Its facts, by name. What the rule may not be told is not in it.
    pub facts: Vec<(String, Value)>,
    /// Raw values that the rule may be told: index into the query's fields, and the value.
    pub cells: Vec<(usize, Value)>,
}

/// What a register holds, in the interface's words.
pub(crate) struct RegisterInput<'r> {
    register: &'r Register,
    reveals: Vec<Vec<&'r str>>,
}

/// A query in the interface's words, made once for all the policies that rule on it. Holds the lists that the borrowed
/// record points to.
pub(crate) struct QueryInput<'q> {
    pub(crate) query: &'q Query,
    fields: Vec<u32>,
    purpose: Vec<&'q str>,
    basis: Vec<&'q str>,
    ground: Vec<&'q str>,
    bundle: Vec<&'q str>,
    quotas: Vec<wit::Quota<'q>>,
    attributes: Vec<OwnedAttribute<'q>>,
}

/// An attribute whose list of texts, if it has one, lives here.
struct OwnedAttribute<'q> {
    attribute: &'q Attribute,
    texts: Vec<&'q str>,
}

impl<'q> OwnedAttribute<'q> {
    fn new(attribute: &'q Attribute) -> Self {
        Self { attribute, texts: texts(&attribute.value) }
    }

    fn value(&self) -> wit::ValueParam<'_> {
        value(&self.attribute.value, &self.texts)
    }

    fn borrow(&self) -> wit::AttributeParam<'_> {
        wit::AttributeParam { name: &self.attribute.name, value: self.value() }
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Texts(texts) => strs(texts),
        _ => Vec::new(),
    }
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Days since 1970-01-01.
pub(crate) fn days(date: Date) -> i32 {
    let epoch = Date::constant(1970, 1, 1);
    epoch.until(date).map_or(0, |span| span.get_days())
}

pub(crate) fn value<'a>(value: &'a Value, texts: &'a [&'a str]) -> wit::ValueParam<'a> {
    match value {
        Value::Absent => wit::ValueParam::Absent,
        Value::Truth(truth) => wit::ValueParam::Truth(*truth),
        Value::Integer(number) => wit::ValueParam::Integer(*number),
        Value::Text(text) => wit::ValueParam::Text(text),
        Value::Date(date) => wit::ValueParam::Date(days(*date)),
        Value::Texts(_) => wit::ValueParam::Texts(texts),
    }
}

impl<'r> RegisterInput<'r> {
    pub(crate) fn new(register: &'r Register) -> Self {
        let reveals = register.fields().iter().map(|known| strs(&known.field.reveals)).collect();
        Self { register, reveals }
    }

    /// Calls `f` with the borrowed record.
    pub(crate) fn with<R>(&self, f: impl FnOnce(wit::Register<'_>) -> R) -> R {
        let known = self.register.fields().iter().zip(&self.reveals);
        let fields: Vec<wit::Field<'_>> = known
            .map(|(known, reveals)| wit::Field {
                entity: &known.entity,
                group: known.field.group.as_deref(),
                name: &known.field.name,
                iri: &known.field.iri,
                category: &known.field.category,
                reveals,
                special: known.field.special,
            })
            .collect();
        let facts = self.register.row_facts().iter();
        let row_facts: Vec<wit::RowFact<'_>> = facts
            .map(|fact| wit::RowFact {
                entity: &fact.entity,
                name: &fact.name,
                kind: fact.kind,
                category: fact.category.as_deref(),
            })
            .collect();
        f(wit::Register { fields: &fields, row_facts: &row_facts })
    }
}

fn term<'a>(term: &'a Term, broader: &'a [&'a str]) -> wit::Term<'a> {
    wit::Term { iri: &term.iri, broader }
}

impl<'q> QueryInput<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let quotas = query.grant.quotas.iter();
        let quotas = quotas.map(|quota| wit::Quota { window: quota.window.name(), persons: quota.persons });
        Self {
            query,
            fields: query.fields.iter().map(|field| field.index).collect(),
            purpose: strs(&query.purpose.broader),
            basis: strs(&query.legal_basis.broader),
            ground: query.special_ground.as_ref().map(|ground| strs(&ground.broader)).unwrap_or_default(),
            bundle: query.bundle.as_ref().map(|bundle| strs(&bundle.services)).unwrap_or_default(),
            quotas: quotas.collect(),
            attributes: query.grant.attributes.iter().map(OwnedAttribute::new).collect(),
        }
    }

    /// Calls `f` with the borrowed record. Of the query's facts it holds those that the rule declared.
    pub(crate) fn with<R>(&self, about: &About, f: impl FnOnce(wit::Query<'_>) -> R) -> R {
        let query = self.query;
        let attributes: Vec<_> = self.attributes.iter().map(OwnedAttribute::borrow).collect();
        let known = |need: &FactNeed| query.facts.iter().find(|fact| fact.name == need.name);
        let held: Vec<_> = about.facts.iter().map(|need| known(need).map(OwnedAttribute::new)).collect();
        let facts =
            held.iter().map(|fact| fact.as_ref().map_or(wit::ValueParam::Absent, OwnedAttribute::value));
        let facts: Vec<_> = facts.collect();
        f(wit::Query {
            id: &query.id,
            instant: query.instant,
            utc_offset: query.utc_offset,
            date: days(query.date),
            channel: &query.channel,
            service: &query.service,
            version: query.version,
            client: query.client.as_str(),
            represented: query.represented.as_deref(),
            official: query.official.as_deref(),
            agent: query.agent.as_deref(),
            case_reference: query.case.as_deref(),
            purpose: term(&query.purpose, &self.purpose),
            legal_basis: term(&query.legal_basis, &self.basis),
            special_ground: query.special_ground.as_ref().map(|ground| term(ground, &self.ground)),
            provision: query.provision.as_deref(),
            bundle: query.bundle.as_ref().map(|bundle| wit::Bundle {
                id: &bundle.id,
                action: &bundle.action,
                services: &self.bundle,
            }),
            subjects: wit::Subjects { kind: &query.subjects.kind, count: query.subjects.count },
            fields: &self.fields,
            grant: wit::Grant {
                id: &query.grant.id,
                reference: query.grant.reference.as_deref(),
                quotas: &self.quotas,
                attributes: &attributes,
            },
            facts: &facts,
        })
    }
}

/// Rows in the interface's words: facts in the order that the rule declared them, raw values of the categories
/// it reads.
pub(crate) struct RowsInput<'r> {
    rows: Vec<RowParts<'r>>,
}

struct RowParts<'r> {
    parent: Option<u32>,
    group: Option<&'r str>,
    facts: Vec<(&'r Value, Vec<&'r str>)>,
    cells: Vec<(u32, &'r Value, Vec<&'r str>)>,
}

impl<'r> RowsInput<'r> {
    /// `query` is the one that the rows were read for.
    pub(crate) fn new(
        query: &Query,
        rows: &'r [RowInput],
        needs: &[FactNeed],
        reads: impl Fn(usize) -> bool,
    ) -> Self {
        let fact = |row: &'r RowInput, need: &FactNeed| {
            let found = row.facts.iter().find(|(name, _)| *name == need.name);
            let value = found.map_or(&Value::Absent, |(_, value)| value);
            (value, texts(value))
        };
        let cell = |(place, value): &'r (usize, Value)| {
            let field = query.fields.get(*place).filter(|_| reads(*place))?;
            Some((field.index, value, texts(value)))
        };
        let parts = |row: &'r RowInput| RowParts {
            parent: row.parent,
            group: row.group.as_deref(),
            facts: needs.iter().map(|need| fact(row, need)).collect(),
            cells: row.cells.iter().filter_map(cell).collect(),
        };
        Self { rows: rows.iter().map(parts).collect() }
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&[wit::Row<'_>]) -> R) -> R {
        let facts: Vec<Vec<_>> =
            self.rows.iter().map(|r| r.facts.iter().map(|(v, t)| value(v, t)).collect()).collect();
        let cells: Vec<Vec<_>> = self
            .rows
            .iter()
            .map(|r| r.cells.iter().map(|(f, v, t)| wit::Cell { field: *f, value: value(v, t) }).collect())
            .collect();
        let rows: Vec<wit::Row<'_>> = self
            .rows
            .iter()
            .zip(facts.iter().zip(&cells))
            .map(|(parts, (facts, cells))| wit::Row {
                group: parts.group,
                parent: parts.parent,
                facts,
                cells,
            })
            .collect();
        f(&rows)
    }
}
