// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: from a fresh clone to a host that answers.

mod curl;

use std::{
    collections::BTreeMap,
    fs,
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
use serde::Deserialize;
use serde_json::json;
use signal_hook::{consts::TERM_SIGNALS, flag};

use crate::{
    ask::RR,
    files,
    host::{Home, Host},
    out::{say, step},
    register::{self, Persons},
    rules, scenario, tools,
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

/// One of the example's clients.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) what: String,
}

/// What there is to ask, and by whom.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) base_url: String,
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) persons: Persons,
}

impl World {
    /// The id of a client, by the part it plays.
    pub(crate) fn client(&self, part: &str) -> &str {
        self.clients.get(part).map_or("", |client| client.id.as_str())
    }
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
    let announcement = folder.join("demo.json");
    files::remove(&announcement)?;

    tools::ensure()?;
    step("build", "the host and the generator of the register; the first time takes minutes");
    let programs = workspace.build(&["paasla", "population-register"])?;
    let paasla = program(&programs, "paasla")?;
    let generator = program(&programs, "population-register")?;
    let register = register::make(&workspace, generator, &folder, arguments.people, arguments.seed)?;
    let components = rules::build(&workspace, paasla)?;
    if arguments.check {
        step("check", "starting from an empty control database, so that earlier queries count towards no quota");
        for file in ["control.sqlite", "control.sqlite-wal", "control.sqlite-shm"] {
            files::remove(&folder.join(file))?;
        }
    }
    let home = Home { paasla, folder: &folder };
    step("seed", "services, access rights and policies");
    home.seed(&workspace, &register.file, &components)?;

    step("serve", format_args!("the host's log is in {}", home.log().display()));
    let stop = Arc::new(AtomicBool::new(false));
    for signal in TERM_SIGNALS {
        // The first asks to stop, the second does not ask.
        flag::register_conditional_shutdown(*signal, 130, Arc::clone(&stop))?;
        flag::register(*signal, Arc::clone(&stop))?;
    }
    let mut host = home.start(arguments.port, &stop)?;
    let clients = files::read(&workspace.root.join("examples/control/clients.json"))?;
    let world = World { base_url: host.base_url.clone(), clients, persons: register.persons };
    announce(&announcement, &world)?;

    let outcome = if arguments.check { scenario::run(&world) } else { wait(&mut host, &world, &stop) };
    files::remove(&announcement)?;
    let stopped = host.stop();
    outcome?;
    stopped?;
    say("The host has stopped.");
    Ok(())
}

/// Tells scripts where everything is.
fn announce(file: &Path, world: &World) -> Result<()> {
    let clients: BTreeMap<&str, &str> =
        world.clients.iter().map(|(part, client)| (part.as_str(), client.id.as_str())).collect();
    let persons = &world.persons;
    let content = json!({
        "base_url": world.base_url,
        "rr_url": format!("{}{RR}", world.base_url),
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
fn wait(host: &mut Host, world: &World, stop: &AtomicBool) -> Result<()> {
    curl::show(world);
    say(format_args!("\nThe host answers at {}. Ctrl-C stops it.", world.base_url));
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
