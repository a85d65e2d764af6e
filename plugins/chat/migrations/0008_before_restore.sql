-- What a restore keeps of the store that it replaces: whoever answers for one of these must say which command is meant.
CREATE VIEW chat_before_restore AS SELECT 'chat.action' AS kind, action_id AS key FROM chat_approvals;
