-- Agents that are paused: nothing of them is approved.
CREATE TABLE chat_pauses (
    agent_id INTEGER PRIMARY KEY,  -- 0: all of them
    reason   TEXT    NOT NULL,
    by_id    INTEGER NOT NULL,
    by_name  TEXT    NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;

-- What was decided at once, by a rule or a pause, was asked nobody and has no row in the chat.
DROP INDEX chat_approvals_unasked;
CREATE INDEX chat_approvals_unasked ON chat_approvals (decided_ms) WHERE chat_id = 0;
