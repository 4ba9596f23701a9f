//! Migrating a database to the schema of this version.
//!
//! Migrations are embedded, numbered from 1, and applied in order, each in one transaction with its entry in the
//! ledger. They only move forward, and two processes that migrate at once apply each one once. A database with a newer
//! schema than this version is refused. Each engine has its own way to apply one.

use std::fmt::Display;

use crate::StoreError;

/// One step of the schema.
pub(crate) struct Migration {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// What a migration has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Migrated {
    /// The number of the last migration that had been applied before; 0 for a new database.
    pub from: u32,
    /// The number of the last migration that has been applied now.
    pub to: u32,
}

/// A migration that has not been applied yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Its number.
    pub version: u32,
    /// What it is called.
    pub name: &'static str,
}

/// The number of the last migration this program knows.
pub(crate) fn newest(known: &[Migration]) -> u32 {
    known.last().map_or(0, |migration| migration.version)
}

/// An error unless a database at migration `found` has exactly the shape this program knows.
pub(crate) fn check(known: &[Migration], found: u32, place: &dyn Display) -> Result<(), StoreError> {
    match (next(known, found, place)?, found) {
        (None, _) => Ok(()),
        (Some(_), 0) => Err(StoreError::Empty { place: place.to_string() }),
        (Some(_), found) => Err(StoreError::Behind { place: place.to_string(), found, known: newest(known) }),
    }
}

/// The migration that comes after `found`; an error if the database is ahead of this program.
pub(crate) fn next<'m>(
    known: &'m [Migration],
    found: u32,
    place: &dyn Display,
) -> Result<Option<&'m Migration>, StoreError> {
    if found > newest(known) {
        return Err(StoreError::Ahead { place: place.to_string(), found, known: newest(known) });
    }
    Ok(known.iter().find(|migration| migration.version > found))
}

/// Every migration that comes after `found`; an error if the database is ahead of this program.
pub(crate) fn pending(known: &[Migration], found: u32, place: &dyn Display) -> Result<Vec<Pending>, StoreError> {
    next(known, found, place)?;
    let pending = known.iter().filter(|migration| migration.version > found);
    Ok(pending.map(|Migration { version, name, .. }| Pending { version: *version, name }).collect())
}

#[cfg(test)]
mod tests {
    use crate::{postgres, sqlite};

    #[test]
    fn migrations_are_numbered_without_gaps_and_alike_on_both_engines() {
        let names = |known: &[super::Migration]| -> Vec<_> {
            known.iter().map(|migration| (migration.version, migration.name)).collect()
        };
        let known = names(sqlite::migrate::MIGRATIONS);
        assert_eq!(known, names(postgres::migrate::MIGRATIONS));
        assert!(known.iter().map(|(version, _)| *version).eq(1..=super::newest(sqlite::migrate::MIGRATIONS)));
    }
}
