/* POST /api/auth/login. A worker reads the body and asks the limiter, the hash lane verifies the password, and the
 * writer stores a better hash where there is one.
 *
 * The work is the same for every name: when there is no password, a dummy hash is verified. */
#include "../auth.h"

#include <arpa/inet.h>
#include <string.h>

enum { BCRYPT_MAX = 72, PASSWORD_MAX = 128, ADMIN_ID = 1 };

typedef struct {
    const char *username, *password;
    login_try who;
    sw_user user; /* id 0 when nobody of that name has a password */
    const char *token;
    char better[192]; /* the hash by today's method and cost */
} attempt;

static sw_status admit(sw_request *req);

/* ---- the answer ---- */

static void write_answer(sw_json *out, const attempt *a)
{
    bool human = (SW_ROLE_BIT(a->user.role) & SW_ROLES_HUMAN) != 0;

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "token", a->token);
    sw_json_object_begin(out, "user");
    sw_json_int(out, "id", a->user.id);
    sw_json_text(out, "username", a->user.name);
    sw_json_text(out, "role", sw_role_name(a->user.role));
    sw_json_text(out, "actor_type", human ? "HUMAN" : "SYSTEM");
    sw_json_time(out, "created_at", a->user.created_ms);
    sw_json_object_end(out);
    sw_json_object_end(out);
}

static sw_status rehash_and_reply(sw_tx *tx, void *arg)
{
    const auth_state *state = sw_tx_state(tx);
    const attempt *a = arg;

    SW_TRY(state->users->set_password_hash(state->users_self, tx, a->user.id, a->user.password_hash, a->better));
    write_answer(sw_tx_reply(tx, 200), a);
    return SW_OK;
}

/* ---- the keys under which an attempt is counted. They are digests, so that neither the length nor the content of what
 * was typed matters ---- */

enum { KIND_ADDRESS = 'a', KIND_USER = 'u', KIND_NAME = 'n', LABEL_SIZE = 128, NAME_MAX_BYTES = 64 };

/* The bytes of an IPv4 address (also of one inside IPv6), or of the /64 of an IPv6 address, since one customer usually
 * has a whole /64. Returns their number. */
static size_t address_bytes(const char *address, uint8_t out[LABEL_SIZE])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    uint8_t v6[16];

    if (inet_pton(AF_INET, address, out) == 1)
        return 4;
    if (inet_pton(AF_INET6, address, v6) == 1) {
        bool is_v4 = memcmp(v6, mapped, sizeof mapped) == 0;
        memcpy(out, is_v4 ? v6 + 12 : v6, is_v4 ? 4 : 8);
        return is_v4 ? 4 : 8;
    }
    size_t len = strnlen(address, LABEL_SIZE);
    memcpy(out, address, len);
    return len;
}

static void digest(uint8_t kind, const uint8_t *address, size_t address_len, const char *name, size_t name_len,
                   uint8_t out[LOGIN_KEY_SIZE])
{
    uint8_t text[2 + LABEL_SIZE + NAME_MAX_BYTES + 1], hash[32];

    text[0] = kind;
    text[1] = (uint8_t)address_len;
    memcpy(text + 2, address, address_len);
    for (size_t i = 0; i < name_len; i++) {
        char c = name[i];
        text[2 + address_len + i] = (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    sw_sha256(text, 2 + address_len + name_len, hash);
    memcpy(out, hash, LOGIN_KEY_SIZE);
}

/* Of the address alone; `username` NULL: that is all. */
static void read_keys(const char *username, const char *address, login_try *ret)
{
    uint8_t bytes[LABEL_SIZE];
    size_t len = address_bytes(address, bytes);

    digest(KIND_ADDRESS, bytes, len, "", 0, ret->address);
    if (!username)
        return;
    /* One byte more than the longest name. No user has a longer one, so that all of those may count as the same. */
    size_t name_len = strnlen(username, NAME_MAX_BYTES + 1);
    digest(KIND_USER, bytes, len, username, name_len, ret->pair);
    digest(KIND_NAME, bytes, 0, username, name_len, ret->name);
}

/* ---- the limiter ---- */

/* Lets in whose turn it is, and passes over those whose clients are gone. */
static void wake(const auth_state *state)
{
    login_turn turn;

    while (limiter_turn(state->limiter, sw_monotonic_ms(), &turn))
        if (!sw_complete(state->host, turn.handle))
            limiter_pass(state->limiter, &turn, sw_monotonic_ms());
}

static void leave(const auth_state *state, const attempt *a, login_outcome outcome)
{
    limiter_leave(state->limiter, &a->who, outcome, sw_monotonic_ms());
    wake(state);
}

static sw_status fail_for(sw_request *req, int retry_s)
{
    sw_fail_retry_after(req, retry_s);
    return sw_fail(req, SW_RATE_LIMITED, NULL, "too many login attempts, try again in %d s", retry_s);
}

static sw_status refused(sw_request *req, login_answer answer, int retry_s)
{
    auth_state *state = sw_request_state(req);

    atomic_fetch_add(&state->refusals, 1);
    wake(state);
    return answer == LOGIN_BUSY ? SW_BUSY : fail_for(req, retry_s);
}

static sw_status come_back(sw_request *req)
{
    attempt *a = sw_request_kept(req);

    a->who.promised = true;
    return admit(req);
}

static sw_status wait_in_line(sw_request *req, const attempt *a)
{
    const auth_state *state = sw_request_state(req);
    int timeout_ms = (int)sw_option_int(state->host, "wait_timeout");
    login_turn turn = {.who = a->who}; /* a copy: once it is parked, another thread may have the request */

    turn.handle = sw_defer(req, SW_LANE_WORKER, come_back, timeout_ms);
    if (!turn.handle)
        return SW_BUSY;
    if (!limiter_park(state->limiter, &turn.who, turn.handle, sw_monotonic_ms()) &&
        !sw_complete(state->host, turn.handle))
        limiter_pass(state->limiter, &turn, sw_monotonic_ms());
    wake(state);
    return sw_deferred(req);
}

/* ---- the password ---- */

/* No hash is made of a password that bcrypt would not read in full. */
static bool may_rehash(const auth_state *state, const attempt *a)
{
    const char *method = sw_option_core(state->host, "auth.password_method");

    return strlen(a->password) <= BCRYPT_MAX || (method && strcmp(method, "bcrypt") != 0);
}

static void note_first_login(auth_state *state, const attempt *a)
{
    if (a->user.id == ADMIN_ID && !atomic_exchange(&state->first_login, true))
        sw_initial_admin_used(state->host);
}

static sw_status verify(sw_request *req) /* hash lane */
{
    auth_state *state = sw_request_state(req);
    attempt *a = sw_request_kept(req);
    bool weak = false;
    bool right = sw_password_verify(state->host, a->password, a->user.id ? a->user.password_hash : NULL, &weak);

    leave(state, a, right ? LOGIN_PASSED : LOGIN_FAILED);
    if (!right) {
        atomic_fetch_add(&state->failures, 1);
        return sw_fail(req, SW_UNAUTHENTICATED, "invalid_credentials", "invalid credentials");
    }
    note_first_login(state, a);
    SW_TRY(jwt_make(state, req, &a->user, &a->token));
    if (weak && may_rehash(state, a)) {
        SW_TRY(sw_password_hash(state->host, a->password, a->better, sizeof a->better));
        return sw_write(req, rehash_and_reply, a);
    }
    write_answer(sw_reply_json(req, 200), a);
    return SW_OK;
}

/* Finds the user whose password is verified; the id stays 0 when there is none. A password that is longer than any that
 * was ever hashed matches nobody, although bcrypt would take its first 72 bytes for all of it. */
static sw_status look_up(sw_request *req, attempt *a)
{
    const auth_state *state = sw_request_state(req);
    size_t len = strlen(a->password);
    sw_user user = {.size = sizeof user};

    sw_status found = state->users->by_name(state->users_self, sw_request_db(req), a->username, &user);
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    bool known = found == SW_OK && (SW_ROLE_BIT(user.role) & SW_ROLES_HUMAN) && *user.password_hash;
    if (known && len <= (strncmp(user.password_hash, "$2", 2) == 0 ? BCRYPT_MAX : PASSWORD_MAX)) {
        a->user = user;
        return SW_OK;
    }
    if (len > BCRYPT_MAX)
        a->password = sw_strndup(req, a->password, BCRYPT_MAX);
    return a->password ? SW_OK : SW_NO_MEMORY;
}

static sw_status admit(sw_request *req) /* worker */
{
    auth_state *state = sw_request_state(req);
    attempt *a = sw_request_kept(req);
    int retry_s = 1;

    login_answer answer = limiter_enter(state->limiter, &a->who, sw_monotonic_ms(), &retry_s);
    if (answer == LOGIN_REFUSED || answer == LOGIN_BUSY)
        return refused(req, answer, retry_s);
    if (answer == LOGIN_WAIT)
        return wait_in_line(req, a);
    sw_status status = look_up(req, a);
    if (status == SW_OK)
        status = sw_move(req, SW_LANE_HASH, verify);
    if (status != SW_OK)
        leave(state, a, LOGIN_UNTRIED);
    return status;
}

/* ---- the request ---- */

/* The text of that member; NULL when it is missing, is not a text, is empty or holds a NUL. */
static const char *credential(const sw_value *body, const char *name)
{
    const char *text = sw_value_text(sw_value_get(body, name), NULL);

    return text && *text ? text : NULL;
}

/* Guessing costs a failure, whatever is sent. */
static sw_status not_a_login(sw_request *req, const attempt *a)
{
    auth_state *state = sw_request_state(req);
    int retry_s = limiter_wrong(state->limiter, a->who.address, sw_monotonic_ms());

    if (retry_s == 0)
        return sw_fail(req, SW_INVALID, NULL, "invalid request body");
    atomic_fetch_add(&state->refusals, 1);
    return fail_for(req, retry_s);
}

sw_status post_login(sw_request *req)
{
    const sw_value *body = sw_body(req);
    bool object = sw_value_type(body) == SW_JSON_OBJECT;
    attempt *a = sw_alloc(req, 1, sizeof *a);

    if (!a)
        return SW_NO_MEMORY;
    sw_reply_header(req, "Cache-Control", "no-store");
    a->username = object ? credential(body, "username") : NULL;
    a->password = object ? credential(body, "password") : NULL;
    bool complete = a->username && a->password;
    read_keys(complete ? a->username : NULL, sw_request_address(req), &a->who);
    if (!complete)
        return not_a_login(req, a);
    sw_request_keep(req, a);
    return admit(req);
}
