//! Wrong passwords: which of them share a budget, and what does not begin it anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use countersign_engine::{
    Error, Fault, Keyring, OsRandom, User, Users,
    core::{Refusal, Secret, UserId},
    flow::RequestContext,
    memory::MemoryStore,
};
use countersign_store::SqliteStore;
use countersign_testkit::{Failing, HookedUsers, TestUsers, World, all_at_once, refusal};
use sha2::{Digest as _, Sha256};

/// Users who sign in with their name or their address, however its accents are put together.
#[derive(Debug, Default)]
struct ByAddress(TestUsers);

#[async_trait]
impl Users for ByAddress {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        self.0.by_name(name.strip_suffix("@example.org").unwrap_or(name)).await
    }

    fn canonical(&self, name: &str) -> String {
        self.0.canonical(name).replace("e\u{301}", "é")
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        self.0.by_id(id).await
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        self.0.password_matches(user, password).await
    }
}

async fn guess(world: &World, name: &str) -> Refusal {
    refusal(world.engine.sign_in(name, &"wrong".into(), &RequestContext::default()).await)
}

/// T28: all spellings of one identity share one counter: case, blanks, accents in one piece or two, an alias; and as much
/// where nobody has the name.
#[tokio::test]
async fn t28_all_spellings_of_one_identity_share_one_budget() {
    let users = Arc::new(ByAddress::default());
    users.0.add("zoé", "a long password");
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.users = users);
    for spellings in [
        ["zoé", " Zoé\t", "ZOE\u{301}", "zoe\u{301}", "zoé@example.org"],
        ["andré", " André\t", "ANDRE\u{301}", "andre\u{301}", "\u{a0}andré"],
    ] {
        for (_, spelling) in (0..20).zip(spellings.iter().cycle()) {
            assert_eq!(guess(&world, spelling).await, Refusal::InvalidCredentials, "{spelling:?}");
        }
        for spelling in spellings {
            let refused = guess(&world, spelling).await;
            assert!(matches!(refused, Refusal::TooManyFailures { .. }), "{spelling:?}: {refused:?}");
        }
    }
    assert_eq!(guess(&world, "zoe").await, Refusal::InvalidCredentials, "another name is another one");
}

/// Or a name would tell whether somebody has it, by what is counted when the keys change, or at a node with other ones.
#[tokio::test]
async fn no_budget_begins_anew_with_other_keys_whether_the_name_exists_or_not() {
    let line = |id: u32| Keyring::new_line(id, &OsRandom);
    let (old, new) = (line(1), line(2));
    let ring = |text: String| Keyring::parse(&text).unwrap();
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.keyring = ring(old.to_string()));
    world.user("ada");
    let other_node = World::built(world.store.clone(), |parts| {
        parts.users = world.users.clone();
        parts.keyring = ring(new.to_string());
    });
    for name in ["ada", "nobody"] {
        for round in 0..20 {
            let node = if round % 2 == 0 { &world } else { &other_node };
            assert_eq!(guess(node, name).await, Refusal::InvalidCredentials, "{name} {round}");
        }
        assert!(matches!(guess(&other_node, name).await, Refusal::TooManyFailures { .. }), "{name}, at another node");
    }
    world.engine.replace_keys(ring(format!("{}{}", *new, *old)));
    for name in ["ada", "nobody"] {
        assert!(matches!(guess(&world, name).await, Refusal::TooManyFailures { .. }), "{name}, under another key");
    }
}

/// T122: passwords are limited by time, not by failures in a row. The figure is in SECURITY.md.
#[tokio::test]
async fn t122_a_day_allows_as_many_wrong_passwords_as_we_say() {
    let world = World::new();
    world.user("ada");
    let mut looked_at = 0;
    for _ in 0..96 {
        for _ in 0..25 {
            looked_at += usize::from(guess(&world, "ada").await == Refusal::InvalidCredentials);
        }
        world.pass(15 * 60);
    }
    assert_eq!(looked_at, 1920);
}

/// A full disk, or a database that has become read-only.
#[tokio::test]
async fn t114_while_nothing_can_be_written_no_password_is_looked_at() {
    let disk = Failing::before(Arc::new(MemoryStore::default()));
    let looked_at = Arc::new(AtomicUsize::new(0));
    let world = World::built(disk.clone(), |parts| {
        parts.users = HookedUsers::counting(parts.users.clone(), &looked_at, Duration::ZERO);
    });
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let looks = looked_at.load(Ordering::SeqCst);
    disk.hook().set_read_only(true);
    assert!(world.engine.ready().await.is_err(), "a node that can write nothing is not ready");
    for (name, password) in [("ada", "wrong"), ("ada", &*ada.password), ("nobody", "wrong")] {
        let outcome = world.engine.sign_in(name, &password.into(), &RequestContext::default()).await;
        assert!(matches!(outcome, Err(Error::Faulted(_))), "{name}: {outcome:?}");
        let changed =
            world.engine.change_password(&signed_in, &password.into(), &"new".into(), &RequestContext::default()).await;
        assert!(matches!(changed, Err(Error::Faulted(_))), "{name}: {changed:?}");
    }
    assert_eq!(looked_at.load(Ordering::SeqCst), looks, "a password was looked at, and its charge was not written");
    disk.hook().set_read_only(false);
    world.pass(2);
    world.engine.ready().await.unwrap();
    assert!(ada.enters_password().await.is_ok());
}

/// An office behind one IP address whose passwords nobody could look at.
#[tokio::test]
async fn an_outage_is_not_charged_to_an_ip_address() {
    let disk = Failing::before(Arc::new(MemoryStore::default()));
    let world = World::built(disk.clone(), |parts| {
        parts.config.password_attempts.per_address = 10;
        parts.config.password_attempts.rate_per_ip = 0;
    });
    let ada = world.user("ada");
    let context = RequestContext { address: Some(IpAddr::from([192, 0, 2, 1])), ..RequestContext::default() };
    let signs_in = async || world.engine.sign_in("ada", &ada.password.as_str().into(), &context).await;
    disk.hook().set_read_only(true);
    for _ in 0..20 {
        assert!(matches!(signs_in().await, Err(Error::Faulted(_))));
    }
    disk.hook().set_read_only(false);
    signs_in().await.unwrap();
}

/// A supervisor's questions are no way to write without end.
#[tokio::test]
async fn many_who_ask_at_once_whether_the_node_is_ready_write_once() {
    let store = Failing::before(Arc::new(MemoryStore::default()));
    let engine = World::on(store.clone()).engine;
    store.hook().arm(None);
    let answers = all_at_once(50, move |_| {
        let engine = engine.clone();
        async move { engine.ready().await }
    })
    .await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(store.hook().calls(), 2, "one ping and one write");
}

/// The row that guesses at a name are charged to, where no device cookie is shown.
fn row_of(name: &str) -> String {
    let digest = Sha256::digest(name);
    let first = u32::from_be_bytes(digest[..4].try_into().unwrap());
    format!("password/name/{:05x}", first % (1 << 20))
}

#[tokio::test]
async fn t116_guesses_fill_a_bounded_number_of_rows_that_do_not_tell_which_names_exist() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guesses.db");
    SqliteStore::migrate(&file).unwrap();
    let world = World::on(Arc::new(SqliteStore::open(&file).unwrap()));
    world.user("ada");
    let nobodies: Vec<_> = (0..200).map(|number| format!("nobody-{number}")).collect();
    for name in nobodies.iter().map(String::as_str).chain(["ada"]) {
        assert_eq!(guess(&world, name).await, Refusal::InvalidCredentials);
    }
    let database = rusqlite::Connection::open(&file).unwrap();
    let mut rows = database.prepare("SELECT key, spent FROM budget").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: BTreeMap<String, u32> = rows.map(Result::unwrap).collect();
    let mut expected = BTreeMap::new();
    for name in nobodies.iter().map(String::as_str).chain(["ada"]) {
        *expected.entry(row_of(name)).or_default() += 1;
    }
    assert_eq!(rows, expected, "one of 2^20 rows each, whether or not a user has the name");
}

/// Names that share a row: what one is charged, the other is, whichever of them exists.
#[tokio::test]
async fn t116_a_name_that_shares_the_row_of_another_does_not_tell_whether_that_one_exists() {
    let others = (0..).map(|number: u64| format!("name-{number}"));
    let twin = others.into_iter().find(|name| row_of(name) == row_of("ada")).unwrap();
    for (exists, guessed) in [("ada", "ada"), ("ada", &*twin), (&*twin, "ada"), ("somebody else", "ada")] {
        let world = World::new();
        world.user(exists);
        for _ in 0..20 {
            assert_eq!(guess(&world, guessed).await, Refusal::InvalidCredentials);
        }
        for name in ["ada", &*twin] {
            let refused = guess(&world, name).await;
            assert!(matches!(refused, Refusal::TooManyFailures { .. }), "{exists} exists: {name} {refused:?}");
        }
    }
}
