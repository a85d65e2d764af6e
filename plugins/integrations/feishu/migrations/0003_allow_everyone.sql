-- Whoever may write to the bot is on a list, unless somebody has said that everyone may.
ALTER TABLE feishu_connectors ADD COLUMN allow_everyone INTEGER NOT NULL DEFAULT 0;
-- All ids of the sender, one a line: any of them may be on the list.
ALTER TABLE feishu_inbound ADD COLUMN people TEXT NOT NULL DEFAULT '';
UPDATE feishu_inbound
SET people = feishu_user_id || char(10) || coalesce(json_extract(raw_payload, '$.event.sender.sender_id.open_id'), '')
        || char(10) || coalesce(json_extract(raw_payload, '$.event.sender.sender_id.union_id'), '')
WHERE outcome = 'accepted' AND json_valid(raw_payload);
