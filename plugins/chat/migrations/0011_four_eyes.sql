-- How many different humans must approve, 1 or 2; and of two, the one who has approved first.
ALTER TABLE chat_approvals ADD COLUMN needs INTEGER NOT NULL DEFAULT 1;
ALTER TABLE chat_approvals ADD COLUMN first_id INTEGER NOT NULL DEFAULT 0; -- 0: nobody yet
ALTER TABLE chat_approvals ADD COLUMN first_name TEXT NOT NULL DEFAULT ''; -- who is shown
ALTER TABLE chat_approvals ADD COLUMN first_channel TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_approvals ADD COLUMN first_ms INTEGER;
