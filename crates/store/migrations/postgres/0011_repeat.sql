-- Calls that open a session may be repeated for a minute. The row keeps what the session came from (a login attempt, or the
-- session that it replaced), which call opened it, until when the call may be repeated, and its result, sealed with what only
-- the client holds, until the new token is used.

ALTER TABLE session ADD COLUMN repeat_of TEXT COLLATE "C";
ALTER TABLE session ADD COLUMN repeat_call TEXT COLLATE "C";
ALTER TABLE session ADD COLUMN repeat_until BIGINT;
ALTER TABLE session ADD COLUMN repeat_sealed BYTEA;

CREATE INDEX session_repeat_of ON session (repeat_of) WHERE repeat_of IS NOT NULL;
CREATE INDEX session_repeat_open ON session (repeat_until) WHERE repeat_sealed IS NOT NULL;
