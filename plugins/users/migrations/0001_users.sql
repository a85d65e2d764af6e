-- Humans sign in with passwords, AGENT and BUTLER with api tokens. A removed user keeps its row (deleted_ms), so that
-- its id is never given again and messages and chats can still show its name.
CREATE TABLE users (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    username         TEXT    NOT NULL,
    name_key         TEXT    NOT NULL,             -- username without case, see fold.c
    role             TEXT    NOT NULL CHECK (role IN ('ADMIN', 'MEMBER', 'AGENT', 'BUTLER')),
    agent_kind       TEXT,
    runtime_kind     TEXT,
    description      TEXT,
    password_hash    TEXT    NOT NULL DEFAULT '',  -- crypt(3), empty for AGENT and BUTLER
    token_hash       BLOB,                         -- HMAC-SHA-256 of the api token
    token_hint       TEXT,
    token_updated_ms INTEGER,
    generation       INTEGER NOT NULL DEFAULT 1,   -- the claim ver: grows with every change of password or role
    created_ms       INTEGER NOT NULL,
    deleted_ms       INTEGER
) STRICT;

CREATE UNIQUE INDEX users_by_name ON users (name_key) WHERE deleted_ms IS NULL;
CREATE UNIQUE INDEX users_by_token ON users (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX users_by_role ON users (role, id) WHERE deleted_ms IS NULL;

-- What was last known of a user that is not connected now.
CREATE TABLE presence (
    user_id      INTEGER PRIMARY KEY REFERENCES users (id),
    last_seen_ms INTEGER,
    last_report  TEXT
) STRICT;
