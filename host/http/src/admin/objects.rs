// SPDX-License-Identifier: Apache-2.0
//! `/admin/v1/{services,grants,purposes}`: the same verbs for every kind of object. An object is written as in the files
//! that `paasla seed` reads.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    response::Response,
};
use paasla_core::{Concept, Grant, Object, ObjectId, ObjectKind, Service};
use paasla_store::governance::object::ObjectVersion;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Answer, body::read, json::Json, policies::instant as time, proposals::answer};
use paasla_app::governance::{
    Governance, actor::Actor, objects::ObjectView, proposals::How, refusal::Refusal, view::instant,
};

/// One kind of object, as the routes know it.
pub(super) trait Kind: Send + Sync + 'static {
    /// The kinds that stand in one list here.
    const KINDS: &'static [ObjectKind];
    /// What is put in.
    type Content: DeserializeOwned + Into<Object> + Send;
}

/// Versions of services.
pub(super) struct Services;

/// Access rights.
pub(super) struct Grants;

/// Purposes, and the other terms of the vocabulary.
pub(super) struct Purposes;

impl Kind for Services {
    const KINDS: &'static [ObjectKind] = &[ObjectKind::Service];
    type Content = ServiceContent;
}

impl Kind for Grants {
    const KINDS: &'static [ObjectKind] = &[ObjectKind::Grant];
    type Content = GrantContent;
}

impl Kind for Purposes {
    const KINDS: &'static [ObjectKind] =
        &[ObjectKind::Purpose, ObjectKind::LegalBasis, ObjectKind::SpecialGround];
    type Content = ConceptContent;
}

macro_rules! contents {
    ($($name:ident($content:ident) -> $object:ident,)*) => { $(
        #[derive(Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name($content);

        impl From<$name> for Object {
            fn from(content: $name) -> Self {
                Self::$object(content.0)
            }
        }
    )* };
}

contents! {
    ServiceContent(Service) -> Service,
    GrantContent(Grant) -> Grant,
    ConceptContent(Concept) -> Concept,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Put<T> {
    content: T,
    /// When (RFC 3339); at once if left out.
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    emergency: bool,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Retire {
    /// When (RFC 3339); at once if left out.
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    emergency: bool,
    #[serde(default)]
    reason: String,
}

pub(super) async fn list<K: Kind>(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
) -> Answer<Json<Vec<Value>>> {
    let all = governance.objects(&actor, K::KINDS).await?;
    Ok(Json(all.into_iter().map(|(id, content)| named(&id, json!({ "content": content }))).collect()))
}

pub(super) async fn one<K: Kind>(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    Ok(Json(view(&found::<K>(&governance, &actor, &name).await?)))
}

pub(super) async fn one_service(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path((name, version)): Path<(String, u32)>,
) -> Answer<Json<Value>> {
    Ok(Json(view(&governance.object(&actor, Services::KINDS, &service(&name, version).name).await?)))
}

pub(super) async fn put<K: Kind>(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    body: Body,
) -> Answer<Response> {
    let Put { content, at, dry_run, emergency, reason } = read::<Put<K::Content>>(body).await?;
    let object: Object = content.into();
    let id = object.id();
    let (at, how) = (time("/at", at)?, How { dry_run, emergency, ..How::default() });
    let outcome = governance.put_object(&actor, object, at, how, &reason).await?;
    Ok(answer(outcome, |done| named(&id, json!({ "generation": done.generation }))))
}

pub(super) async fn retire<K: Kind>(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    body: Body,
) -> Answer<Response> {
    let retire: Retire = read(body).await?;
    let id = found::<K>(&governance, &actor, &name).await?.id;
    take_out(&governance, &actor, id, retire).await
}

pub(super) async fn retire_service(
    State(governance): State<Arc<Governance>>,
    Extension(actor): Extension<Actor>,
    Path((name, version)): Path<(String, u32)>,
    body: Body,
) -> Answer<Response> {
    let retire: Retire = read(body).await?;
    take_out(&governance, &actor, service(&name, version), retire).await
}

async fn take_out(
    governance: &Governance,
    actor: &Actor,
    id: ObjectId,
    Retire { at, dry_run, emergency, reason }: Retire,
) -> Answer<Response> {
    let (at, how) = (time("/at", at)?, How { dry_run, emergency, ..How::default() });
    let outcome = governance.take_out_object(actor, id.clone(), at, how, &reason).await?;
    Ok(answer(outcome, |done| named(&id, json!({ "generation": done.generation }))))
}

fn service(name: &str, version: u32) -> ObjectId {
    ObjectId::new(ObjectKind::Service, format!("{name}/v{version}"))
}

/// The object that is meant by a name: a term by its IRI, full or compact.
async fn found<K: Kind>(governance: &Governance, actor: &Actor, name: &str) -> Result<ObjectView, Refusal> {
    let is_term = K::KINDS.contains(&ObjectKind::Purpose);
    let name = if is_term { governance.expand(name) } else { name.to_owned() };
    governance.object(actor, K::KINDS, &name).await
}

fn named(id: &ObjectId, mut json: Value) -> Value {
    if let Value::Object(members) = &mut json {
        members.insert("kind".to_owned(), id.kind.name().into());
        members.insert("name".to_owned(), id.name.as_str().into());
    }
    json
}

fn view(object: &ObjectView) -> Value {
    let history: Vec<Value> = object.history.iter().map(past).collect();
    named(&object.id, json!({ "content": object.content, "history": history }))
}

fn past(version: &ObjectVersion) -> Value {
    let ObjectVersion { generation, at, by, reason, content } = version;
    json!({
        "generation": generation, "at": instant(*at), "by": by, "reason": reason, "content": content,
    })
}
