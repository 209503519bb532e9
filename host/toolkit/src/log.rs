// SPDX-License-Identifier: Apache-2.0
//! What a program logs, and how its lines look.

use std::{env, io};

use anstream::{AutoStream, ColorChoice};
use anyhow::Result;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::failure::usage;

/// The variable that says what is logged.
const VARIABLE: &str = "PAASLA_LOG";

/// What is logged, as the environment says.
///
/// # Errors
/// When `PAASLA_LOG` is wrong.
pub fn filter() -> Result<EnvFilter> {
    read(env::var_os(VARIABLE))
}

/// Begins to log, to wherever `writer` writes.
pub fn start<W>(filter: EnvFilter, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // As NO_COLOR, CLICOLOR, TERM and what standard error is say.
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_target(false);
    // Internal errors would go to standard error, by a macro that panics where that cannot be written.
    builder.log_internal_errors(false).with_writer(writer).init();
}

/// What is logged, as a variable says. A name that is no level would be taken for a part of the program, and nothing be
/// logged at all.
fn read(said: Option<std::ffi::OsString>) -> Result<EnvFilter> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let Some(said) = said.filter(|said| !said.is_empty()) else { return Ok(EnvFilter::new("info")) };
    let remedy =
        format!("{VARIABLE} takes a level ({}) or a list like `info,hyper=debug`", LEVELS.join(", "));
    let Some(said) = said.to_str() else {
        return Err(usage(format!("{VARIABLE} is not in UTF-8. {remedy}")));
    };
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let unknown = said.split(',').map(str::trim).find(|part| !part.contains(['=', '[']) && !is_level(part));
    if let Some(unknown) = unknown {
        return Err(usage(format!("{VARIABLE} is wrong: `{unknown}` is no level. {remedy}")));
    }
    EnvFilter::builder().parse(said).map_err(|error| usage(format!("{VARIABLE} is wrong: {error}. {remedy}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_told_with_what_is_right() {
        for right in ["info", "WARN", "off", "info,hyper=debug", "paasla_http=trace", "[request]=debug"] {
            read(Some(right.into())).unwrap();
        }
        read(None).unwrap();
        read(Some("".into())).unwrap();
        for wrong in ["[[[", "infos", "info,verbose", "info,", "paasla=loud", "3"] {
            let error = format!("{:#}", read(Some(wrong.into())).unwrap_err());
            assert!(error.contains("PAASLA_LOG") && error.contains("info,hyper=debug"), "{wrong}: {error}");
        }
    }
}
