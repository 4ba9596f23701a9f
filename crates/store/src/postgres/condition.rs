//! Checks of the database server's durability settings.
//!
//! Some settings are errors, because with them an accepted code could become valid again after a power failure; others
//! are warnings for the administrator.

use tokio_postgres::{Client, Error, Row};

use super::{error::failed, pool::Connection};
use crate::{StoreError, statements::postgres::STATE};

pub(super) const FSYNC_OFF: &str =
    "fsync is off, so a power cut could bring back codes that were used: set fsync = on in postgresql.conf and reload";
pub(super) const STANDBY: &str =
    "it is a standby, which takes no writes: connect to the primary, or name every host in the URL";
const OLD: &str = "it is older than PostgreSQL 13: move to a newer one";
const ENCODING: &str = "the database does not keep text as UTF-8: create another one with ENCODING 'UTF8', as in `createdb --encoding=UTF8 \
                        --template=template0`";

/// The oldest version that is tried.
const OLDEST: i64 = 130_000;

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// All is well.
    Fine,
    /// It works, and an operator should know.
    Doubt,
    /// It must not be used like this.
    Failure,
}

/// Something that was looked at, and what was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// What was found and, if it is not fine, what to do.
    pub text: String,
}

/// What the server says of itself.
#[derive(Clone, Debug)]
struct State {
    version_number: i64,
    version: String,
    encoding: String,
    fsync: String,
    full_page_writes: String,
    synchronous_commit: String,
    standbys: String,
    standby: bool,
}

/// An error if the server must not be used.
pub(super) async fn refuse_unfit(connection: &Connection) -> Result<(), StoreError> {
    read(connection).await.map_err(looking)?.refuse()
}

/// The same before a database is migrated, so that none is filled that cannot be used then.
pub(super) async fn refuse_to_migrate(client: &Client) -> Result<(), StoreError> {
    let rows = client.query(STATE, &[]).await.map_err(looking)?;
    rows.first().map_or_else(|| Ok(State::unknown()), State::of).map_err(looking)?.refuse()
}

fn looking(error: Error) -> StoreError {
    failed("look at the database server", error.into())
}

/// Everything worth saying of the server.
pub(super) async fn findings(connection: &Connection) -> Result<Vec<Finding>, Error> {
    Ok(read(connection).await?.findings())
}

async fn read(connection: &Connection) -> Result<State, Error> {
    let rows = connection.query(STATE, &[]).await?;
    // An aggregate-free SELECT without FROM gives one row.
    rows.first().map_or_else(|| Ok(State::unknown()), State::of)
}

impl State {
    fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            version_number: row.try_get(0)?,
            version: row.try_get(1)?,
            encoding: row.try_get(2)?,
            fsync: row.try_get(3)?,
            full_page_writes: row.try_get(4)?,
            synchronous_commit: row.try_get(5)?,
            standbys: row.try_get(6)?,
            standby: row.try_get(7)?,
        })
    }

    /// A server that says nothing of itself is too old.
    fn unknown() -> Self {
        let nothing = String::new;
        Self {
            version_number: 0,
            version: nothing(),
            encoding: nothing(),
            fsync: nothing(),
            full_page_writes: nothing(),
            synchronous_commit: nothing(),
            standbys: nothing(),
            standby: false,
        }
    }

    fn refuse(&self) -> Result<(), StoreError> {
        self.failure().map_or(Ok(()), |why| Err(StoreError::Unfit { place: String::new(), why }))
    }

    fn failure(&self) -> Option<&'static str> {
        let failures = [
            (self.version_number < OLDEST, OLD),
            (self.encoding != "UTF8", ENCODING),
            (self.fsync != "on", FSYNC_OFF),
            (self.standby, STANDBY),
        ];
        failures.into_iter().find(|(holds, _)| *holds).map(|(_, text)| text)
    }

    fn doubts(&self) -> impl Iterator<Item = &'static str> {
        let doubts = [
            (
                self.full_page_writes != "on",
                "full_page_writes is off: unless the disk never tears a page, a power cut can ruin the database; set it on",
            ),
            (
                self.synchronous_commit == "off",
                "synchronous_commit is off: we set it on for our own connections; set it on for the rest",
            ),
            (
                !self.standbys.is_empty() && matches!(self.synchronous_commit.as_str(), "local" | "off"),
                "synchronous_standby_names is set, but commits do not wait for a standby: after a failover codes that \
                 were used could be used again; set synchronous_commit to on or remote_apply",
            ),
        ];
        doubts.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text)
    }

    fn findings(&self) -> Vec<Finding> {
        if let Some(failure) = self.failure() {
            return vec![Finding {
                weight: Weight::Failure,
                text: format!("the database server cannot be used: {failure}"),
            }];
        }
        let standbys = if self.standbys.is_empty() { "" } else { ", and waited for by a standby" };
        let kept = matches!(self.synchronous_commit.as_str(), "on" | "remote_apply" | "remote_write");
        let fine = format!("PostgreSQL {} keeps what it commits{}", self.version, if kept { standbys } else { "" });
        let fine = Finding { weight: Weight::Fine, text: fine };
        [fine]
            .into_iter()
            .chain(self.doubts().map(|text| Finding { weight: Weight::Doubt, text: text.into() }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> State {
        State {
            version_number: 150_018,
            version: "15.18".into(),
            encoding: "UTF8".into(),
            fsync: "on".into(),
            full_page_writes: "on".into(),
            synchronous_commit: "on".into(),
            ..State::unknown()
        }
    }

    #[test]
    fn what_could_lose_a_commit_is_a_failure_that_says_what_to_set() {
        assert_eq!(good().failure(), None);
        for (bad, word) in [
            (State { fsync: "off".into(), ..good() }, "set fsync = on"),
            (State { encoding: "SQL_ASCII".into(), ..good() }, "ENCODING 'UTF8'"),
            (State { standby: true, ..good() }, "connect to the primary"),
            (State { version_number: 120_000, ..good() }, "older than PostgreSQL 13"),
            (State::unknown(), "older"),
        ] {
            assert!(bad.failure().unwrap().contains(word), "{bad:?}");
            assert_eq!(bad.findings()[0].weight, Weight::Failure);
        }
    }

    #[test]
    fn what_an_operator_should_know_is_a_doubt() {
        let doubts = |state: State| state.doubts().count();
        assert_eq!(doubts(good()), 0);
        assert_eq!(
            doubts(State { synchronous_commit: "local".into(), ..good() }),
            0,
            "there is no standby to wait for"
        );
        assert_eq!(doubts(State { synchronous_commit: "local".into(), standbys: "b".into(), ..good() }), 1);
        assert_eq!(doubts(State { synchronous_commit: "remote_apply".into(), standbys: "b".into(), ..good() }), 0);
        assert_eq!(doubts(State { synchronous_commit: "off".into(), standbys: "b".into(), ..good() }), 2);
        assert_eq!(doubts(State { full_page_writes: "off".into(), ..good() }), 1);
    }
}
