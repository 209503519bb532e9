// SPDX-License-Identifier: Apache-2.0
//! The client of a host's admin door. It holds a token and shows it to nobody but the host.

use std::{fmt, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use ureq::{
    Agent,
    http::{Response, Uri, header},
    tls::{RootCerts, TlsConfig, TlsProvider},
};

use crate::{files::read_text, show::plain};

/// The variable of the environment that holds the token.
const TOKEN: &str = "PAASLA_TOKEN";

/// How long a connection may take, and a whole request: bringing a rule in includes running its cases.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(600);

/// The largest answer that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// What need not be escaped in one segment of a path (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which host, and who asks.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The host's address: `http://127.0.0.1:8080`, `https://paasla.example.ee`.
    #[arg(long, env = "PAASLA_HOST", value_name = "URL", help_heading = "Host")]
    pub(crate) host: Option<String>,
    /// A file that holds your token and nothing else. Without it, the token is taken from the environment variable
    /// PAASLA_TOKEN. It is never given on the command line, where other users of the machine could see it.
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print the host's JSON: one object, or one object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Remote {
    /// A client for this host and token. Nothing is sent yet.
    ///
    /// # Errors
    /// When host or token are missing, or are none.
    pub(crate) fn client(&self) -> Result<Client> {
        let base = self.host.as_deref().map(str::trim).filter(|host| !host.is_empty()).context(
            "which host? Give its address with --host URL, or in the environment variable PAASLA_HOST",
        )?;
        let base = address(base)?;
        let token = match &self.token_file {
            Some(file) => read_text(file)?,
            None => std::env::var(TOKEN).map_err(|_| {
                anyhow!(
                    "whose token? Put it in the environment variable {TOKEN}, or name a file that holds it with \
                     --token-file; whoever looks after the host makes one with `paasla admin token create`"
                )
            })?,
        };
        let token = token.trim();
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            let place =
                self.token_file.as_ref().map_or_else(|| TOKEN.to_owned(), |file| file.display().to_string());
            bail!("{place} holds no token: a token is one word, as `paasla admin token create` printed it");
        }
        Ok(Client { agent: agent(), base, authorization: format!("Bearer {token}") })
    }
}

/// Makes rustls use `ring`: the one provider of cryptography for all that this program does over TLS.
pub(crate) fn choose_cryptography() {
    // It can be chosen once; a second time changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn agent() -> Agent {
    choose_cryptography();
    // The system's own list of authorities, so that a host inside an institution can have its certificate from there.
    let tls =
        TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(WHOLE))
        .user_agent(concat!("paasla/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Checks a host's address, and takes the slash at its end away.
fn address(text: &str) -> Result<String> {
    let wrong = || anyhow!("`{}` is no address of a host: http://127.0.0.1:8080 is one", plain(text));
    let address: Uri = text.parse().map_err(|_| wrong())?;
    let is_web = matches!(address.scheme_str(), Some("http" | "https"));
    if !is_web || address.host().is_none_or(str::is_empty) || address.query().is_some() {
        return Err(wrong());
    }
    if address.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        bail!("an address of a host holds no user and password: who you are is told by the token");
    }
    if address.scheme_str() == Some("http") && !address.host().is_some_and(is_loopback) {
        tracing::warn!("the token goes to {text} unencrypted: use https, or a tunnel");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether a host's name or number is this machine's own.
pub(crate) fn is_loopback(host: &str) -> bool {
    let number = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || number.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// One segment of a path, with everything escaped that could mean something else.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A host's admin door. Has no `Debug`: it holds the token.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    authorization: String,
}

impl Client {
    /// Looks at something.
    ///
    /// # Errors
    /// When the host cannot be reached, or with its [`Problems`].
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(self.url(path)).header(header::AUTHORIZATION, &self.authorization);
        self.read(request.call())
    }

    /// Changes something.
    ///
    /// # Errors
    /// When the host cannot be reached, or with its [`Problems`].
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(self.url(path)).header(header::AUTHORIZATION, &self.authorization);
        self.read(request.send_json(body))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/admin/v1{path}", self.base)
    }

    fn read(&self, response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        let mut response = response.with_context(|| format!("the host {} cannot be reached", self.base))?;
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_problem = kind.is_some_and(|kind| kind.starts_with("application/problem+json"));
        let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
        if !(is_problem || status.is_success() && is_json) {
            bail!(
                "{} answered with status {} and nothing that a Pääsla host says: is it the address of one?",
                self.base,
                status.as_u16()
            );
        }
        let body = response.body_mut().with_config().limit(LARGEST).read_to_string();
        let body = body.with_context(|| format!("the answer of {} broke off", self.base))?;
        if is_problem {
            return Err(Problems::read(status.as_u16(), &body).into());
        }
        serde_json::from_str(&body).map_err(|_| anyhow!("{} sent an answer that is no JSON", self.base))
    }
}

/// Why the host did not do what was asked: everything it found wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problems(Vec<Problem>);

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Problem {
    code: String,
    place: String,
    message: String,
}

/// A problem document (RFC 9457), as far as it is shown.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    problems: Vec<Problem>,
}

impl Problems {
    fn read(status: u16, body: &str) -> Self {
        let document = serde_json::from_str(body).unwrap_or(Document {
            code: "unreadable".to_owned(),
            detail: format!("the host answered with status {status} and a problem that cannot be read"),
            problems: Vec::new(),
        });
        if !document.problems.is_empty() {
            return Self(document.problems);
        }
        let place = match status {
            401 | 403 => "token",
            404 | 405 => "url",
            _ => "host",
        };
        Self(vec![Problem { code: document.code, place: place.to_owned(), message: document.detail }])
    }
}

impl fmt::Display for Problems {
    /// One problem a line: `place: message (code)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Problem { code, place, message }) in self.0.iter().enumerate() {
            let line = if number == 0 { "" } else { "\n" };
            // A failed case says more than fits in a line.
            let message: Vec<String> = message.lines().map(plain).collect();
            write!(f, "{line}{}: {} ({})", plain(place), message.join("\n  "), plain(code))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_one_a_line() {
        let body = r#"{"code":"request_invalid","detail":"2 problems","problems":[
            {"code":"name_invalid","place":"/name","message":"no\u001b[2J"},
            {"code":"case_failed","place":"/cases","message":"a\nb"}]}"#;
        let told = Problems::read(422, body).to_string();
        assert_eq!(told, "/name: no\u{FFFD}[2J (name_invalid)\n/cases: a\n  b (case_failed)");
    }

    #[test]
    fn a_problem_without_a_list_is_told_too() {
        let told = Problems::read(401, r#"{"code":"token_missing","detail":"no token"}"#).to_string();
        assert_eq!(told, "token: no token (token_missing)");
        let told = Problems::read(503, "<html>secret").to_string();
        assert!(told.starts_with("host: ") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn an_address_is_one_of_the_web_without_a_password() {
        assert_eq!(address("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(address("https://paasla.example.ee/inner/").unwrap(), "https://paasla.example.ee/inner");
        for wrong in
            ["127.0.0.1:8080", "ftp://a", "http://", "http://a?x=1", "https://mari:secret@a", "/x", ""]
        {
            let error = address(wrong).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{wrong}: {error}");
        }
    }

    #[test]
    fn nothing_in_a_name_leaves_its_segment() {
        assert_eq!(segment("a/../b?c=d&ö"), "a%2F..%2Fb%3Fc%3Dd%26%C3%B6");
        assert!(is_loopback("localhost") && is_loopback("127.9.9.9") && is_loopback("[::1]"));
        assert!(!is_loopback("localhost.example.ee") && !is_loopback("10.0.0.1"));
    }
}
