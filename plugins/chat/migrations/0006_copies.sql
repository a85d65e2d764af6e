-- In which of its threads with the Butler an ADMIN got the copy of what another human was asked.
CREATE TABLE chat_copies (
    chat_id   INTEGER NOT NULL,  -- the AUTH_REQUEST row
    admin_id  INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    PRIMARY KEY (chat_id, admin_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX chat_copies_by_thread ON chat_copies (thread_id, chat_id);

-- Requests to others up to this row are in the default thread; of later ones chat_copies tells. NULL: all are.
ALTER TABLE chat_pairs ADD COLUMN copies_after INTEGER;
