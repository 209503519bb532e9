// SPDX-License-Identifier: Apache-2.0
//! Peers that are slow on purpose, and clients without any right, against the real program: they are in nobody's way.

use std::{io::Write as _, net::TcpStream, time::Duration};

use anyhow::{Context as _, Result, ensure};
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Host, ask::agent};
use serde_json::json;

/// Connections of each kind.
const SLOW: usize = 150;

fn connect(host: &Host) -> Result<TcpStream> {
    let address = host.base_url.strip_prefix("http://").context("an address")?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

fn head(client: &str) -> String {
    format!(
        "POST /xroad/person/v1/query HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\
         X-Road-UserId: EE60001017869\r\nX-Road-Client: {client}\r\n\r\n"
    )
}

/// 300 connections send a head and no body, and again when they are turned away; as many lawful queries as there are
/// persons in the list are all answered meanwhile.
#[test]
fn slow_bodies_are_in_nobodys_way() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let small = given.world.client("small_company");
    let mut slow = Vec::new();
    for n in 0..SLOW {
        for client in [small.to_owned(), format!("EE/COM/1/anybody-{n}")] {
            let mut stream = connect(&host)?;
            stream.write_all(head(&client).as_bytes())?;
            slow.push((client, stream));
        }
    }
    let agent = agent();
    let client = given.world.client("public_task");
    for code in given.world.persons.twenty.iter().cycle().take(100) {
        let got = Ask::service("person", client, &["personalCode"], json!({ "personalCode": code }))
            .send(&agent, &host.base_url)?;
        ensure!(got.status == 200 && got.records().len() == 1, "{} {}", got.status, got.text);
        // Whoever was turned away comes again.
        for (client, stream) in &mut slow {
            stream.set_nonblocking(true)?;
            let is_over = stream.peek(&mut [0; 1]).is_ok();
            stream.set_nonblocking(false)?;
            if is_over {
                *stream = connect(&host)?;
                stream.write_all(head(client).as_bytes())?;
                break;
            }
        }
    }
    drop(slow);
    host.stop()
}

/// However much somebody without any right sends, the records hold a few of it by itself, and the number of the rest.
#[tokio::test]
async fn strangers_do_not_fill_the_records() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let agent = agent();
    let keys = json!({ "personalCode": given.world.persons.adult });
    let ask = Ask::service("person", "EE/COM/10000000/anybody", &["familyName"], keys)
        .header("X-Road-Issue", &"x".repeat(2_000));
    let mut statuses = Vec::new();
    for _ in 0..100 {
        let got = ask.send(&agent, &host.base_url)?;
        ensure!(
            got.decision.is_some() == (got.status == 403),
            "a refusal that is recorded says so: {}",
            got.text
        );
        statuses.push(got.status);
    }
    let recorded = statuses.iter().filter(|status| **status == 403).count();
    let counted = statuses.iter().filter(|status| **status == 429).count();
    ensure!((1..=20).contains(&recorded) && recorded + counted == 100, "{statuses:?}");
    // What was counted is recorded before the host ends.
    host.stop()?;
    let store = SqliteStore::open(given.home.database()).await?;
    let filter = RecordFilter { limit: RecordFilter::MAX_LIMIT, ..RecordFilter::default() };
    let records = store.records(&filter).await?;
    store.close().await?;
    let stands_for = records.iter().map(|record| record.stands_for.unwrap_or(1)).sum::<u64>();
    ensure!(stands_for == 100, "{stands_for} of 100 refusals are in the records");
    ensure!(records.len() < 30, "in {} records", records.len());
    Ok(())
}
