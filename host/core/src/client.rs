// SPDX-License-Identifier: Apache-2.0
//! Who asks: an X-Road member or subsystem (X-Road REST protocol, PR-REST §4.2 and §4.3).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A client: `instance/class/member[/subsystem]`, each part already percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId {
    /// X-Road instance, e.g. `EE`.
    pub instance: String,
    /// Member class, e.g. `GOV`, `COM`, `NGO`, `NEE`.
    pub class: String,
    /// Member code: the registry code in X-tee.
    pub member: String,
    /// Subsystem code; none when the member itself asks.
    pub subsystem: Option<String>,
}

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
        "a part of the client identifier holds a character that X-Road forbids (`% : ; / \\`, control, zero-width)"
    )]
    Character,
}

impl ClientId {
    /// Builds an identifier from decoded parts.
    ///
    /// # Errors
    /// When the number of parts, a length or a character is not allowed.
    pub fn from_parts(parts: &[String]) -> Result<Self, ClientIdError> {
        let (instance, class, member, subsystem) = match parts {
            [instance, class, member] => (instance, class, member, None),
            [instance, class, member, subsystem] => (instance, class, member, Some(subsystem)),
            _ => return Err(ClientIdError::Parts),
        };
        for part in parts {
            if part.is_empty() || part.chars().count() > 255 {
                return Err(ClientIdError::Length);
            }
            if part.chars().any(forbidden) {
                return Err(ClientIdError::Character);
            }
        }
        Ok(Self {
            instance: instance.clone(),
            class: class.clone(),
            member: member.clone(),
            subsystem: subsystem.cloned(),
        })
    }

    /// Whether `other` is this client, or a subsystem of it when this names a whole member.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.instance == other.instance
            && self.class == other.class
            && self.member == other.member
            && (self.subsystem.is_none() || self.subsystem == other.subsystem)
    }
}

fn forbidden(c: char) -> bool {
    matches!(c, '%' | ':' | ';' | '/' | '\\' | '\u{200B}' | '\u{FEFF}') || c.is_control()
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.instance, self.class, self.member)?;
        match &self.subsystem {
            Some(subsystem) => write!(f, "/{subsystem}"),
            None => Ok(()),
        }
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

impl TryFrom<String> for ClientId {
    type Error = ClientIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(client: ClientId) -> Self {
        client.to_string()
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
        assert_eq!("EE/GOV/7\u{200B}/rr".parse::<ClientId>(), Err(ClientIdError::Character));
    }

    #[test]
    fn a_member_covers_its_subsystems_only() {
        let member: ClientId = "EE/GOV/70008440".parse().unwrap();
        let subsystem: ClientId = "EE/GOV/70008440/rr".parse().unwrap();
        assert!(member.covers(&subsystem) && !subsystem.covers(&member) && subsystem.covers(&subsystem));
    }
}
