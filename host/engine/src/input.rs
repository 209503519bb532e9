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

/// A query in the interface's words, made once for all the policies that rule on it. Holds the texts and the lists that
/// the borrowed record points to.
pub(crate) struct QueryInput<'q> {
    pub(crate) query: &'q Query,
    told: Told,
    numbers: Numbers,
    categories: wit::Texts,
    groups: Vec<&'q str>,
    group_texts: wit::Texts,
    fields: Vec<u32>,
    marks: Vec<wit::Mark>,
    quotas: Vec<wit::Quota>,
    attributes: Vec<OwnedAttribute<'q>>,
}

/// The texts of a query, one after the other, and where each ends.
#[derive(Clone)]
struct Told {
    text: String,
    ends: Vec<u32>,
}

/// The numbers of the texts.
struct Numbers {
    id: u32,
    channel: u32,
    service: u32,
    client: u32,
    represented: Option<u32>,
    official: Option<u32>,
    agent: Option<u32>,
    case: Option<u32>,
    purpose: wit::Term,
    basis: wit::Term,
    ground: Option<wit::Term>,
    provision: Option<u32>,
    bundle: Option<wit::Bundle>,
    kind: u32,
    grant: u32,
    reference: Option<u32>,
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
        Value::Texts(texts) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
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
    // Neighbours mostly have the same.
    let place = list.iter().rposition(|known| *known == text).unwrap_or_else(|| {
        list.push(text);
        list.len() - 1
    });
    index(place)
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Told {
    /// Ends the text that was begun behind the others, and tells its number.
    fn end(&mut self) -> u32 {
        self.ends.push(index(self.text.len()));
        index(self.ends.len() - 1)
    }

    fn add(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        self.end()
    }

    fn add_any(&mut self, text: &Option<String>) -> Option<u32> {
        text.as_deref().map(|text| self.add(text))
    }

    fn add_all<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> wit::Texts {
        let first = self.ends.len();
        for text in texts {
            self.add(text);
        }
        wit::Texts { first: index(first), count: index(self.ends.len() - first) }
    }

    fn term(&mut self, term: &Term) -> wit::Term {
        let iri = self.add(&term.iri);
        wit::Term { iri, broader: self.add_all(term.broader.iter().map(String::as_str)) }
    }
}

/// A list as the interface has it: none when it is empty.
fn some<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

impl<'q> QueryInput<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let (mut categories, mut groups, mut marks) = (Vec::with_capacity(16), Vec::new(), Vec::new());
        let fields = (0..).zip(&query.fields).map(|(number, field)| {
            let category = place(&mut categories, &field.category);
            let mut mark = |says| marks.push(wit::Mark { field: number, says });
            if let Some(group) = &field.group {
                mark(wit::Marked::Grouped(place(&mut groups, group)));
            }
            if field.special {
                mark(wit::Marked::Special);
            }
            for revealed in &field.reveals {
                mark(wit::Marked::GivesAway(place(&mut categories, revealed)));
            }
            category
        });
        let fields = fields.collect();
        let mut told = Told { text: String::with_capacity(2048), ends: Vec::with_capacity(64) };
        let numbers = Numbers {
            id: told.add(&query.id),
            channel: told.add(&query.channel),
            service: told.add(&query.service),
            client: told.add(query.client.as_str()),
            represented: told.add_any(&query.represented),
            official: told.add_any(&query.official),
            agent: told.add_any(&query.agent),
            case: told.add_any(&query.case),
            purpose: told.term(&query.purpose),
            basis: told.term(&query.legal_basis),
            ground: query.special_ground.as_ref().map(|ground| told.term(ground)),
            provision: told.add_any(&query.provision),
            bundle: query.bundle.as_ref().map(|bundle| wit::Bundle {
                id: told.add(&bundle.id),
                action: told.add(&bundle.action),
                services: told.add_all(bundle.services.iter().map(String::as_str)),
            }),
            kind: told.add(&query.subjects.kind),
            grant: told.add(&query.grant.id),
            reference: told.add_any(&query.grant.reference),
        };
        let quotas = query.grant.quotas.iter();
        Self {
            query,
            numbers,
            categories: told.add_all(categories),
            group_texts: told.add_all(groups.iter().copied()),
            groups,
            fields,
            marks,
            quotas: quotas
                .map(|quota| wit::Quota { window: told.add(quota.window.name()), persons: quota.persons })
                .collect(),
            attributes: query.grant.attributes.iter().map(OwnedAttribute::new).collect(),
            told,
        }
    }

    /// Calls `f` with the borrowed record. What the rule's description does not ask for is not told.
    pub(crate) fn with<R>(&self, about: &About, f: impl FnOnce(wit::Query<'_>) -> R) -> R {
        let Self { query, numbers, .. } = self;
        let attributes: Vec<_> = self.attributes.iter().map(OwnedAttribute::borrow).collect();
        let known = |need: &FactNeed| query.facts.iter().find(|fact| fact.name == need.name);
        let held: Vec<_> = about.facts.iter().map(|need| known(need).map(OwnedAttribute::new)).collect();
        let facts =
            held.iter().map(|fact| fact.as_ref().map_or(wit::ValueParam::Absent, OwnedAttribute::value));
        let facts: Vec<_> = facts.collect();
        let (more, [names, meanings]) = self.wanted(about);
        let Told { text, ends } = more.as_ref().unwrap_or(&self.told);
        f(wit::Query {
            text,
            ends,
            id: numbers.id,
            instant: query.instant,
            date: days(query.date),
            channel: numbers.channel,
            service: numbers.service,
            version: query.version,
            client: numbers.client,
            represented: numbers.represented,
            official: numbers.official,
            agent: numbers.agent,
            case_reference: numbers.case,
            purpose: numbers.purpose,
            legal_basis: numbers.basis,
            special_ground: numbers.ground,
            provision: numbers.provision,
            bundle: numbers.bundle,
            subjects: wit::Subjects { kind: numbers.kind, count: query.subjects.count },
            categories: self.categories,
            groups: self.group_texts,
            fields: &self.fields,
            marks: &self.marks,
            names,
            meanings,
            grant: wit::Grant {
                id: numbers.grant,
                reference: numbers.reference,
                quotas: some(&self.quotas),
                attributes: some(&attributes),
            },
            facts: some(&facts),
        })
    }

    /// The texts for a rule that wants names or meanings of fields, and where these stand; nothing for one that wants
    /// neither.
    fn wanted(&self, about: &About) -> (Option<Told>, [Option<wit::Texts>; 2]) {
        let wants = [Want::FieldNames, Want::FieldMeanings].map(|want| about.wants.contains(&want));
        if wants == [false; 2] {
            return (None, [None, None]);
        }
        let mut told = self.told.clone();
        let [names, meanings] = wants;
        let fields = &self.query.fields;
        let mut list = |wanted: bool, of: fn(&Field) -> &str| {
            wanted.then(|| told.add_all(fields.iter().map(|field| of(field))))
        };
        let lists = [list(names, |field| &field.name), list(meanings, |field| &field.iri)];
        (Some(told), lists)
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
