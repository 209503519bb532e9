// SPDX-License-Identifier: Apache-2.0
//! A steady load in a process of its own: so many queries a second, whatever the host does, until standard input ends.
//! Then it prints one line of JSON for each answer. Times run from the moment a query was due, so that a host that stops
//! for a while cannot hide it.

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use clap::Parser;
use paasla_bench::asking::{Ask, asks, read_answer};
use serde::Serialize;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// Asks steadily.
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
    /// The fields asked for, `personalCode` among them.
    #[arg(long, required = true, value_delimiter = ',')]
    select: Vec<String>,
    /// How many queries a second.
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// Over how many connections.
    #[arg(long, default_value_t = 16)]
    connections: u32,
}

/// One answer.
#[derive(Debug, Serialize)]
struct Answered {
    /// When the query was due: microseconds since 1970-01-01T00:00:00Z.
    due_us: u64,
    /// From then to the whole answer, in microseconds.
    took_us: u64,
    /// The status; 0 when no whole answer came.
    status: u16,
    /// The generation that the answer names; 0 when it names none.
    generation: u64,
    /// What may be seen of each field asked for, in their order.
    visible: Vec<String>,
}

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
    let select: Vec<&str> = arguments.select.iter().map(String::as_str).collect();
    let asks: Arc<[Ask]> = asks(&arguments.register, address, &arguments.client, &select).await?.into();
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    std::thread::spawn(move || {
        let mut sink = Vec::new();
        let _ = std::io::stdin().lock().read_to_end(&mut sink);
        told.store(true, Ordering::SeqCst);
    });
    let connections = arguments.connections.max(1);
    let every = Duration::from_secs(u64::from(connections)) / arguments.rate.max(1);
    let begin = Instant::now() + Duration::from_millis(50);
    let mut tasks = Vec::new();
    for nth in 0..connections {
        let steady = Steady {
            address: address.to_owned(),
            select: arguments.select.clone(),
            asks: Arc::clone(&asks),
            first: usize::try_from(nth)?,
            due: begin + every * nth / connections,
            every,
            stop: Arc::clone(&stop),
        };
        tasks.push(tokio::spawn(steady.ask()));
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for task in tasks {
        for answered in task.await? {
            writeln!(out, "{}", serde_json::to_string(&answered)?)?;
        }
    }
    Ok(out.flush()?)
}

/// One connection's share of the load.
struct Steady {
    address: String,
    select: Vec<String>,
    asks: Arc<[Ask]>,
    first: usize,
    due: Instant,
    every: Duration,
    stop: Arc<AtomicBool>,
}

impl Steady {
    async fn ask(mut self) -> Vec<Answered> {
        let (mut all, mut stream, mut buffer) = (Vec::new(), None, Vec::with_capacity(16 << 10));
        let asks = Arc::clone(&self.asks);
        for ask in asks.iter().cycle().skip(self.first * asks.len() / 64) {
            tokio::time::sleep_until(self.due.into()).await;
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let due_us = now_us().saturating_sub(micros(self.due.elapsed()));
            let got = self.one(ask, &mut stream, &mut buffer).await;
            let took_us = micros(self.due.elapsed());
            let (status, generation, visible) = got.unwrap_or_else(|_| {
                stream = None;
                (0, 0, Vec::new())
            });
            all.push(Answered { due_us, took_us, status, generation, visible });
            self.due += self.every;
        }
        all
    }

    async fn one(
        &self,
        ask: &Ask,
        stream: &mut Option<TcpStream>,
        buffer: &mut Vec<u8>,
    ) -> Result<(u16, u64, Vec<String>)> {
        if stream.is_none() {
            let fresh = TcpStream::connect(&self.address).await?;
            fresh.set_nodelay(true)?;
            *stream = Some(fresh);
        }
        let stream = stream.as_mut().context("it was just made")?;
        stream.write_all(&ask.request).await?;
        let (status, body) = read_answer(stream, buffer).await?;
        let json: Value = serde_json::from_slice(buffer.get(body..).unwrap_or_default())?;
        let generation = json.pointer("/decision/generation").and_then(Value::as_u64).unwrap_or(0);
        let of = |name: &String| {
            let visible = json.pointer("/decision/fields")?.get(name)?.get("visibility")?;
            visible.as_str().map(str::to_owned)
        };
        Ok((status, generation, self.select.iter().map(|name| of(name).unwrap_or_default()).collect()))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros)
}
