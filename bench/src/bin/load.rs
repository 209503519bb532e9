// SPDX-License-Identifier: Apache-2.0
//! A generator of load in a process of its own: so many kept connections, each asks about one person after the other as
//! fast as it is answered. Every answer is looked at: a wrong one fails the run.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use paasla_bench::{
    asking::{Ask, asks, read_answer},
    sample::{Line, Samples},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// Asks, and tells how long answers took.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where, e.g. `http://127.0.0.1:8080`.
    #[arg(long)]
    base_url: String,
    /// The register, to know whom to ask about.
    #[arg(long)]
    register: PathBuf,
    /// Who asks (`X-Road-Client`).
    #[arg(long)]
    client: String,
    /// How many connections.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// For how long answers are counted, in milliseconds.
    #[arg(long, default_value_t = 5_000)]
    measure_ms: u64,
    /// For how long they are not counted yet, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    warm_up_ms: u64,
    /// The scenario's name in the results.
    #[arg(long)]
    scenario: String,
    /// The system's name in the results.
    #[arg(long)]
    system: String,
}

/// The fields asked for; two of them are not needed for the client's purpose.
const SELECT: [&str; 20] = [
    "personalCode",
    "givenName",
    "familyName",
    "birthFamilyName",
    "sex",
    "birthDate",
    "birthCountry",
    "birthPlace",
    "status",
    "deathDate",
    "deathPlace",
    "mainCitizenship",
    "maritalStatus",
    "education",
    "motherTongue",
    "legalCapacityRestricted",
    "residenceAddress",
    "residenceMunicipality",
    "residenceCounty",
    "residencePostalCode",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let address = arguments.base_url.strip_prefix("http://").context("the address begins with http://")?;
    let asks: Arc<[Ask]> = asks(&arguments.register, address, &arguments.client, &SELECT).await?.into();
    let begin = Instant::now() + Duration::from_millis(arguments.warm_up_ms);
    let end = begin + Duration::from_millis(arguments.measure_ms);
    let mut connections = Vec::new();
    for nth in 0..arguments.connections {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        // Every connection begins with another person.
        let first = nth * asks.len() / arguments.connections;
        connections.push(tokio::spawn(keep_asking(stream, Arc::clone(&asks), first, begin, end)));
    }
    let mut all = Samples::default();
    for connection in connections {
        all.extend(connection.await??);
    }
    let line = Line::new(&arguments.scenario, &arguments.system, &all)?;
    #[expect(clippy::cast_precision_loss, reason = "far fewer answers than 2^52")]
    let per_second = line.n as f64 * 1_000.0 / arguments.measure_ms as f64;
    Line { per_second: Some(per_second), ..line }.write()
}

/// Asks until the time is over. Only answers to what was asked after `begin`, and that came before `end`, count.
async fn keep_asking(
    mut stream: TcpStream,
    asks: Arc<[Ask]>,
    first: usize,
    begin: Instant,
    end: Instant,
) -> Result<Samples> {
    let mut samples = Samples::default();
    let mut buffer = Vec::with_capacity(16 << 10);
    for ask in asks.iter().cycle().skip(first) {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        stream.write_all(&ask.request).await?;
        let (status, body) = read_answer(&mut stream, &mut buffer).await?;
        let answered = Instant::now();
        let body = std::str::from_utf8(buffer.get(body..).unwrap_or_default())?;
        if status != 200 || !body.contains(&ask.expected) || !body.starts_with("{\"decision\":{") {
            bail!("an answer is not what it should be (status {status}): {body}");
        }
        if asked >= begin && answered <= end {
            samples.record(answered - asked);
        }
    }
    Ok(samples)
}
