/* POST /api/auth/login: the directory checks the password on the slow lane, the session is opened on the writer. */
#include "directory.h"

#include <string.h>

enum { PASSWORD_MAX = 1024 };

static sw_status refuse(sw_request *req)
{
    directory *d = sw_request_state(req);

    atomic_fetch_add(&d->refusals, 1);
    return sw_fail(req, SW_UNAUTHENTICATED, "invalid_credentials", "invalid credentials");
}

static sw_status not_here(sw_request *req)
{
    return sw_fail(req, SW_FORBIDDEN, NULL, "your account may not use this server");
}

/* ---- write: on the writer ---- */

static void write_answer(sw_json *out, const char *token, const sw_user *user)
{
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "token", token);
    sw_json_object_begin(out, "user");
    sw_json_int(out, "id", user->id);
    sw_json_text(out, "username", user->name);
    sw_json_text(out, "role", sw_role_name(user->role));
    sw_json_text(out, "actor_type", "HUMAN");
    sw_json_time(out, "created_at", user->created_ms);
    sw_json_object_end(out);
    sw_json_object_end(out);
}

/* The row of the person is made here at the first login, and brought up to date at every later one. */
static sw_status open_session(sw_tx *tx, void *arg)
{
    directory *d = sw_tx_state(tx);
    const person *p = arg;
    sw_user user = {.size = sizeof user};
    uint8_t hash[HASH_SIZE];
    const char *token;

    sw_status provided = d->users->provide(d->users_self, tx, p->name, p->role, &user);
    if (provided == SW_CONFLICT ||
        provided == SW_INVALID) /* an agent's or Butler's name; or no name that a user can have */
        return not_here(sw_tx_request(tx));
    SW_TRY(provided);
    session s = {
        .user_id = user.id,
        .generation = user.generation,
        .expires_ms = sw_tx_now(tx) + sw_option_core_int(d->host, "auth.token_lifetime"),
        .checked_ms = sw_tx_now(tx),
    };
    SW_TRY(token_make(tx, &user, s.expires_ms, &token, hash));
    SW_TRY(store_open(tx, hash, &s));
    atomic_fetch_add(&d->logins, 1);
    write_answer(sw_tx_reply(tx, 200), token, &user);
    return SW_OK;
}

/* ---- check: on the slow lane ---- */

/* A text member that is not empty and holds no NUL; NULL else. */
static const char *text_of(const sw_value *body, const char *name)
{
    size_t len = 0;
    const char *text = sw_value_text(sw_value_get(body, name), &len);

    return text && len > 0 && strlen(text) == len ? text : NULL;
}

/* An empty password never gets to the directory: many take it for an anonymous bind, and say yes. */
sw_status post_login(sw_request *req)
{
    directory *d = sw_request_state(req);
    const char *name = text_of(sw_body(req), "username"), *password = text_of(sw_body(req), "password");
    person *p = sw_alloc(req, 1, sizeof *p);
    int retry_s = 1;

    if (!p)
        return SW_NO_MEMORY;
    if (!name || !password)
        return sw_fail(req, SW_INVALID, NULL, "invalid request body");
    if (strlen(name) > NAME_MAX_BYTES || strlen(password) > PASSWORD_MAX)
        return refuse(req);
    switch (client_bind(d, req, name, password, p, &retry_s)) {
    case SW_OK:
        return p->role ? sw_write(req, open_session, p) : not_here(req);
    case SW_UNAUTHENTICATED:
        return refuse(req);
    case SW_RATE_LIMITED:
        sw_fail_retry_after(req, retry_s);
        return sw_fail(req, SW_RATE_LIMITED, NULL, "too many login attempts, try again in %d s", retry_s);
    default: /* never 401: nobody has said that the password is wrong */
        return sw_fail(req, SW_UNAVAILABLE, NULL, "the directory cannot be reached now");
    }
}
