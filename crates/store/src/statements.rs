//! The statements that are about no table of ours: transactions, locks, the schema, and what a database says of itself.
//!
//! SQL stands here, in `table/` and in `migrations/`, and nowhere else. It never holds a value: values are bound to `$1`,
//! `$2`, …, numbered in the order in which they first appear, which SQLite needs and PostgreSQL does not mind. Each condition
//! that makes a commit conflict is a `WHERE` or an `ON CONFLICT`, and the number of rows is the answer. Where a subquery picks
//! rows to be removed, the condition stands outside of it once more: PostgreSQL evaluates that one again when another
//! transaction has changed the row meanwhile.
//!
//! Both databases run the same texts. What only one of them has or needs stands in `sqlite` or in `postgres`, or says so.

/// Transactions and savepoints, and what SQLite says of itself.
pub(crate) mod sqlite {
    /// Takes the right to write, waiting for other processes; then what is read below stays true.
    pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
    pub(crate) const COMMIT: &str = "COMMIT";
    pub(crate) const ROLLBACK: &str = "ROLLBACK";
    pub(crate) const SAVEPOINT: &str = "SAVEPOINT member";
    pub(crate) const RELEASE: &str = "RELEASE member";
    pub(crate) const ROLLBACK_TO: &str = "ROLLBACK TO member";
    pub(crate) const LEDGER: &str = "
        CREATE TABLE IF NOT EXISTS countersign_migration (
            version INTEGER NOT NULL PRIMARY KEY CHECK (version >= 1),
            name    TEXT    NOT NULL UNIQUE
        ) STRICT";
    pub(crate) const HAS_LEDGER: &str = "
        SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'countersign_migration'";
    pub(crate) const INTEGRITY: &str = "PRAGMA integrity_check";
    /// Copies the database, as of one moment and without what is free, into an empty file.
    pub(crate) const COPY: &str = "VACUUM INTO $1";
}

/// Transactions and locks, and what PostgreSQL says of itself.
pub(crate) mod postgres {
    /// Whatever the server's default is: the locks below are chosen for this level.
    pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    pub(crate) const COMMIT: &str = "COMMIT";
    pub(crate) const ROLLBACK: &str = "ROLLBACK";
    /// Holds a user's name until the commit. Names that share a number wait for each other, which is all.
    pub(crate) const LOCK_NAME: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7161027))";
    /// Held while the schema is migrated, until the end of the transaction.
    pub(crate) const LOCK_SCHEMA: &str = "SELECT pg_advisory_xact_lock(7161027160001)";
    pub(crate) const LEDGER: &str = "
        CREATE TABLE IF NOT EXISTS countersign_migration (
            version BIGINT NOT NULL PRIMARY KEY CHECK (version >= 1),
            name    TEXT   NOT NULL UNIQUE
        )";
    pub(crate) const HAS_LEDGER: &str = "SELECT 1 WHERE to_regclass('countersign_migration') IS NOT NULL";
    /// What every connection has: how long the server works on one statement, waits for another transaction, and keeps a
    /// transaction that we have forgotten, with everybody who waits for its locks. Sent as a statement and not when the
    /// connection is opened, because a pooler lets no such settings through.
    pub(crate) const TIME_OUTS: &str = "
        SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s';
        SET default_transaction_isolation = 'read committed'";
    /// The same for a migration, which takes the time it takes.
    pub(crate) const PATIENT_TIME_OUTS: &str = "SET statement_timeout = 0; SET lock_timeout = '60s'";
    /// The process of the server that answers.
    pub(crate) const BACKEND: &str = "SELECT pg_backend_pid()";
    /// What a connection has to know of its server before it is used.
    pub(crate) const FOOTING: &str = "
        SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()";
    /// What the server itself has as `synchronous_commit`, whatever this session has set for itself.
    pub(crate) const SYNC: &str = "SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'";
    pub(crate) const SYNC_REMOTE_WRITE: &str = "SET synchronous_commit = remote_write";
    pub(crate) const SYNC_ON: &str = "SET synchronous_commit = on";
    pub(crate) const SYNC_REMOTE_APPLY: &str = "SET synchronous_commit = remote_apply";
    /// What an operator should know of the server.
    pub(crate) const STATE: &str = "
        SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
               current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'),
               (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'),
               current_setting('synchronous_standby_names'), pg_is_in_recovery()";
    /// The time as the server's machine has it, in milliseconds since 1970.
    pub(crate) const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
}

/// What has been done to the schema.
pub(crate) mod schema {
    pub(crate) const NOTE: &str = "INSERT INTO countersign_migration (version, name) VALUES ($1, $2)";
    pub(crate) const VERSION: &str = "SELECT coalesce(max(version), 0) FROM countersign_migration";
}
