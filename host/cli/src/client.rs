// SPDX-License-Identifier: Apache-2.0
//! The client of a host's admin door. It holds a token and shows it to nobody but the host.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use ureq::{
    Agent, Proxy,
    http::{Response, Uri, header},
    tls::{RootCerts, TlsConfig, TlsProvider},
};

use crate::{
    failure::{Failure, Kind, Problem, invalid, usage},
    files::read_text,
    show::plain,
};

/// The variables of the environment that hold the host's address and the token.
const HOST: &str = "PAASLA_HOST";
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
    /// Without it, the address is taken from the environment variable PAASLA_HOST.
    #[arg(long, value_name = "URL", help_heading = "Host")]
    pub(crate) host: Option<String>,
    /// A file that holds your token and nothing else. Without it, the token is taken from the environment variable
    /// PAASLA_TOKEN. It is never given on the command line, where other users of the machine could see it.
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    pub(crate) token_file: Option<PathBuf>,
    /// Let the token go to another machine unencrypted. Everybody on the way can read it.
    #[arg(long, help_heading = "Host")]
    pub(crate) insecure_http: bool,
    /// Print the host's JSON: one object, or one object a line. Errors are told as one object too.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Remote {
    /// A client for this host and token. Nothing is sent yet.
    ///
    /// # Errors
    /// When host or token are missing, or are none.
    pub(crate) fn client(&self) -> Result<Client> {
        let of_environment = std::env::var(HOST).ok();
        let host = self.host.as_deref().or(of_environment.as_deref()).map(str::trim);
        let host = host.filter(|host| !host.is_empty()).ok_or_else(|| {
            usage(format!(
                "which host? Give its address with --host URL, or in the environment variable {HOST}"
            ))
        })?;
        let base = Base::of(host, self.insecure_http)?;
        let token = match &self.token_file {
            Some(file) => read_text(file)?,
            None => std::env::var(TOKEN).map_err(|_| {
                usage(format!(
                    "whose token? Put it in the environment variable {TOKEN}, or name a file that holds it with \
                     --token-file; whoever looks after the host makes one with `paasla admin token create`"
                ))
            })?,
        };
        let token = token.trim();
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            let place =
                self.token_file.as_ref().map_or_else(|| TOKEN.to_owned(), |file| file.display().to_string());
            return Err(invalid(format!(
                "{place} holds no token: a token is one word, as `paasla admin token create` printed it"
            )));
        }
        let agent = agent(base.may_use_a_proxy);
        Ok(Client { agent, base: base.url, authorization: format!("Bearer {token}") })
    }
}

/// Makes rustls use `ring`: the one provider of cryptography for all that this program does over TLS.
pub(crate) fn choose_cryptography() {
    // It can be chosen once; a second time changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What a proxy is told: of a host with https, that there is a connection to it (CONNECT), and nothing that goes over it; of
/// any other host, nothing.
fn agent(may_use_a_proxy: bool) -> Agent {
    choose_cryptography();
    let proxy = may_use_a_proxy.then(Proxy::try_from_env).flatten();
    // The system's own list of authorities, so that a host inside an institution can have its certificate from there.
    let tls =
        TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(WHOLE))
        .user_agent(concat!("paasla/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// A host's address that a token may go to.
#[derive(Debug, PartialEq, Eq)]
struct Base {
    /// Without a slash at its end.
    url: String,
    may_use_a_proxy: bool,
}

impl Base {
    /// # Errors
    /// When it is none, or the token would go to another machine unencrypted and that was not wanted.
    fn of(text: &str, insecure_http: bool) -> Result<Self> {
        let wrong =
            || usage(format!("`{}` is no address of a host: http://127.0.0.1:8080 is one", plain(text)));
        let address: Uri = text.parse().map_err(|_| wrong())?;
        let is_web = matches!(address.scheme_str(), Some("http" | "https"));
        if !is_web || address.host().is_none_or(str::is_empty) || address.query().is_some() {
            return Err(wrong());
        }
        if address.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(usage(
                "an address of a host holds no user and password: who you are is told by the token",
            ));
        }
        let is_here = address.host().is_some_and(is_loopback);
        let is_encrypted = address.scheme_str() == Some("https");
        if !is_here && !is_encrypted && !insecure_http {
            let why = format!("the token would go to {} unencrypted", plain(text));
            let remedy = "use https, or a tunnel to this machine; --insecure-http sends it all the same";
            return Err(Failure::new(Kind::Usage, why).remedy(remedy).into());
        }
        let url = text.trim_end_matches('/').to_owned();
        Ok(Self { url, may_use_a_proxy: is_encrypted && !is_here })
    }
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
    /// When the host cannot be reached, or with everything that it finds wrong.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(self.url(path)).header(header::AUTHORIZATION, &self.authorization);
        self.read(request.call())
    }

    /// Fetches what is no JSON.
    ///
    /// # Errors
    /// When the host cannot be reached, or does not give it.
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        let request = self.agent.get(self.url(path)).header(header::AUTHORIZATION, &self.authorization);
        let mut response =
            request.call().map_err(|error| self.unreachable(format!("cannot be reached: {error}")))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(LARGEST);
        if status != 200 {
            return Err(refused(status, &body.read_to_string().unwrap_or_default()).into());
        }
        Ok(body.read_to_vec().map_err(|error| self.unreachable(format!("broke its answer off: {error}")))?)
    }

    /// Changes something.
    ///
    /// # Errors
    /// When the host cannot be reached, or with everything that it finds wrong.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(self.url(path)).header(header::AUTHORIZATION, &self.authorization);
        self.read(request.send_json(body))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/admin/v1{path}", self.base)
    }

    fn unreachable(&self, why: String) -> Failure {
        Failure::new(Kind::Unreachable, format!("the host {} {why}", self.base))
    }

    fn read(&self, response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        let mut response =
            response.map_err(|error| self.unreachable(format!("cannot be reached: {error}")))?;
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_problem = kind.is_some_and(|kind| kind.starts_with("application/problem+json"));
        let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
        if !(is_problem || status.is_success() && is_json) {
            let status = status.as_u16();
            let why = format!("answered with status {status} and nothing that a Pääsla host says");
            return Err(self.unreachable(why).remedy("is it the address of one?").into());
        }
        let body = response.body_mut().with_config().limit(LARGEST).read_to_string();
        let body = body.map_err(|error| self.unreachable(format!("broke its answer off: {error}")))?;
        if is_problem {
            return Err(refused(status.as_u16(), &body).into());
        }
        serde_json::from_str(&body)
            .map_err(|_| self.unreachable("sent an answer that is no JSON".to_owned()).into())
    }
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

/// Why the host did not do what was asked: everything that it found wrong.
fn refused(status: u16, body: &str) -> Failure {
    let document = serde_json::from_str(body).unwrap_or(Document {
        code: "unreadable".to_owned(),
        detail: format!("the host answered with status {status} and a problem that cannot be read"),
        problems: Vec::new(),
    });
    let remedy = match status {
        401 => Some(
            "put a token that is good into PAASLA_TOKEN, or name its file with --token-file; whoever looks after the host \
             makes one with `paasla admin token create`",
        ),
        503 => Some("try again in a moment; `GET /health/ready` and the host's log say what it waits for"),
        _ => None,
    };
    Failure {
        kind: Kind::of_status(status),
        code: Some(document.code),
        message: document.detail,
        problems: document.problems,
        remedy: remedy.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_refuses_has_a_kind_and_every_problem() {
        let body = r#"{"code":"request_invalid","detail":"2 problems","problems":[
            {"code":"name_invalid","place":"/name","message":"no"},
            {"code":"case_failed","place":"/cases","message":"a\nb"}]}"#;
        let failure = refused(422, body);
        assert_eq!((failure.kind, failure.problems.len()), (Kind::Invalid, 2));
        assert_eq!(failure.text(), "/name: no (name_invalid)\n/cases: a\n  b (case_failed)");
        let failure = refused(401, r#"{"code":"token_missing","detail":"no token"}"#);
        assert_eq!(failure.kind, Kind::Forbidden);
        assert!(failure.text().starts_with("error: no token (token_missing)\nremedy: "), "{failure:?}");
        let failure = refused(503, "<html>secret");
        assert!(failure.kind == Kind::Unreachable && !failure.text().contains("secret"), "{failure:?}");
    }

    #[test]
    fn an_address_is_one_of_the_web_without_a_password() {
        let of = |text| Base::of(text, false);
        let base = |url: &str, may_use_a_proxy| Base { url: url.to_owned(), may_use_a_proxy };
        assert_eq!(of("http://127.0.0.1:8080/").unwrap(), base("http://127.0.0.1:8080", false));
        assert_eq!(of("https://localhost:8080").unwrap(), base("https://localhost:8080", false));
        let inner = "https://paasla.example.ee/inner";
        assert_eq!(of("https://paasla.example.ee/inner/").unwrap(), base(inner, true));
        for wrong in
            ["127.0.0.1:8080", "ftp://a", "http://", "http://a?x=1", "https://mari:secret@a", "/x", ""]
        {
            let failure = Failure::of(&of(wrong).unwrap_err());
            assert!(failure.kind == Kind::Usage && !failure.text().contains("secret"), "{wrong}: {failure}");
        }
    }

    #[test]
    fn a_token_goes_to_another_machine_unencrypted_only_if_that_is_wanted_and_to_no_proxy() {
        let failure = Failure::of(&Base::of("http://10.0.0.1", false).unwrap_err());
        assert!(failure.text().contains("--insecure-http"), "{failure:?}");
        assert!(!Base::of("http://10.0.0.1", true).unwrap().may_use_a_proxy);
    }

    #[test]
    fn nothing_in_a_name_leaves_its_segment() {
        assert_eq!(segment("a/../b?c=d&ö"), "a%2F..%2Fb%3Fc%3Dd%26%C3%B6");
        assert!(is_loopback("localhost") && is_loopback("127.9.9.9") && is_loopback("[::1]"));
        assert!(!is_loopback("localhost.example.ee") && !is_loopback("10.0.0.1"));
    }
}
