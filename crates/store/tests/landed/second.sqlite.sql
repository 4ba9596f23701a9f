-- The database as the second landing has left it, before any row. It is never changed: what was landed stays landed.

CREATE TABLE account (
    user_id   TEXT    NOT NULL PRIMARY KEY CHECK (length(user_id) >= 1),
    factors   INTEGER NOT NULL CHECK (factors >= 1),
    preferred TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    user_id      TEXT    NOT NULL CHECK (length(user_id) >= 1),
    kind         TEXT    NOT NULL CHECK (length(kind) >= 1),
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    status       TEXT    NOT NULL CHECK (status IN ('enrolling', 'active', 'disabled')),
    version      INTEGER NOT NULL CHECK (version >= 1),
    failures     INTEGER NOT NULL CHECK (failures BETWEEN 0 AND 4294967295),
    last_failure INTEGER,
    created      INTEGER NOT NULL,
    last_used    INTEGER,
    state        BLOB    NOT NULL CHECK (length(state) >= 1)
) STRICT;

CREATE INDEX device_of_user ON device (user_id, created, id);
CREATE INDEX device_enrolling ON device (created) WHERE status = 'enrolling';

CREATE TABLE session (
    key       TEXT    NOT NULL PRIMARY KEY CHECK (length(key) >= 1),
    user_id   TEXT    NOT NULL CHECK (length(user_id) >= 1),
    level     TEXT    NOT NULL CHECK (level IN ('aal1', 'aal2', 'phishing-resistant')),
    stamp     TEXT    NOT NULL,
    device_id TEXT,
    created   INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    signed_in INTEGER NOT NULL,
    verified  INTEGER,
    CHECK (level = 'aal1' OR verified IS NOT NULL)
) STRICT;

CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_idle ON session (last_seen);

CREATE TABLE spent_attempt (
    id    TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_attempt_until ON spent_attempt (until);

CREATE TABLE budget (
    key   TEXT    NOT NULL PRIMARY KEY CHECK (length(key) >= 1),
    spent INTEGER NOT NULL CHECK (spent BETWEEN 0 AND 4294967295),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX budget_until ON budget (until);

CREATE TABLE event (
    id         INTEGER NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    user_id    TEXT    NOT NULL CHECK (length(user_id) >= 1),
    kind       TEXT    NOT NULL CHECK (kind IN (
        'signed-in', 'signed-out', 'verified', 'answer-refused', 'device-disabled',
        'device-confirmed', 'device-removed', 'two-factor-disabled', 'backup-codes-made', 'password-changed'
    )),
    device_id  TEXT,
    method     TEXT,
    attempt_id TEXT,
    address    TEXT
) STRICT;

CREATE INDEX event_of_user ON event (user_id);

CREATE TABLE app_user (
    id               TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    name             TEXT    NOT NULL CHECK (length(name) >= 1),
    canonical_name   TEXT    NOT NULL UNIQUE CHECK (length(canonical_name) >= 1),
    email            TEXT    CHECK (length(email) >= 1),
    password_hash    TEXT    NOT NULL CHECK (length(password_hash) >= 1),
    active           INTEGER NOT NULL CHECK (active IN (0, 1)),
    staff            INTEGER NOT NULL CHECK (staff IN (0, 1)),
    stamp            TEXT    NOT NULL CHECK (length(stamp) >= 1),
    created          INTEGER NOT NULL,
    password_changed INTEGER NOT NULL
) STRICT;

CREATE TABLE countersign_migration (
    version INTEGER NOT NULL PRIMARY KEY CHECK (version >= 1),
    name    TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO countersign_migration (version, name) VALUES (1, 'first');

-- Failures that came from browsers which a device's owner is known by, as JSON: browser, how many in a row, when the last.
-- Empty if there are none. `failures` goes on counting everybody's.

ALTER TABLE device ADD COLUMN known_failures TEXT CHECK (json_valid(known_failures));

-- The running servers, as they report themselves, and tasks that one of them does at a time. A handful of rows each.

-- The ids of the keys stand with blanks between them; the first one seals.
CREATE TABLE node (
    id            TEXT    NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    started       INTEGER NOT NULL,
    seen          INTEGER NOT NULL,
    version       TEXT    NOT NULL CHECK (length(version) >= 1),
    keys          TEXT    NOT NULL CHECK (length(keys) >= 1),
    sealing_since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    name   TEXT    NOT NULL PRIMARY KEY CHECK (length(name) >= 1),
    holder TEXT    NOT NULL CHECK (length(holder) >= 1),
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO countersign_migration (version, name) VALUES (2, 'known browsers'), (3, 'nodes');
