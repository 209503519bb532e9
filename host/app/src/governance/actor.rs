// SPDX-License-Identifier: Apache-2.0
//! Actors: who acts, with which roles, for which institution.

use paasla_core::{ClientId, Scope, is_same_person};
use paasla_store::{
    StoreError,
    governance::{
        key::TrustKey,
        token::{Role, TokenState},
        version::PolicyVersion,
    },
};
use sha2::{Digest as _, Sha256};

use super::{Governance, now, refusal::Refusal};

/// Who acts, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person (see [`paasla_core::Person`]), as they stand in changes.
    pub who: String,
    /// The token's id; none for the host itself.
    pub token: Option<String>,
    /// The X-Road member they act for; none for the ministry's people.
    pub institution: Option<ClientId>,
    /// What they may do.
    pub roles: Vec<Role>,
}

impl Actor {
    /// The host itself, for what was decided before and is due now.
    #[must_use]
    pub fn host() -> Self {
        Self { who: "host".to_owned(), token: None, institution: None, roles: Role::ALL.to_vec() }
    }

    /// Whether they have one of these roles.
    #[must_use]
    pub fn may(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }

    /// Whether they are the person who did something, as far as is known: by id, or by token.
    pub(crate) fn is_who(&self, who: &str, token: Option<&str>) -> bool {
        is_same_person(&self.who, who) || (token.is_some() && self.token.as_deref() == token)
    }

    /// For whom they act, as it stands in what they make.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        self.institution.as_ref().map(ToString::to_string)
    }

    /// An institution's people may narrow what their own clients see, and nobody else's.
    pub(crate) fn check_scope(&self, scope: &Scope) -> Result<(), Refusal> {
        let Some(institution) = &self.institution else { return Ok(()) };
        if !scope.clients.is_empty() && scope.clients.iter().all(|client| institution.covers(client)) {
            return Ok(());
        }
        let message = format!(
            "you act for {institution}: a policy of yours must name in `scope.clients` one or more of its own clients, \
             and no others"
        );
        Err(Refusal::forbidden("scope_not_own", message))
    }

    /// An institution's people may touch their own policies only.
    pub(crate) fn check_owner(&self, policy: &str, owner: Option<&str>) -> Result<(), Refusal> {
        match (&self.institution, owner) {
            (None, _) => Ok(()),
            (Some(institution), Some(owner)) if institution.to_string() == owner => Ok(()),
            // As if it were not there.
            (Some(_), _) => Err(Refusal::not_found("policy", policy)),
        }
    }

    /// What belongs to everybody is the ministry's business.
    pub(crate) fn check_ministry(&self) -> Result<(), Refusal> {
        match &self.institution {
            None => Ok(()),
            Some(institution) => Err(Refusal::forbidden(
                "ministry_only",
                format!("you act for {institution}; this is for the ministry's own people"),
            )),
        }
    }

    /// Whether a client is one of theirs.
    #[must_use]
    pub fn sees_client(&self, client: &ClientId) -> bool {
        self.institution.as_ref().is_none_or(|own| own.covers(client))
    }

    /// Whether a client, by its name, is one of theirs.
    pub(crate) fn sees_client_named(&self, client: &str) -> bool {
        self.institution.is_none() || client.parse().is_ok_and(|client| self.sees_client(&client))
    }

    /// Whether something of this institution is theirs.
    pub(crate) fn sees_of(&self, institution: Option<&str>) -> bool {
        self.institution.as_ref().is_none_or(|own| institution == Some(own.as_str()))
    }

    /// A policy that is not theirs is not there for them.
    pub(crate) fn check_sees_policy(&self, name: &str, versions: &[PolicyVersion]) -> Result<(), Refusal> {
        let sees = |version: &PolicyVersion| self.sees_of(version.institution.as_deref());
        if self.institution.is_none() || versions.iter().any(sees) {
            return Ok(());
        }
        Err(Refusal::not_found("policy", name))
    }

    /// A key as they see it: of a key that vouches for several institutions an institution sees its own part.
    pub(super) fn sees_key(&self, mut key: TrustKey) -> Option<TrustKey> {
        if self.institution.is_none() {
            return Some(key);
        }
        key.scope.clients.retain(|client| self.sees_client(client));
        (!key.scope.clients.is_empty()).then_some(key)
    }
}

impl Governance {
    /// Who holds a token, or why nobody does.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn actor(&self, token: &str) -> Result<Result<Actor, NobodyKnown>, StoreError> {
        let found = self.store.token(&hex::encode(Sha256::digest(token))).await?;
        let Some(token) = found else { return Ok(Err(NobodyKnown::Unknown)) };
        Ok(match token.state(now()) {
            TokenState::Good => Ok(Actor {
                who: token.holder,
                token: Some(token.id),
                institution: token.institution,
                roles: token.roles,
            }),
            TokenState::Expired => Err(NobodyKnown::Expired),
            TokenState::Revoked => Err(NobodyKnown::Revoked),
        })
    }
}

/// Why a token names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NobodyKnown {
    /// There is no such token.
    Unknown,
    /// It was revoked.
    Revoked,
    /// Its time is up.
    Expired,
}
