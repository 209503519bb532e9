// SPDX-License-Identifier: Apache-2.0
//! From core's words to the interface's, borrowing wherever it can.

use jiff::civil::Date;
use paasla_core::{Attribute, Query, Term, Value};

use crate::{bindings::v0_1::exports::paasla::rule::ruling as wit, load::FactNeed};

/// One row to be reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowInput {
    /// The group it belongs to.
    pub group: Option<String>,
    /// Index of the row it stands under.
    pub parent: Option<u32>,
    /// Its facts, by name.
    pub facts: Vec<(String, Value)>,
    /// Raw values of fields that are shown in full: index into the query's fields, and the value.
    pub cells: Vec<(usize, Value)>,
}

/// A query in the interface's words. Holds the lists that the borrowed record points to.
pub(crate) struct QueryInput<'q> {
    query: &'q Query,
    client: String,
    purpose: Vec<&'q str>,
    basis: Vec<&'q str>,
    ground: Vec<&'q str>,
    services: Vec<&'q str>,
    reveals: Vec<Vec<&'q str>>,
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

    fn borrow(&self) -> wit::AttributeParam<'_> {
        wit::AttributeParam { name: &self.attribute.name, value: value(&self.attribute.value, &self.texts) }
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Texts(texts) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

fn broader(term: &Term) -> Vec<&str> {
    term.broader.iter().map(String::as_str).collect()
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

impl<'q> QueryInput<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let quota = |quota: &'q paasla_core::Quota| wit::Quota {
            window: quota.window.name(),
            persons: quota.persons,
        };
        Self {
            query,
            client: query.client.to_string(),
            purpose: broader(&query.purpose),
            basis: broader(&query.legal_basis),
            ground: query.special_ground.as_ref().map(broader).unwrap_or_default(),
            services: query.bundle.iter().flat_map(|b| b.services.iter().map(String::as_str)).collect(),
            reveals: query.fields.iter().map(|f| f.reveals.iter().map(String::as_str).collect()).collect(),
            quotas: query.grant.quotas.iter().map(quota).collect(),
            attributes: query.grant.attributes.iter().map(OwnedAttribute::new).collect(),
        }
    }

    /// Calls `f` with the borrowed record. `needs` are the facts that the rule declared; others are not told.
    pub(crate) fn with<R>(&self, needs: &[FactNeed], f: impl FnOnce(wit::Query<'_>) -> R) -> R {
        let query = self.query;
        let fields: Vec<wit::Field<'_>> = query
            .fields
            .iter()
            .zip(&self.reveals)
            .map(|(field, reveals)| wit::Field {
                name: &field.name,
                group: field.group.as_deref(),
                iri: &field.iri,
                category: &field.category,
                special: field.special,
                reveals,
            })
            .collect();
        let attributes: Vec<_> = self.attributes.iter().map(OwnedAttribute::borrow).collect();
        let known = |need: &FactNeed| query.facts.iter().find(|fact| fact.name == need.name);
        let held: Vec<_> = needs.iter().map(|need| known(need).map(OwnedAttribute::new)).collect();
        let facts: Vec<_> = needs
            .iter()
            .zip(&held)
            .map(|(need, fact)| match fact {
                Some(fact) => fact.borrow(),
                None => wit::AttributeParam { name: &need.name, value: wit::ValueParam::Absent },
            })
            .collect();
        f(wit::Query {
            id: &query.id,
            instant: query.instant,
            date: days(query.date),
            channel: &query.channel,
            service: &query.service,
            version: query.version,
            client: &self.client,
            represented: query.represented.as_deref(),
            official: query.official.as_deref(),
            agent: query.agent.as_deref(),
            case_reference: query.case.as_deref(),
            purpose: wit::Term { iri: &query.purpose.iri, broader: &self.purpose },
            legal_basis: wit::Term { iri: &query.legal_basis.iri, broader: &self.basis },
            special_ground: query
                .special_ground
                .as_ref()
                .map(|ground| wit::Term { iri: &ground.iri, broader: &self.ground }),
            provision: query.provision.as_deref(),
            bundle: query.bundle.as_ref().map(|bundle| wit::Bundle {
                id: &bundle.id,
                action: &bundle.action,
                services: &self.services,
            }),
            subjects: wit::Subjects { kind: &query.subjects.kind, count: query.subjects.count },
            fields: &fields,
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
    row: &'r RowInput,
    facts: Vec<(&'r Value, Vec<&'r str>)>,
    cells: Vec<(u32, &'r Value, Vec<&'r str>)>,
}

impl<'r> RowsInput<'r> {
    pub(crate) fn new(rows: &'r [RowInput], needs: &[FactNeed], reads: impl Fn(usize) -> bool) -> Self {
        let fact = |row: &'r RowInput, need: &FactNeed| {
            let found = row.facts.iter().find(|(name, _)| *name == need.name);
            let value = found.map_or(&Value::Absent, |(_, value)| value);
            (value, texts(value))
        };
        let parts = |row: &'r RowInput| RowParts {
            row,
            facts: needs.iter().map(|need| fact(row, need)).collect(),
            cells: row
                .cells
                .iter()
                .filter(|(field, _)| reads(*field))
                .map(|(field, value)| (u32::try_from(*field).unwrap_or(u32::MAX), value, texts(value)))
                .collect(),
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
                group: parts.row.group.as_deref(),
                parent: parts.row.parent,
                facts,
                cells,
            })
            .collect();
        f(&rows)
    }
}
