// SPDX-License-Identifier: Apache-2.0
//! The same decision in Cedar: one request for each field.
//!
//! Written in two ways. `cedar-policy`: one policy for each purpose; a purpose is an action, broader purposes are its
//! groups, and which categories a purpose needs is a group of resources, so that all of a policy stands in its scope.
//! `cedar-policy-data`: one policy for all purposes, and all that is settled stands in entities, as it stands in
//! settings with us and in data with regorus. Policies, entities and the ids of everything that the vocabulary knows are
//! ready before; requests are made for each query.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    str::FromStr as _,
};

use anyhow::{Context as _, Result, bail};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use paasla_bench::given::{self, CATEGORIES, OTHER_PURPOSES, PURPOSES};
use paasla_core::Query;

/// Policies and everything that is known beforehand.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    client: EntityTypeName,
    action: EntityTypeName,
    /// The context of requests with this purpose; none where the policies do not look at it.
    contexts: Option<HashMap<String, Context>>,
    fields: HashMap<String, EntityUid>,
    purposes: HashMap<String, EntityUid>,
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind)?, EntityId::new(id)))
}

/// The group of categories that a policy finds needed for a purpose.
fn needs(policy: usize, purpose: &str) -> String {
    format!("{policy} {purpose}")
}

/// One policy: whatever a purpose needs. Several: whatever any of them finds not needed is forbidden, and whatever is
/// for no known purpose is not permitted.
fn text(policies: usize) -> Result<String> {
    let mut text = String::new();
    let purposes = PURPOSES.iter().map(|(purpose, _)| purpose);
    if policies == 1 {
        for purpose in purposes {
            let group = needs(0, purpose);
            writeln!(
                text,
                "permit(principal, action in Action::\"{purpose}\", resource in Needed::\"{group}\");"
            )?;
        }
        return Ok(text);
    }
    let known: Vec<String> = purposes.clone().map(|purpose| format!("Action::\"{purpose}\"")).collect();
    writeln!(text, "permit(principal, action in [{}], resource);", known.join(", "))?;
    for policy in 0..policies {
        for purpose in purposes.clone() {
            let group = needs(policy, purpose);
            writeln!(
                text,
                "forbid(principal, action in Action::\"{purpose}\", resource) unless {{ resource in Needed::\"{group}\" }};"
            )?;
        }
    }
    Ok(text)
}

/// One policy for all purposes: a category is in the group of every purpose that needs it, and a purpose knows its
/// groups, one for each policy.
fn text_by_data(policies: usize) -> String {
    let needed = (0..policies).map(|policy| format!("resource in context.purpose.needed{policy}"));
    format!("permit(principal, action, resource) when {{ {} }};", needed.collect::<Vec<_>>().join(" && "))
}

/// A purpose that knows, for each policy, the groups of what is needed for it and for broader ones.
fn knowing(policies: usize, purpose: &str, broader: &[&str]) -> Result<Entity> {
    let known = |iri: &&str| PURPOSES.iter().any(|(known, _)| known == iri);
    let groups = |policy| {
        let iris = std::iter::once(purpose).chain(broader.iter().copied()).filter(known);
        let groups =
            iris.map(|iri| uid("Needed", &needs(policy, iri)).map(RestrictedExpression::new_entity_uid));
        let groups = groups.collect::<Result<Vec<_>>>()?;
        Ok((format!("needed{policy}"), RestrictedExpression::new_set(groups)))
    };
    let attributes = (0..policies).map(groups).collect::<Result<HashMap<_, _>>>()?;
    Ok(Entity::new(uid("Purpose", purpose)?, attributes, HashSet::new())?)
}

impl Cedar {
    /// So many policies, for queries of up to `fields` fields, written purpose by purpose.
    pub(crate) fn new(policies: usize, fields: usize) -> Result<Self> {
        Self::with(policies, fields, &text(policies)?, false)
    }

    /// The same, with everything that is settled in entities.
    pub(crate) fn by_data(policies: usize, fields: usize) -> Result<Self> {
        Self::with(policies, fields, &text_by_data(policies), true)
    }

    fn with(policies: usize, fields: usize, text: &str, tells_purpose: bool) -> Result<Self> {
        let mut entities = Vec::new();
        let mut add = |entity: Entity| entities.push(entity);
        let (mut purposes, mut contexts) = (HashMap::new(), HashMap::new());
        for (purpose, broader) in PURPOSES.iter().chain(&OTHER_PURPOSES) {
            let parents = broader.iter().map(|iri| uid("Action", iri)).collect::<Result<_>>()?;
            add(Entity::new_no_attrs(uid("Action", purpose)?, parents));
            add(knowing(policies, purpose, broader)?);
            purposes.insert((*purpose).to_owned(), uid("Action", purpose)?);
            let told = RestrictedExpression::new_entity_uid(uid("Purpose", purpose)?);
            contexts.insert((*purpose).to_owned(), Context::from_pairs([("purpose".to_owned(), told)])?);
        }
        for (nth, category) in CATEGORIES.iter().enumerate() {
            let mut parents = HashSet::new();
            for policy in 0..policies {
                for (purpose, (iri, _)) in PURPOSES.iter().enumerate() {
                    if given::needs(policy, purpose, nth) {
                        parents.insert(uid("Needed", &needs(policy, iri))?);
                    }
                }
            }
            add(Entity::new_no_attrs(uid("Category", category)?, parents));
        }
        let mut ids = HashMap::new();
        for field in (0..fields).map(given::field) {
            let category = HashSet::from([uid("Category", &field.category)?]);
            add(Entity::new_no_attrs(uid("Field", &field.name)?, category));
            ids.insert(field.name.clone(), uid("Field", &field.name)?);
        }
        // Cedar wants every ancestor that has ancestors; groups at the top need not be there.
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: PolicySet::from_str(text)?,
            entities: Entities::from_entities(entities, None)?,
            client: EntityTypeName::from_str("Client")?,
            action: EntityTypeName::from_str("Action")?,
            contexts: tells_purpose.then_some(contexts),
            fields: ids,
            purposes,
        })
    }

    fn client(&self, query: &Query) -> EntityUid {
        EntityUid::from_type_name_and_id(self.client.clone(), EntityId::new(query.client.to_string()))
    }

    fn purpose(&self, query: &Query) -> EntityUid {
        let unknown =
            || EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(&query.purpose.iri));
        self.purposes.get(&query.purpose.iri).cloned().unwrap_or_else(unknown)
    }

    fn context(&self, query: &Query) -> Context {
        let told = self.contexts.as_ref().and_then(|contexts| contexts.get(&query.purpose.iri));
        told.cloned().unwrap_or_else(Context::empty)
    }

    fn asks(
        &self,
        client: EntityUid,
        purpose: EntityUid,
        field: &EntityUid,
        context: Context,
    ) -> Result<bool> {
        let request = Request::new(client, purpose, field.clone(), context, None)?;
        let answer = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        Ok(answer.decision() == Decision::Allow)
    }

    /// For each field, whether it is shown.
    pub(crate) fn shown(&self, query: &Query) -> Result<Vec<bool>> {
        let (client, purpose, context) = (self.client(query), self.purpose(query), self.context(query));
        let one = |field: &std::sync::Arc<paasla_core::Field>| {
            let uid = self.fields.get(&field.name).context("a field that the catalogue knows")?;
            self.asks(client.clone(), purpose.clone(), uid, context.clone())
        };
        query.fields.iter().map(one).collect()
    }

    /// Whether the query is refused as a whole: one request, for its first field.
    pub(crate) fn is_refused(&self, query: &Query) -> Result<bool> {
        let field = query.fields.first().and_then(|field| self.fields.get(&field.name));
        let field = field.context("a field that the catalogue knows")?;
        Ok(!self.asks(self.client(query), self.purpose(query), field, self.context(query))?)
    }
}

/// Rows in Cedar: one request for each, with the day of birth in the context.
pub(crate) struct Rows {
    authorizer: Authorizer,
    policies: PolicySet,
    who: [EntityUid; 3],
}

impl Rows {
    pub(crate) fn new() -> Result<Self> {
        let policies = PolicySet::from_str(
            "permit(principal, action, resource) when { context.born <= context.latestAdult };",
        )?;
        let who = [uid("Client", "EE/COM/1")?, uid("Action", "review")?, uid("Row", "person")?];
        Ok(Self { authorizer: Authorizer::new(), policies, who })
    }

    /// For each day of birth (days since 1970-01-01), whether the row is about a child.
    pub(crate) fn children(&self, latest_adult: i32, born: &[i32]) -> Result<Vec<bool>> {
        let nothing = Entities::empty();
        let long = |days: i32| RestrictedExpression::new_long(i64::from(days));
        let one = |born: &i32| {
            let days = [("born".to_owned(), long(*born)), ("latestAdult".to_owned(), long(latest_adult))];
            let [client, action, row] = self.who.clone();
            let request = Request::new(client, action, row, Context::from_pairs(days)?, None)?;
            let answer = self.authorizer.is_authorized(&request, &self.policies, &nothing);
            if answer.diagnostics().errors().next().is_some() {
                bail!("Cedar could not decide on a row");
            }
            Ok(answer.decision() == Decision::Deny)
        };
        born.iter().map(one).collect()
    }
}
