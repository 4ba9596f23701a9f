-- The database as the second landing has left it, before any row. It is never changed: what was landed stays landed.

CREATE TABLE account (
    user_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(user_id) >= 1),
    factors   BIGINT NOT NULL CHECK (factors >= 1),
    preferred TEXT COLLATE "C"
);

CREATE TABLE device (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    user_id      TEXT COLLATE "C" NOT NULL CHECK (length(user_id) >= 1),
    kind         TEXT COLLATE "C" NOT NULL CHECK (length(kind) >= 1),
    name         TEXT COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    status       TEXT COLLATE "C" NOT NULL CHECK (status IN ('enrolling', 'active', 'disabled')),
    version      BIGINT NOT NULL CHECK (version >= 1),
    failures     BIGINT NOT NULL CHECK (failures BETWEEN 0 AND 4294967295),
    last_failure BIGINT,
    created      BIGINT NOT NULL,
    last_used    BIGINT,
    state        BYTEA NOT NULL CHECK (length(state) >= 1)
);

CREATE INDEX device_of_user ON device (user_id, created, id);
CREATE INDEX device_enrolling ON device (created) WHERE status = 'enrolling';

CREATE TABLE session (
    key       TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(key) >= 1),
    user_id   TEXT COLLATE "C" NOT NULL CHECK (length(user_id) >= 1),
    level     TEXT COLLATE "C" NOT NULL CHECK (level IN ('aal1', 'aal2', 'phishing-resistant')),
    stamp     TEXT COLLATE "C" NOT NULL,
    device_id TEXT COLLATE "C",
    created   BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    signed_in BIGINT NOT NULL,
    verified  BIGINT,
    CHECK (level = 'aal1' OR verified IS NOT NULL)
);

CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_idle ON session (last_seen);

CREATE TABLE spent_attempt (
    id    TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    until BIGINT NOT NULL
);

CREATE INDEX spent_attempt_until ON spent_attempt (until);

CREATE TABLE budget (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(key) >= 1),
    spent BIGINT NOT NULL CHECK (spent BETWEEN 0 AND 4294967295),
    until BIGINT NOT NULL
);

CREATE INDEX budget_until ON budget (until);

CREATE TABLE event (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL CHECK (length(user_id) >= 1),
    kind       TEXT COLLATE "C" NOT NULL CHECK (kind IN (
        'signed-in', 'signed-out', 'verified', 'answer-refused', 'device-disabled',
        'device-confirmed', 'device-removed', 'two-factor-disabled', 'backup-codes-made', 'password-changed'
    )),
    device_id  TEXT COLLATE "C",
    method     TEXT COLLATE "C",
    attempt_id TEXT COLLATE "C",
    address    TEXT COLLATE "C"
);

CREATE INDEX event_of_user ON event (user_id, id);

CREATE TABLE app_user (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    name             TEXT COLLATE "C" NOT NULL CHECK (length(name) >= 1),
    canonical_name   TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(canonical_name) >= 1),
    email            TEXT COLLATE "C" CHECK (length(email) >= 1),
    password_hash    TEXT COLLATE "C" NOT NULL CHECK (length(password_hash) >= 1),
    active           BIGINT NOT NULL CHECK (active IN (0, 1)),
    staff            BIGINT NOT NULL CHECK (staff IN (0, 1)),
    stamp            TEXT COLLATE "C" NOT NULL CHECK (length(stamp) >= 1),
    created          BIGINT NOT NULL,
    password_changed BIGINT NOT NULL
);

CREATE TABLE countersign_migration (
    version BIGINT NOT NULL PRIMARY KEY CHECK (version >= 1),
    name    TEXT NOT NULL UNIQUE
);
INSERT INTO countersign_migration (version, name) VALUES (1, 'first');

-- Failures that came from browsers which a device's owner is known by, as JSON: browser, how many in a row, when the last.
-- Empty if there are none. `failures` goes on counting everybody's.

ALTER TABLE device ADD COLUMN known_failures TEXT CHECK (known_failures IS NULL OR known_failures::json IS NOT NULL);

-- The running servers, as they report themselves, and tasks that one of them does at a time. A handful of rows each.

-- The ids of the keys stand with blanks between them; the first one seals.
CREATE TABLE node (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    started       BIGINT NOT NULL,
    seen          BIGINT NOT NULL,
    version       TEXT COLLATE "C" NOT NULL CHECK (length(version) >= 1),
    keys          TEXT COLLATE "C" NOT NULL CHECK (length(keys) >= 1),
    sealing_since BIGINT NOT NULL
);

CREATE TABLE lease (
    name   TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(name) >= 1),
    holder TEXT COLLATE "C" NOT NULL CHECK (length(holder) >= 1),
    until  BIGINT NOT NULL
);
INSERT INTO countersign_migration (version, name) VALUES (2, 'known browsers'), (3, 'nodes');
