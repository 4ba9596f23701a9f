-- What programs show in place of people, and the method by which a session or a token was verified.

-- The key is the hash of the token. Scopes stand with blanks between them. `client` and `family` are of those that were
-- given to a registered client.
CREATE TABLE token (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    key       TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(key) >= 1),
    user_id   TEXT COLLATE "C" NOT NULL CHECK (length(user_id) >= 1),
    kind      TEXT COLLATE "C" NOT NULL CHECK (kind IN ('personal', 'access', 'refresh')),
    name      TEXT COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    scopes    TEXT COLLATE "C" NOT NULL,
    level     TEXT COLLATE "C" NOT NULL CHECK (level IN ('aal1', 'aal2', 'phishing-resistant')),
    stamp     TEXT COLLATE "C" NOT NULL,
    device_id TEXT COLLATE "C",
    method    TEXT COLLATE "C",
    signed_in BIGINT NOT NULL,
    verified  BIGINT,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    last_used BIGINT,
    client_id TEXT COLLATE "C",
    family    TEXT COLLATE "C",
    CHECK (level = 'aal1' OR verified IS NOT NULL)
);

CREATE INDEX token_of_user ON token (user_id, created, id);
CREATE INDEX token_expires ON token (expires);

ALTER TABLE session ADD COLUMN method TEXT COLLATE "C";

-- More kinds of events.
ALTER TABLE event
    DROP CONSTRAINT event_kind_check,
    ADD CONSTRAINT event_kind_check CHECK (kind IN (
        'signed-in', 'signed-out', 'verified', 'answer-refused', 'device-disabled',
        'device-confirmed', 'device-removed', 'two-factor-disabled', 'backup-codes-made', 'password-changed',
        'device-renamed', 'session-ended', 'token-made', 'token-ended'
    ));
