// SPDX-License-Identifier: Apache-2.0
//! Access: an ask becomes a query that can be decided, with its service, fields, keys, purpose, legal basis, and the
//! access right that it stands on.

use std::{collections::BTreeSet, sync::Arc};

use paasla_core::{
    Date, Field, FieldDecision, Grant, Lookup, Query, Reason, Service, Subjects, Term, Value, Visibility,
    rulebook::{NoGrant, Wanted, index::IndexedTerm},
    term::ConceptKind,
};
use paasla_register::{Description, FieldDescription, FieldType};

use super::{
    Queries, Stop,
    ask::{Ask, Caller, Select, Stated},
    draft::Draft,
    lookup::{Keys, keys},
    requirement, select, usage,
};
use crate::{active::Active, problem::Problem};

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
    /// Whether more rows than the limit are an error, and no list that is cut: where the lookup says how many may match,
    /// unless the client asks for fewer itself.
    pub(crate) refuses_more: bool,
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
    let service = service(active, &ask.service, ask.version).map_err(Unresolved::NotFound)?;
    // The keys say which fields may be asked for; problems stand in the order of the request.
    let (mut problems, mut of_keys) = (Vec::new(), Vec::new());
    let Keys { values: keys, subjects, lookup } = keys(description, service, ask, &mut of_keys);
    let names = select::names(service, lookup, ask, &mut problems);
    problems.append(&mut of_keys);
    let named = Named { service, names, keys, subjects, lookup, is_supposed: false, problems };
    settle(active, description, ask, id, date, named)
}

/// The same for a query that names no keys: one about a person named by their code is supposed, or a search where the
/// service knows nobody by a code. What the service requires to be stated is taken for stated.
pub(super) fn suppose<'a>(
    active: &'a Active,
    description: &Description,
    ask: &Ask,
    id: &str,
    date: Date,
) -> Result<Resolved<'a>, Unresolved> {
    let service = service(active, &ask.service, ask.version).map_err(Unresolved::NotFound)?;
    let mut problems = Vec::new();
    let names = select::names(service, None, ask, &mut problems);
    let is_code = |key: &String| {
        let field = description.field(&service.entity, key);
        field.is_some_and(|field| *field.field_type() == FieldType::PersonalCode)
    };
    let by_code = service.keys.iter().any(is_code);
    let subjects = if by_code { Subjects::named(1) } else { Subjects::search() };
    let named =
        Named { service, names, keys: Vec::new(), subjects, lookup: None, is_supposed: true, problems };
    settle(active, description, ask, id, date, named)
}

/// What a query names of a service, and what is wrong with it.
struct Named<'a> {
    service: &'a Service,
    names: Vec<&'a str>,
    keys: Vec<(String, Vec<Value>)>,
    subjects: Subjects,
    lookup: Option<&'a Lookup>,
    is_supposed: bool,
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
    let Named { service, mut names, keys, subjects, lookup, is_supposed, mut problems } = named;
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
    let most = service.max_rows_by(lookup);
    if ask.limit.is_some_and(|limit| limit > most) {
        let message = format!("one query may ask for at most {most} records here");
        problems.push(Problem::new("number_out_of_range", ask.places.limit, message));
    }
    if !is_supposed {
        requirement::check(service, ask, &mut problems);
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
    if !service.allows_basis(&basis) {
        let message = "This service may not be used on the legal basis.";
        return Err(Unresolved::Refused(Reason::new("grant", "grant.basis-not-of-service", message)));
    }
    let grant = matched.grant;
    if ask.hidden && !grant.may_hide {
        let message = "The access right does not allow queries to be hidden from the person.";
        return Err(Unresolved::Refused(Reason::new("grant", "grant.hiding-not-permitted", message)));
    }

    if ask.select == Select::All {
        names.retain(|name| grant.opens(name));
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
    let limit = ask.limit.unwrap_or(most);
    let refuses_more = limit >= most && lookup.is_some_and(|lookup| lookup.max_rows.is_some());
    Ok(Resolved { service, query, asked, names, keys, search, limit, refuses_more, grant, usage_basis })
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
) -> Result<&'a Service, Problem> {
    let not_found = |code, message: &str| Problem::new(code, "url", message);
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

#[cfg(test)]
mod tests;
