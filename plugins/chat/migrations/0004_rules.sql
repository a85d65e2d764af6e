-- Rules that answer an agent's request in a human's stead. One past its expiry does not exist; housekeeping removes it.
CREATE TABLE chat_rules (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_id    INTEGER NOT NULL,  -- 0: every agent
    tool        TEXT    NOT NULL,  -- '*': every tool
    pattern     TEXT    NOT NULL,
    effect      TEXT    NOT NULL CHECK (effect IN ('allow', 'deny', 'ask')),
    expires_ms  INTEGER NOT NULL,  -- 0: never
    session_id  TEXT    NOT NULL,  -- '': every session
    note        TEXT    NOT NULL,
    created_by  TEXT    NOT NULL,  -- the name of the ADMIN
    created_ms  INTEGER NOT NULL,
    hits        INTEGER NOT NULL DEFAULT 0,
    last_hit_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX chat_rules_by_agent ON chat_rules (agent_id);
CREATE INDEX chat_rules_by_expiry ON chat_rules (expires_ms) WHERE expires_ms > 0;
