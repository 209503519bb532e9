// SPDX-License-Identifier: Apache-2.0
//! `paasla serve`: the host at work, until it is told to stop.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use paasla_app::{Gatehouse, health::LOOK_EVERY};
use paasla_demo::signals::hangup_is_ignored;
use paasla_http::{Doors, Settings, admin, layers, panics, routes, serve};
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

use crate::{config::Config, failure::usage, host, watch::Folder};

/// How long a host that stops goes on comparing queries with policies in shadow.
const SHADOW_GRACE: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// Listen here instead of where the configuration says.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Write `{"base_url": ...}` to this file once queries are answered.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// For those who write rules: put every `NAME.wasm` in this folder to work as the policy NAME a moment after it was
    /// saved, without signatures and approval. `NAME.toml` beside it may give settings, scope, limits and mode. Only with
    /// an address on loopback.
    #[arg(long, value_name = "FOLDER")]
    watch: Option<PathBuf>,
    /// Start although records are lost: files of them are missing, shortened or changed, and cannot be brought back. Give the
    /// reason; it is kept among the changes, with what is lost. What can be read is found and counted.
    #[arg(long, value_name = "REASON")]
    accept_records_loss: Option<String>,
    /// Stop when standard input ends, so that the host does not outlive the program that started it.
    #[arg(long)]
    stop_with_stdin: bool,
}

pub(crate) fn run(arguments: &Serve) -> Result<()> {
    panics::hush();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve_until_told(arguments));
    // A thread may still sit in a read of standard input: do not wait for it.
    runtime.shutdown_background();
    served
}

async fn serve_until_told(arguments: &Serve) -> Result<()> {
    let config = Config::read(&arguments.config)?;
    let accept_loss = arguments.accept_records_loss.as_deref();
    let app = Arc::new(host::app(&config, arguments.watch.is_none(), accept_loss).await?);
    let address = arguments.listen.unwrap_or(config.listen);
    let folder = arguments.watch.as_deref().map(Folder::open).transpose()?;
    if folder.is_some() && !address.ip().is_loopback() {
        return Err(usage(format!(
            "--watch puts to work whatever is in a folder: it goes with an address on loopback only, not {address}"
        )));
    }
    // Before any query is decided.
    let there = folder.as_ref().map(Folder::names).transpose()?.unwrap_or_default();
    app.governance.drop_leftovers(&there).await;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let gate: Arc<dyn Gatehouse> = Arc::clone(&app.queries) as Arc<dyn Gatehouse>;
    let doors = Doors::new(gate, Settings::default());
    let settings = serve::Settings::default();

    let watched = Arc::clone(&app);
    let watcher = tokio::spawn(async move {
        loop {
            let look_at_quarantine = async {
                if let Err(error) = watched.governance.look_at_quarantine().await {
                    tracing::warn!(%error, "the list of policies in quarantine cannot be read");
                }
            };
            tokio::join!(look_at_quarantine, watched.queries.record_counted_refusals(false));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    });
    let looked_at = Arc::clone(&app.health);
    let health = tokio::spawn(async move {
        loop {
            looked_at.look().await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    let governed = Arc::clone(&app.governance);
    let governor = tokio::spawn(async move {
        loop {
            governed.look_at_rulebook().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    app.shadow.start().context("no thread for policies in shadow")?;
    let dropped = folder.map(|folder| tokio::spawn(folder.watch(Arc::clone(&app.governance))));
    let stop = told_to_stop(arguments.stop_with_stdin)?;
    if let Some(file) = &arguments.ready_file {
        announce(file, &base_url)?;
    }
    tracing::info!(base_url, "open");
    let stopping = Arc::clone(&app.health);
    let until = async move {
        let why = stop.await;
        tracing::info!(why, "stopping: requests under way are finished");
        stopping.stop();
    };
    let router = layers(&doors, routes(&doors).merge(admin::router(&app.governance, app.queries.clone())));
    let finished = serve::serve(listener, router, &settings, until).await;
    watcher.abort();
    health.abort();
    governor.abort();
    dropped.inspect(tokio::task::JoinHandle::abort);
    app.health.stop();
    let idle = doors.idle(settings.grace).await;
    app.shadow.finish(SHADOW_GRACE).await;
    app.close().await.context("records could not be written to the end")?;
    if !(finished && idle) {
        bail!("some requests were cut off after {} s", settings.grace.as_secs());
    }
    tracing::info!("stopped");
    Ok(())
}

/// Ends at the first of SIGINT, SIGTERM, SIGHUP unless it was to be ignored, and, if wanted, the end of standard input.
fn told_to_stop(with_stdin: bool) -> Result<impl Future<Output = &'static str>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = (!hangup_is_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
    let closed = Arc::new(Notify::new());
    if with_stdin {
        let closed = Arc::clone(&closed);
        std::thread::Builder::new().name("paasla-stdin".to_owned()).spawn(move || {
            let mut sink = [0_u8; 256];
            let mut stdin = std::io::stdin().lock();
            while matches!(stdin.read(&mut sink), Ok(count) if count > 0) {}
            closed.notify_one();
        })?;
    }
    Ok(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => {
                    hangup.recv().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            () = hung_up => "SIGHUP",
            () = closed.notified() => "the end of standard input",
        }
    })
}

fn announce(file: &Path, base_url: &str) -> Result<()> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(fresh, "{}", json!({ "base_url": base_url }))?;
    fresh.persist(file).with_context(|| format!("{} could not be written", file.display()))?;
    Ok(())
}
