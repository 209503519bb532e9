// SPDX-License-Identifier: Apache-2.0
//! Access: an ask becomes a query that can be decided, with its service, fields, keys, purpose, legal basis, and the
//! access right that it stands on.

use std::{collections::BTreeSet, sync::Arc};

use paasla_core::{
    Date, Field, FieldDecision, Grant, Query, Reason, Service, Subjects, Term, Value, Visibility,
    rulebook::{NoGrant, Wanted, index::IndexedTerm},
    term::ConceptKind,
};
use paasla_register::{Description, FieldDescription, FieldType, KeyError};

use super::{
    Queries, Stop,
    ask::{Ask, Caller, Stated},
    draft::Draft,
    usage,
};
use crate::{active::Active, nearest::nearest, problem::Problem};

/// A query that can be decided, with what rules are not given.
pub(crate) struct Resolved<'a> {
    pub(crate) service: &'a Service,
    pub(crate) query: Arc<Query>,
    /// For each field asked: its place in `query.fields`, or why it is not in it.
    pub(crate) asked: Vec<Result<usize, FieldDecision>>,
    /// The names of the fields asked, in the same order.
    pub(crate) names: Vec<&'a str>,
    /// Key fields and their values.
    pub(crate) keys: Vec<(String, Vec<Value>)>,
    /// Places in `query.fields` of the fields looked up by, personal codes aside: to find somebody by a value is to
    /// learn it, so these must be seen in full. Naming a person by their code discloses nothing new.
    pub(crate) search: Vec<usize>,
    pub(crate) limit: u32,
    /// The access right that it stands on. Usage counts for its holder, so that a member's subsystems share one cap.
    pub(crate) grant: &'a Grant,
    /// The broadest legal basis: usage counts under it.
    pub(crate) usage_basis: String,
}

impl Resolved<'_> {
    /// Whether a field of the query was asked for, and not only looked up by.
    pub(crate) fn is_asked(&self, place: usize) -> bool {
        self.asked.contains(&Ok(place))
    }
}

/// Why a query cannot be decided.
pub(crate) enum Unresolved {
    Invalid(Vec<Problem>),
    NotFound(Problem),
    Refused(Reason),
}

impl Queries {
    /// Finds what a query asks in the rulebook and the register, and notes it in the draft of its record.
    pub(super) async fn admit<'a>(
        &self,
        active: &'a Active,
        ask: &Ask,
        id: &str,
        draft: &mut Draft,
    ) -> Result<Resolved<'a>, Stop<'a>> {
        let date = self.day_of(&ask.caller, id)?;
        let mut resolved = resolve(active, &self.description, ask, id, date)
            .inspect_err(|_| draft.service_if_known(&active.rulebook, &ask.service, ask.version))?;
        draft.service(&resolved.service.name, resolved.service.version);
        draft.subjects(self.subject_hashes(&resolved));
        self.add_usage(active, &mut resolved).await;
        draft.query(&resolved.query, self.description.for_rules().digest());
        Ok(resolved)
    }

    /// The day of a request where the register is; an error when nothing can be decided now.
    pub(super) fn day_of<'a>(&self, caller: &Caller, id: &str) -> Result<Date, Stop<'a>> {
        if !self.health.has_control() {
            return Err(Stop::Failed("control_unavailable"));
        }
        self.description.date_at(caller.instant).ok_or_else(|| {
            tracing::error!(id, "the clock is out of range");
            Stop::Failed("internal")
        })
    }

    /// Adds what was asked before, if a rule wants to know it.
    pub(super) async fn add_usage(&self, active: &Active, resolved: &mut Resolved<'_>) {
        if wants_usage(active, &resolved.query) {
            match usage::facts(&*self.store, resolved).await {
                Ok(facts) => Arc::make_mut(&mut resolved.query).facts = facts,
                // Rules that need the facts find them absent, and refuse.
                Err(error) => tracing::warn!(id = resolved.query.id, %error, "usage could not be read"),
            }
        }
    }

    /// What is wrong with an ask, without deciding it.
    pub(crate) fn problems(&self, ask: &Ask) -> Vec<Problem> {
        let active = self.active.load();
        let Some(date) = self.description.date_at(ask.caller.instant) else { return Vec::new() };
        match resolve(&active, &self.description, ask, "", date) {
            Err(Unresolved::Invalid(problems)) => problems,
            Err(Unresolved::NotFound(problem)) => vec![problem],
            Ok(_) | Err(Unresolved::Refused(_)) => Vec::new(),
        }
    }

    /// Hashes of the personal codes that a query names.
    fn subject_hashes(&self, resolved: &Resolved<'_>) -> Vec<String> {
        let of_person = |name: &str| {
            let field = self.description.field(&resolved.service.entity, name);
            field.is_some_and(|field| *field.field_type() == paasla_register::FieldType::PersonalCode)
        };
        let keys = resolved.keys.iter().filter(|(name, _)| of_person(name));
        keys.flat_map(|(_, values)| values)
            .filter_map(|value| Some(self.subjects.hash(value.as_text()?)))
            .collect()
    }
}

impl From<Unresolved> for Stop<'_> {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::Invalid(problems) => Self::Invalid(problems),
            Unresolved::NotFound(problem) => Self::NotFound(problem),
            Unresolved::Refused(reason) => Self::Refused(None, BTreeSet::from([reason])),
        }
    }
}

/// Whether a policy in scope, in force or in shadow, needs to know what was asked before.
fn wants_usage(active: &Active, query: &Query) -> bool {
    let shadows = active.shadows().iter().flat_map(|shadow| shadow.rulers(query));
    let versions = active.rulers(query).into_iter().chain(shadows).filter_map(|ruler| ruler.version);
    let mut facts = versions.flat_map(|version| &version.activated.about.facts);
    facts.any(|need| usage::supplies(&need.name))
}

pub(crate) fn resolve<'a>(
    active: &'a Active,
    description: &Description,
    ask: &Ask,
    id: &str,
    date: Date,
) -> Result<Resolved<'a>, Unresolved> {
    let service = service(active, &ask.service, ask.version)?;
    let mut problems = Vec::new();
    let names = names(service, ask, &mut problems);
    let (keys, subjects) = keys(description, service, ask, &mut problems);
    let named = Named { service, names, keys, subjects, problems };
    settle(active, description, ask, id, date, named)
}

/// The same for a query that names no keys: one about a person named by their code is supposed, or a search where the
/// service knows nobody by a code.
pub(super) fn suppose<'a>(
    active: &'a Active,
    description: &Description,
    ask: &Ask,
    id: &str,
    date: Date,
) -> Result<Resolved<'a>, Unresolved> {
    let service = service(active, &ask.service, ask.version)?;
    let mut problems = Vec::new();
    let names = names(service, ask, &mut problems);
    let is_code = |key: &String| {
        let field = description.field(&service.entity, key);
        field.is_some_and(|field| *field.field_type() == FieldType::PersonalCode)
    };
    let subjects = subjects(service.keys.iter().any(is_code).then_some(1));
    let named = Named { service, names, keys: Vec::new(), subjects, problems };
    settle(active, description, ask, id, date, named)
}

/// What a query names of a service, and what is wrong with it.
struct Named<'a> {
    service: &'a Service,
    names: Vec<&'a str>,
    keys: Vec<(String, Vec<Value>)>,
    subjects: Subjects,
    problems: Vec<Problem>,
}

/// Finds the purpose, the legal basis and the access right of a query, and the fields that this opens.
fn settle<'a>(
    active: &'a Active,
    description: &Description,
    ask: &Ask,
    id: &str,
    date: Date,
    named: Named<'a>,
) -> Result<Resolved<'a>, Unresolved> {
    let Active { rulebook, index, .. } = active;
    let Named { service, names, keys, subjects, mut problems } = named;
    let mut term = |kind, stated: &Option<Stated>, code, what: &str| {
        let stated = stated.as_ref()?;
        let term = index.term(&rulebook.vocabulary, kind, &stated.text);
        if term.is_none() {
            let message = format!("this {what} is not in the vocabulary; use the IRI of a term that is");
            problems.push(Problem::new(code, &*stated.place, message));
        }
        term
    };
    let purpose = term(ConceptKind::Purpose, &ask.purpose, "purpose_unknown", "purpose");
    let basis = term(ConceptKind::LegalBasis, &ask.legal_basis, "legal_basis_unknown", "legal basis");
    let ground = term(ConceptKind::SpecialGround, &ask.special_ground, "special_ground_unknown", "ground");
    if ask.limit.is_some_and(|limit| limit > service.max_rows) {
        let message = format!("one query may ask for at most {} records here", service.max_rows);
        problems.push(Problem::new("number_out_of_range", ask.places.limit, message));
    }
    if !problems.is_empty() {
        return Err(Unresolved::Invalid(problems));
    }

    let wanted = Wanted {
        client: &ask.caller.client,
        service: &service.name,
        date,
        purpose: purpose.map(|indexed| &indexed.term),
        basis: basis.map(|indexed| &indexed.term),
    };
    let matched = index.grant_for(rulebook, wanted).map_err(|none| no_grant(none, ask.places.context))?;
    let standing = |stated: Option<&IndexedTerm>, kind, iri: String| {
        let indexed = stated.or_else(|| index.term(&rulebook.vocabulary, kind, &iri));
        indexed
            .cloned()
            .unwrap_or_else(|| IndexedTerm { root: iri.clone(), term: Term { iri, broader: Vec::new() } })
    };
    let IndexedTerm { term: purpose, .. } = standing(purpose, ConceptKind::Purpose, matched.purpose);
    let IndexedTerm { term: basis, root: usage_basis } =
        standing(basis, ConceptKind::LegalBasis, matched.basis);
    if !purpose.is_within_any(&service.purposes) {
        let message = "This service may not be used for the purpose.";
        return Err(Unresolved::Refused(Reason::new("grant", "grant.purpose-not-of-service", message)));
    }
    let grant = matched.grant;
    if ask.hidden && !grant.may_hide {
        let message = "The access right does not allow queries to be hidden from the person.";
        return Err(Unresolved::Refused(Reason::new("grant", "grant.hiding-not-permitted", message)));
    }

    let entity = description.entity(&service.entity);
    let mut fields: Vec<Arc<Field>> = Vec::with_capacity(names.len());
    let mut asked = Vec::with_capacity(names.len());
    for name in &names {
        match entity.and_then(|entity| entity.field(name)).map(FieldDescription::core_field) {
            Some(field) if grant.opens(name) => {
                asked.push(Ok(fields.len()));
                fields.push(Arc::clone(field));
            }
            _ => {
                let mut decision = FieldDecision::shown();
                let message = "The access right does not open this field.";
                decision.narrow(Visibility::Hide, Reason::new("grant", "grant.field-not-open", message));
                asked.push(Err(decision));
            }
        }
    }
    if fields.is_empty() {
        let message = "The access right opens none of the fields asked for.";
        return Err(Unresolved::Refused(Reason::new("grant", "grant.no-field-open", message)));
    }
    let search = search(description, service, grant, &keys, &mut fields)?;
    let query = Arc::new(Query {
        id: id.to_owned(),
        instant: ask.caller.instant,
        utc_offset: description.utc_offset_at(ask.caller.instant),
        date,
        channel: ask.caller.channel.to_owned(),
        service: service.name.clone(),
        version: service.version,
        client: ask.caller.client.clone(),
        represented: ask.caller.represented.clone(),
        official: ask.caller.official.clone(),
        agent: ask.agent.clone(),
        case: ask.caller.case.clone(),
        purpose,
        legal_basis: basis,
        special_ground: ground.map(|indexed| indexed.term.clone()),
        provision: ask.provision.clone(),
        bundle: None,
        subjects,
        fields,
        grant: grant.view(),
        facts: Vec::new(),
    });
    let limit = ask.limit.unwrap_or(service.max_rows);
    Ok(Resolved { service, query, asked, names, keys, search, limit, grant, usage_basis })
}

/// The fields looked up by, each with its place among the fields that rules are given; it is put there if it was not
/// asked for.
fn search(
    description: &Description,
    service: &Service,
    grant: &Grant,
    keys: &[(String, Vec<Value>)],
    fields: &mut Vec<Arc<Field>>,
) -> Result<Vec<usize>, Unresolved> {
    let mut search = Vec::new();
    for (name, _) in keys {
        let Some(described) = description.field(&service.entity, name) else { continue };
        if *described.field_type() == FieldType::PersonalCode {
            continue;
        }
        if !grant.opens(name) {
            let message = "The access right does not open a field that the query looks up by.";
            return Err(Unresolved::Refused(Reason::new("grant", "grant.key-not-open", message)));
        }
        let place = fields.iter().position(|field| field.name == *name);
        search.push(place.unwrap_or_else(|| {
            fields.push(Arc::clone(described.core_field()));
            fields.len() - 1
        }));
    }
    Ok(search)
}

/// A version of a service; the newest where none is named.
pub(super) fn service<'a>(
    active: &'a Active,
    name: &str,
    version: Option<u32>,
) -> Result<&'a Service, Unresolved> {
    let not_found = |code, message: &str| Unresolved::NotFound(Problem::new(code, "url", message));
    let rulebook = &active.rulebook;
    let latest =
        rulebook.latest(name).ok_or_else(|| not_found("service_unknown", "there is no such service"))?;
    match version {
        None => Ok(latest),
        Some(version) => rulebook.service(name, version).ok_or_else(|| {
            not_found(
                "version_unknown",
                &format!("this service has no such version; the newest is v{}", latest.version),
            )
        }),
    }
}

/// The names of the fields asked, each as the service writes it.
fn names<'s>(service: &'s Service, ask: &Ask, problems: &mut Vec<Problem>) -> Vec<&'s str> {
    let select = &ask.select;
    let mut names = Vec::with_capacity(select.len());
    let mut seen = vec![false; service.fields.len()];
    // Most ask in the order of the service: each name is looked for behind the one before it first.
    let mut next = 0;
    for stated in select {
        let is_it = |(_, field): &(usize, &String)| **field == stated.text;
        let all = || service.fields.iter().enumerate();
        match all().skip(next).find(is_it).or_else(|| all().take(next).find(is_it)) {
            Some((place, field))
                if !seen.get_mut(place).is_some_and(|seen| std::mem::replace(seen, true)) =>
            {
                names.push(field.as_str());
                next = place + 1;
            }
            Some((_, field)) => {
                problems.push(Problem::new(
                    "field_duplicate",
                    &*stated.place,
                    format!("`{field}` is asked for twice"),
                ));
            }
            None => {
                let meant = nearest(&stated.text, service.fields.iter().map(String::as_str));
                let message =
                    format!("the service has no such field{meant}; its OpenAPI document lists all it has");
                problems.push(Problem::new("field_unknown", &*stated.place, message));
            }
        }
    }
    if select.is_empty() {
        problems.push(Problem::new("field_missing", ask.places.select, "ask for at least one field"));
    }
    names
}

/// The key values by type, and who is asked about. A repeated value counts once.
fn keys(
    description: &Description,
    service: &Service,
    ask: &Ask,
    problems: &mut Vec<Problem>,
) -> (Vec<(String, Vec<Value>)>, Subjects) {
    let keys = &ask.keys;
    let mut read = Vec::new();
    let mut persons = None;
    for key in keys {
        let name = &key.field.text;
        if !service.keys.contains(name) {
            let message =
                format!("the service does not look up by this; it looks up by: {}", service.keys.join(", "));
            problems.push(Problem::new("key_unknown", &*key.field.place, message));
            continue;
        }
        let mut values = BTreeSet::new();
        for stated in &key.values {
            match description.parse_key(&service.entity, name, &stated.text) {
                Ok(value) => {
                    values.insert(value);
                }
                Err(error) => problems.push(key_problem(error, &stated.place)),
            }
        }
        let most = usize::try_from(service.max_subjects).unwrap_or(usize::MAX);
        if key.sent > most {
            let message = format!("one query may name at most {most} values here; ask in several queries");
            problems.push(Problem::new("subjects_too_many", &*key.field.place, message));
        }
        if key.values.is_empty() {
            problems.push(Problem::new("key_empty", &*key.field.place, "name at least one value"));
        }
        let field = description.field(&service.entity, name);
        if field.is_some_and(|field| *field.field_type() == FieldType::PersonalCode) {
            persons = Some(values.len());
        }
        read.push((name.clone(), values.into_iter().collect()));
    }
    if keys.is_empty() {
        let message = format!("say whom to look up; the service looks up by: {}", service.keys.join(", "));
        problems.push(Problem::new("key_missing", ask.places.keys, message));
    }
    (read, subjects(persons))
}

/// So many persons named by their codes, or a search.
fn subjects(persons: Option<usize>) -> Subjects {
    match persons {
        Some(count) => Subjects { kind: "keys".to_owned(), count: u32::try_from(count).unwrap_or(u32::MAX) },
        None => Subjects { kind: "search".to_owned(), count: 0 },
    }
}

fn key_problem(error: KeyError, place: &str) -> Problem {
    let code = match error {
        KeyError::PersonalCode(_) => "personal_code_invalid",
        KeyError::NotAKey => "key_unknown",
        _ => "key_invalid",
    };
    Problem::new(code, place, error.to_string())
}

fn no_grant(none: NoGrant, place: &str) -> Unresolved {
    let refused = |code: &str, message: &str| Unresolved::Refused(Reason::new("grant", code, message));
    match none {
        NoGrant::Service => refused("grant.none", "The client has no access right to this service."),
        NoGrant::Purpose => {
            refused("grant.purpose-not-covered", "No access right of the client is for this purpose.")
        }
        NoGrant::Basis => {
            refused("grant.basis-not-covered", "No access right of the client stands on this legal basis.")
        }
        NoGrant::Ambiguous => Unresolved::Invalid(vec![Problem::new(
            "purpose_ambiguous",
            place,
            "the client has access rights for several purposes or legal bases here: state which one is meant",
        )]),
    }
}
