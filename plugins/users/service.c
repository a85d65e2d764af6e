/* Service "users/1", which auth, messages, chat, feishu and dev-mock use. `self` is the state of this plugin. Each
 * function runs on the thread of the caller: a worker, or the writer. Here are the rules of names and passwords, too.
 */
#include "users.h"

#include <string.h>

/* ---- rules of names and passwords ---- */

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool username_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > USERS_NAME_MAX)
        return false;
    for (const char *p = name; *p; p++)
        if (!letter_or_digit(*p) && !strchr("_.-", *p))
            return false;
    return true;
}

bool by_bcrypt(const sw_host *host)
{
    const char *method = sw_option_core(host, "auth.password_method");
    return method && strcmp(method, "bcrypt") == 0;
}

/* What is wrong with it as a password, as a static text; NULL when nothing is. */
static const char *password_fault(const sw_host *host, const char *password)
{
    size_t len = strlen(password);

    if (len == 0)
        return "password is required";
    if (len < USERS_PASSWORD_MIN)
        return "password must be at least 8 bytes";
    if (by_bcrypt(host) && len > USERS_BCRYPT_MAX)
        return "password must be at most 72 bytes";
    return len > USERS_PASSWORD_MAX ? "password must be at most 128 bytes" : NULL;
}

/* ---- the service ---- */

enum { SW_USER_FIRST = offsetof(sw_user, db) + sizeof(sw_db *) }; /* the part that ABI 1.0 has */

/* Gives what was found: as much of it as the caller's headers know. */
static sw_status give(const users_state *state, sw_status status, const sw_user *found, sw_user *ret)
{
    SW_TRY(status);
    uint32_t size = ret->size < sizeof *found ? ret->size : (uint32_t)sizeof *found;
    if (size < SW_USER_FIRST) {
        sw_log(state->host, SW_LOG_ERROR, "a plugin asked for a user without setting the size of its sw_user");
        return SW_INTERNAL;
    }
    memcpy(ret, found, size);
    ret->size = size;
    return SW_OK;
}

static sw_status by_id(void *self, sw_db *db, int64_t id, sw_user *ret)
{
    sw_user found;
    return give(self, store_by_id(db, id, &found), &found, ret);
}

static sw_status by_id_any(void *self, sw_db *db, int64_t id, sw_user *ret)
{
    sw_user found;
    return give(self, store_by_id_any(db, id, &found), &found, ret);
}

static sw_status by_name(void *self, sw_db *db, const char *name, sw_user *ret)
{
    sw_user found;
    return give(self, store_by_name(db, name, &found), &found, ret);
}

static sw_status by_api_token(void *self, sw_db *db, const char *token, size_t len, sw_user *ret)
{
    const users_state *state = self;
    uint8_t hash[32];
    sw_user found;

    if (len < USERS_TOKEN_MIN || len > USERS_TOKEN_MAX)
        return SW_NOT_FOUND;
    SW_TRY(token_hash(state->host, token, len, hash));
    return give(state, store_by_token(db, hash, &found), &found, ret);
}

static sw_status butler(void *self, sw_db *db, sw_user *ret)
{
    sw_user found;
    return give(self, store_butler(db, &found), &found, ret);
}

static sw_status first_admin(void *self, sw_db *db, sw_user *ret)
{
    sw_user found;
    return give(self, store_first_admin(db, &found), &found, ret);
}

static sw_status each_admin(void *self, sw_db *db, bool (*each)(void *arg, const sw_user *user), void *arg)
{
    (void)self;
    return store_each_admin(db, each, arg);
}

static sw_status set_password_hash(void *self, sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash)
{
    (void)self;
    return store_rehash(tx, id, old_hash, new_hash);
}

static sw_status add_human(sw_tx *tx, const char *name, sw_role role)
{
    new_user user = {
        .name = name, .role = role, .password_hash = "", .agent_kind = "", .runtime_kind = "", .description = ""};

    SW_TRY(store_add(tx, &user));
    sw_user_event event = {.user_id = user.id, .username = name, .role = role, .at_ms = sw_tx_now(tx)};
    return sw_tx_publish(tx, SW_EVENT_USER_CREATED, &event, sizeof event);
}

sw_status publish_role(sw_tx *tx, const sw_user *user, sw_role role)
{
    sw_user_event event = {.user_id = user->id, .username = user->name, .role = role, .at_ms = sw_tx_now(tx)};
    return sw_tx_publish(tx, SW_EVENT_USER_ROLE_CHANGED, &event, sizeof event);
}

static sw_status change_role(sw_tx *tx, const sw_user *user, sw_role role)
{
    int64_t others;

    if (user->role == SW_ROLE_ADMIN) {
        SW_TRY(store_other_admins(sw_tx_db(tx), user->id, &others));
        if (others == 0)
            return SW_CONFLICT;
    }
    SW_TRY(store_update(tx, user->id, NULL, role, NULL, true));
    sw_tx_user_changed(tx, user->id, true);
    return publish_role(tx, user, role);
}

static sw_status provide(void *self, sw_tx *tx, const char *name, sw_role role, sw_user *ret)
{
    sw_db *db = sw_tx_db(tx);
    sw_user user;

    if (!username_valid(name) || !(SW_ROLE_BIT(role) & SW_ROLES_HUMAN))
        return SW_INVALID;
    sw_status found = store_by_name(db, name, &user);
    if (found == SW_NOT_FOUND) {
        SW_TRY(add_human(tx, name, role));
        return give(self, store_by_name(db, name, &user), &user, ret);
    }
    SW_TRY(found);
    if (!(SW_ROLE_BIT(user.role) & SW_ROLES_HUMAN))
        return SW_CONFLICT;
    if (user.role != role)
        SW_TRY(change_role(tx, &user, role));
    return give(self, store_by_id(db, user.id, &user), &user, ret);
}

static sw_status password_allowed(void *self, const char *password, const char **ret_why)
{
    const users_state *state = self;
    const char *fault = password_fault(state->host, password);

    if (!fault)
        return SW_OK;
    *ret_why = fault;
    return SW_INVALID;
}

static sw_status change_password(void *self, sw_tx *tx, int64_t id, const char *hash)
{
    sw_user user;

    (void)self;
    SW_TRY(store_by_id(sw_tx_db(tx), id, &user));
    if (!(SW_ROLE_BIT(user.role) & SW_ROLES_HUMAN))
        return SW_CONFLICT;
    SW_TRY(store_update(tx, id, hash, user.role, NULL, true));
    sw_tx_user_changed(tx, id, true);
    return SW_OK;
}

const sw_users_service USERS_SERVICE = {
    .size = sizeof USERS_SERVICE,
    .by_id = by_id,
    .by_id_any = by_id_any,
    .by_name = by_name,
    .by_api_token = by_api_token,
    .butler = butler,
    .first_admin = first_admin,
    .each_admin = each_admin,
    .set_password_hash = set_password_hash,
    .note_report = presence_note_report,
    .write = user_write_any,
    .provide = provide,
    .password_allowed = password_allowed,
    .change_password = change_password,
    .name_of_system = name_of_system,
};
