//! Where races are run, and what came of them.

use std::sync::Arc;

use cluster::Fresh;
use countersign_engine::{
    Error, Parts, Store,
    core::{AccountChange, Change, DeviceChange, Kind, Refusal, Sealed, throttle::ThrottleRule},
    memory::MemoryStore,
};
use countersign_store::{PostgresPlace, PostgresStore, SqliteStore, UserTable};
use countersign_testkit::{Careless, Gate, World};
use tempfile::TempDir;

pub(crate) const RACERS: usize = 64;

/// What came of a race.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) accepted: usize,
    pub(crate) refused: Vec<Refusal>,
}

pub(crate) fn tally<T>(outcomes: Vec<Result<T, Error>>) -> Tally {
    let mut tally = Tally::default();
    for outcome in outcomes {
        match outcome {
            Ok(_) => tally.accepted += 1,
            Err(Error::Refused(refusal)) => tally.refused.push(refusal),
            Err(Error::Faulted(fault)) => panic!("a race ends in a fault: {fault}"),
        }
    }
    tally
}

pub(crate) fn writes_a_device(change: &Change<Sealed>) -> bool {
    matches!(change, Change::Device(DeviceChange::Update(_)))
}

pub(crate) fn moves_factors(change: &Change<Sealed>) -> bool {
    matches!(change, Change::Account(AccountChange::BumpFactorSet { .. }))
}

/// Where a race is run: rows that can be put behind a gate once everybody is in place.
pub(crate) struct Course {
    pub(crate) rows: Arc<dyn Store>,
    /// The store's own table of users, where it has one.
    pub(crate) users: Option<UserTable>,
    careless: bool,
    _place: Scope,
}

/// What has to stay for as long as the rows are used.
enum Scope {
    Memory,
    Sqlite { _folder: TempDir },
    Postgres { _database: Fresh },
}

impl Course {
    /// In memory, on SQLite and on PostgreSQL.
    pub(crate) async fn careful() -> [Self; 3] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("race.db");
        SqliteStore::migrate(&file).unwrap();
        let sqlite = Arc::new(SqliteStore::open(&file).unwrap());
        let database = Fresh::database();
        let scope = PostgresPlace::parse(&database.url()).unwrap();
        PostgresStore::migrate(&scope).await.unwrap();
        let postgres = Arc::new(PostgresStore::open(&scope).await.unwrap());
        let memory = Arc::new(MemoryStore::default());
        [
            Self { rows: memory, users: None, careless: false, _place: Scope::Memory },
            Self {
                users: Some(sqlite.users()),
                rows: sqlite,
                careless: false,
                _place: Scope::Sqlite { _folder: folder },
            },
            Self {
                users: Some(postgres.users()),
                rows: postgres,
                careless: false,
                _place: Scope::Postgres { _database: database },
            },
        ]
    }

    /// So many of each.
    pub(crate) async fn many(rounds: u32) -> Vec<Self> {
        let mut courses = vec![];
        for _ in 0..rounds {
            courses.extend(Self::careful().await);
        }
        courses
    }

    /// The same, without versions.
    pub(crate) async fn careless() -> [Self; 3] {
        Self::careful().await.map(|course| Self { careless: true, ..course })
    }

    /// The world in which people get ready.
    pub(crate) fn ready(&self) -> World {
        World::built(self.rows.clone(), in_earnest)
    }

    /// The same rows and people, with a gate before every racer's commit.
    pub(crate) fn gated(&self, world: &World, racers: usize, counted: fn(&Change<Sealed>) -> bool) -> World {
        self.gated_with(world, racers, counted, ThrottleRule::OFF)
    }

    pub(crate) fn gated_with(
        &self,
        world: &World,
        racers: usize,
        counted: fn(&Change<Sealed>) -> bool,
        throttle: ThrottleRule,
    ) -> World {
        let rows: Arc<dyn Store> = if self.careless { Careless::before(self.rows.clone()) } else { self.rows.clone() };
        let gate = Gate::before(rows, racers, counted);
        World::built(gate, |parts| {
            parts.users = world.users.clone();
            parts.clock = world.clock.clone();
            for channel in [Kind::SMS, Kind::CALL, Kind::EMAIL] {
                parts.gateways.insert(channel, world.outbox.clone());
            }
            parts.validator = Some(world.validator.clone());
            parts.config.offered.clone_from(&world.engine.config().offered);
            parts.config.password_attempts = world.engine.config().password_attempts;
            parts.config.devices_per_user = world.engine.config().devices_per_user;
            parts.config.throttle = throttle;
        })
    }
}

/// Racers give the right password as often as they are many, and finish later, or never.
pub(crate) fn in_earnest(parts: &mut Parts) {
    parts.config.password_attempts.per_account = 1000;
}
