// SPDX-License-Identifier: Apache-2.0
//! Clients: X-Road members and subsystems (X-Road REST protocol, PR-REST §4.2 and §4.3).

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{is_blank, is_invisible};

/// A client: `instance/class/member[/subsystem]`, each part already percent-decoded. One text, which all copies share: a
/// query is recorded, counted and given to rules by its client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

/// Why a text is no client identifier. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdError {
    /// Not 3 or 4 parts.
    #[error("a client identifier has 3 or 4 parts divided by `/`: instance/class/member[/subsystem]")]
    Parts,
    /// A part is empty or too long.
    #[error("each part of a client identifier has 1 to 255 characters")]
    Length,
    /// A part holds a character that X-Road refuses in identifiers.
    #[error(
        "a part of the client identifier holds a character that X-Road forbids (`% : ; / \\`, or one that nobody sees)"
    )]
    Character,
}

impl ClientId {
    /// Builds an identifier from decoded parts.
    ///
    /// # Errors
    /// When the number of parts, a length or a character is not allowed.
    pub fn from_parts(parts: &[String]) -> Result<Self, ClientIdError> {
        if !(3..=4).contains(&parts.len()) {
            return Err(ClientIdError::Parts);
        }
        for part in parts {
            if part.is_empty() || part.chars().count() > 255 {
                return Err(ClientIdError::Length);
            }
            if part.chars().any(forbidden) || is_blank(part) {
                return Err(ClientIdError::Character);
            }
        }
        Ok(Self(parts.join("/").into()))
    }

    /// The whole of it, `instance/class/member[/subsystem]`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The member: all before the subsystem, `instance/class/member`.
    #[must_use]
    pub fn member(&self) -> &str {
        self.0.match_indices('/').nth(2).map_or(&self.0, |(end, _)| self.0.get(..end).unwrap_or(&self.0))
    }

    /// Subsystem code; none when the member itself asks.
    #[must_use]
    pub fn subsystem(&self) -> Option<&str> {
        self.0.split('/').nth(3)
    }

    /// Whether `other` is this client, or a subsystem of it when this names a whole member.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        // No part holds a `/`.
        match other.0.strip_prefix(&*self.0) {
            Some("") => true,
            Some(rest) => self.subsystem().is_none() && rest.starts_with('/'),
            None => false,
        }
    }
}

fn forbidden(c: char) -> bool {
    matches!(c, '%' | ':' | ';' | '/' | '\\') || is_invisible(c)
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;

    /// Reads the decoded form. Percent-decoding is the door's work.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        Self::from_parts(&parts)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_three_or_four_plain_parts() {
        let client: ClientId = "EE/GOV/70008440/rr".parse().unwrap();
        assert_eq!(client.to_string(), "EE/GOV/70008440/rr");
        assert_eq!("EE/GOV".parse::<ClientId>(), Err(ClientIdError::Parts));
        assert_eq!("EE/GOV//rr".parse::<ClientId>(), Err(ClientIdError::Length));
        assert_eq!("EE/GOV/7%31/rr".parse::<ClientId>(), Err(ClientIdError::Character));
        for unseen in ["\u{FE0F}", "\u{E000}", "\u{301}", " "] {
            assert_eq!(format!("EE/GOV/{unseen}/rr").parse::<ClientId>(), Err(ClientIdError::Character));
        }
        for unseen in ["\u{200B}", "\u{FEFF}", "\u{2060}", "\u{AD}", "\u{202E}"] {
            assert_eq!(format!("EE/GOV/7{unseen}/rr").parse::<ClientId>(), Err(ClientIdError::Character));
        }
    }

    #[test]
    fn a_member_covers_its_subsystems_only() {
        let member: ClientId = "EE/GOV/70008440".parse().unwrap();
        let subsystem: ClientId = "EE/GOV/70008440/rr".parse().unwrap();
        assert!(member.covers(&subsystem) && !subsystem.covers(&member) && subsystem.covers(&subsystem));
        assert_eq!((member.subsystem(), subsystem.subsystem()), (None, Some("rr")));
        assert_eq!((member.member(), subsystem.member()), ("EE/GOV/70008440", "EE/GOV/70008440"));
        for other in ["EE/GOV/700084401", "EE/GOV/700084401/rr", "EE/GOV/7000844/rr", "EE/COM/70008440"] {
            assert!(!member.covers(&other.parse().unwrap()), "{other}");
        }
        assert!(!subsystem.covers(&"EE/GOV/70008440/rr2".parse().unwrap()));
    }
}
