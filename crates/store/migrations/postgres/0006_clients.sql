-- Registered clients, and one more kind of event.

-- The secret is the hash of one, in hexadecimal digits. Scopes stand with blanks between them.
CREATE TABLE client (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) >= 1),
    name    TEXT COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    kind    TEXT COLLATE "C" NOT NULL CHECK (kind IN ('public', 'confidential')),
    secret  TEXT COLLATE "C" CHECK (length(secret) = 64),
    scopes  TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    CHECK ((kind = 'confidential') = (secret IS NOT NULL))
);

CREATE INDEX token_of_client ON token (client_id) WHERE client_id IS NOT NULL;

ALTER TABLE event
    DROP CONSTRAINT event_kind_check,
    ADD CONSTRAINT event_kind_check CHECK (kind IN (
        'signed-in', 'signed-out', 'verified', 'answer-refused', 'device-disabled',
        'device-confirmed', 'device-removed', 'two-factor-disabled', 'backup-codes-made', 'password-changed',
        'device-renamed', 'session-ended', 'token-made', 'token-ended', 'refresh-replayed'
    ));
