-- Tokens that a clock which was ahead has dated are found and removed.

CREATE INDEX token_created ON token (created);
