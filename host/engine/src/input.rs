// SPDX-License-Identifier: Apache-2.0
//! From core's words to the interface's, borrowing wherever it can.

use jiff::civil::Date;
use paasla_core::{Attribute, Field, Query, Term, Value};

use crate::{
    about::{About, FactNeed, Want},
    bindings::v0_1::exports::paasla::rule::ruling as wit,
};

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

/// A query in the interface's words, made once for all the policies that rule on it. Holds the lists that the
/// borrowed record points to.
pub(crate) struct QueryInput<'q> {
    pub(crate) query: &'q Query,
    client: String,
    purpose: Vec<&'q str>,
    basis: Vec<&'q str>,
    ground: Vec<&'q str>,
    services: Vec<&'q str>,
    categories: Vec<&'q str>,
    groups: Vec<&'q str>,
    fields: Vec<wit::Field>,
    reveals: Vec<wit::Revealed>,
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

/// The place of a text in a list that holds each once. Such lists are short.
fn place<'q>(list: &mut Vec<&'q str>, text: &'q str) -> u32 {
    let place = list.iter().position(|known| *known == text).unwrap_or_else(|| {
        list.push(text);
        list.len() - 1
    });
    index(place)
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl<'q> QueryInput<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let (mut categories, mut groups, mut reveals) = (Vec::with_capacity(16), Vec::new(), Vec::new());
        let fields = (0..).zip(&query.fields).map(|(number, field)| {
            let category = place(&mut categories, &field.category);
            let group = field.group.as_deref().map(|group| place(&mut groups, group));
            for revealed in &field.reveals {
                reveals.push(wit::Revealed { field: number, category: place(&mut categories, revealed) });
            }
            wit::Field { category, group, special: field.special }
        });
        let fields = fields.collect();
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
            categories,
            groups,
            fields,
            reveals,
            quotas: query.grant.quotas.iter().map(quota).collect(),
            attributes: query.grant.attributes.iter().map(OwnedAttribute::new).collect(),
        }
    }

    /// Calls `f` with the borrowed record. What the rule's description does not ask for is not told.
    pub(crate) fn with<R>(&self, about: &About, f: impl FnOnce(wit::Query<'_>) -> R) -> R {
        let (query, needs) = (self.query, &about.facts);
        let texts_if = |want, text: fn(&Field) -> &str| -> Vec<&str> {
            let wanted = about.wants.contains(&want);
            query.fields.iter().filter(|_| wanted).map(text).collect()
        };
        let names = texts_if(Want::FieldNames, |field| &field.name);
        let meanings = texts_if(Want::FieldMeanings, |field| &field.iri);
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
            categories: &self.categories,
            groups: &self.groups,
            fields: &self.fields,
            reveals: &self.reveals,
            names: &names,
            meanings: &meanings,
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
    group: Option<u32>,
    facts: Vec<(&'r Value, Vec<&'r str>)>,
    cells: Vec<(u32, &'r Value, Vec<&'r str>)>,
}

impl<'r> RowsInput<'r> {
    /// `query` is the one that the rows were read for.
    pub(crate) fn new(
        query: &QueryInput<'_>,
        rows: &'r [RowInput],
        needs: &[FactNeed],
        reads: impl Fn(usize) -> bool,
    ) -> Self {
        // Rows are read for groups that the query asks for; another's number would make a rule trap.
        let group = |name: &str| query.groups.iter().position(|group| *group == name).map_or(u32::MAX, index);
        let fact = |row: &'r RowInput, need: &FactNeed| {
            let found = row.facts.iter().find(|(name, _)| *name == need.name);
            let value = found.map_or(&Value::Absent, |(_, value)| value);
            (value, texts(value))
        };
        let parts = |row: &'r RowInput| RowParts {
            parent: row.parent,
            group: row.group.as_deref().map(group),
            facts: needs.iter().map(|need| fact(row, need)).collect(),
            cells: row
                .cells
                .iter()
                .filter(|(field, _)| reads(*field))
                .map(|(field, value)| (index(*field), value, texts(value)))
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
                group: parts.group,
                parent: parts.parent,
                facts,
                cells,
            })
            .collect();
        f(&rows)
    }
}
