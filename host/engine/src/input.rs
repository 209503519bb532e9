// SPDX-License-Identifier: Apache-2.0
//! From core's words to the interface's, borrowing wherever it can.

use jiff::civil::Date;
use paasla_core::{Attribute, ClientId, Field, Query, Term, Value};

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

/// A query in the interface's words, made once for all the policies that rule on it. Holds the text and the lists that
/// the borrowed record points to.
pub(crate) struct QueryInput<'q> {
    pub(crate) query: &'q Query,
    text: String,
    parts: Parts,
    purpose: Vec<wit::Part>,
    basis: Vec<wit::Part>,
    ground: Vec<wit::Part>,
    services: Vec<wit::Part>,
    categories: Vec<wit::Part>,
    groups: Vec<&'q str>,
    group_parts: Vec<wit::Part>,
    fields: Vec<wit::Field>,
    reveals: Vec<wit::Revealed>,
    quotas: Vec<wit::Quota>,
    attributes: Vec<OwnedAttribute<'q>>,
}

/// Where the texts stand that are no lists.
struct Parts {
    id: wit::Part,
    channel: wit::Part,
    service: wit::Part,
    client: wit::Part,
    represented: Option<wit::Part>,
    official: Option<wit::Part>,
    agent: Option<wit::Part>,
    case: Option<wit::Part>,
    purpose: wit::Part,
    basis: wit::Part,
    ground: Option<wit::Part>,
    provision: Option<wit::Part>,
    /// Its id and its action.
    bundle: Option<(wit::Part, wit::Part)>,
    kind: wit::Part,
    grant: wit::Part,
    reference: Option<wit::Part>,
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
    let place = list.iter().position(|known| *known == text).unwrap_or_else(|| {
        list.push(text);
        list.len() - 1
    });
    index(place)
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Puts a text behind the others, and tells where it stands.
fn add(all: &mut String, text: &str) -> wit::Part {
    let start = index(all.len());
    all.push_str(text);
    wit::Part { start, length: index(text.len()) }
}

fn add_all<'t>(all: &mut String, texts: impl IntoIterator<Item = &'t str>) -> Vec<wit::Part> {
    texts.into_iter().map(|text| add(all, text)).collect()
}

fn broader(all: &mut String, term: &Term) -> Vec<wit::Part> {
    add_all(all, term.broader.iter().map(String::as_str))
}

fn client(all: &mut String, client: &ClientId) -> wit::Part {
    let ClientId { instance, class, member, subsystem } = client;
    let start = all.len();
    for part in [instance, class, member].into_iter().chain(subsystem) {
        if all.len() > start {
            all.push('/');
        }
        all.push_str(part);
    }
    wit::Part { start: index(start), length: index(all.len() - start) }
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
        let mut text = String::with_capacity(2048);
        let all = &mut text;
        let parts = Parts {
            id: add(all, &query.id),
            channel: add(all, &query.channel),
            service: add(all, &query.service),
            client: client(all, &query.client),
            represented: query.represented.as_deref().map(|text| add(all, text)),
            official: query.official.as_deref().map(|text| add(all, text)),
            agent: query.agent.as_deref().map(|text| add(all, text)),
            case: query.case.as_deref().map(|text| add(all, text)),
            purpose: add(all, &query.purpose.iri),
            basis: add(all, &query.legal_basis.iri),
            ground: query.special_ground.as_ref().map(|ground| add(all, &ground.iri)),
            provision: query.provision.as_deref().map(|text| add(all, text)),
            bundle: query.bundle.as_ref().map(|bundle| (add(all, &bundle.id), add(all, &bundle.action))),
            kind: add(all, &query.subjects.kind),
            grant: add(all, &query.grant.id),
            reference: query.grant.reference.as_deref().map(|text| add(all, text)),
        };
        let quotas = query.grant.quotas.iter();
        let services = query.bundle.iter().flat_map(|bundle| bundle.services.iter().map(String::as_str));
        Self {
            query,
            parts,
            purpose: broader(all, &query.purpose),
            basis: broader(all, &query.legal_basis),
            ground: query.special_ground.as_ref().map(|ground| broader(all, ground)).unwrap_or_default(),
            services: add_all(all, services),
            categories: add_all(all, categories),
            group_parts: add_all(all, groups.iter().copied()),
            groups,
            fields,
            reveals,
            quotas: quotas
                .map(|quota| wit::Quota { window: add(all, quota.window.name()), persons: quota.persons })
                .collect(),
            attributes: query.grant.attributes.iter().map(OwnedAttribute::new).collect(),
            text,
        }
    }

    /// Calls `f` with the borrowed record. What the rule's description does not ask for is not told.
    pub(crate) fn with<R>(&self, about: &About, f: impl FnOnce(wit::Query<'_>) -> R) -> R {
        let Self { query, parts, .. } = self;
        let attributes: Vec<_> = self.attributes.iter().map(OwnedAttribute::borrow).collect();
        let known = |need: &FactNeed| query.facts.iter().find(|fact| fact.name == need.name);
        let held: Vec<_> = about.facts.iter().map(|need| known(need).map(OwnedAttribute::new)).collect();
        let facts =
            held.iter().map(|fact| fact.as_ref().map_or(wit::ValueParam::Absent, OwnedAttribute::value));
        let facts: Vec<_> = facts.collect();
        let (told, [names, meanings]) = self.wanted(about);
        f(wit::Query {
            text: told.as_deref().unwrap_or(&self.text),
            id: parts.id,
            instant: query.instant,
            date: days(query.date),
            channel: parts.channel,
            service: parts.service,
            version: query.version,
            client: parts.client,
            represented: parts.represented,
            official: parts.official,
            agent: parts.agent,
            case_reference: parts.case,
            purpose: wit::Term { iri: parts.purpose, broader: &self.purpose },
            legal_basis: wit::Term { iri: parts.basis, broader: &self.basis },
            special_ground: parts.ground.map(|iri| wit::Term { iri, broader: &self.ground }),
            provision: parts.provision,
            bundle: parts.bundle.map(|(id, action)| wit::Bundle { id, action, services: &self.services }),
            subjects: wit::Subjects { kind: parts.kind, count: query.subjects.count },
            categories: &self.categories,
            groups: &self.group_parts,
            fields: &self.fields,
            reveals: &self.reveals,
            names: names.as_deref(),
            meanings: meanings.as_deref(),
            grant: wit::Grant {
                id: parts.grant,
                reference: parts.reference,
                quotas: &self.quotas,
                attributes: &attributes,
            },
            facts: &facts,
        })
    }

    /// The text and the lists for a rule that wants names or meanings of fields; nothing for one that wants neither.
    fn wanted(&self, about: &About) -> (Option<String>, [Option<Vec<wit::Part>>; 2]) {
        let wants = [Want::FieldNames, Want::FieldMeanings].map(|want| about.wants.contains(&want));
        if wants == [false; 2] {
            return (None, [None, None]);
        }
        let mut text = self.text.clone();
        let [names, meanings] = wants;
        let fields = &self.query.fields;
        let mut list =
            |wanted: bool, of: fn(&Field) -> &str| wanted.then(|| add_all(&mut text, fields.iter().map(of)));
        let lists = [list(names, |field| &field.name), list(meanings, |field| &field.iri)];
        (Some(text), lists)
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
