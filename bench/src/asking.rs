// SPDX-License-Identifier: Apache-2.0
//! Queries over a kept connection, with as little work of our own as can be: what is measured is the host.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// One request, and what its answer must hold.
pub struct Ask {
    /// Head and body.
    pub request: Vec<u8>,
    /// A part of the answer's body.
    pub expected: String,
}

/// One request for each of many adults, in an order that is not the register's.
///
/// # Errors
/// When the register cannot be read, or holds no adult.
pub async fn asks(register: &Path, address: &str, client: &str, select: &[&str]) -> Result<Vec<Ask>> {
    let options = SqliteConnectOptions::new().filename(register).read_only(true);
    let mut register =
        SqliteConnection::connect_with(&options).await.context("the register cannot be read")?;
    let codes: Vec<String> = sqlx::query_scalar(
        "SELECT personal_code FROM person WHERE status = 'E' AND birth_date < '2000-01-01' AND id NOT IN
         (SELECT person_id FROM access_restriction) ORDER BY id * 7919 % 10007 LIMIT 2000",
    )
    .fetch_all(&mut register)
    .await?;
    ensure!(!codes.is_empty(), "the register holds no adult");
    let ask = |code: &String| {
        let body = json!({ "select": select, "where": { "personalCode": code } }).to_string();
        let request = format!(
            "POST /xroad/person/v1/query HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             X-Road-Client: {}\r\nX-Road-UserId: EE60001017869\r\nContent-Length: {}\r\n\r\n{body}",
            client,
            body.len(),
        );
        Ask {
            request: request.into_bytes(),
            expected: format!("\"records\":[{{\"personalCode\":\"{code}\","),
        }
    };
    Ok(codes.iter().map(ask).collect())
}

/// Reads one answer into the buffer; gives its status and where its body begins.
///
/// # Errors
/// When no whole answer comes.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(u16, usize)> {
    buffer.clear();
    let mut whole: Option<(u16, usize, usize)> = None;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection was closed in the middle of an answer");
        }
        if whole.is_none() {
            whole = head(buffer)?;
        }
        if let Some((status, body, length)) = whole
            && buffer.len() >= body + length
        {
            ensure!(buffer.len() == body + length, "more than one answer came");
            return Ok((status, body));
        }
    }
}

/// Status, beginning and length of the body, once the head is there.
fn head(buffer: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(buffer.get(..end).unwrap_or_default())?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value.trim())
    });
    Ok(Some((status, end + 4, length.context("an answer without Content-Length")?.parse()?)))
}
