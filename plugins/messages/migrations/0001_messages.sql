-- What agents report. Rows come at the end and go at the beginning (retention), so ids are dense, and grow with at_ms
-- but for the places noted in messages_clock. The newest row is never removed: ids need no AUTOINCREMENT.
-- Each index ends with the id by itself: every filter is answered in id order without sorting.
CREATE TABLE messages (
    id       INTEGER PRIMARY KEY,
    agent_id TEXT    NOT NULL,
    level    TEXT    NOT NULL,
    content  TEXT    NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX messages_by_agent_level ON messages (agent_id, level);
CREATE INDEX messages_by_level ON messages (level);
CREATE INDEX messages_by_agent ON messages (agent_id);

-- From this id on the clock started anew, behind the row before.
CREATE TABLE messages_clock (
    from_id INTEGER PRIMARY KEY
) STRICT;

-- Search: the trigrams of the content in lower case (ASCII) and two line feeds, so that the last characters begin a
-- trigram too. The text itself is not kept here. Filled behind the inserts, up to messages_search.indexed_to.
CREATE VIRTUAL TABLE messages_fts USING fts5 (
    text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1'
);
-- Merging is asked for in small pieces after each batch, never as one long stall.
INSERT INTO messages_fts (messages_fts, rank) VALUES ('automerge', 0);
INSERT INTO messages_fts (messages_fts, rank) VALUES ('crisismerge', 64);

CREATE VIRTUAL TABLE messages_terms USING fts5vocab (messages_fts, instance);

CREATE TABLE messages_search (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    indexed_to INTEGER NOT NULL
) STRICT;
INSERT INTO messages_search (only, indexed_to) VALUES (1, 0);

-- Idempotency-Key: what a key stood for. The ids are first_id … first_id + count - 1, all stored at at_ms.
CREATE TABLE messages_keys (
    user_id   INTEGER NOT NULL,
    route     TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    body_hash BLOB    NOT NULL,
    status    INTEGER NOT NULL,
    first_id  INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (user_id, route, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_keys_by_time ON messages_keys (at_ms);

-- The local_id of SYSTEM_LOG frames: a repeat is the same message.
CREATE TABLE messages_local_ids (
    sender_id  INTEGER NOT NULL,
    local_id   TEXT    NOT NULL,
    frame_hash BLOB    NOT NULL,
    message_id INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (sender_id, local_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_local_ids_by_time ON messages_local_ids (at_ms);
