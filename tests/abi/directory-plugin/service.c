/* Service "auth/1": what a token means. The host keeps a good answer until something about the user changes, so this is
 * asked seldom: after a login, after a restart, after a change.
 *
 * A session that was checked lately, and every api token of an agent, is decided from the database. About an older
 * session the directory is asked, on the slow lane: so agents never wait for a directory that hangs. */
#include "directory.h"

#include <stdio.h>

static sw_status nobody(sw_status status)
{
    return status == SW_NOT_FOUND ? SW_UNAUTHENTICATED : status;
}

static void fill(sw_principal *ret, const sw_user *user, int64_t expires_ms)
{
    ret->role = user->role;
    ret->user_id = user->id;
    snprintf(ret->name, sizeof ret->name, "%s", user->name);
    ret->by_api_token = expires_ms == 0;
    ret->expires_ms = expires_ms;
}

/* SW_NOT_FOUND: not a session. SW_UNAUTHENTICATED: one whose user is gone or has changed since. */
static sw_status find(const directory *d, sw_db *db, const char *token, size_t len, session *ret, sw_user *ret_user)
{
    uint8_t hash[HASH_SIZE];

    token_hash(token, len, hash);
    SW_TRY(store_find(db, hash, sw_now_ms(), ret));
    ret_user->size = sizeof *ret_user;
    SW_TRY(nobody(d->users->by_id(d->users_self, db, ret->user_id, ret_user)));
    return ret_user->generation == ret->generation ? SW_OK : SW_UNAUTHENTICATED;
}

/* The timer checks every session once in `recheck`; so one that is twice as old has missed its turn. */
static bool checked_lately(const directory *d, const session *s)
{
    return sw_now_ms() - s->checked_ms <= 2 * sw_option_int(d->host, "recheck");
}

static sw_status authenticate(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    const directory *d = self;
    session s;
    sw_user user;

    sw_status found = find(d, db, token, len, &s, &user);
    if (found == SW_OK && !checked_lately(d, &s))
        return SW_OK; /* with role 0: ask() */
    if (found == SW_OK)
        fill(ret, &user, s.expires_ms);
    if (found != SW_NOT_FOUND)
        return found;
    user = (sw_user){.size = sizeof user};
    SW_TRY(nobody(d->users->by_api_token(d->users_self, db, token, len, &user)));
    fill(ret, &user, 0);
    return SW_OK;
}

static bool in_grace(const directory *d, const session *s)
{
    return sw_now_ms() - s->checked_ms <= sw_option_int(d->host, "grace");
}

/* Another role than the row's is left to the timer, which stores it: until then the session says nothing. */
static sw_status ask(void *self, sw_request *req, const char *token, size_t len, sw_principal *ret)
{
    directory *d = self;
    session s;
    sw_user user;
    person p;

    SW_TRY(nobody(find(d, sw_request_db(req), token, len, &s, &user)));
    switch (client_find(d, req, user.name, &p)) {
    case SW_OK:
        if (p.role != user.role)
            return SW_UNAUTHENTICATED;
        break;
    case SW_NOT_FOUND:
        return SW_UNAUTHENTICATED;
    default:
        if (!in_grace(d, &s))
            return SW_UNAVAILABLE;
    }
    fill(ret, &user, s.expires_ms);
    return SW_OK;
}

const sw_auth_service AUTH_SERVICE = {
    .size = sizeof AUTH_SERVICE,
    .authenticate = authenticate,
    .ask = ask,
};
