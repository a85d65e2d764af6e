/* fill --db FILE --rows 1000000: adds messages to a store that a server has made (and has left), search index included.
 */
#include "schema.h"

#include <stdio.h>

enum { CHUNK = 20000, FIRST_MS_STEP = 100 };

int main(int argc, char **argv)
{
    static text_source text;
    raw_store s = {0};
    int64_t rows = option_int(argc, argv, "rows", 1000000), begin = now_ns();
    const int64_t first_ms = 1767225600000; /* 2026-01-01 */

    text_begin(&text, 1);
    raw_open(&s, option_text(argc, argv, "db", "steward.db"), NULL, "off");
    raw_exec(&s, "INSERT INTO messages_fts (messages_fts, rank) VALUES ('automerge', 8);"
                 "INSERT INTO messages_fts (messages_fts, rank) VALUES ('hashsize', 33554432)");
    while (s.rows < rows) {
        raw_exec(&s, "BEGIN");
        for (int64_t to = s.rows + CHUNK < rows ? s.rows + CHUNK : rows; s.rows < to;)
            raw_insert(&s, &text, first_ms + s.rows * FIRST_MS_STEP);
        raw_exec(&s, "COMMIT");
        raw_exec(&s, "BEGIN");
        raw_index(&s, CHUNK);
        raw_exec(&s, "COMMIT");
        sqlite3_wal_checkpoint_v2(s.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    raw_exec(&s, "INSERT INTO messages_fts (messages_fts, rank) VALUES ('automerge', 0);"
                 "INSERT INTO messages_fts (messages_fts, rank) VALUES ('hashsize', 1048576);"
                 "UPDATE messages_search SET indexed_to = (SELECT max(id) FROM messages)");
    sqlite3_wal_checkpoint_v2(s.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    raw_close(&s);
    printf("{\"rows\":%lld,\"seconds\":%.1f}\n", (long long)rows, (double)(now_ns() - begin) / 1e9);
    return 0;
}
