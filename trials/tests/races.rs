//! Races over HTTP, through the real pages, in memory, on SQLite and on PostgreSQL.
//!
//! Sixty-four browsers, each with a login of its own under way, send the same answer at once. What happens between reading
//! and writing is forced apart in the engine's own races; here the whole way is run as it is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::sync::Arc;

use countersign_engine::{Store, core::throttle::ThrottleRule, memory::MemoryStore};
use countersign_store::{PostgresPlace, PostgresStore, SqliteStore};
use countersign_testkit::{Person, World, all_at_once};
use http::StatusCode;
use tempfile::TempDir;
use trials::{Fresh, Site, Walk};

const RACERS: usize = 64;

/// In memory, on SQLite and on PostgreSQL, with the throttle as given, and what has to stay meanwhile.
async fn worlds(throttle: ThrottleRule) -> Vec<(World, Option<TempDir>, Option<Fresh>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("race.db");
    SqliteStore::migrate(&file).unwrap();
    let sqlite: Arc<dyn Store> = Arc::new(SqliteStore::open(&file).unwrap());
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let world = |store| World::built(store, |parts| parts.policy.throttle = throttle);
    let database = Fresh::database();
    let place = PostgresPlace::parse(&database.url()).unwrap();
    PostgresStore::migrate(&place).await.unwrap();
    let postgres: Arc<dyn Store> = Arc::new(PostgresStore::open(&place).await.unwrap());
    vec![(world(memory), None, None), (world(sqlite), Some(folder), None), (world(postgres), None, Some(database))]
}

/// Everybody gives the password, and then all give the same answer at once: the statuses.
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
