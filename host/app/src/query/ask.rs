// SPDX-License-Identifier: Apache-2.0
//! An ask: what a door read of a request, before it becomes a query.

use std::borrow::Cow;

use paasla_core::ClientId;

/// One request, in the register's words, whatever door it came through.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who asks and how: the parts that any request has.
    pub caller: Caller,
    /// The service's name, as in the URL.
    pub service: String,
    /// Its version; none for the newest.
    pub version: Option<u32>,
    /// The purpose as stated: a full IRI, or a compact one such as `dpv:IdentityVerification`.
    pub purpose: Option<Stated>,
    /// The legal basis as stated (GDPR Art. 6(1)), full or compact IRI.
    pub legal_basis: Option<Stated>,
    /// The ground for special categories as stated (GDPR Art. 9(2)), full or compact IRI.
    pub special_ground: Option<Stated>,
    /// The provision of law, in the client's words.
    pub provision: Option<String>,
    /// The AI agent that acts for the official, as the client names it.
    pub agent: Option<String>,
    /// Whether the client asks that the query be hidden from the person for a time.
    pub hidden: bool,
    /// The fields asked for.
    pub select: Select,
    /// The keys: field and its values.
    pub keys: Vec<Key>,
    /// How many rows at most.
    pub limit: Option<u32>,
    /// Where a request of this door says what an ask may lack.
    pub places: Places,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// These fields, in order, each with where it stood.
    Fields(Vec<Stated>),
    /// Every field that may be selected by the keys given and that the access right opens.
    All,
    /// Nothing is said: what the service selects by itself.
    Unsaid,
}

/// Where a door's requests say what they ask: JSON pointers or names of headers.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// The fields.
    pub select: &'static str,
    /// The keys.
    pub keys: &'static str,
    /// The purpose and the legal basis.
    pub context: &'static str,
    /// The number of rows.
    pub limit: &'static str,
    /// The case or document: in the one place or the other. So with those below; empty where a door has no place for it.
    pub case: &'static [&'static str],
    /// The official.
    pub official: &'static [&'static str],
    /// The provision of law.
    pub provision: &'static [&'static str],
    /// On whose behalf.
    pub represented: &'static [&'static str],
}

/// Who asks and how.
#[derive(Debug, Clone)]
pub struct Caller {
    /// When the request arrived: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// The same by a clock that only goes forward, for durations.
    pub arrived: std::time::Instant,
    /// The door: `xroad` or `rr`.
    pub channel: &'static str,
    /// The client (`X-Road-Client`).
    pub client: ClientId,
    /// `X-Road-Id`.
    pub message_id: Option<String>,
    /// `X-Road-Request-Id`.
    pub request_id: Option<String>,
    /// `X-Road-UserId`: the official.
    pub official: Option<String>,
    /// `X-Road-Represented-Party`.
    pub represented: Option<String>,
    /// `X-Road-Issue`, or the case in the body's context.
    pub case: Option<String>,
    /// The `X-Road-PDU-*` statements, decoded, without the prefix, in the order of the specification.
    pub statements: Vec<(String, String)>,
}

/// A text with the place it was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stated {
    /// The text.
    pub text: String,
    /// Where it stood: a JSON pointer (`/select/2`) or a header's name.
    pub place: Cow<'static, str>,
}

/// Values for one key field.
#[derive(Debug, Clone)]
pub struct Key {
    /// The field.
    pub field: Stated,
    /// How many values were sent. The same one twice is asked once.
    pub sent: usize,
    /// The values, as texts, each with its place. The register's description says what type they must be.
    pub values: Vec<Stated>,
}
