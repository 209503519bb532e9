// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: from a fresh clone to a host that answers.

mod curl;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use anyhow::{Result, bail};
use clap::Args;
use paasla_tests::{Home, Host, World, ask::RR, files};
use serde_json::json;
use signal_hook::{consts::TERM_SIGNALS, flag};

use crate::{
    out::{say, step},
    register, rules, scenario, tools,
    workspace::{Workspace, program},
};

/// What to show, and where.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Listen on this port of the loopback address; otherwise on a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keep everything in this folder, also for the next time. [default: demo-data in the workspace]
    #[arg(long)]
    data: Option<PathBuf>,
    /// How many synthetic people to make.
    #[arg(long, default_value_t = 10_000)]
    people: u32,
    /// The seed of all chance: the same seed makes the same people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ask a scripted list of queries, say whether each ended as it should, and stop.
    #[arg(long)]
    check: bool,
}

/// A host that answers, who may ask it, and about whom.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) base_url: String,
    pub(crate) world: World,
}

/// Does everything.
///
/// # Errors
/// With the step that failed, or the queries that ended otherwise than they should.
pub(crate) fn run(arguments: &Demo) -> Result<()> {
    let workspace = Workspace::find()?;
    let folder = match &arguments.data {
        Some(folder) => std::path::absolute(folder)?,
        None => workspace.root.join("demo-data"),
    };
    fs::create_dir_all(&folder)?;
    // Held to the end: two hosts must not write to one control database.
    let lock = File::create(folder.join("demo.lock"))?;
    if lock.try_lock().is_err() {
        bail!(
            "a demo that still runs uses {}: stop it, or name another folder with --data",
            folder.display()
        );
    }
    let announcement = folder.join("demo.json");
    files::remove(&announcement)?;

    tools::ensure()?;
    step("build", "the host and the generator of the register; the first time takes minutes");
    let programs = workspace.build(&["paasla", "population-register"])?;
    let paasla = program(&programs, "paasla")?;
    let generator = program(&programs, "population-register")?;
    let register = register::make(&workspace, generator, &folder, arguments.people, arguments.seed)?;
    let components = rules::build(&workspace, paasla)?;
    let examples = workspace.root.join("examples");
    let home = Home {
        paasla: paasla.to_owned(),
        cache: None,
        folder: folder.clone(),
        examples,
        log_level: "info",
        serve_with: Vec::new(),
    };
    if arguments.check {
        step("check", "from an empty control database, so that earlier queries count towards no quota");
        home.forget()?;
    }
    step("seed", "services, access rights and policies");
    home.seed(&register.file, &components)?;

    step("serve", format_args!("the host's log is in {}", home.log().display()));
    let stop = Arc::new(AtomicBool::new(false));
    for signal in TERM_SIGNALS {
        // The first asks to stop, the second does not ask.
        flag::register_conditional_shutdown(*signal, 130, Arc::clone(&stop))?;
        flag::register(*signal, Arc::clone(&stop))?;
    }
    let mut host = home.start(arguments.port, &stop)?;
    let stage =
        Stage { base_url: host.base_url.clone(), world: World::read(&home.examples, &register.persons)? };
    announce(&announcement, &stage)?;

    let outcome = if arguments.check { scenario::run(&stage) } else { wait(&mut host, &stage, &stop) };
    files::remove(&announcement)?;
    let stopped = host.stop();
    outcome?;
    stopped?;
    say("The host has stopped.");
    Ok(())
}

/// Tells scripts where everything is.
fn announce(file: &Path, stage: &Stage) -> Result<()> {
    let Stage { base_url, world } = stage;
    let clients: BTreeMap<&str, &str> =
        world.clients.iter().map(|(part, client)| (part.as_str(), client.id.as_str())).collect();
    let persons = &world.persons;
    let content = json!({
        "base_url": base_url,
        "rr_url": format!("{base_url}{RR}"),
        "clients": clients,
        "persons": {
            "adult": persons.adult,
            "child": persons.child,
            "restricted": persons.restricted,
            "deceased": persons.deceased,
            "absent": persons.absent,
            "special_characters": persons.special_characters,
            "no_custody_adult": persons.no_custody_adult,
            "child_of_restricted": persons.child_of_restricted,
        },
        "twenty": persons.twenty,
    });
    files::write(file, &content)
}

/// Shows what to try, and waits for Ctrl-C.
fn wait(host: &mut Host, stage: &Stage, stop: &AtomicBool) -> Result<()> {
    curl::show_answers(stage)?;
    curl::show(stage);
    say(format_args!("\nThe host answers at {}. Ctrl-C stops it.", stage.base_url));
    while !stop.load(Ordering::SeqCst) {
        if let Some(status) = host.ended()? {
            // A Ctrl-C reaches the host too, maybe sooner.
            sleep(Duration::from_millis(300));
            if stop.load(Ordering::SeqCst) {
                break;
            }
            bail!("the host ended by itself ({status}); its log says why");
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}
