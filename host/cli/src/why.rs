// SPDX-License-Identifier: Apache-2.0
//! Reasons on the command line, as the host takes them at its door.

use anyhow::Result;
use paasla_core::text::check_line;

use crate::failure::usage;

/// How many characters a reason may have.
const LONGEST_REASON: usize = 500;

/// The reason that was given with an option, without the blanks around it.
///
/// # Errors
/// When it is no line that people can read.
pub(crate) fn reason<'a>(option: &str, text: &'a str) -> Result<&'a str> {
    match check_line(text, LONGEST_REASON) {
        Ok(()) => Ok(text.trim()),
        Err(error) => Err(usage(format!("{option} must say why: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Kind};

    #[test]
    fn a_reason_can_be_read() {
        assert_eq!(reason("--reason", " õige ").unwrap(), "õige");
        for wrong in ["", "\u{200B}", "\u{FE0F}", "a\nb", "a\u{202E}b", &"a".repeat(501)] {
            let failure = Failure::of(&reason("--reason", wrong).unwrap_err());
            assert!(
                failure.kind == Kind::Usage && failure.message.starts_with("--reason must say why: "),
                "{wrong:?}"
            );
        }
    }
}
