// SPDX-License-Identifier: Apache-2.0
//! A cap binds: however queries race, on however many hosts, and whoever is killed, nobody is told of one person more.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use paasla_core::{AuditRecord, Outcome};
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Got, Home, Host, ask::agent, within};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

/// What the law allows a small company in a month.
const CAP: usize = 20;
const FULL: &str = "quota.exceeded-month";
/// Longer than what a killed host had set aside stays so.
const GIVEN_BACK: Duration = Duration::from_secs(240);

/// The commonest given names of living adults: searches for these find many persons.
async fn names(given: &Given) -> Result<Vec<String>> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&given.register).read_only(true);
    let mut register = options.connect().await?;
    let sql = "SELECT given_name FROM person WHERE status = 'E' AND birth_date < '2000-01-01'
               GROUP BY given_name ORDER BY count(*) DESC, given_name LIMIT 100";
    let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut register).await?;
    ensure!(names.len() == 100, "the register has only {} names", names.len());
    Ok(names)
}

fn asks(given: &Given, keys: Value) -> Ask {
    let fields = ["personalCode", "givenName", "familyName"];
    Ask::service("person", given.world.client("small_company"), &fields, keys).limit(100)
}

fn search(given: &Given, names: &[String]) -> Ask {
    asks(given, json!({ "givenName": names }))
}

/// The codes in an answer.
fn persons(got: &Got) -> BTreeSet<String> {
    let code = |record: &Value| Some(record.get("personalCode")?.as_str()?.to_owned());
    got.records().iter().filter_map(code).collect()
}

/// As how many persons an answer counts.
fn counts(got: &Got) -> usize {
    got.records().len().max(1)
}

/// Asks again and again, and gives as how many persons the answers count.
fn until_refused(ask: &Ask, host: &Host) -> Result<usize> {
    let (agent, mut sum) = (agent(), 0);
    loop {
        let got = ask.send(&agent, &host.base_url)?;
        if got.status != 200 {
            ensure!(got.is_refused(FULL), "{} {}", got.status, got.text);
            return Ok(sum);
        }
        sum += counts(&got);
    }
}

/// Sends all at a time, each to the next of the hosts, and gives of whom was told, and as how many persons that
/// counts.
fn at_once(asks: &[Ask], hosts: &[&Host]) -> Result<(BTreeSet<String>, usize)> {
    let (told, counted) = (Mutex::new(BTreeSet::new()), Mutex::new(0));
    thread::scope(|scope| {
        let askers: Vec<_> = asks
            .iter()
            .zip(hosts.iter().cycle())
            .map(|(ask, host)| {
                let (told, counted) = (&told, &counted);
                scope.spawn(move || -> Result<()> {
                    let got = ask.send(&agent(), &host.base_url)?;
                    match got.status {
                        200 => {
                            told.lock().map_err(|_| anyhow::anyhow!("a panic"))?.extend(persons(&got));
                            *counted.lock().map_err(|_| anyhow::anyhow!("a panic"))? += counts(&got);
                        }
                        _ => ensure!(got.is_refused(FULL), "{}: {}", got.status, got.text),
                    }
                    Ok(())
                })
            })
            .collect();
        askers.into_iter().try_for_each(|asker| asker.join().unwrap_or_else(|_| anyhow::bail!("a panic")))
    })?;
    let told = told.into_inner().map_err(|_| anyhow::anyhow!("a panic"))?;
    Ok((told, counted.into_inner().map_err(|_| anyhow::anyhow!("a panic"))?))
}

/// A host in a folder of its own that answers from the control database of another.
fn beside(given: &Given) -> Result<Home> {
    let home = Home { folder: given.home.folder.join("beside"), ..given.home.clone() };
    fs::create_dir_all(&home.folder)?;
    let mut config = fs::read_to_string(given.home.config())?;
    for (name, path) in
        [("control.sqlite", given.home.database()), ("secret.hex", given.home.folder.join("secret.hex"))]
    {
        config = config.replace(&format!("\"{name}\""), &serde_json::to_string(&path.to_string_lossy())?);
    }
    fs::write(home.config(), config)?;
    Ok(home)
}

/// How many persons the records count.
async fn counted(given: &Given) -> Result<usize> {
    let store = SqliteStore::open(given.home.database()).await?;
    let mut filter = RecordFilter { limit: RecordFilter::MAX_LIMIT, ..RecordFilter::default() };
    let mut sum = 0;
    loop {
        let page = store.records(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.before_id = Some(last.id.clone());
        let answered = page.iter().filter(|record| record.outcome == Outcome::Answered);
        sum += answered.map(AuditRecord::persons).sum::<u64>();
    }
    store.close().await?;
    Ok(usize::try_from(sum)?)
}

#[tokio::test]
async fn a_search_is_cut_to_what_is_left() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let (agent, names) = (agent(), names(&given).await?);
    let one = asks(&given, json!({ "personalCode": given.world.persons.adult }));
    let got = one.send(&agent, &host.base_url)?;
    ensure!(got.status == 200 && got.records().len() == 1, "{}", got.text);
    let search = search(&given, &names);
    let got = search.send(&agent, &host.base_url)?;
    ensure!(got.status == 200 && (1..CAP).contains(&got.records().len()), "{} {}", got.status, got.text);
    ensure!(got.json.get("more") == Some(&json!(true)), "there are more");
    let rest = until_refused(&search, &host)?;
    ensure!(1 + counts(&got) + rest == CAP, "1, {} and {rest} persons were counted", counts(&got));

    for ask in [&search, &one] {
        let got = ask.send(&agent, &host.base_url)?;
        ensure!(got.is_refused(FULL), "{} {}", got.status, got.text);
        ensure!(got.json.get("window") == Some(&json!("month")), "{}", got.text);
        ensure!(got.json.get("left") == Some(&json!(0)), "{}", got.text);
        let opens =
            got.json.get("opensAt").and_then(Value::as_str).context("it is told when the cap opens")?;
        let opens: jiff::Timestamp = opens.parse()?;
        let wait = opens.as_second() - jiff::Timestamp::now().as_second();
        ensure!((29 * 86_400..=32 * 86_400).contains(&wait), "it opens in {wait} s");
        let told: i64 = got.retry_after.as_deref().context("Retry-After")?.parse()?;
        ensure!((told - wait).abs() < 120, "{told} and {wait} s are told");
    }
    host.stop()
}

/// That nobody is found tells something too, so it counts.
#[test]
fn a_search_that_finds_nobody_counts_as_one() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let nobody = search(&given, &["XYZZY".to_owned()]);
    for _ in 0..CAP {
        let got = nobody.send(&agent(), &host.base_url)?;
        ensure!(got.status == 200 && got.records().is_empty(), "{} {}", got.status, got.text);
    }
    let got = nobody.send(&agent(), &host.base_url)?;
    ensure!(got.is_refused(FULL), "{} {}", got.status, got.text);
    host.stop()
}

/// Who asks for more than is ever allowed is not told to wait.
#[test]
fn more_than_a_cap_at_once_never_fits() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let mut codes = given.world.persons.twenty.clone();
    codes.push(given.world.persons.adult.clone());
    let got = asks(&given, json!({ "personalCode": codes })).send(&agent(), &host.base_url)?;
    ensure!(got.is_refused(FULL) && got.json.get("left") == Some(&json!(CAP)), "{} {}", got.status, got.text);
    ensure!(got.json.get("opensAt").is_none() && got.retry_after.is_none(), "{}", got.text);
    host.stop()
}

#[tokio::test]
async fn a_cap_holds_for_queries_at_a_time_on_two_hosts() -> Result<()> {
    let given = Given::seeded()?;
    let (one, other) = (given.start()?, beside(&given)?.start(0, &AtomicBool::new(false))?);
    let names = names(&given).await?;
    let codes = given.world.persons.twenty.iter();
    let mut all: Vec<Ask> = codes.map(|code| asks(&given, json!({ "personalCode": code }))).collect();
    all.extend(names.iter().map(|name| search(&given, std::slice::from_ref(name))));
    let (told, counts) = at_once(&all, &[&one, &other])?;
    ensure!(!told.is_empty() && told.len() <= CAP && counts <= CAP, "{} told, {counts} counted", told.len());
    // What nobody was told of is free again as soon as nobody is under way.
    let rest = until_refused(&search(&given, &names), &other)?;
    ensure!(counts + rest == CAP, "{counts} and {rest} were counted");
    ensure!(until_refused(&search(&given, &names), &one)? == 0, "the other host knows better");
    one.stop()?;
    other.stop()?;
    ensure!(counted(&given).await? == CAP, "the records count otherwise");
    Ok(())
}

/// Asks from many sides until the host is killed; gives how many persons answers told of.
fn asked_until_killed(given: &Given, host: Host, names: &[String]) -> Result<usize> {
    let told = Mutex::new(0);
    let goes_on = AtomicBool::new(true);
    let base_url = host.base_url.clone();
    thread::scope(|scope| {
        for asker in 0..8 {
            let (told, goes_on, base_url) = (&told, &goes_on, &base_url);
            scope.spawn(move || {
                let agent = agent();
                for name in names.iter().cycle().skip(asker * 7) {
                    if !goes_on.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(got) = search(given, std::slice::from_ref(name)).limit(3).send(&agent, base_url)
                    else {
                        return;
                    };
                    if let Ok(mut told) = told.lock() {
                        *told += got.records().len();
                    }
                }
            });
        }
        let some = || Ok(*told.lock().map_err(|_| anyhow::anyhow!("a panic"))? >= 60);
        let killed = within(Duration::from_secs(120), some).and_then(|()| host.kill());
        goes_on.store(false, Ordering::SeqCst);
        killed
    })?;
    told.into_inner().map_err(|_| anyhow::anyhow!("a panic"))
}

/// What a killed host had set aside for queries under way counts until it is certain that nobody was told; then it is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_cap_holds_across_kills_and_nothing_is_lost() -> Result<()> {
    const CAP: usize = 20_000;
    let mut given = Given::empty()?;
    let policy = given.own_control()?.join("policies/quota.toml");
    let text = fs::read_to_string(&policy)?;
    fs::write(
        &policy,
        text.replace("persons = 20 ", &format!("persons = {CAP} "))
            .replace("persons = 100 ", "persons = 90000 "),
    )?;
    given.home.seed(&given.register, &given.rules)?;
    let names = names(&given).await?;
    let mut told = 0;
    for _ in 0..4 {
        told += asked_until_killed(&given, given.start()?, &names)?;
    }
    ensure!(told > 0 && told < CAP, "{told} were told: the hosts were not killed in the middle");
    let counted_by_then = counted(&given).await?;
    ensure!(told <= counted_by_then && counted_by_then <= CAP, "{told} told, {counted_by_then} counted");

    // All that is left is told in the end, and not one more.
    let host = given.start()?;
    within(GIVEN_BACK, || {
        until_refused(&search(&given, &names), &host)?;
        let store =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(counted(&given)))?;
        ensure!(store <= CAP, "{store} are counted, {CAP} are allowed");
        Ok(store == CAP)
    })?;
    host.stop()
}
