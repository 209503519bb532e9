// SPDX-License-Identifier: Apache-2.0
//! Reading cases.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value as Json, value::RawValue};

use super::{
    bounds::{Bounds, cut},
    told::{Told, ToldFields, iri},
};
use crate::{
    __ruling::{Bundle, Grant, Quota, Subjects},
    Attribute, Cell, Date, Description, Query, Row, Value,
    settings::Tree,
};

/// One case, with everything its file's defaults gave it.
#[derive(Debug, Clone)]
pub struct Case {
    /// File and name, for messages.
    pub name: String,
    /// The settings.
    pub settings: Json,
    /// What the rule should say.
    pub expect: Json,
    query: CaseQuery,
    rows: Vec<CaseRow>,
}

/// Why a file of cases could not be read.
#[derive(Debug)]
pub struct CaseError(String);

impl std::fmt::Display for CaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CaseError {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'t> {
    #[serde(default)]
    catalogue: BTreeMap<String, CatalogueField>,
    #[serde(default)]
    defaults: Map<String, Json>,
    /// Still as text, which has a line.
    #[serde(borrow)]
    cases: Vec<&'t RawValue>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueField {
    category: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    reveals: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    name: String,
    #[serde(default)]
    settings: Json,
    #[serde(default)]
    query: CaseQuery,
    #[serde(default)]
    rows: Vec<CaseRow>,
    expect: Json,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct CaseQuery {
    date: Option<String>,
    channel: Option<String>,
    service: Option<String>,
    client: Option<String>,
    represented: Option<String>,
    official: Option<String>,
    agent: Option<String>,
    case_reference: Option<String>,
    purpose: Option<CaseTerm>,
    legal_basis: Option<CaseTerm>,
    special_ground: Option<CaseTerm>,
    provision: Option<String>,
    bundle: Option<CaseBundle>,
    kind: Option<String>,
    count: Option<u32>,
    fields: Vec<String>,
    grant: CaseGrant,
    facts: BTreeMap<String, Json>,
    #[serde(skip)]
    catalogue: Arc<BTreeMap<String, CatalogueField>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum CaseTerm {
    Alone(String),
    Broader { iri: String, broader: Vec<String> },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseBundle {
    action: String,
    services: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseGrant {
    reference: Option<String>,
    quotas: BTreeMap<String, u32>,
    attributes: BTreeMap<String, Json>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRow {
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    parent: Option<u32>,
    #[serde(default)]
    facts: BTreeMap<String, Json>,
    #[serde(default)]
    cells: BTreeMap<String, Json>,
}

/// Reads every case of the `*.json` files in a folder, in the order of file names.
///
/// # Errors
/// When the folder or a file cannot be read or holds no case, or is not what a file of cases must be.
pub fn load(folder: &Path) -> Result<Vec<Case>, CaseError> {
    let wrong = |what: String| CaseError(format!("{}: {what}", folder.display()));
    let entries = fs::read_dir(folder).map_err(|error| wrong(error.to_string()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let wrong = |what: String| CaseError(format!("{}: {what}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let own = read(&stem, &text).map_err(|error| wrong(error.to_string()))?;
        if own.is_empty() {
            return Err(wrong("there is no case in it".to_owned()));
        }
        cases.extend(own);
    }
    if cases.is_empty() {
        return Err(wrong("there is no case: cases are in files whose names end with .json".to_owned()));
    }
    Ok(cases)
}

/// Reads the cases of one file's text. `name` stands before the name of each.
///
/// # Errors
/// When it is not what a file of cases must be.
pub fn read(name: &str, text: &str) -> Result<Vec<Case>, CaseError> {
    read_within(name, text, &mut Bounds::default())
}

/// The same within bounds, from which what is read is taken off: for cases that somebody else has written.
///
/// # Errors
/// When it is not what a file of cases must be, or holds too much.
pub fn read_within(name: &str, text: &str, left: &mut Bounds) -> Result<Vec<Case>, CaseError> {
    left.take_text(text.len()).map_err(CaseError)?;
    // As some editors begin a file.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    // Of a member that is there twice one would be left without a word.
    Tree::parse(text).map_err(|problem| CaseError(problem.message))?;
    let file: File<'_> = serde_json::from_str(text).map_err(|error| CaseError(error.to_string()))?;
    let mut cases = Vec::new();
    for raw in file.cases {
        let line = line_of(text, raw.get());
        let own: Map<String, Json> = serde_json::from_str(raw.get())
            .map_err(|_| CaseError(format!("line {line}: a case is an object")))?;
        cases.push((line, own));
    }
    left.take_cases(&file.defaults, cases.iter().map(|(_, own)| own)).map_err(CaseError)?;
    let catalogue = Arc::new(file.catalogue);
    cases.into_iter().map(|(line, own)| one(name, line, own, &file.defaults, &catalogue, left)).collect()
}

/// One case of a file, at its line.
fn one(
    file: &str,
    line: usize,
    own: Map<String, Json>,
    defaults: &Map<String, Json>,
    catalogue: &Arc<BTreeMap<String, CatalogueField>>,
    left: &Bounds,
) -> Result<Case, CaseError> {
    let place = match own.get("name").and_then(Json::as_str) {
        Some(name) => format!("the case `{}` at line {line}", cut(name)),
        None => format!("the case without a name at line {line}"),
    };
    let wrong = |what: String| CaseError(format!("{place}: {what}"));
    let mut whole = Json::Object(defaults.clone());
    merge(&mut whole, Json::Object(own));
    let case: CaseFile = serde_json::from_value(whole).map_err(|error| wrong(error.to_string()))?;
    let mut query = case.query;
    query.catalogue = Arc::clone(catalogue);
    let settings = if case.settings.is_null() { Json::Object(Map::new()) } else { case.settings };
    let name = format!("{file}: {}", case.name);
    let case = Case { name, settings, expect: case.expect, query, rows: case.rows };
    case.check(left).map_err(|CaseError(what)| wrong(what))?;
    Ok(case)
}

/// The line, counted from 1, at which a part of a text begins.
fn line_of(text: &str, part: &str) -> usize {
    let before = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.as_bytes().iter().take(before);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// Lays `over` on `base`: objects member by member, anything else replaced.
fn merge(base: &mut Json, over: Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Json::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

impl Case {
    fn check(&self, bounds: &Bounds) -> Result<(), CaseError> {
        let CaseQuery { fields, catalogue, .. } = &self.query;
        let reveals = fields.iter().take(bounds.fields).filter_map(|name| catalogue.get(name));
        let reveals = reveals.map(|field| field.reveals.len()).fold(0, usize::saturating_add);
        let too_many = |count: usize, most: usize, what: &str| {
            let told = || CaseError(format!("it has {count} {what}; at most {most} are read"));
            if count > most { Err(told()) } else { Ok(()) }
        };
        too_many(fields.len(), bounds.fields, "fields")?;
        too_many(reveals, bounds.reveals, "categories that its fields give away")?;
        too_many(self.rows.len(), bounds.rows, "rows")
    }

    /// The query as the interface has it. Only facts that the rule declares are given.
    ///
    /// # Errors
    /// When the case names a field that the catalogue lacks, an IRI with an unknown prefix, and the like.
    pub fn query(&self, description: &Description) -> Result<Query, String> {
        let case = &self.query;
        let date = Date::parse(case.date.as_deref().unwrap_or("2026-11-22")).ok_or("`date` is no date")?;
        let fields = case.told_fields()?;
        let wants = |what: &str| description.wants.iter().any(|wanted| wanted == what);
        let quotas = &case.grant.quotas;
        let facts =
            description.facts.iter().map(|need| case.facts.get(&need.name).map_or(Value::Absent, value));
        let mut told = Told::default();
        let mut or =
            |given: &Option<String>, otherwise: &str| told.add(given.as_deref().unwrap_or(otherwise));
        let (channel, service) = (or(&case.channel, "xroad"), or(&case.service, "person"));
        let (client, kind) = (or(&case.client, "EE/GOV/70000001/system"), or(&case.kind, "keys"));
        let query = Query {
            text: String::new(),
            ends: Vec::new(),
            id: told.add("0196a0b0-0000-7000-8000-000000000000"),
            instant: i64::from(date.0) * 86_400_000 + 36_000_000,
            date: date.0,
            channel,
            service,
            version: 1,
            client,
            represented: told.add_any(&case.represented),
            official: told.add_any(&case.official),
            agent: told.add_any(&case.agent),
            case_reference: told.add_any(&case.case_reference),
            purpose: told.term(case.purpose.as_ref(), "dpv:IdentityVerification")?,
            legal_basis: told.term(case.legal_basis.as_ref(), "eu-gdpr:A6-1-e")?,
            special_ground: match &case.special_ground {
                None => None,
                given => Some(told.term(given.as_ref(), "")?),
            },
            provision: told.add_any(&case.provision),
            bundle: case.bundle.as_ref().map(|bundle| Bundle {
                id: told.add("0196a0b0-0000-7000-8000-000000000001"),
                action: told.add(&bundle.action),
                services: told.add_all(&bundle.services),
            }),
            subjects: Subjects { kind, count: case.count.unwrap_or(1) },
            categories: told.add_all(&fields.categories),
            groups: told.add_all(&fields.groups),
            fields: fields.entries,
            marks: fields.marks,
            names: wants("field-names").then(|| told.add_all(&case.fields)),
            meanings: wants("field-meanings").then(|| told.add_all(&case.meanings())),
            grant: Grant {
                id: told.add("grant-1"),
                reference: told.add_any(&case.grant.reference),
                quotas: some(
                    quotas.iter().map(|(window, &persons)| Quota { window: told.add(window), persons }),
                ),
                attributes: some(attributes(&case.grant.attributes)),
            },
            facts: some(facts),
        };
        let (text, ends) = told.all();
        Ok(Query { text, ends, ..query })
    }

    /// The names of the query's fields, in order.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.query.fields
    }

    /// The rows as the interface has them.
    ///
    /// # Errors
    /// When a row names a fact that the rule does not declare, or a field that the query does not ask for.
    pub fn rows(&self, query: &Query, description: &Description) -> Result<Vec<Row>, String> {
        let row = |case: &CaseRow| {
            let declared = |name: &String| description.row_facts.iter().any(|need| need.name == *name);
            if let Some(unknown) = case.facts.keys().find(|name| !declared(name)) {
                return Err(format!("the rule declares no row fact `{unknown}`"));
            }
            let facts = description.row_facts.iter();
            let cells = case.cells.iter().map(|(name, json)| {
                let place = self.fields().iter().position(|field| field == name);
                let place = place.and_then(|place| u32::try_from(place).ok());
                let field = place.ok_or_else(|| format!("the query does not ask for `{name}`"))?;
                Ok(Cell { field, value: value(json) })
            });
            let group = case.group.as_ref().map(|name| {
                let place = (0..query.groups.count).find(|place| query.group(Some(*place)) == Some(name));
                place.ok_or_else(|| format!("the query asks for no field of the group `{name}`"))
            });
            Ok(Row {
                group: group.transpose()?,
                parent: case.parent,
                facts: facts.map(|need| case.facts.get(&need.name).map_or(Value::Absent, value)).collect(),
                cells: cells.collect::<Result<_, String>>()?,
            })
        };
        self.rows.iter().map(row).collect()
    }
}

impl CaseQuery {
    fn told_fields(&self) -> Result<ToldFields, String> {
        let mut told = ToldFields::default();
        for name in &self.fields {
            let known = self.catalogue.get(name);
            let known = known.ok_or_else(|| format!("the catalogue has no field `{name}`"))?;
            let group = name.split_once('.').map(|(group, _)| group);
            let reveals = known.reveals.iter().map(|revealed| iri(revealed));
            told.add(iri(&known.category)?, group, known.special, reveals.collect::<Result<_, _>>()?);
        }
        Ok(told)
    }

    fn meanings(&self) -> Vec<String> {
        self.fields.iter().map(|name| format!("urn:paasla:rr#{name}")).collect()
    }
}

fn attributes(given: &BTreeMap<String, Json>) -> impl Iterator<Item = Attribute> {
    given.iter().map(|(name, json)| Attribute { name: name.clone(), value: value(json) })
}

/// A list as the interface has it: none when it is empty.
fn some<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let list: Vec<T> = items.collect();
    (!list.is_empty()).then_some(list)
}

/// JSON as a value: null is absent, `yyyy-mm-dd` a date.
fn value(json: &Json) -> Value {
    match json {
        Json::Bool(truth) => Value::Truth(*truth),
        Json::Number(number) => number.as_i64().map_or(Value::Absent, Value::Integer),
        Json::String(text) => match Date::parse(text) {
            Some(date) => Value::Date(date.0),
            None => Value::Text(text.clone()),
        },
        Json::Array(texts) => {
            Value::Texts(texts.iter().filter_map(|text| Some(text.as_str()?.to_owned())).collect())
        }
        Json::Null | Json::Object(_) => Value::Absent,
    }
}
