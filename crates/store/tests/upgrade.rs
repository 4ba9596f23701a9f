//! From the databases of earlier landings to today's, on both engines, with everything that was in them.
//!
//! What a landing left stands in `landed/`, and the rows of its time here. A database that came from there must look as one
//! that was made today: so nobody edits a migration that has landed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cluster::Fresh;
use countersign_engine::core::{AttemptId, DeviceId, EventKind, Kind, Level, SessionKey, Status, Timestamp, UserId};
use countersign_store::{Database, Migrated, Opened};
use rusqlite::Connection;

/// The last migration there is.
const NEWEST: u32 = 11;

/// A row of every table, for both engines but for how bytes are written.
const ROWS: &str = "
    INSERT INTO app_user VALUES ('ada', 'Ada', 'ada', 'ada@example.org', 'hash', 1, 1, 'stamp', 5, 6);
    INSERT INTO account VALUES ('ada', 3, 'phone');
    INSERT INTO device (id, user_id, kind, name, status, version, failures, last_failure, created, last_used, state)
        VALUES ('phone', 'ada', 'totp', 'Phone', 'active', 7, 2, 40, 10, 30, BYTES);
    INSERT INTO device (id, user_id, kind, name, status, version, failures, last_failure, created, last_used, state)
        VALUES ('half', 'ada', 'totp', 'Half', 'enrolling', 1, 0, NULL, 11, NULL, BYTES);
    INSERT INTO session VALUES ('key', 'ada', 'aal2', 'stamp', 'phone', 20, 21, 20, 20);
    INSERT INTO spent_attempt VALUES ('over', 600);
    INSERT INTO budget VALUES ('password:ada', 4, 700);
    INSERT INTO event (at, user_id, kind, device_id, method, attempt_id, address)
        VALUES (20, 'ada', 'signed-in', 'phone', 'totp', 'over', '192.0.2.1');";

/// Rows of what the second landing brought.
const LATER_ROWS: &str = "
    UPDATE device SET known_failures = '{\"home\":{\"failures\":2,\"last\":40}}' WHERE id = 'phone';
    INSERT INTO node VALUES ('node', 1, 2, '0.1.0', 'key', 1);
    INSERT INTO lease VALUES ('purge', 'node', 9);";

/// What a landing has left.
struct Landing {
    version: u32,
    sqlite: &'static str,
    postgres: &'static str,
    /// Whether it had device cookies and nodes.
    is_later: bool,
}

/// Every landing that has changed the schema.
const LANDINGS: [Landing; 2] = [
    Landing {
        version: 1,
        sqlite: include_str!("landed/first.sqlite.sql"),
        postgres: include_str!("landed/first.postgres.sql"),
        is_later: false,
    },
    Landing {
        version: 3,
        sqlite: include_str!("landed/second.sqlite.sql"),
        postgres: include_str!("landed/second.postgres.sql"),
        is_later: true,
    },
];

impl Landing {
    fn rows(&self, bytes: &str) -> String {
        let later = if self.is_later { LATER_ROWS } else { "" };
        format!("{}{later}", ROWS.replace("BYTES", bytes))
    }
}

/// Everything in it is as it was, and what came later is empty.
async fn is_all_there(database: &Database, landing: &Landing) {
    let Opened { store, users, .. } = database.open().await.unwrap();
    let ada = UserId::new("ada");
    let at = Timestamp::from_millis;
    let factors = store.factors(&ada).await.unwrap();
    assert_eq!((factors.account.factors, factors.account.preferred), (3, Some(DeviceId::new("phone"))));
    assert_eq!(factors.devices.len(), 2);
    let phone = store.device(&DeviceId::new("phone")).await.unwrap().unwrap();
    assert_eq!((phone.kind, phone.name.as_str(), phone.status), (Kind::TOTP, "Phone", Status::Active));
    assert_eq!((phone.version, phone.throttle.failures, phone.throttle.last_failure), (7, 2, Some(at(40))));
    assert_eq!(phone.throttle.recognized, None, "device cookies are new, and so are their failures");
    assert_eq!((phone.created, phone.last_used, phone.state.0.as_slice()), (at(10), Some(at(30)), &b"\x01\x02"[..]));
    let session = store.session(&SessionKey::new("key")).await.unwrap().unwrap();
    assert_eq!((session.level, session.stamp.as_str(), session.verified), (Level::Aal2, "stamp", Some(at(20))));
    assert!(store.attempt_spent(&AttemptId::new("over")).await.unwrap());
    let budget = store.budget("password:ada").await.unwrap().unwrap();
    assert_eq!((budget.spent, budget.until), (4, at(700)));
    let events = store.events(&ada, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::SignedIn]);
    assert_eq!(users.list().await.unwrap().len(), 1);
    assert_eq!(store.nodes().await.unwrap().len(), usize::from(landing.is_later));
    assert!(store.tokens(&ada).await.unwrap().is_empty());
    assert!(store.clients().await.unwrap().is_empty());
    assert_eq!((session.method, session.repeat), (None, None));
}

#[tokio::test]
async fn a_file_of_every_landing_is_brought_up_to_date() {
    for landing in &LANDINGS {
        a_file_is_brought_up_to_date(landing).await;
    }
}

async fn a_file_is_brought_up_to_date(landing: &Landing) {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old.db", "new.db"].map(|name| folder.path().join(name));
    let first = Connection::open(&old).unwrap();
    first.execute_batch(landing.sqlite).unwrap();
    first.execute_batch(&landing.rows("x'0102'")).unwrap();
    let [upgraded, made] = [&old, &new].map(|path| Database::Sqlite(path.clone()));
    assert!(upgraded.open().await.unwrap_err().to_string().contains("run `countersign migrate`"));
    assert_eq!(upgraded.migrate().await.unwrap(), Migrated { from: landing.version, to: NEWEST });
    assert_eq!(made.migrate().await.unwrap(), Migrated { from: 0, to: NEWEST });
    is_all_there(&upgraded, landing).await;
    // What is declared, without comments and spacing.
    let shape = |path| {
        let connection = Connection::open(path).unwrap();
        let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?))).unwrap();
        let shape: Vec<(String, String)> = rows
            .map(|row| row.map(|(name, sql)| (name, sql.unwrap_or_default().split_whitespace().collect())).unwrap())
            .collect();
        shape
    };
    assert_eq!(shape(&old), shape(&new));
}

#[tokio::test]
async fn a_postgres_of_every_landing_is_brought_up_to_date() {
    for landing in &LANDINGS {
        a_postgres_is_brought_up_to_date(landing).await;
    }
}

async fn a_postgres_is_brought_up_to_date(landing: &Landing) {
    let [old, new] = [Fresh::database(), Fresh::database()];
    old.sql(landing.postgres).unwrap();
    old.sql(&landing.rows("'\\x0102'")).unwrap();
    let [upgraded, made] = [&old, &new].map(|fresh| Database::parse(&fresh.url()).unwrap());
    assert!(upgraded.open().await.unwrap_err().to_string().contains("run `countersign migrate`"));
    assert_eq!(upgraded.migrate().await.unwrap(), Migrated { from: landing.version, to: NEWEST });
    assert_eq!(made.migrate().await.unwrap(), Migrated { from: 0, to: NEWEST });
    is_all_there(&upgraded, landing).await;
    for shape in [
        "SELECT table_name, ordinal_position, column_name, data_type, collation_name, is_nullable, is_identity
         FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    ] {
        let [old, new] = [&old, &new].map(|fresh| fresh.sql(shape).unwrap());
        assert!(!old.is_empty());
        assert_eq!(old, new);
    }
}
