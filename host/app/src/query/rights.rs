// SPDX-License-Identifier: Apache-2.0
//! Rights: what a client may ask of a service now, for each purpose and legal basis of its access rights.
//!
//! It is the evaluator of queries that says so, over a supposed query: every field of the service, about one person named
//! by their code. Nothing of the register is read, and nothing counts towards a cap.

use std::collections::BTreeSet;

use paasla_core::{Cap, ClientId, Date, Grant, Obligation, Reason, Service, Window, term::ConceptKind};
use paasla_store::usage::Usage;

use super::{
    Queries, Stop,
    access::{self, Resolved, Unresolved},
    answer::AnswerField,
    ask::{Ask, Caller, Places, Select, Stated},
    disclose,
    draft::Draft,
    end::broken,
    usage,
};
use crate::{
    active::Active,
    clock,
    problem::{NoAnswer, Problem},
};

/// For how many purposes and legal bases at once a client is told its rights.
pub const RIGHTS_MAX: usize = 100;

/// A request to know what may be asked.
#[derive(Debug, Clone)]
pub struct RightsAsk {
    /// Who asks and how. An official, a case or a represented party that it names is taken into account.
    pub caller: Caller,
    /// The service's name, as in the URL.
    pub service: String,
    /// Its version; none for the newest.
    pub version: Option<u32>,
    /// The purpose that is meant; none for every purpose of the client's access rights.
    pub purpose: Option<Stated>,
    /// The legal basis that is meant; none for every one.
    pub legal_basis: Option<Stated>,
    /// The field that is meant; none for every field of the service.
    pub field: Option<String>,
    /// Where a request of this door says what an ask may lack.
    pub places: Places,
}

/// What a client may ask of one version of a service.
#[derive(Debug, Clone)]
pub struct Rights {
    /// The rulebook's generation.
    pub generation: u64,
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// Who.
    pub client: ClientId,
    /// The service.
    pub service: String,
    /// Its version.
    pub version: u32,
    /// For each purpose and legal basis, in the order of their IRIs.
    pub rights: Vec<Right>,
}

/// What a client may ask for one purpose, on one legal basis.
#[derive(Debug, Clone)]
pub struct Right {
    /// Why, as a full IRI; none where the client has no access right to the service.
    pub purpose: Option<String>,
    /// On what ground, as a full IRI; none likewise.
    pub legal_basis: Option<String>,
    /// The access right that such a query stands on, if one is found.
    pub grant: Option<StandsOn>,
    /// What would be decided.
    pub verdict: Verdict,
}

/// The access right that a query stands on, as its holder may know it.
#[derive(Debug, Clone)]
pub struct StandsOn {
    /// Its id.
    pub id: String,
    /// The act that gave it.
    pub reference: Option<String>,
    /// The first day it holds, where the register is.
    pub valid_from: Date,
    /// The last day it holds.
    pub valid_until: Option<Date>,
    /// Whether queries may be hidden from the person for a time.
    pub may_hide: bool,
}

/// What would be decided of a query.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It would be answered.
    Allowed(Allowed),
    /// It would be refused: every reason.
    Refused(BTreeSet<Reason>),
    /// It could not be decided: the code of the problem.
    Failed(&'static str),
}

/// What would be told.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// Every field that is meant, with the most that is seen of it, and why not more.
    pub fields: Vec<AnswerField>,
    /// Whether of some rows less may be seen, or nothing: a policy says more once it sees them.
    pub depends_on_rows: bool,
    /// The caps on persons, the lowest for each window.
    pub caps: Vec<CapLeft>,
    /// What the client has to observe.
    pub obligations: Vec<Obligation>,
}

/// A cap on persons, and how many are left of it.
#[derive(Debug, Clone)]
pub struct CapLeft {
    /// The span of time that it holds for.
    pub window: Window,
    /// How many persons may be asked about in it.
    pub persons: u32,
    /// How many are left now.
    pub left: u64,
    /// Who sets it, and why.
    pub reason: Reason,
}

impl Queries {
    /// What a client may ask. It is told its own rights and nothing of any person, so this leaves no audit record; a
    /// request that is wrong leaves one, as any does.
    pub(super) async fn rights_of(&self, ask: RightsAsk) -> Result<Rights, NoAnswer> {
        let active = self.active.load_full();
        let id = clock::id().to_string();
        match self.find_rights(&active, &ask, &id).await {
            Ok(rights) => Ok(rights),
            Err(stop) => {
                let mut draft = Draft::new(&id, active.rulebook.generation, &ask.caller);
                draft.service_if_known(&active.rulebook, &ask.service, ask.version);
                self.stop(draft, id, &active, stop).await
            }
        }
    }

    pub(super) async fn find_rights<'a>(
        &self,
        active: &'a Active,
        ask: &RightsAsk,
        id: &str,
    ) -> Result<Rights, Stop<'a>> {
        let date = self.day_of(&ask.caller, id)?;
        let service = access::service(active, &ask.service, ask.version).map_err(Stop::NotFound)?;
        let contexts = contexts(active, ask, date);
        if contexts.len() > RIGHTS_MAX {
            let message = format!(
                "the client has access rights for more than {RIGHTS_MAX} purposes and legal bases here: state the \
                 purpose that is meant"
            );
            return Err(Stop::Invalid(vec![Problem::new("purpose_ambiguous", ask.places.context, message)]));
        }
        let mut rights = Vec::with_capacity(contexts.len());
        for (purpose, legal_basis) in contexts {
            let ask = supposed(ask, service, purpose.clone(), legal_basis.clone());
            let right = match access::suppose(active, &self.description, &ask, id, date) {
                Ok(resolved) => self.right(active, &ask.caller, resolved).await,
                Err(Unresolved::Refused(reason)) => Right {
                    purpose: purpose.map(|stated| stated.text),
                    legal_basis: legal_basis.map(|stated| stated.text),
                    grant: None,
                    verdict: Verdict::Refused(BTreeSet::from([reason])),
                },
                Err(other) => return Err(other.into()),
            };
            rights.push(right);
        }
        Ok(Rights {
            generation: active.rulebook.generation,
            instant: ask.caller.instant,
            client: ask.caller.client.clone(),
            service: service.name.clone(),
            version: service.version,
            rights,
        })
    }

    /// What would be decided of one supposed query.
    async fn right(&self, active: &Active, caller: &Caller, mut resolved: Resolved<'_>) -> Right {
        self.add_usage(active, &mut resolved).await;
        let query = &resolved.query;
        let verdict = match usage::of(&*self.store, &resolved).await {
            Ok(usage) => self.verdict(active, caller, &resolved, &usage),
            Err(error) => {
                tracing::error!(id = query.id, %error, "persons could not be counted");
                Verdict::Failed("store_unavailable")
            }
        };
        let Grant { id, reference, valid_from, valid_until, may_hide, .. } = resolved.grant;
        Right {
            purpose: Some(query.purpose.iri.clone()),
            legal_basis: Some(query.legal_basis.iri.clone()),
            grant: Some(StandsOn {
                id: id.clone(),
                reference: reference.clone(),
                valid_from: *valid_from,
                valid_until: *valid_until,
                may_hide: *may_hide,
            }),
            verdict,
        }
    }

    fn verdict(&self, active: &Active, caller: &Caller, resolved: &Resolved<'_>, usage: &Usage) -> Verdict {
        let query = &resolved.query;
        // Of what is only supposed nothing is recorded.
        let mut draft = Draft::new(&query.id, active.rulebook.generation, caller);
        let decision = match self.decided(&active.rulers(query), resolved, &mut draft) {
            Ok(decision) => decision,
            Err(Stop::Refused(_, reasons)) => return Verdict::Refused(reasons),
            Err(Stop::Faulted(ruler, fault)) => return Verdict::Failed(broken(&query.id, &ruler, &fault)),
            Err(_) => return Verdict::Failed("internal"),
        };
        let left = |Cap { window, persons, reason }| CapLeft {
            window,
            persons,
            left: u64::from(persons).saturating_sub(usage.within(window)),
            reason,
        };
        Verdict::Allowed(Allowed {
            fields: self.fields(resolved, &decision),
            depends_on_rows: !decision.conditions.is_empty() || !decision.reviewers.is_empty(),
            caps: usage::caps(&decision, &query.grant.quotas).into_iter().map(left).collect(),
            obligations: disclose::obligations(&decision),
        })
    }
}

/// A query for everything that a version of a service tells, or for the field that is meant.
fn supposed(ask: &RightsAsk, service: &Service, purpose: Option<Stated>, legal_basis: Option<Stated>) -> Ask {
    let stated = |field: &String| Stated { text: field.clone(), place: ask.places.select.into() };
    let fields = ask.field.as_ref().map_or(service.fields.as_slice(), std::slice::from_ref);
    Ask {
        caller: ask.caller.clone(),
        service: service.name.clone(),
        version: Some(service.version),
        purpose,
        legal_basis,
        special_ground: None,
        provision: None,
        agent: None,
        hidden: false,
        select: Select::Fields(fields.iter().map(stated).collect()),
        keys: Vec::new(),
        limit: None,
        places: ask.places,
    }
}

/// The purposes and legal bases to suppose: what is stated, and where nothing is, those of every access right that
/// holds on this day. Where no access right has any, what is stated alone: then it is told why there is none.
fn contexts(active: &Active, ask: &RightsAsk, date: Date) -> BTreeSet<(Option<Stated>, Option<Stated>)> {
    let Active { rulebook, index, .. } = active;
    let term = |kind, stated: &Option<Stated>| {
        let text = &stated.as_ref()?.text;
        Some(index.term(&rulebook.vocabulary, kind, text).map(|indexed| &indexed.term))
    };
    let purpose = term(ConceptKind::Purpose, &ask.purpose);
    let basis = term(ConceptKind::LegalBasis, &ask.legal_basis);
    let fits = |grant: &&Grant| {
        grant.service == ask.service
            && grant.holds_on(date)
            && purpose.is_none_or(|term| term.is_some_and(|term| grant.covers_purpose(term)))
            && basis.is_none_or(|term| term.is_some_and(|term| grant.covers_basis(term)))
    };
    let place = ask.places.context;
    let each = |stated: &Option<Stated>, standing: &[String]| match stated {
        Some(stated) => vec![Some(stated.clone())],
        None => standing.iter().map(|iri| Some(Stated { text: iri.clone(), place: place.into() })).collect(),
    };
    let mut contexts = BTreeSet::new();
    for grant in index.grants_of(rulebook, &ask.caller.client).filter(fits) {
        for purpose in each(&ask.purpose, &grant.purposes) {
            for basis in each(&ask.legal_basis, &grant.legal_bases) {
                contexts.insert((purpose.clone(), basis));
            }
        }
    }
    if contexts.is_empty() {
        contexts.insert((ask.purpose.clone(), ask.legal_basis.clone()));
    }
    contexts
}
