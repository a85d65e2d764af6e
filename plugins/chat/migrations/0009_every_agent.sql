-- Agents ask for themselves, too. Who asks stands in butler_id and butler_name. A request that was taken back is EXPIRED
-- with `withdrawn`, since the check of the status is older.
ALTER TABLE chat_approvals ADD COLUMN requester_role TEXT NOT NULL DEFAULT 'BUTLER';
ALTER TABLE chat_approvals ADD COLUMN tool TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_approvals ADD COLUMN input_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_approvals ADD COLUMN cwd TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_approvals ADD COLUMN session_id TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_approvals ADD COLUMN comment TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_approvals ADD COLUMN claimed_ms INTEGER NOT NULL DEFAULT 0;  -- 0: nobody has acted on it
ALTER TABLE chat_approvals ADD COLUMN rule_id INTEGER NOT NULL DEFAULT 0;     -- 0: no rule decided
ALTER TABLE chat_approvals ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

CREATE INDEX chat_approvals_by_requester ON chat_approvals (butler_id, id);
CREATE INDEX chat_approvals_by_requester_status ON chat_approvals (butler_id, status, id);
CREATE INDEX chat_approvals_unasked ON chat_approvals (decided_ms) WHERE channel = 'rule';

-- The arguments of the tool: JSON, the very bytes that were sent. Apart, since they may be large and are seldom read.
CREATE TABLE chat_approval_inputs (
    approval_id INTEGER PRIMARY KEY,
    input       TEXT NOT NULL
) STRICT;

-- An ADMIN's history with an agent shows what that agent asked others.
DROP INDEX chat_requests;
CREATE INDEX chat_requests ON chat (sender_id, id, receiver_id) WHERE type = 'AUTH_REQUEST';
