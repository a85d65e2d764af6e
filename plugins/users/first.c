/* The first users: the configured admin (id 1) and Butler (id 2). Clients rely on both ids.
 *
 * Hashing on the writer is forbidden, but for once: in prepare() of the very first start nothing is served yet. */
#include "users.h"

#include <stdlib.h>
#include <string.h>

enum { BCRYPT_MAX = 72, GENERATED_SIZE = 33 };

static bool hashable(sw_host *host, const char *password)
{
    const char *method = sw_option_core(host, "auth.password_method");

    if (method && strcmp(method, "bcrypt") == 0 && strlen(password) > BCRYPT_MAX) {
        sw_log(host, SW_LOG_ERROR, "the initial admin password is over %d bytes, which bcrypt does not look at",
               BCRYPT_MAX);
        return false;
    }
    if (*password && strlen(password) < 8)
        sw_log(host, SW_LOG_WARN, "the initial admin password is shorter than 8 bytes: change it");
    return true;
}

static const char *admin_name(const sw_host *host)
{
    const char *name = sw_initial_admin_user(host);

    return name && *name ? name : "admin";
}

sw_status users_start(sw_host *host, void **ret_state)
{
    char butler[] = "butler", key[USERS_NAME_MAX + 1];
    const char *password = sw_initial_admin_pass(host);

    fold(admin_name(host), key, sizeof key);
    if (!username_valid(admin_name(host)) || strcmp(key, butler) == 0) {
        sw_log(host, SW_LOG_ERROR,
               "auth.initial_admin_user must be 1 to %d letters, digits, '_', '.' or '-', and not Butler", USERS_NAME_MAX);
        return SW_INVALID;
    }
    if (!hashable(host, password))
        return SW_INVALID;

    users_state *state = calloc(1, sizeof *state);
    if (!state)
        return SW_NO_MEMORY;
    state->host = host;
    /* Only dev-mock's reset needs it later, and that exists in development alone: no start pays for it in production. */
    if (*password && strcmp(sw_host_env(host), "development") == 0) {
        sw_status hashed = sw_password_hash(host, password, state->admin_hash);
        if (hashed != SW_OK) {
            free(state);
            return hashed;
        }
    }
    *ret_state = state;
    return SW_OK;
}

void users_stop(void *state)
{
    if (!state)
        return;
    explicit_bzero(state, sizeof(users_state));
    free(state);
}

/* The hash of the configured password, or of one made now. */
static sw_status first_hash(users_state *state, char out[USERS_HASH_SIZE])
{
    const char *configured = sw_initial_admin_pass(state->host);
    char made[GENERATED_SIZE];

    if (*state->admin_hash) {
        memcpy(out, state->admin_hash, USERS_HASH_SIZE);
        return SW_OK;
    }
    if (*configured)
        return sw_password_hash(state->host, configured, out);
    SW_TRY(sw_initial_admin_generate(state->host, made));
    sw_status hashed = sw_password_hash(state->host, made, out);
    explicit_bzero(made, sizeof made);
    return hashed;
}

sw_status users_prepare(sw_tx *tx)
{
    users_state *state = sw_tx_state(tx);
    char hash[USERS_HASH_SIZE];
    bool any;

    SW_TRY(store_any(sw_tx_db(tx), &any));
    if (any)
        return SW_OK;
    SW_TRY(first_hash(state, hash));
    sw_status added = first_users_add(tx, state, hash);
    explicit_bzero(hash, sizeof hash);
    if (added == SW_OK)
        sw_log(state->host, SW_LOG_INFO, "first start: made the admin \"%s\" and Butler", admin_name(state->host));
    return added;
}

sw_status first_users_add(sw_tx *tx, const users_state *state, const char *password_hash)
{
    new_user admin = {
        .id = USERS_ADMIN_ID,
        .name = admin_name(state->host),
        .role = SW_ROLE_ADMIN,
        .password_hash = password_hash,
    };
    new_user butler = {
        .id = USERS_BUTLER_ID,
        .name = "Butler",
        .role = SW_ROLE_BUTLER,
        .password_hash = "",
    };

    SW_TRY(store_add(tx, &admin));
    return store_add(tx, &butler);
}
