// SPDX-License-Identifier: Apache-2.0
//! Real sockets, with peers that are slow, greedy, confused or gone.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use paasla_app::answer::{Answer, AnswerRow};
use paasla_core::Visibility;
use paasla_http::{Settings, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use crate::fake::{Fake, House, MARK, XROAD_BODY, empty, field, small, text};

/// A server on a socket.
struct Served {
    house: House,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<bool>,
}

async fn served(fake: Fake, doors: Settings, settings: serve::Settings) -> Served {
    let house = House::with(fake, doors);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = house.router.clone();
    let ended = tokio::spawn(async move {
        serve::serve(listener, router, &settings, async {
            let _ = stopped.await;
        })
        .await
    });
    Served { house, address, stop: Some(stop), ended }
}

fn head(length: usize) -> String {
    format!(
        "POST /xroad/isikud/v1/query HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
         X-Road-Client: EE/GOV/70000562/DHX\r\nX-Road-UserId: EE49001010093\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn whole() -> String {
    format!("{}{XROAD_BODY}", head(XROAD_BODY.len()))
}

const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        until_closed(&mut stream).await
    }

    async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    fn rejected(&self) -> usize {
        self.house.fake.rejected.lock().unwrap().len()
    }
}

async fn until_closed(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut read))
        .await
        .expect("the server never closed");
    String::from_utf8(read).unwrap()
}

/// Reads one answer's head and what comes with it.
async fn first(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 16 * 1024];
    let count = timeout(Duration::from_secs(60), stream.read(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8(buffer[..count].to_vec()).unwrap()
}

fn quick() -> serve::Settings {
    let soon = Duration::from_secs(1);
    serve::Settings { head_deadline: soon, idle_deadline: soon, ..serve::Settings::default() }
}

/// Heads may take as long as a test may.
fn patient() -> serve::Settings {
    let late = Duration::from_secs(600);
    serve::Settings { head_deadline: late, crowded_deadline: late, ..serve::Settings::default() }
}

/// Connections that send half a head.
async fn half_heads(served: &Served) -> Vec<TcpStream> {
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = served.connect().await;
        stream.write_all(b"POST /xroad/isikud/v1/query HTTP/1.1\r\nX-Road-Cl").await.unwrap();
        slow.push(stream);
    }
    slow
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let served = served(Fake::default(), small(), serve::Settings::default()).await;
    let mut stream = served.connect().await;
    for _ in 0..3 {
        stream.write_all(whole().as_bytes()).await.unwrap();
        assert!(first(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(served.house.fake.asks.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_slow_head_holds_nobody_up() {
    let served = served(Fake::default(), small(), patient()).await;
    // None of them ends before the answer is there.
    let slow = half_heads(&served).await;
    assert!(served.exchange(LIVE.as_bytes()).await.starts_with("HTTP/1.1 200"));
    drop(slow);
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let served = served(Fake::default(), small(), quick()).await;
    for stream in &mut half_heads(&served).await {
        let rest = until_closed(stream).await;
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 4"), "{rest}");
    }
    assert_eq!(served.rejected(), 0);
}

#[tokio::test]
async fn a_slow_body_is_told_and_recorded() {
    let served = served(Fake::default(), small(), quick()).await;
    let mut stream = served.connect().await;
    stream.write_all(format!("{}{{\"select\":[\"{MARK}", head(100)).as_bytes()).await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("body_too_slow") && !answer.contains(MARK), "{answer}");
    assert_eq!(served.rejected(), 1);
}

#[tokio::test]
async fn a_body_that_drips_gets_no_more_time() {
    let served = served(Fake::default(), small(), quick()).await;
    let mut stream = served.connect().await;
    stream.write_all(head(1000).as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        while writer.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let mut answer = vec![0; 4096];
    let count = tokio::select! {
        () = drip => 0,
        count = reader.read(&mut answer) => count.unwrap(),
    };
    assert!(answer[..count].starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn a_huge_body_is_told_even_to_a_peer_that_sends_it_all() {
    let served = served(Fake::default(), small(), quick()).await;
    let body = MARK.repeat(50_000);
    let answer = served.exchange(format!("{}{body}", head(body.len())).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
    assert!(!answer.contains(MARK));
    let chunked = head(0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let mut stream = served.connect().await;
    stream.write_all(format!("{chunked}{chunk}").as_bytes()).await.unwrap();
    assert!(first(&mut stream).await.starts_with("HTTP/1.1 413"));
    assert_eq!(served.rejected(), 2);
}

#[tokio::test]
async fn garbage_after_a_request_is_no_request() {
    let served = served(Fake::default(), small(), quick()).await;
    let answer = served.exchange(format!("{}{MARK} \0\u{1}garbage\r\n\r\n", whole()).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    assert!(answer.contains("HTTP/1.1 400") && !answer.contains(MARK), "{answer}");
    assert_eq!(served.house.fake.asks.lock().unwrap().len(), 1);
    for raw in [
        format!("{MARK}\r\n\r\n"),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", MARK.repeat(10_000)),
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", MARK.repeat(10_000)),
        head(5).replace("Content-Length: 5", "Content-Length: 5\r\nContent-Length: 6"),
        head(5).replace("Content-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: x"),
        format!("GET / HTTP/1.1\r\nX-Road-{MARK} : a\r\n\r\n"),
        "GET / HTTP/1.1\r\nX-Road-Id: a\r\n folded\r\n\r\n".to_owned(),
    ] {
        let answer = served.exchange(raw.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{raw} {answer}");
        assert!(!answer.contains(MARK), "{answer}");
    }
    assert_eq!(served.house.fake.asks.lock().unwrap().len(), 1);
}

/// Two lengths at once are how requests get smuggled past a proxy.
#[tokio::test]
async fn a_request_with_two_framings_ends_its_connection() {
    let served = served(Fake::default(), small(), quick()).await;
    let framed = head(4).replace("Content-Length: 4", "Content-Length: 4\r\nTransfer-Encoding: chunked");
    let answer = served.exchange(format!("{framed}0\r\n\r\n{}", whole()).as_bytes()).await;
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    assert!(served.house.fake.asks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let settings = serve::Settings { connections: 1, ..patient() };
    let served = served(Fake::default(), small(), settings).await;
    let mut first_come = served.connect().await;
    // As long as it has not sent all of its head it has the only place.
    first_come.write_all(b"POST /xroad/person/v1/query HTTP/1.1\r\n").await.unwrap();
    let mut second = served.connect().await;
    second.write_all(LIVE.as_bytes()).await.unwrap();
    let early = timeout(Duration::from_millis(300), second.readable()).await;
    assert!(early.is_err(), "the first connection holds the only place");
    drop(first_come);
    assert!(until_closed(&mut second).await.starts_with("HTTP/1.1 200"));
}

/// Sends bytes and reads what comes; whoever is cut off has read less.
async fn tried(address: SocketAddr, bytes: &[u8]) -> String {
    let mut read = Vec::new();
    if let Ok(mut stream) = TcpStream::connect(address).await
        && stream.write_all(bytes).await.is_ok()
    {
        let _ = stream.read_to_end(&mut read).await;
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn half_heads_that_come_again_and_again_shut_nobody_out() {
    // None of them would end by itself.
    let settings =
        serve::Settings { connections: 8, head_deadline: Duration::from_secs(600), ..Default::default() };
    let served = served(Fake::default(), small(), settings).await;
    let address = served.address;
    let mut flood = JoinSet::new();
    for _ in 0..24 {
        flood.spawn(async move {
            loop {
                tried(address, b"POST /xroad/isikud/v1/query HTTP/1.1\r\nHost:").await;
            }
        });
    }
    for request in [closing(), LIVE.to_owned()].iter().cycle().take(10) {
        let answered =
            async { while !tried(address, request.as_bytes()).await.starts_with("HTTP/1.1 200") {} };
        timeout(Duration::from_secs(60), answered).await.expect("a lawful caller is shut out");
    }
    assert_eq!(served.house.fake.asks.lock().unwrap().len(), 5);
    flood.shutdown().await;
}

/// A connection kept for its next request is given back to those who wait for a place, and none under a request.
#[tokio::test]
async fn a_kept_connection_makes_room() {
    let fake = Fake { delay: Duration::from_secs(5), ..Fake::default() };
    let soon = Duration::from_secs(1);
    let settings = serve::Settings { connections: 2, head_deadline: soon, ..serve::Settings::default() };
    let served = served(fake, small(), settings).await;
    let mut kept = served.connect().await;
    kept.write_all(LIVE.replace("Connection: close\r\n", "").as_bytes()).await.unwrap();
    assert!(first(&mut kept).await.starts_with("HTTP/1.1 200"));
    let mut busy = served.connect().await;
    busy.write_all(whole().as_bytes()).await.unwrap();
    assert!(served.exchange(LIVE.as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert_eq!(until_closed(&mut kept).await, "");
    assert!(first(&mut busy).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_record() {
    let fake = Fake { delay: Duration::from_secs(2), ..Fake::default() };
    let served = served(fake, small(), quick()).await;
    let mut stream = served.connect().await;
    stream.write_all(whole().as_bytes()).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    drop(stream);
    assert!(served.house.doors.idle(Duration::from_secs(60)).await);
    assert_eq!(served.house.fake.finished.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_finish() {
    let fake = Fake { delay: Duration::from_secs(2), ..Fake::default() };
    let mut served = served(fake, small(), serve::Settings::default()).await;
    let idle = served.connect().await;
    let mut busy = served.connect().await;
    busy.write_all(whole().as_bytes()).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    served.stop().await;
    sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(served.address).await.is_err(), "no new connections");
    let answer = until_closed(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert!(timeout(Duration::from_secs(60), &mut served.ended).await.unwrap().unwrap());
    drop(idle);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let fake = Fake { delay: Duration::from_secs(3), ..Fake::default() };
    let settings = serve::Settings { grace: Duration::from_millis(100), ..serve::Settings::default() };
    let mut served = served(fake, small(), settings).await;
    let mut busy = served.connect().await;
    busy.write_all(whole().as_bytes()).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    served.stop().await;
    let finished = timeout(Duration::from_secs(60), &mut served.ended).await.unwrap().unwrap();
    assert!(!finished);
    assert!(until_closed(&mut busy).await.is_empty());
    assert!(served.house.doors.idle(Duration::from_secs(60)).await, "its record is finished all the same");
    assert_eq!(Arc::clone(&served.house.fake).finished.load(Ordering::SeqCst), 1);
}

fn closing() -> String {
    whole().replace("Host: h", "Host: h\r\nConnection: close")
}

/// What two readers of a message could read differently is refused, and its connection ends (RFC 9110, RFC 9112).
#[tokio::test]
async fn a_head_with_two_readings_ends_its_connection() {
    let served = served(Fake::default(), small(), quick()).await;
    let chunked = |coding: &str| {
        let head = head(0).replace("Content-Length: 0", &format!("Transfer-Encoding: {coding}"));
        format!("{head}{:x}\r\n{XROAD_BODY}\r\n0\r\n\r\n", XROAD_BODY.len())
    };
    let host = |host: &str| whole().replace("Host: h\r\n", host);
    let cases = [
        (host(""), 400, "host_invalid"),
        (host("Host: h\r\nHost: h\r\n"), 400, "host_invalid"),
        (host("Host: h\r\nHost: other\r\n"), 400, "host_invalid"),
        (host("Host: h, other\r\n"), 400, "host_invalid"),
        (host("Host: a@h\r\n"), 400, "host_invalid"),
        (chunked("identity, chunked, chunked"), 400, "transfer_encoding_invalid"),
        (chunked("chunked\r\nTransfer-Encoding: chunked"), 400, "transfer_encoding_invalid"),
        (chunked("gzip, chunked"), 501, "transfer_encoding_unsupported"),
        (chunked("identity, chunked"), 501, "transfer_encoding_unsupported"),
        (host("Host: h\r\nExpect: 200-ok\r\n"), 417, "expectation_failed"),
        (host("Host: h\r\nExpect: 100-continue, x\r\n"), 417, "expectation_failed"),
    ];
    for (raw, status, code) in cases {
        // Whatever follows on the connection is not read.
        let answer = served.exchange(format!("{raw}{}", whole()).as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(code), "{raw} {answer}");
        assert!(answer.contains("connection: close") && !answer.contains("HTTP/1.1 200"), "{raw} {answer}");
    }
    assert!(served.house.fake.asks.lock().unwrap().is_empty());
    let good = [
        closing(),
        closing().replace("Host: h", "Host: h:8080"),
        closing().replace("Host: h", "Host:"),
        closing().replace("Host: h", "Host: [::1]:80"),
        closing().replace("Host: h\r\n", "").replace("HTTP/1.1", "HTTP/1.0"),
        chunked("Chunked").replace("Host: h", "Host: h\r\nConnection: close"),
        closing().replace("Host: h", "Host: h\r\nExpect: 100-Continue"),
    ];
    for raw in &good {
        let answer = served.exchange(raw.as_bytes()).await;
        assert!(answer.contains("200 OK\r\n"), "{raw} {answer}");
    }
    assert_eq!(served.house.fake.asks.lock().unwrap().len(), good.len());
}

/// Who has sent all that they will send still reads.
#[tokio::test]
async fn a_caller_who_only_stops_sending_gets_the_answer() {
    let fake = Fake { delay: Duration::from_millis(100), ..Fake::default() };
    let served = served(fake, small(), quick()).await;
    let mut stream = served.connect().await;
    stream.write_all(whole().as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        timeout(Duration::from_secs(60), served.house.doors.idle(Duration::from_secs(60))).await.unwrap()
    );
}

/// A connection kept for the next request is not slow: it has a time of its own, unless others wait for its place.
#[tokio::test]
async fn a_kept_connection_outlasts_a_slow_head() {
    let settings = serve::Settings { head_deadline: Duration::from_secs(2), ..serve::Settings::default() };
    let served = served(Fake::default(), small(), settings).await;
    let mut stream = served.connect().await;
    for _ in 0..3 {
        stream.write_all(whole().as_bytes()).await.unwrap();
        let answer = first(&mut stream).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && !answer.contains("connection: close"),
            "{answer}"
        );
        // Much longer than a head may take.
        sleep(Duration::from_millis(400)).await;
    }
    // But the head that then comes has to come.
    stream.write_all(&whole().as_bytes()[..20]).await.unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn the_last_answer_before_the_end_says_so() {
    let settings = serve::Settings { connections: 1, ..serve::Settings::default() };
    let served = served(Fake::default(), small(), settings).await;
    for _ in 0..3 {
        let mut stream = served.connect().await;
        stream.write_all(whole().as_bytes()).await.unwrap();
        // Nobody else gets a place, so this one is given back.
        let answer = until_closed(&mut stream).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("connection: close"),
            "{answer}"
        );
    }
}

/// Whoever does not read the answer does not hold the connection for ever.
#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let large = || {
        let cells = vec![(0, text(&"x".repeat(1 << 20)))];
        let rows = vec![AnswerRow { cells, groups: Vec::new() }];
        Answer { fields: vec![field("givenName", Visibility::Show)], rows, ..empty() }
    };
    let fake = Fake { reply: Box::new(move |_| Ok(large())), ..Fake::default() };
    let served = served(fake, small(), quick()).await;
    let mut stream = served.connect().await;
    let many = whole().repeat(200);
    let (mut reader, mut writer) = stream.split();
    let send = async { while writer.write_all(many.as_bytes()).await.is_ok() {} };
    timeout(Duration::from_secs(60), send).await.expect("it is never given up");
    let _ = reader.read(&mut [0; 1]).await;
}
