-- A human's threads with an agent or the Butler.
CREATE TABLE chat_threads (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id        INTEGER NOT NULL,
    peer_id         INTEGER NOT NULL,
    channel_kind    TEXT    NOT NULL CHECK (channel_kind IN ('butler_direct', 'agent_direct')),
    title           TEXT    NOT NULL,
    summary         TEXT    NOT NULL DEFAULT '',
    is_pinned       INTEGER NOT NULL DEFAULT 0,
    is_default      INTEGER NOT NULL DEFAULT 0,
    archived_ms     INTEGER,
    last_message_ms INTEGER,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL
) STRICT;

CREATE INDEX chat_threads_by_owner ON chat_threads (owner_id, is_pinned DESC, last_message_ms DESC, id);
CREATE INDEX chat_threads_by_pair ON chat_threads (owner_id, peer_id, is_pinned DESC, last_message_ms DESC, id);
CREATE UNIQUE INDEX chat_threads_default ON chat_threads (owner_id, peer_id) WHERE is_default = 1;

-- Where an answer of the peer goes: the thread of the human's latest CHAT to it.
CREATE TABLE chat_pairs (
    owner_id          INTEGER NOT NULL,
    peer_id           INTEGER NOT NULL,
    default_thread_id INTEGER NOT NULL,  -- 0: none has been needed yet
    latest_thread_id  INTEGER NOT NULL,  -- 0: the human has not written yet
    PRIMARY KEY (owner_id, peer_id)
) STRICT, WITHOUT ROWID;
