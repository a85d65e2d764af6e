/* Names: which may be given to a user, and whose a name is. A person must be able to read a name, and must not take it
 * for that of somebody who decides or speaks for the system: Butler, an ADMIN. On any thread that has a connection. */
#include "core/common/confusable.h"
#include "core/common/visible_text.h"
#include "users.h"

#include <string.h>

enum { AGENT_NAMES, SYSTEM_NAME_MAX = 256 };

static const sw_statement STATEMENTS[] = {
    [AGENT_NAMES] = {.name = "users_agent_names",
                     .sql = "SELECT username FROM users WHERE role = 'AGENT' AND deleted_ms IS NULL"},
};

const sw_table NAME_STATEMENTS = SW_TABLE(STATEMENTS);

bool name_readable(const char *name)
{
    size_t len = strlen(name);
    return !visible_changes(name, len, VISIBLE_ONE_LINE) && !visible_blank(name, len) && !strstr(name, "\xEF\xBF\xBD");
}

/* ---- names that look alike ---- */

enum { ENDED = 1 };

/* What an ASCII character looks like, whatever its case; 0: it is not ASCII, cannot be seen, or looks like two others.
 */
static char looks_like(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c + 'a' - 'A');
    if (c == '1' || c == '|' || c == 'i')
        return 'l';
    if (c == '0')
        return 'o';
    return c < ' ' || c > '~' || c == 'm' || c == '"' || c == '`' ? '\0' : c;
}

/* Most names need no look at Unicode's tables: both are ASCII, and differ in a letter. */
static bool differ_plainly(const char *name, const char *other)
{
    bool same = true;
    while (*name || *other) {
        char a = *name ? looks_like(*name++) : ENDED, b = *other ? looks_like(*other++) : ENDED;
        if (a == '\0' || b == '\0')
            return false;
        if (a != b)
            same = false;
    }
    return !same;
}

bool name_like(const char *name, const char *other)
{
    return !differ_plainly(name, other) && confusable(name, other);
}

typedef struct {
    const char *name, *key; /* as it is given, and without its case */
    char like[USERS_NAME_MAX + 1];
} search;

/* Another name in the same case is none that is taken for it: it is that name, and taken. */
static bool is_like(search *s, const char *other)
{
    char key[USERS_NAME_MAX + 1];

    fold(other, key, sizeof key);
    if (strcmp(key, s->key) == 0 || !name_like(s->name, other))
        return false;
    strncpy(s->like, other, sizeof s->like - 1);
    return true;
}

static bool each_admin(void *arg, const sw_user *user)
{
    return !is_like(arg, user->name);
}

sw_status name_check(sw_tx *tx, const char *name)
{
    char key[USERS_NAME_MAX + 1];
    search s = {.name = name, .key = key};

    fold(name, key, sizeof key);
    if (!is_like(&s, USERS_BUTLER_NAME))
        SW_TRY(store_each_admin(sw_tx_db(tx), each_admin, &s));
    if (!*s.like)
        return SW_OK;
    if (!sw_tx_request(tx))
        return SW_INVALID;
    return sw_fail(sw_tx_request(tx), SW_INVALID, "invalid_parameter", "username may be taken for \"%s\"", s.like);
}

/* ---- names of agents, in memory: a bit for each, so that whoever has none of theirs costs no query ---- */

static void bit_of(const char *name, size_t *ret_word, uint64_t *ret_bit)
{
    char key[USERS_NAME_MAX + 1];
    uint32_t hash = 2166136261u;

    fold(name, key, sizeof key);
    for (const char *at = key; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    *ret_word = hash % USERS_NAME_WORDS;
    *ret_bit = UINT64_C(1) << (hash >> 26);
}

void names_note(users_state *state, const char *agent)
{
    size_t word;
    uint64_t bit;

    bit_of(agent, &word, &bit);
    atomic_fetch_or_explicit(&state->agent_names[word], bit, memory_order_relaxed);
}

static bool may_be_agent(const users_state *state, const char *name)
{
    size_t word;
    uint64_t bit;

    bit_of(name, &word, &bit);
    return (atomic_load_explicit(&state->agent_names[word], memory_order_relaxed) & bit) != 0;
}

sw_status names_read(sw_tx *tx, users_state *state)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[AGENT_NAMES], 0, &rows, ""));
    while (sw_rows_next(rows))
        names_note(state, sw_rows_text(rows, 0));
    return sw_rows_done(rows);
}

sw_status name_of_system(void *self, sw_db *db, const char *name, sw_role *ret_role)
{
    const users_state *state = self;
    char trimmed[SYSTEM_NAME_MAX];
    sw_user user;

    name += strspn(name, " \t\r\n\v\f");
    size_t len = strlen(name);
    while (len > 0 && strchr(" \t\r\n\v\f", name[len - 1]))
        len--;
    *ret_role = (sw_role)0;
    if (len >= sizeof trimmed)
        return SW_OK;
    memcpy(trimmed, name, len);
    trimmed[len] = '\0';
    if (name_like(trimmed, USERS_BUTLER_NAME)) {
        *ret_role = SW_ROLE_BUTLER;
        return SW_OK;
    }
    if (len > USERS_NAME_MAX || !may_be_agent(state, trimmed))
        return SW_OK;
    sw_status found = store_by_name(db, trimmed, &user);
    if (found == SW_OK && user.role == SW_ROLE_AGENT)
        *ret_role = SW_ROLE_AGENT;
    return found == SW_NOT_FOUND ? SW_OK : found;
}
