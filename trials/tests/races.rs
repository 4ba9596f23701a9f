//! Races over HTTP, through the real pages, in memory, on SQLite and on PostgreSQL.
//!
//! Sixty-four browsers, each with a pending login, send the same answer in parallel. The engine's own races force the
//! interleaving of reads and writes; here everything runs unmodified.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::{collections::BTreeSet, sync::Arc};

use countersign_engine::{
    Parts, Store,
    core::{DeviceName, Kind, throttle::ThrottleRule},
    flow::{Enrolment, RequestContext},
    memory::MemoryStore,
};
use countersign_store::{PostgresPlace, PostgresStore, SqliteStore};
use countersign_testkit::{Browser, Form, Page, Person, SoftToken, SoftYubikey, World, all_at_once, other_code};
use http::StatusCode;
use tempfile::TempDir;
use trials::{Fresh, Site, Walk};

const RACERS: usize = 64;

/// Stores in memory, on SQLite and on PostgreSQL, and the values that keep them alive.
async fn stores() -> Vec<(Arc<dyn Store>, Option<TempDir>, Option<Fresh>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("race.db");
    SqliteStore::migrate(&file).unwrap();
    let database = Fresh::database();
    let place = PostgresPlace::parse(&database.url()).unwrap();
    PostgresStore::migrate(&place).await.unwrap();
    vec![
        (Arc::new(MemoryStore::default()), None, None),
        (Arc::new(SqliteStore::open(&file).unwrap()), Some(folder), None),
        (Arc::new(PostgresStore::open(&place).await.unwrap()), None, Some(database)),
    ]
}

/// Room for the passwords of all racers, which stay charged until the second factor.
fn make_room(parts: &mut Parts) {
    parts.config.password_attempts.per_account = 1_000_000;
    parts.config.password_attempts.rate_per_ip = 0;
}

/// A world on each of them, with the given throttle.
async fn worlds(throttle: ThrottleRule) -> Vec<(World, Option<TempDir>, Option<Fresh>)> {
    let world = |store| {
        World::built(store, |parts| {
            parts.config.throttle = throttle;
            make_room(parts);
        })
    };
    stores().await.into_iter().map(|(store, folder, database)| (world(store), folder, database)).collect()
}

/// All browsers submit the password, and then the same answer in parallel: the statuses.
async fn race(world: &World, ada: &Person, code: &str, backup: bool) -> Vec<StatusCode> {
    let site = Site::of(world);
    let mut browsers = vec![];
    for _ in 0..RACERS {
        let mut browser = site.browser();
        browser.gives_password("ada", &ada.password).await;
        browsers.push(browser);
    }
    let code = code.to_owned();
    all_at_once(RACERS, move |number| {
        let (mut browser, code) = (browsers[number].clone(), code.clone());
        async move {
            let page =
                if backup { browser.answers_with_backup_code(&code).await } else { browser.answers(&code).await };
            page.status
        }
    })
    .await
}

fn accepted(statuses: &[StatusCode]) -> usize {
    statuses.iter().filter(|status| status.is_redirection()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t16_one_of_64_simultaneous_submissions_is_accepted() {
    for (world, _folder, _database) in worlds(ThrottleRule::default()).await {
        let ada = world.user("ada");
        let signed_in = ada.sets_up().await;
        let codes = ada.makes_backup_codes(&signed_in).await;
        let before = world.store.sessions(&ada.user.id).await.unwrap().len();
        assert_eq!(accepted(&race(&world, &ada, &ada.code(), false).await), 1);
        assert_eq!(accepted(&race(&world, &ada, &codes[0], true).await), 1);
        assert_eq!(world.store.sessions(&ada.user.id).await.unwrap().len(), before + 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_wrong_codes_are_all_counted_or_refused_unseen() {
    for throttle in [ThrottleRule::OFF, ThrottleRule::default()] {
        for (world, _folder, _database) in worlds(throttle).await {
            let ada = world.user("ada");
            ada.sets_up().await;
            let statuses = race(&world, &ada, &ada.wrong_code(), false).await;
            let unseen = statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
            let device = world.store.factors(&ada.user.id).await.unwrap().devices.remove(0);
            assert_eq!(accepted(&statuses), 0);
            assert_eq!(usize::try_from(device.throttle.failures).unwrap() + unseen, RACERS);
            assert_eq!(unseen == 0, throttle == ThrottleRule::OFF);
        }
    }
}

/// All other methods, and where their codes are sent.
const FURTHER: [(Kind, Option<&str>); 5] = [
    (Kind::SMS, Some("+31612345658")),
    (Kind::CALL, Some("+31612345658")),
    (Kind::EMAIL, Some("ada@example.org")),
    (Kind::HOTP, None),
    (Kind::YUBIKEY, None),
];

/// The answer of a user who has set up one of them.
struct Typing<'a> {
    world: &'a World,
    token: Option<SoftToken>,
    key: Option<SoftYubikey>,
}

impl Typing<'_> {
    fn types(&self, time: u64) -> String {
        match (&self.token, &self.key) {
            (Some(token), _) => token.shows(time),
            (None, Some(key)) => key.types(time),
            (None, None) => self.world.outbox.code(),
        }
    }
}

async fn sets_up<'a>(world: &'a World, ada: &Person, kind: &Kind, to: Option<&str>) -> Typing<'a> {
    let (signed_in, context) = (ada.signs_in_with_password().await, RequestContext::default());
    let name = DeviceName::parse("Raced").unwrap();
    let enrolment = Enrolment { kind: kind.clone(), name, to: to.map(str::to_owned) };
    let run = world.engine.begin_enrolment(&signed_in, enrolment, &context).await.unwrap();
    let key = world.engine.setup(&signed_in, &run).await.unwrap().key;
    let token = key.map(|key| SoftToken::with_key(key.text.expose()));
    let typing = Typing { world, token, key: (*kind == Kind::YUBIKEY).then(|| SoftYubikey::new(1)) };
    world.engine.confirm_enrolment(&signed_in, &run, &typing.types(0).into(), &context).await.unwrap();
    world.pass(60);
    typing
}

/// Browsers with the form open: a code that was sent is valid only in the login that requested it, so for such methods
/// all browsers are copies of one.
async fn line_up(world: &World, ada: &Person, kind: &Kind) -> Vec<(Browser<Site>, Form)> {
    let site = Site::of(world);
    let mut line = vec![];
    for _ in 0..if kind.is_delivered() { 1 } else { RACERS } {
        let mut browser = site.browser();
        let form = browser.gives_password("ada", &ada.password).await.form_with("code");
        line.push((browser, form));
    }
    line.into_iter().cycle().take(RACERS).collect()
}

async fn answer_at_once(line: Vec<(Browser<Site>, Form)>, code: String) -> Vec<Page> {
    all_at_once(RACERS, move |number| {
        let ((mut browser, form), code) = (line[number].clone(), code.clone());
        async move { browser.submit(&form, "", &[("code", &code)]).await }
    })
    .await
}

/// An expired attempt redirects too: only a redirect to the home page means a session.
fn let_in(pages: &[Page]) -> usize {
    pages.iter().filter(|page| page.location().as_deref() == Some("/")).count()
}

/// The sessions that browsers got: a form that is sent twice gets the same one again.
fn sessions(pages: &[Page]) -> BTreeSet<String> {
    let home = pages.iter().filter(|page| page.location().as_deref() == Some("/"));
    let cookies =
        home.flat_map(|page| page.headers.get_all(http::header::SET_COOKIE)).filter_map(|it| it.to_str().ok());
    let pairs = cookies.filter_map(|cookie| cookie.split(';').next());
    pairs
        .filter(|pair| pair.starts_with("countersign=") || pair.starts_with("__Host-countersign="))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t16_one_of_64_simultaneous_submissions_is_accepted_by_every_further_method() {
    for (kind, to) in FURTHER {
        for (store, _folder, _database) in stores().await {
            let world = World::with_every_method_built(store, make_room);
            let ada = world.user("ada");
            let typing = sets_up(&world, &ada, &kind, to).await;
            let line = line_up(&world, &ada, &kind).await;
            let code = typing.types(1);
            let mut pages = answer_at_once(line.clone(), code.clone()).await;
            assert_eq!(sessions(&pages).len(), 1, "{kind}");
            pages.extend(answer_at_once(line.clone(), code.clone()).await);
            assert_eq!(sessions(&pages).len(), 1, "{kind}, repeated");
            world.pass(60);
            assert_eq!(let_in(&answer_at_once(line, code).await), 0, "{kind}, replayed");
            assert_eq!(world.store.sessions(&ada.user.id).await.unwrap().len(), 1 + 1, "{kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_wrong_codes_are_counted_or_refused_unseen_by_every_further_method() {
    for (kind, to) in FURTHER {
        for (store, _folder, _database) in stores().await {
            let world = World::with_every_method_built(store, make_room);
            let ada = world.user("ada");
            let typing = sets_up(&world, &ada, &kind, to).await;
            let line = line_up(&world, &ada, &kind).await;
            let wrong = if kind == Kind::YUBIKEY { SoftYubikey::new(2).types(1) } else { other_code(&typing.types(1)) };
            let pages = answer_at_once(line, wrong).await;
            let unseen = pages.iter().filter(|page| page.status == StatusCode::TOO_MANY_REQUESTS).count();
            let device = world.store.factors(&ada.user.id).await.unwrap().devices.remove(0);
            assert_eq!(let_in(&pages), 0, "{kind}");
            assert_eq!(usize::try_from(device.throttle.failures).unwrap() + unseen, RACERS, "{kind}");
        }
    }
}
