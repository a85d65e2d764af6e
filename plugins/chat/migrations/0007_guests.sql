-- Which agents the peer of a thread (the Butler, or an agent) has written to on behalf of it: they may answer in it.
CREATE TABLE chat_guests (
    thread_id INTEGER NOT NULL,
    agent_id  INTEGER NOT NULL,
    PRIMARY KEY (thread_id, agent_id)
) STRICT, WITHOUT ROWID;

INSERT INTO chat_guests (thread_id, agent_id)
SELECT DISTINCT t.id, c.receiver_id FROM chat_threads t JOIN chat c ON c.conversation_id = t.id
WHERE c.type = 'CHAT' AND c.sender_id = t.peer_id AND c.receiver_id <> t.owner_id;
