-- The newest row counts; secrets are sealed (AES-256-GCM), NULL: none. Lists: one item a line.
CREATE TABLE feishu_connectors (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    connector_name        TEXT    NOT NULL,
    enabled               INTEGER NOT NULL DEFAULT 0,
    app_id                TEXT    NOT NULL DEFAULT '',
    app_secret            BLOB,
    verification_token    BLOB,
    encrypt_key           BLOB,
    allow_dm              INTEGER NOT NULL,
    allow_group_mention   INTEGER NOT NULL,
    mention_required      INTEGER NOT NULL,
    prefix_command        TEXT    NOT NULL DEFAULT '',
    ignore_bot_messages   INTEGER NOT NULL,
    rate_limit_per_minute INTEGER NOT NULL,
    callback_url          TEXT    NOT NULL DEFAULT '',
    allowed_chat_ids      TEXT    NOT NULL DEFAULT '',
    user_whitelist        TEXT    NOT NULL DEFAULT '',
    callback_verified     INTEGER NOT NULL DEFAULT 0,
    last_verified_ms      INTEGER,
    created_ms            INTEGER NOT NULL,
    updated_ms            INTEGER NOT NULL
) STRICT;

CREATE TABLE feishu_logs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    connector_id INTEGER NOT NULL,
    level        TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    at_ms        INTEGER NOT NULL
) STRICT;

CREATE INDEX feishu_logs_by_connector ON feishu_logs (connector_id, id);

-- Every message that was taken, so that a repeat is known. outcome: accepted, or why it went no further.
CREATE TABLE feishu_inbound (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    connector_id    INTEGER NOT NULL,
    message_id      TEXT    NOT NULL,
    chat_id         TEXT    NOT NULL,
    feishu_user_id  TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    conversation_id INTEGER NOT NULL DEFAULT 0,
    raw_payload     TEXT    NOT NULL,
    at_ms           INTEGER NOT NULL,
    UNIQUE (connector_id, message_id)
) STRICT;

CREATE INDEX feishu_inbound_conversation ON feishu_inbound (conversation_id, id) WHERE outcome = 'accepted';
CREATE INDEX feishu_inbound_user ON feishu_inbound (connector_id, feishu_user_id, at_ms) WHERE outcome = 'accepted';
CREATE INDEX feishu_inbound_accepted ON feishu_inbound (connector_id, id) WHERE outcome = 'accepted';

-- Which thread of the bridge admin with Butler a Feishu chat is.
CREATE TABLE feishu_threads (
    chat_id         TEXT    NOT NULL,
    user_id         INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    PRIMARY KEY (chat_id, user_id)
) STRICT;

-- What is to be sent, written in the transaction of what caused it. Rows of a lane go one after the other.
-- kind: text, card (sent), patch (changes the card of action_id). state: pending, sending, sent, failed, unknown, dropped.
CREATE TABLE feishu_outbox (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    connector_id   INTEGER NOT NULL,
    kind           TEXT    NOT NULL CHECK (kind IN ('text', 'card', 'patch')),
    lane           TEXT    NOT NULL,
    receive_type   TEXT    NOT NULL DEFAULT '',
    receive_id     TEXT    NOT NULL DEFAULT '',
    reply_to       TEXT    NOT NULL DEFAULT '',  -- a Feishu message id
    action_id      TEXT    NOT NULL DEFAULT '',  -- of card and patch
    content        TEXT    NOT NULL,             -- the API's content: a JSON text
    uuid           TEXT    NOT NULL,
    state          TEXT    NOT NULL DEFAULT 'pending',
    attempts       INTEGER NOT NULL DEFAULT 0,
    first_try_ms   INTEGER NOT NULL DEFAULT 0,   -- of an attempt whose outcome is not known; 0: there is none
    next_ms        INTEGER NOT NULL DEFAULT 0,
    message_id     TEXT    NOT NULL DEFAULT '',  -- what Feishu named it
    created_ms     INTEGER NOT NULL,
    done_ms        INTEGER
) STRICT;

CREATE INDEX feishu_outbox_open ON feishu_outbox (lane, id) WHERE state IN ('pending', 'sending');
CREATE INDEX feishu_outbox_done ON feishu_outbox (done_ms) WHERE done_ms IS NOT NULL;
CREATE INDEX feishu_outbox_action ON feishu_outbox (action_id, kind) WHERE action_id <> '';
