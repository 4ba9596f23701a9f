//! The users of the stand-alone server, on each engine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cluster::Fresh;
use countersign_engine::{
    SessionLookup as _, Store, User,
    core::{
        Change, DeviceName, Kind, Level, Scopes, Secret, Session, SessionChange, SessionKey, Timestamp, Token,
        TokenChange, TokenId, TokenKey, TokenKind, UserChange, UserId, Written,
    },
};
use countersign_store::{Activity, Database, Insertion, NewPassword, Opened, UserRow, UserTable};
use countersign_testkit::{all_at_once, contract::store::batch};
use tempfile::TempDir;

const NOON: Timestamp = Timestamp::from_seconds(43_200);

/// What has to stay for as long as a table is used.
enum Place {
    Sqlite { _folder: TempDir },
    Postgres { _database: Fresh },
}

/// The table on each engine.
async fn tables() -> [(Place, UserTable); 2] {
    stores().await.map(|(place, _, users)| (place, users))
}

/// The table on each engine, and the store beside it.
async fn stores() -> [(Place, Arc<dyn Store>, UserTable); 2] {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Database::Sqlite(folder.path().join("store.db"));
    let database = Fresh::database();
    let postgres = Database::parse(&database.url()).unwrap();
    for database in [&sqlite, &postgres] {
        database.migrate().await.unwrap();
    }
    let [on_sqlite, on_postgres] = [sqlite.open().await.unwrap(), postgres.open().await.unwrap()];
    let with = |place, Opened { store, users, .. }: Opened| (place, store, users);
    [with(Place::Sqlite { _folder: folder }, on_sqlite), with(Place::Postgres { _database: database }, on_postgres)]
}

fn ada() -> UserRow {
    UserRow {
        id: UserId::new("1"),
        name: "Ada".into(),
        canonical_name: "ada".into(),
        email: Some("ada@example.org".into()),
        password_hash: Secret::new("$argon2id$first"),
        active: true,
        staff: false,
        stamp: "one".into(),
        created: NOON,
        password_changed: NOON,
    }
}

fn session(name: &str, user: &str) -> Session {
    Session {
        key: SessionKey::new(name),
        user: UserId::new(user),
        level: Level::Aal2,
        stamp: "one".into(),
        device: None,
        created: NOON,
        last_seen: NOON,
        signed_in: NOON,
        verified: Some(NOON),
        method: Some(Kind::TOTP),
        repeat: None,
    }
}

fn token(name: &str, user: &str) -> Token {
    Token {
        id: TokenId::new(name),
        key: TokenKey::new(format!("hash of {name}")),
        user: UserId::new(user),
        kind: TokenKind::Personal,
        name: DeviceName::parse("Script").unwrap(),
        scopes: Scopes::parse("read").unwrap(),
        level: Level::Aal2,
        stamp: "one".into(),
        device: None,
        method: Some(Kind::TOTP),
        signed_in: NOON,
        verified: Some(NOON),
        created: NOON,
        expires: NOON,
        last_used: None,
        client: None,
        family: None,
    }
}

/// Everything of a user, as text that can be compared.
fn columns(row: &UserRow) -> String {
    format!("{row:?} {}", row.password_hash.expose())
}

#[tokio::test]
async fn a_user_comes_back_by_id_and_by_name() {
    for (_place, users) in tables().await {
        let zoe = UserRow {
            id: UserId::new("2"),
            name: "Zoë".into(),
            canonical_name: "zoë".into(),
            email: None,
            active: false,
            staff: true,
            ..ada()
        };
        for row in [zoe.clone(), ada()] {
            assert_eq!(users.insert(row.clone()).await.unwrap(), Insertion::Inserted);
            let by_id = users.by_id(&row.id).await.unwrap().unwrap();
            let by_name = users.by_canonical_name(&row.canonical_name).await.unwrap().unwrap();
            assert_eq!([columns(&by_id), columns(&by_name)], [columns(&row), columns(&row)]);
        }
        let all: Vec<_> = users.list().await.unwrap().iter().map(columns).collect();
        assert_eq!(all, [columns(&ada()), columns(&zoe)]);
        assert!(users.by_id(&UserId::new("ada")).await.unwrap().is_none());
        assert!(users.by_canonical_name("Ada").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_name_is_given_once_and_an_id_too() {
    for (_place, users) in tables().await {
        assert_eq!(users.insert(ada()).await.unwrap(), Insertion::Inserted);
        let other = UserRow { id: UserId::new("2"), name: "ADA".into(), ..ada() };
        assert_eq!(users.insert(other).await.unwrap(), Insertion::NameTaken);
        let same_id = UserRow { canonical_name: "eve".into(), ..ada() };
        users.insert(same_id).await.expect_err("an id is not given twice");
        assert_eq!(users.list().await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_gets_the_name() {
    for (_place, users) in tables().await {
        let inserted = all_at_once(32, |number| {
            let (users, row) = (users.clone(), UserRow { id: UserId::new(number.to_string()), ..ada() });
            async move { users.insert(row).await.unwrap() }
        });
        assert_eq!(inserted.await.into_iter().filter(|insertion| *insertion == Insertion::Inserted).count(), 1);
    }
}

#[tokio::test]
async fn a_canonical_name_is_changed_only_from_what_was_seen_and_to_one_that_nobody_has() {
    for (_place, users) in tables().await {
        let eve = UserRow { id: UserId::new("2"), name: "Eve".into(), canonical_name: "eve".into(), ..ada() };
        for row in [ada(), eve] {
            users.insert(row).await.unwrap();
        }
        let set = async |seen, name| users.set_canonical_name(&ada().id, seen, name).await.unwrap();
        assert!(!set("adam", "ada lovelace").await && !set("ada", "eve").await);
        assert_eq!(columns(&users.by_canonical_name("ada").await.unwrap().unwrap()), columns(&ada()));
        assert!(set("ada", "ada lovelace").await);
        assert!(users.by_canonical_name("ada").await.unwrap().is_none());
        let renamed = users.by_canonical_name("ada lovelace").await.unwrap().unwrap();
        assert_eq!(columns(&renamed), columns(&UserRow { canonical_name: "ada lovelace".into(), ..ada() }));
    }
}

#[tokio::test]
async fn a_new_password_brings_a_new_stamp() {
    for (_place, users) in tables().await {
        users.insert(ada()).await.unwrap();
        let later = Timestamp::from_seconds(50_000);
        let password = NewPassword { hash: Secret::new("$argon2id$second"), stamp: "two".into(), at: later };
        let row = users.set_password(&ada().id, &ada().stamp, password.clone()).await.unwrap().unwrap();
        let expected = UserRow {
            password_hash: Secret::new("$argon2id$second"),
            stamp: "two".into(),
            password_changed: later,
            ..ada()
        };
        assert_eq!(columns(&row), columns(&expected));
        assert_eq!(columns(&users.by_id(&ada().id).await.unwrap().unwrap()), columns(&expected));
        let late = users.set_password(&ada().id, &ada().stamp, password.clone()).await.unwrap();
        assert!(late.is_none(), "a change under way does not undo one that came between");
        assert!(users.set_password(&UserId::new("nobody"), &ada().stamp, password).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_better_hash_replaces_only_the_one_that_was_seen() {
    for (_place, users) in tables().await {
        users.insert(ada()).await.unwrap();
        let (seen, better) = (Secret::new("$argon2id$first"), Secret::new("$argon2id$better"));
        assert!(users.set_hash_if(&ada().id, &seen, &better).await.unwrap());
        assert!(!users.set_hash_if(&ada().id, &seen, &better).await.unwrap());
        let row = users.by_id(&ada().id).await.unwrap().unwrap();
        assert_eq!(columns(&row), columns(&UserRow { password_hash: better, ..ada() }), "and the stamp stays");
    }
}

#[tokio::test]
async fn a_user_can_be_let_in_and_out() {
    for (_place, users) in tables().await {
        users.insert(ada()).await.unwrap();
        for (activity, active) in [(Activity::Inactive, false), (Activity::Inactive, false), (Activity::Active, true)] {
            let stamp = format!("stamp of {activity:?}");
            let row = users.set_active(&ada().id, activity, stamp.clone()).await.unwrap().unwrap();
            assert_eq!(columns(&row), columns(&UserRow { active, stamp, ..ada() }));
            assert_eq!(users.by_id(&ada().id).await.unwrap().unwrap().active, active);
        }
        assert!(users.set_active(&UserId::new("nobody"), Activity::Active, "stamp".into()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn no_hash_is_ever_printed() {
    for (_place, users) in tables().await {
        users.insert(ada()).await.unwrap();
        assert!(!format!("{:?}", users.list().await.unwrap()).contains("argon2id"));
    }
}

#[tokio::test]
async fn a_session_and_a_token_come_with_the_user_as_they_are_now() {
    for (_place, store, users) in stores().await {
        users.insert(UserRow { stamp: "one".into(), ..ada() }).await.unwrap();
        let (of_ada, of_nobody) = (session("ada's", "1"), session("nobody's", "2"));
        let (ada_s, nobody_s) = (token("ada's", "1"), token("nobody's", "2"));
        let rows = vec![
            Change::Session(SessionChange::Create(of_ada.clone())),
            Change::Session(SessionChange::Create(of_nobody.clone())),
            Change::Token(TokenChange::Issue(ada_s.clone())),
            Change::Token(TokenChange::Issue(nobody_s.clone())),
        ];
        assert_eq!(*store.commit(batch(rows)).await.unwrap().written(), Written::Done);

        let seen = User { id: UserId::new("1"), name: "Ada".into(), active: true, staff: false, stamp: "one".into() };
        assert_eq!(users.seen(&seen.id).await.unwrap(), Some(seen.clone()));
        assert_eq!(users.seen(&UserId::new("2")).await.unwrap(), None);
        assert_eq!(users.session(&of_ada.key).await.unwrap(), Some((of_ada.clone(), seen.clone())));
        assert_eq!(users.token(&ada_s.key).await.unwrap(), Some((ada_s.clone(), seen.clone())));
        assert_eq!(users.session(&of_nobody.key).await.unwrap(), None);
        assert_eq!(users.token(&nobody_s.key).await.unwrap(), None);
        assert_eq!(users.session(&SessionKey::new("another")).await.unwrap(), None);
        assert_eq!(users.token(&TokenKey::new("another")).await.unwrap(), None);

        users.set_active(&seen.id, Activity::Inactive, "two".into()).await.unwrap().unwrap();
        let seen = User { active: false, stamp: "two".into(), ..seen };
        assert_eq!(users.session(&of_ada.key).await.unwrap(), Some((of_ada, seen.clone())));
        assert_eq!(users.token(&ada_s.key).await.unwrap(), Some((ada_s, seen)));
    }
}

/// A password is written together with everything else of its batch, if the stamp is the one that was seen.
#[tokio::test]
async fn t106_a_password_is_set_in_the_batch_that_ends_the_sessions_or_not_at_all() {
    for (_place, store, users) in stores().await {
        users.insert(ada()).await.unwrap();
        let later = Timestamp::from_seconds(50_000);
        let set = |user: &str, expected: &str, stamp: &str| {
            Change::User(UserChange::SetPassword {
                user: UserId::new(user),
                expected_stamp: expected.into(),
                stamp: stamp.into(),
                hash: Secret::new(format!("$argon2id${stamp}")),
                at: later,
            })
        };
        let opened = |key: &str| Change::Session(SessionChange::Create(session(key, "1")));
        for (user, expected) in [("1", "moved"), ("2", "one"), ("1", "")] {
            let receipt = store.commit(batch(vec![set(user, expected, "two"), opened("early")])).await.unwrap();
            assert_eq!(*receipt.written(), Written::Conflict, "{user} {expected}");
        }
        let unchanged = users.by_id(&ada().id).await.unwrap().unwrap();
        assert_eq!((unchanged.stamp.as_str(), unchanged.password_hash.expose()), ("one", "$argon2id$first"));
        // What conflicts elsewhere in the batch leaves the password as it was.
        let gone = Change::Session(SessionChange::Require(SessionKey::new("gone")));
        let receipt = store.commit(batch(vec![set("1", "one", "two"), gone])).await.unwrap();
        assert_eq!(*receipt.written(), Written::Conflict);
        let receipt = store.commit(batch(vec![set("1", "one", "two"), opened("late")])).await.unwrap();
        assert_eq!(*receipt.written(), Written::Done);
        let changed = users.by_id(&ada().id).await.unwrap().unwrap();
        assert_eq!((changed.stamp.as_str(), changed.password_hash.expose()), ("two", "$argon2id$two"));
        assert_eq!(changed.password_changed, later);
        assert_eq!(store.sessions(&ada().id).await.unwrap().len(), 1);
    }
}
