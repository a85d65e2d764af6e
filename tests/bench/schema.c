#include "schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void must(raw_store *s, int rc, const char *what)
{
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
        return;
    errno = 0;
    fail("%s: %s", what, sqlite3_errmsg(s->db));
}

void raw_exec(raw_store *s, const char *sql)
{
    must(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL), sql);
}

static int64_t number(raw_store *s, const char *sql)
{
    sqlite3_stmt *st;
    must(s, sqlite3_prepare_v2(s->db, sql, -1, &st, NULL), sql);
    must(s, sqlite3_step(st), sql);
    int64_t value = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return value;
}

void raw_open(raw_store *s, const char *path, const char *schema, const char *synchronous)
{
    must(s, sqlite3_open(path, &s->db), path);
    raw_exec(
        s, "PRAGMA journal_mode=WAL; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=5000");
    raw_exec(s, strcmp(synchronous, "off") == 0 ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL");
    if (schema != NULL) {
        size_t len;
        char *sql = read_file(schema, &len);
        raw_exec(s, sql);
        free(sql);
    }
    must(s,
         sqlite3_prepare_v2(s->db, "INSERT INTO messages (agent_id, level, content, at_ms) VALUES (?1, ?2, ?3, ?4)", -1,
                            &s->insert, NULL),
         "insert");
    must(s,
         sqlite3_prepare_v2(s->db,
                            "INSERT INTO messages_fts (rowid, text) SELECT id, lower(content) || char(10, 10)"
                            " FROM messages WHERE id > ?1 AND id <= ?2 ORDER BY id",
                            -1, &s->index, NULL),
         "index");
    s->rows = number(s, "SELECT coalesce(max(id), 0) FROM messages");
    s->indexed = number(s, "SELECT indexed_to FROM messages_search");
}

void raw_insert(raw_store *s, text_source *t, int64_t at_ms)
{
    char agent[24], content[TEXT_MAX];
    size_t len = text_content(t, 190, content);
    sqlite3_bind_text(s->insert, 1, text_agent(t, agent), -1, SQLITE_STATIC);
    sqlite3_bind_text(s->insert, 2, text_level(t), -1, SQLITE_STATIC);
    sqlite3_bind_text(s->insert, 3, content, (int)len, SQLITE_STATIC);
    sqlite3_bind_int64(s->insert, 4, at_ms);
    must(s, sqlite3_step(s->insert), "insert");
    sqlite3_reset(s->insert);
    s->rows++;
}

void raw_index(raw_store *s, int64_t rows)
{
    int64_t to = s->indexed + rows < s->rows ? s->indexed + rows : s->rows;
    sqlite3_bind_int64(s->index, 1, s->indexed);
    sqlite3_bind_int64(s->index, 2, to);
    must(s, sqlite3_step(s->index), "index");
    sqlite3_reset(s->index);
    s->indexed = to;
}

void raw_close(raw_store *s)
{
    sqlite3_finalize(s->insert);
    sqlite3_finalize(s->index);
    sqlite3_close(s->db);
}
