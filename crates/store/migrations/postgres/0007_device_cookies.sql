-- Browsers in which a user has signed in before, up to sixteen of each user. No secret is here: what a browser shows is sealed.
-- Failures from browsers of which a device was proved are counted all together; `failures` goes on counting everybody's.

CREATE TABLE device_cookie (
    user_id   TEXT    NOT NULL CHECK (length(user_id) >= 1),
    slot      BIGINT NOT NULL CHECK (slot BETWEEN 0 AND 15),
    browser   TEXT    NOT NULL CHECK (length(browser) >= 1),
    stamp     TEXT    NOT NULL,
    device_id TEXT,
    created   BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (user_id, slot)
);

ALTER TABLE device ADD COLUMN recognized_failures BIGINT NOT NULL DEFAULT 0
    CHECK (recognized_failures BETWEEN 0 AND 4294967295);
ALTER TABLE device ADD COLUMN last_recognized_failure BIGINT;
ALTER TABLE device DROP COLUMN known_failures;
