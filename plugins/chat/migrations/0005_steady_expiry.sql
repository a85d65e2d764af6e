-- An expiry is measured by the steady clock (sw_steady_ms), which nobody can set back; expires_ms is what people are shown.
ALTER TABLE chat_approvals ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0;
UPDATE chat_approvals SET due_ms = expires_ms WHERE status = 'PENDING';
DROP INDEX chat_approvals_pending;
CREATE INDEX chat_approvals_pending ON chat_approvals (status, due_ms) WHERE status = 'PENDING';
