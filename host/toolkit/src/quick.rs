// SPDX-License-Identifier: Apache-2.0
//! The mark of a quick build. It costs more to run than what is put in force, and its digest is another: whoever signs it by
//! accident would find out by its size.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};

use crate::failure::{Failure, Kind};

/// The name of the custom section that marks one.
const SECTION: &str = "paasla:quick-build";

/// Consent to a quick build.
#[derive(Debug, Clone, Copy, Args)]
pub struct Consent {
    /// Take a rule that was built with --quick, too.
    #[arg(long)]
    quick_build_is_fine: bool,
}

impl Consent {
    /// Refuses a quick build that nobody consented to. `what` names it.
    ///
    /// # Errors
    /// When it is one.
    pub fn check(self, component: &[u8], what: &str) -> Result<()> {
        if self.quick_build_is_fine || !is_quick(component) {
            return Ok(());
        }
        let why = format!("{what} is a quick build: it costs more to run than what is put in force");
        let remedy = "build it without --quick; --quick-build-is-fine takes it all the same";
        Err(Failure::new(Kind::Invalid, why).remedy(remedy).into())
    }

    /// The same, for a file.
    ///
    /// # Errors
    /// When it is one.
    pub fn check_file(self, component: &[u8], file: &Path) -> Result<()> {
        self.check(component, &file.display().to_string())
    }
}

/// Marks a component.
pub fn mark(component: &mut Vec<u8>) {
    CustomSection { name: SECTION.into(), data: b"".into() }.append_to_component(component);
}

/// Whether a component is marked. What cannot be read is not: it is no rule either.
fn is_quick(component: &[u8]) -> bool {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => {
                depth = depth.saturating_add(1);
            }
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::CustomSection(section)) if depth == 0 && section.name() == SECTION => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_refused_without_consent() {
        let plain = wasm_encoder::Component::new().finish();
        let mut marked = plain.clone();
        mark(&mut marked);
        let (no, yes) = (Consent { quick_build_is_fine: false }, Consent { quick_build_is_fine: true });
        no.check(&plain, "it").unwrap();
        yes.check(&marked, "it").unwrap();
        let failure = Failure::of(&no.check(&marked, "it").unwrap_err());
        assert!(failure.text().contains("--quick-build-is-fine"), "{failure}");
        no.check(b"no wasm", "it").unwrap();
    }
}
