-- Every stored frame: CHAT, AUTH_REQUEST and AUTH_RESPONSE. Rows never change.
CREATE TABLE chat (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    local_id           TEXT,
    type               TEXT    NOT NULL CHECK (type IN ('CHAT', 'AUTH_REQUEST', 'AUTH_RESPONSE')),
    sender_id          INTEGER NOT NULL,
    sender_name        TEXT    NOT NULL,  -- as it was then: names do not change, users may disappear
    sender_role        TEXT    NOT NULL,
    receiver_id        INTEGER NOT NULL,  -- 0: every human
    conversation_id    INTEGER,           -- the thread it belongs to
    asked_conversation INTEGER NOT NULL,  -- what the sender gave, 0: nothing
    pair_low           INTEGER NOT NULL,  -- sender and receiver in order of size: one index for both directions
    pair_high          INTEGER NOT NULL,
    inbox_id           INTEGER,           -- whose recovery has it: the receiver, 0 all humans, NULL nobody's
    own_id             INTEGER,           -- the human who sent it, when another one receives it
    payload            TEXT    NOT NULL,  -- raw JSON text, as it came
    source             TEXT,              -- raw JSON object
    stream_id          TEXT,              -- raw JSON text
    approval_id        INTEGER,           -- of AUTH_REQUEST and AUTH_RESPONSE
    digest             BLOB,              -- SHA-256 of type, receiver and payload, when there is a local_id
    at_ms              INTEGER NOT NULL
) STRICT;

CREATE INDEX chat_by_pair ON chat (pair_low, pair_high, id);
CREATE INDEX chat_by_conversation ON chat (conversation_id, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX chat_by_inbox ON chat (inbox_id, id) WHERE inbox_id IS NOT NULL;
CREATE INDEX chat_by_owner ON chat (own_id, id) WHERE own_id IS NOT NULL;
CREATE INDEX chat_by_local_id ON chat (sender_id, local_id, id) WHERE local_id IS NOT NULL;
CREATE INDEX chat_requests ON chat (type, id, receiver_id) WHERE type = 'AUTH_REQUEST';

-- How far retention has removed rows: the highest id that is gone.
CREATE TABLE chat_pruned (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    pruned_to INTEGER NOT NULL
) STRICT;
