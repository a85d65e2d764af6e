-- Authorization requests. What was asked never changes; status, decision and delivery are written once.
CREATE TABLE chat_approvals (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    action_id             TEXT    NOT NULL UNIQUE,
    chat_id               INTEGER NOT NULL,  -- the AUTH_REQUEST row
    butler_id             INTEGER NOT NULL,
    butler_name           TEXT    NOT NULL,
    target_user_id        INTEGER NOT NULL,  -- the human who was asked
    conversation_id       INTEGER NOT NULL,
    target_agent_id       INTEGER NOT NULL,
    target_agent_name     TEXT    NOT NULL,
    command               TEXT    NOT NULL,
    command_sha256        TEXT    NOT NULL,
    reason                TEXT    NOT NULL,
    status                TEXT    NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED')),
    requested_ms          INTEGER NOT NULL,
    expires_ms            INTEGER NOT NULL,
    decided_ms            INTEGER,
    decider_id            INTEGER NOT NULL DEFAULT 0,   -- 0: nobody (pending, expired)
    decider_name          TEXT    NOT NULL DEFAULT '',
    decider_role          TEXT    NOT NULL DEFAULT '',
    responder_name        TEXT    NOT NULL DEFAULT '',  -- who is shown: the decider, or who clicked for it
    channel               TEXT    NOT NULL DEFAULT '',
    response_id           INTEGER,                      -- the AUTH_RESPONSE row: gives the order of decisions
    response_conversation INTEGER NOT NULL DEFAULT 0,
    delivered             INTEGER NOT NULL DEFAULT 0    -- the Butler has it
) STRICT;

CREATE INDEX chat_approvals_pending ON chat_approvals (status, expires_ms) WHERE status = 'PENDING';
CREATE INDEX chat_approvals_undelivered ON chat_approvals (butler_id, response_id) WHERE delivered = 0 AND response_id IS NOT NULL;
CREATE INDEX chat_approvals_by_status ON chat_approvals (status, id);
CREATE INDEX chat_approvals_by_target ON chat_approvals (target_user_id, id);
CREATE INDEX chat_approvals_by_target_status ON chat_approvals (target_user_id, status, id);
CREATE INDEX chat_approvals_open_agent ON chat_approvals (target_agent_id) WHERE status = 'PENDING';
