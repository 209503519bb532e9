// SPDX-License-Identifier: Apache-2.0
//! `paasla demo`: the host at work on synthetic people, from the files that an archive brings along.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use paasla_demo::{Claim, Parts, show};

use crate::failure::{Failure, Kind};

/// Where an archive has the demo's files, beside the folder of this program.
const SHARE: &str = "share/paasla";

/// What to show, and where.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Listen on this port of the loopback address; otherwise on a free one.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Keep everything in this folder, also for the next time.
    #[arg(long, value_name = "FOLDER", default_value = "demo-data")]
    data: PathBuf,
    /// Where the demo's files are. [default: share/paasla of the archive]
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Ask three queries, say whether each was answered as it should be, and stop.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Demo) -> Result<()> {
    let parts = parts(arguments)?;
    let claim = Claim::take(&arguments.data)?;
    let mut demo = claim.open(&parts, arguments.port, false)?;
    let outcome = if arguments.check { show::check(&demo.stage) } else { demo.wait() };
    demo.close(outcome)
}

/// The demo's files.
///
/// # Errors
/// When one is not there; says which, and what to do.
fn parts(arguments: &Demo) -> Result<Parts> {
    let paasla = std::env::current_exe()
        .and_then(|program| program.canonicalize())
        .context("this program cannot find itself")?;
    let folder = match &arguments.from {
        Some(folder) => std::path::absolute(folder)?,
        None => {
            let above = paasla.parent().and_then(|bin| bin.parent());
            above.context("this program is in no folder beside which there could be others")?.join(SHARE)
        }
    };
    let parts = Parts::of(&paasla, &folder);
    if let Some(missing) = parts.missing() {
        let why = format!("the demo's files are not there: there is no {}", missing.display());
        let remedy = "run the program where its archive was unpacked, or name the archive's folder `share/paasla` with \
                      --from; in a clone of the repository, run `cargo xtask demo`";
        return Err(Failure::new(Kind::NotFound, why).remedy(remedy).into());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_there_are_named_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let (data, from) = (folder.path().join("data"), folder.path().join("from"));
        let demo = Demo { port: 0, data: data.clone(), from: Some(from.clone()), check: true };
        let failure = Failure::of(&run(&demo).unwrap_err());
        assert_eq!(failure.kind, Kind::NotFound);
        let named = format!("there is no {}/examples/control", from.display());
        assert!(failure.message.ends_with(&named), "{failure}");
        assert!(failure.remedy.is_some_and(|remedy| remedy.contains("--from")));
        assert!(!data.exists());
    }
}
