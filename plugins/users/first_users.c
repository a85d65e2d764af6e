/* The first users: the configured admin (id 1) and Butler (id 2). Clients rely on both ids.
 *
 * The writer must not hash, and start() has no database. So start() asks the writer whether the store is empty, and
 * hashes on the main thread, since nothing is served yet. Then prepare() stores the two users on the writer. The state
 * is made and freed here. The event store.reset makes both users again. */
#include "users.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

enum { ANY, CLEAR_PRESENCE, CLEAR_USERS, CLEAR_IDS };

static const sw_statement STATEMENTS[] = {
    [ANY] = {.name = "users_any", .sql = "SELECT 1 FROM users LIMIT 1"},
    [CLEAR_PRESENCE] = {.name = "users_clear_presence", .sql = "DELETE FROM presence"},
    [CLEAR_USERS] = {.name = "users_clear", .sql = "DELETE FROM users"},
    [CLEAR_IDS] = {.name = "users_clear_ids", .sql = "DELETE FROM sqlite_sequence WHERE name = 'users'"},
};

const sw_table FIRST_STATEMENTS = SW_TABLE(STATEMENTS);

enum { GENERATED_SIZE = 33 };

static bool hashable(sw_host *host, const char *password)
{
    if (by_bcrypt(host) && strlen(password) > USERS_BCRYPT_MAX) {
        sw_log(host, SW_LOG_ERROR, "the initial admin password is over %d bytes, which bcrypt does not look at",
               USERS_BCRYPT_MAX);
        return false;
    }
    return true;
}

static const char *admin_name(const sw_host *host)
{
    const char *name = sw_initial_admin_user(host);

    return name && *name ? name : "admin";
}

static bool name_and_password_fit(sw_host *host)
{
    if (!username_valid(admin_name(host)) || name_like(admin_name(host), USERS_BUTLER_NAME)) {
        sw_log(host, SW_LOG_ERROR,
               "auth.initial_admin_user must be 1 to %d letters, digits, '_', '.' or '-', and not look like Butler",
               USERS_NAME_MAX);
        return false;
    }
    return hashable(host, sw_initial_admin_pass(host));
}

/* ---- is the store empty? ---- */

typedef struct {
    sem_t answered;
    sw_status status;
    bool any;
} question;

static sw_status any_user(sw_db *db, bool *ret_any)
{
    sw_rows *rows = NULL;
    int64_t any;
    sw_status begun = sw_db_query(db, &STATEMENTS[ANY], 0, &rows, "");

    SW_TRY(store_one_number(begun, rows, &any));
    *ret_any = any != 0;
    return SW_OK;
}

static sw_status look(sw_tx *tx, void *arg)
{
    question *q = arg;

    return any_user(sw_tx_db(tx), &q->any);
}

static void answer(void *arg, sw_status outcome)
{
    question *q = arg;

    q->status = outcome;
    sem_post(&q->answered);
}

/* Asks the writer, and waits for its answer. */
static sw_status store_is_empty(sw_host *host, bool *ret_empty)
{
    question q = {.status = SW_BUSY};

    if (sem_init(&q.answered, 0, 0) != 0)
        return SW_INTERNAL;
    if (sw_write_later(host, look, &q, answer))
        while (sem_wait(&q.answered) != 0)
            ; /* a signal came first */
    sem_destroy(&q.answered);
    SW_TRY(q.status);
    *ret_empty = !q.any;
    return SW_OK;
}

/* ---- start, prepare, stop ---- */

/* Fills state->admin_hash with the hash of the configured password, or of one that is made now. */
static sw_status hash_first_password(users_state *state)
{
    const char *configured = sw_initial_admin_pass(state->host);
    char made[GENERATED_SIZE];

    if (*configured)
        return sw_password_hash(state->host, configured, state->admin_hash, sizeof state->admin_hash);
    SW_TRY(sw_initial_admin_generate(state->host, made));
    sw_status hashed = sw_password_hash(state->host, made, state->admin_hash, sizeof state->admin_hash);
    explicit_bzero(made, sizeof made);
    return hashed;
}

sw_status users_start(sw_host *host, void **ret_state)
{
    bool empty;

    if (!name_and_password_fit(host))
        return SW_INVALID;
    SW_TRY(store_is_empty(host, &empty));
    users_state *state = calloc(1, sizeof *state);
    if (!state)
        return SW_NO_MEMORY;
    state->host = host;
    /* Later only the reset of dev-mock needs the hash. It exists in development alone, so that no other start makes
     * one. */
    state->resettable = *sw_initial_admin_pass(host) && strcmp(sw_host_env(host), "development") == 0;
    sw_status hashed = empty || state->resettable ? hash_first_password(state) : SW_OK;
    if (hashed != SW_OK) {
        users_stop(state);
        return hashed;
    }
    *ret_state = state;
    return SW_OK;
}

static sw_status first_users_add(sw_tx *tx, const users_state *state)
{
    new_user admin = {
        .id = USERS_ADMIN_ID,
        .name = admin_name(state->host),
        .role = SW_ROLE_ADMIN,
        .password_hash = state->admin_hash,
    };
    new_user butler = {
        .id = USERS_BUTLER_ID,
        .name = USERS_BUTLER_NAME,
        .role = SW_ROLE_BUTLER,
        .password_hash = "",
    };

    SW_TRY(store_add(tx, &admin));
    return store_add(tx, &butler);
}

sw_status users_prepare(sw_tx *tx)
{
    users_state *state = sw_tx_state(tx);
    bool any;

    SW_TRY(names_read(tx, state));
    SW_TRY(any_user(sw_tx_db(tx), &any));
    if (any)
        return SW_OK;
    SW_TRY(first_users_add(tx, state));
    if (!state->resettable)
        explicit_bzero(state->admin_hash, sizeof state->admin_hash);
    sw_log(state->host, SW_LOG_INFO, "first start: made the admin \"%s\" and Butler", admin_name(state->host));
    return SW_OK;
}

void users_stop(void *state)
{
    if (!state)
        return;
    explicit_bzero(state, sizeof(users_state));
    free(state);
}

/* ---- the event store.reset: dev-mock empties the store, and both are made again in the same transaction ---- */

/* No token that anybody had counts any more. dev-mock itself closes the sockets. */
static sw_status forget_all(sw_tx *tx)
{
    sw_rows *rows;

    SW_TRY(store_each_id(sw_tx_db(tx), 0, INT64_MAX, &rows));
    while (sw_rows_next(rows))
        sw_tx_user_changed(tx, sw_rows_int(rows, 0), false);
    return sw_rows_done(rows);
}

/* Only a first password that was configured can be used again, and only development keeps its hash (users_start). */
static sw_status cannot(sw_tx *tx)
{
    sw_request *req = sw_tx_request(tx);
    bool possible = strcmp(sw_host_env(sw_tx_host(tx)), "development") == 0;

    if (!req)
        return SW_INTERNAL;
    return sw_fail(req, SW_INTERNAL, NULL,
                   possible ? "initial admin is not configured" : "the store is reset in development only");
}

static sw_status clear(sw_tx *tx)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLEAR_PRESENCE], NULL, ""));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLEAR_USERS], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[CLEAR_IDS], NULL, "");
}

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    const users_state *state = sw_tx_state(tx);

    (void)data;
    if (!state->resettable)
        return cannot(tx);
    SW_TRY(forget_all(tx));
    SW_TRY(clear(tx));
    return first_users_add(tx, state);
}
