//! Every statement there is, as text.
//!
//! SQL stands here and in `migrations/`, and nowhere else. It never holds a value: values are bound to `$1`, `$2`, …,
//! numbered in the order in which they first appear, which SQLite needs and PostgreSQL does not mind. Each condition that
//! makes a commit conflict is a `WHERE` or an `ON CONFLICT` in this file, and the number of rows is the answer. Where a
//! subquery picks rows to be removed, the condition stands outside of it once more: PostgreSQL asks that one again when
//! somebody has changed the row meanwhile.
//!
//! Both databases run the same texts. What only one of them has or needs stands in `sqlite` or in `postgres`.

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
    /// `account::AT`, holding the row until the commit. The strongest lock, so that nobody who goes on to change the row
    /// has to ask for a stronger one, which two at once would wait for for ever.
    pub(crate) const ACCOUNT_AT: &str = "SELECT 1 FROM account WHERE user_id = $1 AND factors = $2 FOR UPDATE";
    /// `session::THERE`, holding the row until the commit.
    pub(crate) const SESSION_THERE: &str = "SELECT 1 FROM session WHERE key = $1 FOR UPDATE";
    /// `client::THERE`, keeping the row from going until the commit. Many may at once: nobody who does goes on to change it.
    pub(crate) const CLIENT_THERE: &str = "SELECT 1 FROM client WHERE id = $1 FOR KEY SHARE";
    /// `token::THERE`, keeping the row from going until the commit.
    pub(crate) const TOKEN_THERE: &str = "SELECT 1 FROM token WHERE id = $1 FOR UPDATE";
    /// Hold all of a user's rows until the commit, in one order for everybody.
    pub(crate) const LOCK_DEVICES: &str = "SELECT 1 FROM device WHERE user_id = $1 ORDER BY id FOR UPDATE";
    pub(crate) const LOCK_DEVICE: &str = "SELECT 1 FROM device WHERE id = $1 FOR UPDATE";
    pub(crate) const LOCK_SESSIONS: &str = "SELECT 1 FROM session WHERE user_id = $1 ORDER BY key FOR UPDATE";
    pub(crate) const LOCK_TOKENS: &str = "SELECT 1 FROM token WHERE user_id = $1 ORDER BY id FOR UPDATE";
    /// The same of a client's, so that who ends by user and who ends by client take the rows they share in one order.
    pub(crate) const LOCK_TOKENS_OF_CLIENT: &str = "SELECT 1 FROM token WHERE client_id = $1 ORDER BY id FOR UPDATE";
    /// Holds a user's name until the commit. Names that share a number wait for each other, which is all.
    pub(crate) const LOCK_NAME: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7161027))";
    /// Held by whoever migrates, until the end of the transaction.
    pub(crate) const LOCK_SCHEMA: &str = "SELECT pg_advisory_xact_lock(7161027160001)";
    pub(crate) const LEDGER: &str = "
        CREATE TABLE IF NOT EXISTS countersign_migration (
            version BIGINT NOT NULL PRIMARY KEY CHECK (version >= 1),
            name    TEXT   NOT NULL UNIQUE
        )";
    pub(crate) const HAS_LEDGER: &str = "SELECT 1 WHERE to_regclass('countersign_migration') IS NOT NULL";
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

/// A user's set of devices.
pub(crate) mod account {
    /// The account with its devices in one statement, so that both are read as of one moment. One row at least.
    pub(crate) const FACTORS: &str = "
        SELECT coalesce(account.factors, 0), account.preferred, (SELECT at FROM restoration WHERE id = 1),
               device.id, device.user_id, device.kind, device.name, device.status, device.version,
               device.failures, device.last_failure, device.recognized_failures, device.last_recognized_failure,
               device.created, device.last_used, device.state
        FROM (SELECT CAST($1 AS TEXT) AS user_id) AS asked
        LEFT JOIN account ON account.user_id = asked.user_id
        LEFT JOIN device ON device.user_id = asked.user_id
        ORDER BY device.created, device.id";
    pub(crate) const AT: &str = "SELECT 1 FROM account WHERE user_id = $1 AND factors = $2";
    pub(crate) const THERE: &str = "SELECT 1 FROM account WHERE user_id = $1";
    pub(crate) const FIRST: &str = "
        INSERT INTO account (user_id, factors, preferred) VALUES ($1, 1, $2)
        ON CONFLICT (user_id) DO NOTHING";
    pub(crate) const MOVE: &str = "
        UPDATE account SET factors = factors + 1, preferred = $1 WHERE user_id = $2 AND factors = $3";
    pub(crate) const REMOVE: &str = "DELETE FROM account WHERE user_id = $1";
}

/// Devices.
pub(crate) mod device {
    pub(crate) const ONE: &str = "
        SELECT id, user_id, kind, name, status, version, failures, last_failure, recognized_failures,
               last_recognized_failure, created, last_used, state
        FROM device WHERE id = $1";
    pub(crate) const AFTER: &str = "
        SELECT id, user_id, kind, name, status, version, failures, last_failure, recognized_failures,
               last_recognized_failure, created, last_used, state
        FROM device WHERE id > $1 ORDER BY id LIMIT $2";
    pub(crate) const ADD: &str = "
        INSERT INTO device
            (id, user_id, kind, name, status, version, failures, last_failure, recognized_failures,
             last_recognized_failure, created, last_used, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (id) DO NOTHING";
    /// Owner, kind and birth stay what they were: the state is sealed to them.
    pub(crate) const UPDATE: &str = "
        UPDATE device
        SET name = $1, status = $2, version = $3, failures = $4, last_failure = $5, recognized_failures = $6,
            last_recognized_failure = $7, last_used = $8, state = $9
        WHERE id = $10 AND version = $11 AND user_id = $12";
    /// User, most. A row if there are no more setups than that.
    pub(crate) const LIMIT_SETUPS: &str = "
        SELECT 1 WHERE (SELECT count(*) FROM device WHERE user_id = $1 AND status = 'enrolling') <= $2";
    pub(crate) const REMOVE: &str = "DELETE FROM device WHERE id = $1 AND version = $2";
    pub(crate) const REMOVE_ALL: &str = "DELETE FROM device WHERE user_id = $1";
    pub(crate) const PURGE: &str = "
        DELETE FROM device WHERE id IN
            (SELECT id FROM device WHERE status = 'enrolling' AND created < $1 LIMIT $2)
            AND status = 'enrolling' AND created < $1";
}

/// Sessions.
pub(crate) mod session {
    pub(crate) const ONE: &str = "
        SELECT key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified,
               method, repeat_of, repeat_call, repeat_until, repeat_sealed
        FROM session WHERE key = $1";
    pub(crate) const THERE: &str = "SELECT 1 FROM session WHERE key = $1";
    pub(crate) const OF_USER: &str = "
        SELECT key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified,
               method, repeat_of, repeat_call, repeat_until, repeat_sealed
        FROM session WHERE user_id = $1 ORDER BY last_seen DESC, key DESC";
    pub(crate) const OPEN: &str = "
        INSERT INTO session (key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified, method,
            repeat_of, repeat_call, repeat_until, repeat_sealed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (key) DO NOTHING";
    /// What completed a login attempt, or replaced a session.
    pub(crate) const AFTER: &str = "
        SELECT key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified,
               method, repeat_of, repeat_call, repeat_until, repeat_sealed
        FROM session WHERE repeat_of = $1";
    pub(crate) const CLOSE_REPEAT: &str = "
        UPDATE session SET repeat_sealed = NULL WHERE key = $1 AND repeat_sealed IS NOT NULL";
    /// Forgets the sealed results of calls that cannot be repeated any more. No row goes.
    pub(crate) const PURGE_REPEATS: &str = "
        UPDATE session SET repeat_sealed = NULL WHERE key IN
            (SELECT key FROM session WHERE repeat_until <= $1 AND repeat_sealed IS NOT NULL LIMIT $2)
            AND repeat_until <= $1 AND repeat_sealed IS NOT NULL";
    pub(crate) const TOUCH: &str = "UPDATE session SET last_seen = $1 WHERE key = $2 AND last_seen < $1";
    pub(crate) const END: &str = "DELETE FROM session WHERE key = $1";
    pub(crate) const END_ALL: &str = "DELETE FROM session WHERE user_id = $1";
    /// User, device, and a key that stays: of no session if it is empty.
    pub(crate) const END_OF_DEVICE: &str = "DELETE FROM session WHERE user_id = $1 AND device_id = $2 AND key <> $3";
    /// For a database that was put back: whoever signed out since then stays out.
    pub(crate) const END_EVERY: &str = "DELETE FROM session";
    /// Those that were last used before $1, or after $2 by a clock that was ahead.
    pub(crate) const PURGE: &str = "
        DELETE FROM session WHERE key IN
            (SELECT key FROM session WHERE last_seen < $1 OR last_seen > $2 LIMIT $3)
            AND (last_seen < $1 OR last_seen > $2)";
}

/// Registered clients.
pub(crate) mod client {
    pub(crate) const ONE: &str = "SELECT id, name, kind, secret, scopes, created FROM client WHERE id = $1";
    pub(crate) const ALL: &str = "SELECT id, name, kind, secret, scopes, created FROM client ORDER BY name, id";
    pub(crate) const THERE: &str = "SELECT 1 FROM client WHERE id = $1";
    pub(crate) const ADD: &str = "
        INSERT INTO client (id, name, kind, secret, scopes, created) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING";
    pub(crate) const ROTATE: &str = "UPDATE client SET secret = $1 WHERE id = $2 AND kind = 'confidential'";
    pub(crate) const REMOVE: &str = "DELETE FROM client WHERE id = $1";
}

/// What programs show in place of people.
pub(crate) mod token {
    pub(crate) const BY_KEY: &str = "
        SELECT id, key, user_id, kind, name, scopes, level, stamp, device_id, method, signed_in, verified,
               created, expires, last_used, client_id, family
        FROM token WHERE key = $1";
    pub(crate) const OF_USER: &str = "
        SELECT id, key, user_id, kind, name, scopes, level, stamp, device_id, method, signed_in, verified,
               created, expires, last_used, client_id, family
        FROM token WHERE user_id = $1 ORDER BY created DESC, id DESC";
    pub(crate) const THERE: &str = "SELECT 1 FROM token WHERE id = $1";
    pub(crate) const OPEN: &str = "
        INSERT INTO token (id, key, user_id, kind, name, scopes, level, stamp, device_id, method, signed_in, verified,
            created, expires, last_used, client_id, family)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        ON CONFLICT DO NOTHING";
    /// User, stamp, now, the latest moment that is credible, most. A row if no more personal tokens are running than that.
    pub(crate) const LIMIT: &str = "
        SELECT 1 WHERE (SELECT count(*) FROM token
            WHERE user_id = $1 AND kind = 'personal' AND stamp = $2 AND expires > $3
                AND created <= $4 AND signed_in <= $4 AND (verified IS NULL OR verified <= $4)) <= $5";
    pub(crate) const TOUCH: &str = "
        UPDATE token SET last_used = $1 WHERE id = $2 AND (last_used IS NULL OR last_used < $1)";
    pub(crate) const END: &str = "DELETE FROM token WHERE id = $1";
    pub(crate) const END_ALL: &str = "DELETE FROM token WHERE user_id = $1";
    pub(crate) const END_BUT_FAMILY: &str = "DELETE FROM token WHERE user_id = $1 AND family IS DISTINCT FROM $2";
    /// User, device, and a family that stays: of no token if it is empty.
    pub(crate) const END_OF_DEVICE: &str = "
        DELETE FROM token WHERE user_id = $1 AND device_id = $2 AND family IS DISTINCT FROM $3";
    pub(crate) const END_OF_CLIENT: &str = "DELETE FROM token WHERE client_id = $1";
    /// For a database that was put back: what was ended since then stays ended.
    pub(crate) const END_EVERY: &str = "DELETE FROM token";
    pub(crate) const PURGE: &str = "
        DELETE FROM token WHERE id IN (SELECT id FROM token WHERE expires <= $1 OR created > $2 LIMIT $3)
            AND (expires <= $1 OR created > $2)";
}

/// Runs of a flow that are over.
pub(crate) mod attempt {
    pub(crate) const ONE: &str = "SELECT 1 FROM spent_attempt WHERE id = $1";
    pub(crate) const SPEND: &str = "
        INSERT INTO spent_attempt (id, until) VALUES ($1, $2)
        ON CONFLICT (id) DO NOTHING";
    pub(crate) const PURGE: &str = "
        DELETE FROM spent_attempt WHERE id IN (SELECT id FROM spent_attempt WHERE until <= $1 LIMIT $2)
            AND until <= $1";
}

/// Budgets. One that has reached its `until` counts as empty, whether or not its row is still there.
pub(crate) mod budget {
    /// Key, amount, end of a window that opens now, now, the latest end that is credible, limit. A window that a clock which
    /// was ahead has dated begins anew with what the budget holds. No row changes when the budget would hold too much; that
    /// the amount alone is within the limit is for the caller to see.
    pub(crate) const SPEND: &str = "
        INSERT INTO budget (key, spent, until) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO UPDATE SET
            spent = CASE WHEN budget.until > $4 THEN budget.spent + excluded.spent ELSE excluded.spent END,
            until = CASE WHEN budget.until > $4 AND budget.until <= $5 THEN budget.until ELSE excluded.until END
        WHERE budget.until <= $4 OR budget.spent + excluded.spent <= $6";
    pub(crate) const RESTART: &str = "UPDATE budget SET until = $1 WHERE key = $2 AND until > $3";
    pub(crate) const ONE: &str = "SELECT spent, until FROM budget WHERE key = $1";
    pub(crate) const UNTIL: &str = "SELECT until FROM budget WHERE key = $1 AND until > $2";
    /// Amount, key, the latest end of the window that was charged. A window in which nothing is left is over: else the next
    /// one to be charged would tell that there was something.
    pub(crate) const REFUND: &str = "
        UPDATE budget SET spent = CASE WHEN spent > $1 THEN spent - $1 ELSE 0 END,
            until = CASE WHEN spent > $1 THEN until ELSE 0 END
        WHERE key = $2 AND until <= $3";
    /// A name, and the first and the first no more of the names that continue it.
    pub(crate) const REMOVE: &str = "DELETE FROM budget WHERE key = $1 OR (key >= $2 AND key < $3)";
    pub(crate) const PURGE: &str = "
        DELETE FROM budget WHERE key IN (SELECT key FROM budget WHERE until <= $1 LIMIT $2)
            AND until <= $1";
}

/// Browsers in which users have signed in before.
pub(crate) mod device_cookie {
    pub(crate) const OF_USER: &str = "
        SELECT user_id, slot, browser, stamp, device_id, created, last_seen
        FROM device_cookie WHERE user_id = $1 ORDER BY slot";
    /// Into a slot that is free.
    pub(crate) const ADD: &str = "
        INSERT INTO device_cookie (user_id, slot, browser, stamp, device_id, created, last_seen)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (user_id, slot) DO NOTHING";
    /// Into the slot of a browser whose place it takes.
    pub(crate) const REPLACE: &str = "
        UPDATE device_cookie SET browser = $1, stamp = $2, device_id = $3, created = $4, last_seen = $5
        WHERE user_id = $6 AND slot = $7 AND browser = $8";
    pub(crate) const END: &str = "DELETE FROM device_cookie WHERE user_id = $1 AND browser = $2";
    pub(crate) const END_ALL: &str = "DELETE FROM device_cookie WHERE user_id = $1";
    pub(crate) const END_EVERY: &str = "DELETE FROM device_cookie";
}

/// Events.
pub(crate) mod event {
    pub(crate) const OF_USER: &str = "
        SELECT at, user_id, kind, device_id, method, attempt_id, address
        FROM event WHERE user_id = $1 ORDER BY id DESC LIMIT $2";
    pub(crate) const RECORD: &str = "
        INSERT INTO event (at, user_id, kind, device_id, method, attempt_id, address)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// Looks at the oldest events only, so that no index by time is needed: one in every commit would be dear.
    pub(crate) const PURGE: &str = "
        DELETE FROM event WHERE at < $1 AND id IN (SELECT id FROM event ORDER BY id LIMIT $2)";
}

/// Messages with codes.
pub(crate) mod delivery {
    pub(crate) const OF_USER: &str = "
        SELECT id, user_id, device_id, channel, attempt_id, region, price, created, status, noted,
               reference, reason, verified
        FROM delivery WHERE user_id = $1 ORDER BY created DESC, id DESC LIMIT $2";
    pub(crate) const ADD: &str = "
        INSERT INTO delivery (id, user_id, device_id, channel, attempt_id, region, price, created, status, noted,
            reference, reason, verified)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (id) DO NOTHING";
    /// The gateway's first word, if it has said nothing yet.
    pub(crate) const NOTE_FIRST: &str = "
        UPDATE delivery SET status = $1, noted = $2, reference = coalesce($3, reference), reason = $4
        WHERE id = $5 AND status = 'waiting'";
    /// The gateway's last word, if it has not said one yet.
    pub(crate) const NOTE_LAST: &str = "
        UPDATE delivery SET status = $1, noted = $2, reference = coalesce($3, reference), reason = $4
        WHERE id = $5 AND status IN ('waiting', 'sent')";
    pub(crate) const VERIFY: &str = "UPDATE delivery SET verified = $1 WHERE id = $2 AND verified IS NULL";
    pub(crate) const PURGE: &str = "
        DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE created < $1 LIMIT $2)
            AND created < $1";
}

/// The running servers.
pub(crate) mod node {
    pub(crate) const ALL: &str = "
        SELECT id, started, seen, version, keys, sealing_since, host, listen_address FROM node ORDER BY id";
    pub(crate) const REPORT: &str = "
        INSERT INTO node (id, started, seen, version, keys, sealing_since, host, listen_address)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET
            started = excluded.started, seen = excluded.seen, version = excluded.version, keys = excluded.keys,
            sealing_since = excluded.sealing_since, host = excluded.host, listen_address = excluded.listen_address";
    pub(crate) const PURGE: &str = "
        DELETE FROM node WHERE id IN (SELECT id FROM node WHERE seen < $1 OR seen > $2 LIMIT $3)
            AND (seen < $1 OR seen > $2)";
}

/// Tasks that one node does at a time.
pub(crate) mod lease {
    /// Name, holder, end, now, the latest end that is credible. No row changes while somebody else has it.
    pub(crate) const TAKE: &str = "
        INSERT INTO lease (name, holder, until) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE lease.holder = excluded.holder OR lease.until <= $4 OR lease.until > $5";
}

/// When the database was last restored from a backup: one row, if ever.
pub(crate) mod restoration {
    pub(crate) const NOTE: &str = "
        INSERT INTO restoration (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at";
}

/// The users of the stand-alone server.
pub(crate) mod user {
    pub(crate) const SEEN: &str = "SELECT id, name, active, staff, stamp FROM app_user WHERE id = $1";
    pub(crate) const OF_SESSION: &str = "
        SELECT session.key, session.user_id, session.level, session.stamp, session.device_id, session.created,
               session.last_seen, session.signed_in, session.verified, session.method,
               session.repeat_of, session.repeat_call, session.repeat_until, session.repeat_sealed,
               app_user.id, app_user.name, app_user.active, app_user.staff, app_user.stamp
        FROM session JOIN app_user ON app_user.id = session.user_id WHERE session.key = $1";
    pub(crate) const OF_TOKEN: &str = "
        SELECT token.id, token.key, token.user_id, token.kind, token.name, token.scopes, token.level, token.stamp,
               token.device_id, token.method, token.signed_in, token.verified, token.created, token.expires,
               token.last_used, token.client_id, token.family,
               app_user.id, app_user.name, app_user.active, app_user.staff, app_user.stamp
        FROM token JOIN app_user ON app_user.id = token.user_id WHERE token.key = $1";
    pub(crate) const BY_ID: &str = "
        SELECT id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed
        FROM app_user WHERE id = $1";
    pub(crate) const BY_CANONICAL_NAME: &str = "
        SELECT id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed
        FROM app_user WHERE canonical_name = $1";
    pub(crate) const ALL: &str = "
        SELECT id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed
        FROM app_user ORDER BY canonical_name";
    pub(crate) const INSERT: &str = "
        INSERT INTO app_user
            (id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (canonical_name) DO NOTHING";
    pub(crate) const SET_PASSWORD: &str = "
        UPDATE app_user SET password_hash = $1, stamp = $2, password_changed = $3 WHERE id = $4 AND stamp = $5
        RETURNING id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed";
    pub(crate) const SET_HASH_IF: &str = "
        UPDATE app_user SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
    /// New name, user, name that was seen. No row if another user has the new one.
    pub(crate) const SET_CANONICAL_NAME: &str = "
        UPDATE app_user SET canonical_name = $1
        WHERE id = $2 AND canonical_name = $3
          AND NOT EXISTS (SELECT 1 FROM app_user AS other WHERE other.canonical_name = $1)";
    pub(crate) const SET_ACTIVE: &str = "
        UPDATE app_user SET active = $1, stamp = $2 WHERE id = $3
        RETURNING id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed";
}

/// What has been done to the schema.
pub(crate) mod schema {
    pub(crate) const NOTE: &str = "INSERT INTO countersign_migration (version, name) VALUES ($1, $2)";
    pub(crate) const VERSION: &str = "SELECT coalesce(max(version), 0) FROM countersign_migration";
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn placeholders_are_numbered_in_the_order_in_which_they_first_appear() {
        let statements = include_str!("statements.rs").split("const ").skip(1);
        for statement in statements.map(|text| text.split("\";").next().unwrap()) {
            let mut seen = 0;
            for number in statement.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()) {
                let number: u32 = number.unwrap().parse().unwrap();
                assert!(number <= seen + 1, "${number} comes too early in {statement}");
                seen = seen.max(number);
            }
        }
    }

    /// Everything but `user::ALL` and `client::ALL`, which are for the command line, what is about the few rows of nodes and
    /// leases, and `event::PURGE`, which goes no further than its limit.
    #[test]
    fn no_statement_scans_a_table() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in crate::sqlite::migrate::MIGRATIONS {
            connection.execute_batch(migration.text).unwrap();
        }
        let accounts = [account::FACTORS, account::AT, account::THERE, account::FIRST, account::MOVE, account::REMOVE];
        let devices = [
            device::ONE,
            device::AFTER,
            device::ADD,
            device::UPDATE,
            device::LIMIT_SETUPS,
            device::REMOVE,
            device::REMOVE_ALL,
            device::PURGE,
        ];
        let sessions = [
            session::ONE,
            user::SEEN,
            user::OF_SESSION,
            user::OF_TOKEN,
            session::OF_USER,
            session::OPEN,
            session::AFTER,
            session::CLOSE_REPEAT,
            session::PURGE_REPEATS,
            session::TOUCH,
            session::END,
            session::END_ALL,
            session::END_OF_DEVICE,
            session::PURGE,
        ];
        let clients = [client::ONE, client::THERE, client::ADD, client::ROTATE, client::REMOVE];
        let tokens = [
            token::BY_KEY,
            token::THERE,
            token::OF_USER,
            token::OPEN,
            token::LIMIT,
            token::TOUCH,
            token::END,
            token::END_ALL,
            token::END_BUT_FAMILY,
            token::END_OF_DEVICE,
            token::END_OF_CLIENT,
            token::PURGE,
        ];
        let attempts = [attempt::ONE, attempt::SPEND, attempt::PURGE];
        let budgets =
            [budget::ONE, budget::SPEND, budget::UNTIL, budget::REFUND, budget::RESTART, budget::REMOVE, budget::PURGE];
        let cookies = [
            device_cookie::OF_USER,
            device_cookie::ADD,
            device_cookie::REPLACE,
            device_cookie::END,
            device_cookie::END_ALL,
        ];
        let events = [event::OF_USER, event::RECORD];
        let deliveries = [
            delivery::OF_USER,
            delivery::ADD,
            delivery::NOTE_FIRST,
            delivery::NOTE_LAST,
            delivery::VERIFY,
            delivery::PURGE,
        ];
        let users = [
            user::BY_ID,
            user::BY_CANONICAL_NAME,
            user::INSERT,
            user::SET_PASSWORD,
            user::SET_HASH_IF,
            user::SET_ACTIVE,
        ];
        let tables = "account device session client token spent_attempt budget event delivery app_user device_cookie";
        let first = [&accounts[..], &devices, &sessions, &clients, &tokens, &attempts, &budgets].concat();
        for statement in [&first[..], &cookies, &events, &deliveries, &users].concat() {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let steps = plan.raw_query().mapped(|row| row.get::<_, String>("detail"));
            for step in steps.map(Result::unwrap) {
                let scanned = tables.split(' ').find(|table| step.starts_with(&format!("SCAN {table}")));
                assert!(scanned.is_none(), "{step}: {statement}");
            }
        }
    }
}
