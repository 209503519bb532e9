// SPDX-License-Identifier: Apache-2.0
//! Reading cases.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value as Json, value::RawValue};

use super::bounds::{Bounds, cut};
use crate::{
    __ruling::{Bundle, Field, Grant, Query, Quota, Register, RowFact, Subjects, Term},
    Attribute, Cell, Date, Description, Iri, Row, Value,
    settings::check_members,
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
    iri: Option<String>,
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
    time: Option<String>,
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
enum CaseTerm {
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
    check_members(text).map_err(|problem| CaseError(problem.message))?;
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

    /// The register as the interface has it: the fields of the file's catalogue by name, and the facts that the rule
    /// declares.
    ///
    /// # Errors
    /// When the catalogue names an IRI with an unknown prefix.
    pub fn register(&self, description: &Description) -> Result<Register, String> {
        let field = |(name, known): (&String, &CatalogueField)| {
            let meaning = known.iri.as_deref().map_or_else(|| Ok(format!("urn:paasla:rr#{name}")), iri);
            Ok(Field {
                entity: "person".to_owned(),
                group: name.split_once('.').map(|(group, _)| group.to_owned()),
                name: name.clone(),
                iri: meaning?,
                category: iri(&known.category)?,
                reveals: known.reveals.iter().map(|revealed| iri(revealed)).collect::<Result<_, _>>()?,
                special: known.special,
            })
        };
        let fact = |need: &crate::FactNeed| RowFact {
            entity: "person".to_owned(),
            name: need.name.clone(),
            kind: "text".to_owned(),
            category: None,
        };
        Ok(Register {
            fields: self.query.catalogue.iter().map(field).collect::<Result<_, String>>()?,
            row_facts: description.row_facts.iter().map(fact).collect(),
        })
    }

    /// The query as the interface has it. Only facts that the rule declares are given.
    ///
    /// # Errors
    /// When the case names a field that the catalogue lacks, an IRI with an unknown prefix, and the like.
    pub fn query(&self, description: &Description) -> Result<Query, String> {
        let case = &self.query;
        let date = Date::parse(case.date.as_deref().unwrap_or("2026-11-22")).ok_or("`date` is no date")?;
        let minutes = match &case.time {
            None => NOON,
            Some(time) => minutes(time).ok_or("`time` is no time of the day: write `hh:mm`")?,
        };
        let facts =
            description.facts.iter().map(|need| case.facts.get(&need.name).map_or(Value::Absent, value));
        let or = |given: &Option<String>, otherwise: &str| given.as_deref().unwrap_or(otherwise).to_owned();
        let quotas = case.grant.quotas.iter();
        Ok(Query {
            id: "0196a0b0-0000-7000-8000-000000000000".to_owned(),
            // The clocks of a case are two hours ahead of UTC.
            instant: i64::from(date.0) * 86_400_000 + (minutes - i64::from(UTC_OFFSET)) * 60_000,
            utc_offset: UTC_OFFSET,
            date: date.0,
            channel: or(&case.channel, "xroad"),
            service: or(&case.service, "person"),
            version: 1,
            client: or(&case.client, "EE/GOV/70000001/system"),
            represented: case.represented.clone(),
            official: case.official.clone(),
            agent: case.agent.clone(),
            case_reference: case.case_reference.clone(),
            purpose: term(case.purpose.as_ref(), "dpv:IdentityVerification")?,
            legal_basis: term(case.legal_basis.as_ref(), "eu-gdpr:A6-1-e")?,
            special_ground: case.special_ground.as_ref().map(|given| term(Some(given), "")).transpose()?,
            provision: case.provision.clone(),
            bundle: case.bundle.as_ref().map(|bundle| Bundle {
                id: "0196a0b0-0000-7000-8000-000000000001".to_owned(),
                action: bundle.action.clone(),
                services: bundle.services.clone(),
            }),
            subjects: Subjects { kind: or(&case.kind, "keys"), count: case.count.unwrap_or(1) },
            fields: self.fields().iter().map(|name| case.place(name)).collect::<Result<_, _>>()?,
            grant: Grant {
                id: "grant-1".to_owned(),
                reference: case.grant.reference.clone(),
                quotas: quotas.map(|(window, &persons)| Quota { window: window.clone(), persons }).collect(),
                attributes: attributes(&case.grant.attributes),
            },
            facts: facts.collect(),
        })
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
    pub fn rows(&self, description: &Description) -> Result<Vec<Row>, String> {
        let row = |case: &CaseRow| {
            let declared = |name: &String| description.row_facts.iter().any(|need| need.name == *name);
            if let Some(unknown) = case.facts.keys().find(|name| !declared(name)) {
                return Err(format!("the rule declares no row fact `{unknown}`"));
            }
            let facts = description.row_facts.iter();
            let cells = case.cells.iter().map(|(name, json)| {
                if !self.fields().contains(name) {
                    return Err(format!("the query does not ask for `{name}`"));
                }
                Ok(Cell { field: self.query.place(name)?, value: value(json) })
            });
            let is_in = |group: &String| {
                self.fields().iter().any(|name| name.split_once('.').is_some_and(|(own, _)| own == group))
            };
            if let Some(group) = case.group.as_ref().filter(|group| !is_in(group)) {
                return Err(format!("the query asks for no field of the group `{group}`"));
            }
            Ok(Row {
                group: case.group.clone(),
                parent: case.parent,
                facts: facts.map(|need| case.facts.get(&need.name).map_or(Value::Absent, value)).collect(),
                cells: cells.collect::<Result<_, String>>()?,
            })
        };
        self.rows.iter().map(row).collect()
    }
}

impl CaseQuery {
    /// The index of a field in the register.
    fn place(&self, name: &str) -> Result<u32, String> {
        let place = self.catalogue.keys().position(|known| known == name);
        let place = place.and_then(|place| u32::try_from(place).ok());
        place.ok_or_else(|| format!("the catalogue has no field `{name}`"))
    }
}

/// How many minutes the clocks of a case are ahead of UTC.
const UTC_OFFSET: i32 = 120;

/// Minutes from midnight to noon: the time of a case that names none.
const NOON: i64 = 720;

/// The minutes since midnight of `hh:mm`.
fn minutes(time: &str) -> Option<i64> {
    let (hour, minute) = time.split_once(':')?;
    let number = |text: &str, most: i64| {
        let number = (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten()?;
        Some(i64::from(number)).filter(|number| *number <= most)
    };
    Some(number(hour, 23)? * 60 + number(minute, 59)?)
}

fn term(given: Option<&CaseTerm>, otherwise: &str) -> Result<Term, String> {
    let (own, broader) = match given {
        None => (otherwise, &[][..]),
        Some(CaseTerm::Alone(text)) => (text.as_str(), &[][..]),
        Some(CaseTerm::Broader { iri, broader }) => (iri.as_str(), broader.as_slice()),
    };
    let broader = broader.iter().map(|text| iri(text)).collect::<Result<Vec<_>, _>>()?;
    Ok(Term { iri: iri(own)?, broader })
}

/// A full IRI, from one in full or with a known prefix.
fn iri(text: &str) -> Result<String, String> {
    Iri::new(text)
        .map(|iri| iri.as_str().to_owned())
        .ok_or_else(|| format!("`{text}` is no IRI with a known prefix"))
}

fn attributes(given: &BTreeMap<String, Json>) -> Vec<Attribute> {
    given.iter().map(|(name, json)| Attribute { name: name.clone(), value: value(json) }).collect()
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
