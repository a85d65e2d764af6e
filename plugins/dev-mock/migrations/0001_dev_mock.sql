-- Raw api tokens, for developers only: in production the server drops this table at its start.
CREATE TABLE dev_mock_tokens (
    user_id   INTEGER PRIMARY KEY,
    username  TEXT NOT NULL,
    role      TEXT NOT NULL,
    raw_token TEXT NOT NULL
) STRICT;
