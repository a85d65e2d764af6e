/* POST /api/users adds a human, PATCH /api/users/:id changes a user, DELETE /api/users/:id and /api/users/agents/:id
 * remove one. A worker checks the body, the hash lane hashes a password, and the writer decides and stores. GET is in
 * get_users.c. */
#include "users.h"

#include <string.h>

enum { REMOVE, FORGET };

static const sw_statement STATEMENTS[] = {
    [REMOVE] = {.name = "users_remove",
                .sql = "UPDATE users SET deleted_ms = ?2, password_hash = '', token_hash = NULL, token_hint = NULL,"
                       " generation = generation + 1 WHERE id = ?1 AND deleted_ms IS NULL"},
    [FORGET] = {.name = "users_forget", .sql = "DELETE FROM presence WHERE user_id = ?1"},
};

const sw_table REMOVAL_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- what a body says. Errors are sticky: call sw_check() after the last field ---- */

static const char *field_username(sw_request *req)
{
    const char *name = sw_body_text(req, "username", 1, USERS_NAME_MAX);

    if (*name && !username_valid(name))
        sw_invalid(req, "invalid_parameter", "username may hold only letters, digits, '_', '.' and '-'");
    return name;
}

const char *field_trimmed(sw_request *req, const char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n\v\f");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n\v\f", text[len - 1]))
        len--;
    const char *copy = sw_strndup(req, text, len);
    return copy ? copy : "";
}

const char *field_description(sw_request *req)
{
    const char *text = sw_body_text_or(req, "description", USERS_DESCRIPTION_MAX, NULL);
    return text ? field_trimmed(req, text) : NULL;
}

static const char *field_password(sw_request *req)
{
    size_t max = by_bcrypt(sw_request_host(req)) ? USERS_BCRYPT_MAX : USERS_PASSWORD_MAX;

    return sw_body_text(req, "password", USERS_PASSWORD_MIN, max);
}

static sw_role field_human_role(sw_request *req, sw_role fallback)
{
    const char *name = sw_body_text_or(req, "role", 64, "");
    sw_role role = *name ? sw_role_of(name) : fallback;

    if (*name && role != SW_ROLE_ADMIN && role != SW_ROLE_MEMBER)
        sw_invalid(req, "invalid_parameter", "role must be ADMIN or MEMBER");
    return role;
}

/* ---- POST ---- */

typedef struct {
    new_user user;
    const char *password;
    char hash[USERS_HASH_SIZE];
} signup;

static sw_status add_and_reply(sw_tx *tx, void *arg)
{
    signup *s = arg;

    SW_TRY(store_add(tx, &s->user));
    sw_user_event event = {
        .user_id = s->user.id,
        .username = s->user.name,
        .role = s->user.role,
        .at_ms = sw_tx_now(tx),
    };
    SW_TRY(sw_tx_publish(tx, SW_EVENT_USER_CREATED, &event, sizeof event));
    return user_reply(tx, 201, s->user.id, NULL);
}

static sw_status hash_first(sw_request *req)
{
    signup *s = sw_request_kept(req);

    SW_TRY(sw_password_hash(sw_request_host(req), s->password, s->hash, sizeof s->hash));
    s->user.password_hash = s->hash;
    return sw_write(req, add_and_reply, s);
}

sw_status post_users(sw_request *req)
{
    signup *s = sw_alloc(req, 1, sizeof *s);
    sw_user same;

    if (!s)
        return SW_NO_MEMORY;
    s->user.name = field_username(req);
    s->password = field_password(req);
    s->user.role = field_human_role(req, SW_ROLE_MEMBER);
    SW_TRY(sw_check(req));

    /* Nothing is hashed for a name that is taken. In the end the index decides, in the write step. */
    sw_status taken = store_by_name(sw_request_db(req), s->user.name, &same);
    if (taken == SW_OK)
        return sw_fail(req, SW_CONFLICT, NULL, "username already exists");
    if (taken != SW_NOT_FOUND)
        return taken;
    sw_request_keep(req, s);
    return sw_move(req, SW_LANE_HASH, hash_first);
}

/* ---- PATCH: a change of password or role is a new generation. Every token that was given out before becomes void, and
 * the sockets close ---- */

typedef struct {
    int64_t id;
    const char *password; /* NULL when it stays */
    const char *password_hash;
    sw_role role;            /* 0 when it stays */
    const char *description; /* NULL when it stays */
    char hash[USERS_HASH_SIZE];
} change;

/* The rules that depend on whose row it is. They are checked twice: before hashing, and again in the write step, which
 * decides. */
static sw_status may_change(sw_request *req, sw_db *db, const change *c, sw_user *ret)
{
    int64_t others;
    sw_status found = store_by_id(db, c->id, ret);

    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "user not found");
    SW_TRY(found);
    if (!(SW_ROLE_BIT(ret->role) & SW_ROLES_HUMAN) && (c->password || c->role))
        return sw_fail(req, SW_INVALID, NULL, "only the description of AGENT and BUTLER users can be changed");
    if (ret->role == SW_ROLE_ADMIN && c->role == SW_ROLE_MEMBER) {
        SW_TRY(store_other_admins(db, c->id, &others));
        if (others == 0)
            return sw_fail(req, SW_CONFLICT, NULL, "the last admin cannot be demoted");
    }
    return SW_OK;
}

static sw_status change_and_reply(sw_tx *tx, void *arg)
{
    const change *c = arg;
    sw_user user;

    SW_TRY(may_change(sw_tx_request(tx), sw_tx_db(tx), c, &user));
    sw_role role = c->role ? c->role : user.role;
    bool new_generation = c->password_hash || role != user.role;

    SW_TRY(store_update(tx, c->id, c->password_hash, role, c->description, new_generation));
    if (new_generation)
        sw_tx_user_changed(tx, c->id, true);
    if (role != user.role)
        SW_TRY(publish_role(tx, &user, role));
    return user_reply(tx, 200, c->id, NULL);
}

static sw_status hash_changed(sw_request *req)
{
    change *c = sw_request_kept(req);

    SW_TRY(sw_password_hash(sw_request_host(req), c->password, c->hash, sizeof c->hash));
    c->password_hash = c->hash;
    return sw_write(req, change_and_reply, c);
}

static bool given(sw_request *req, const char *name)
{
    return sw_value_type(sw_value_get(sw_body(req), name)) > SW_JSON_NULL;
}

sw_status patch_user(sw_request *req)
{
    change *c = sw_alloc(req, 1, sizeof *c);
    sw_user user;

    if (!c)
        return SW_NO_MEMORY;
    c->id = sw_path_id(req, "id");
    if (given(req, "password"))
        c->password = field_password(req);
    if (given(req, "role"))
        c->role = field_human_role(req, 0);
    if (given(req, "role") && !c->role)
        sw_invalid(req, "invalid_parameter", "role must be ADMIN or MEMBER");
    c->description = field_description(req);
    SW_TRY(sw_check(req));

    SW_TRY(may_change(req, sw_request_db(req), c, &user));
    if (!c->password)
        return sw_write(req, change_and_reply, c);
    sw_request_keep(req, c);
    return sw_move(req, SW_LANE_HASH, hash_changed);
}

/* ---- DELETE: the row stays, so that its name can still be shown ---- */

typedef struct {
    int64_t id;
    bool agents_only; /* the second path */
} removal;

static sw_status mark_removed(sw_tx *tx, int64_t id)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[REMOVE], NULL, "ii", id, sw_tx_now(tx)));
    return sw_tx_exec(tx, &STATEMENTS[FORGET], NULL, "i", id);
}

static sw_status may_remove(sw_tx *tx, const removal *r, const sw_user *user)
{
    sw_request *req = sw_tx_request(tx);
    int64_t others;

    if (r->agents_only && (SW_ROLE_BIT(user->role) & SW_ROLES_HUMAN))
        return sw_fail(req, SW_INVALID, NULL, "target user is not an agent");
    if (user->role == SW_ROLE_BUTLER)
        return sw_fail(req, SW_CONFLICT, NULL, "butler cannot be removed");
    if (user->role == SW_ROLE_ADMIN) {
        SW_TRY(store_other_admins(sw_tx_db(tx), r->id, &others));
        if (others == 0)
            return sw_fail(req, SW_CONFLICT, NULL, "the last admin cannot be removed");
    }
    return SW_OK;
}

static sw_status remove_and_reply(sw_tx *tx, void *arg)
{
    const removal *r = arg;
    sw_request *req = sw_tx_request(tx);
    sw_user user;

    sw_status found = store_by_id(sw_tx_db(tx), r->id, &user);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, r->agents_only ? "agent not found" : "user not found");
    SW_TRY(found);
    SW_TRY(may_remove(tx, r, &user));
    SW_TRY(mark_removed(tx, r->id));
    sw_tx_user_changed(tx, r->id, true);
    sw_user_event event = {
        .user_id = r->id,
        .username = user.name,
        .role = user.role,
        .at_ms = sw_tx_now(tx),
    };
    SW_TRY(sw_tx_publish(tx, SW_EVENT_USER_REMOVED, &event, sizeof event));
    sw_reply_empty(req, 204);
    return SW_OK;
}

static sw_status hand_removal(sw_request *req, bool agents_only)
{
    removal *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    r->id = sw_path_id(req, "id");
    r->agents_only = agents_only;
    SW_TRY(sw_check(req));
    return sw_write(req, remove_and_reply, r);
}

sw_status delete_user(sw_request *req)
{
    return hand_removal(req, false);
}

sw_status delete_agent(sw_request *req)
{
    return hand_removal(req, true);
}
