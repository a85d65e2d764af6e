/* deep: calls what ABI 1.0 has for the host itself: options, digests, seals, passwords, services, work of its own. Valid C11
 * and C++20. No example: each route calls all that belongs together and shows what came of it. */
#include <steward/plugin.h>
#include <steward/service/users.h>
#include <stdlib.h>
#include <string.h>

/* Made by start(); the numbers are changed by many threads. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    int64_t prepared, later, timed, swept, switched, reconfigured;
} deep;

static void count(int64_t *number)
{
    __atomic_add_fetch(number, 1, __ATOMIC_RELAXED);
}

static int64_t counted(const int64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

/* ---- options ---- */

static const sw_option OPTIONS[] = {
    { .name = "text", .type = SW_OPTION_STRING, .default_value = "t", .max = 8, .summary = "A text.", .flags = SW_OPTION_LIVE },
    { .name = "number", .type = SW_OPTION_INT, .default_value = "7", .min = 1, .max = 9, .summary = "A number." },
    { .name = "switch", .type = SW_OPTION_BOOL, .default_value = "yes", .summary = "A switch." },
    { .name = "time", .type = SW_OPTION_DURATION, .default_value = "2s", .summary = "A time." },
    { .name = "bytes", .type = SW_OPTION_SIZE, .default_value = "4K", .summary = "A size." },
    { .name = "list", .type = SW_OPTION_LIST, .default_value = "a, b", .summary = "A list." },
    { .name = "secret", .type = SW_OPTION_SECRET, .default_value = "", .summary = "A secret." },
    { .name = "choice", .type = SW_OPTION_ENUM, .default_value = "red", .choices = "red|green", .summary = "A choice.",
      .flags = SW_OPTION_LENIENT, .env = "DEEP_CHOICE" },
};

static sw_status get_options(sw_request *req)
{
    const sw_host *host = sw_request_host(req);
    sw_json *out = sw_reply_json(req, 200);

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "text", sw_option_text(host, "text"));
    sw_json_int(out, "number", sw_option_int(host, "number"));
    sw_json_bool(out, "switch", sw_option_bool(host, "switch"));
    sw_json_int(out, "time", sw_option_int(host, "time"));
    sw_json_int(out, "bytes", sw_option_int(host, "bytes"));
    sw_json_bool(out, "has_b", sw_option_has(host, "list", "b"));
    sw_json_text(out, "second", sw_option_item(host, "list", 1));
    sw_json_bool(out, "third", sw_option_item(host, "list", 2) != NULL);
    sw_json_int(out, "secret", (int64_t)strlen(sw_option_text(host, "secret")));
    sw_json_text(out, "choice", sw_option_text(host, "choice"));
    sw_json_text(out, "env", sw_option_core(host, "server.env"));
    sw_json_int(out, "loops", sw_option_core_int(host, "server.loops"));
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- the host ---- */

static sw_status get_host(sw_request *req)
{
    sw_host *host = sw_request_host(req);
    char uuid[37], time[25], password[33] = "";
    int64_t before = sw_monotonic_ms();

    SW_TRY(sw_uuid(uuid));
    sw_time_format(sw_now_ms(), time);
    sw_log(host, SW_LOG_WARN, "deep was asked at %s", time);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "env", sw_host_env(host));
    sw_json_text(out, "data_dir", sw_host_data_dir(host));
    sw_json_text(out, "version", sw_host_version(host));
    sw_json_bool(out, "state", sw_host_state(host) == sw_request_state(req));
    sw_json_text(out, "uuid", uuid);
    sw_json_text(out, "time", time);
    sw_json_bool(out, "forward", sw_monotonic_ms() >= before);
    /* Only the plugin that provides users gets to know the first admin. */
    sw_json_text(out, "admin", sw_initial_admin_user(host));
    sw_json_text(out, "pass", sw_initial_admin_pass(host));
    sw_json_int(out, "generated", sw_initial_admin_generate(host, password));
    sw_initial_admin_used(host);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status get_digests(sw_request *req)
{
    sw_host *host = sw_request_host(req);
    uint8_t sum[32], mac[32], keyed[32], again[32], noise[16], sealed[5 + 28];
    char hex[65], hmac[65], url[45], plain[6] = "";

    sw_sha256("steward", 7, sum);
    sw_hex(sum, sizeof sum, hex);
    sw_base64url(sum, sizeof sum, url);
    SW_TRY(sw_hmac_sha256("key", 3, "steward", 7, mac));
    sw_hex(mac, sizeof mac, hmac);
    SW_TRY(sw_random(noise, sizeof noise));
    SW_TRY(sw_keyed_hash(host, "one", noise, sizeof noise, keyed));
    SW_TRY(sw_keyed_hash(host, "one", noise, sizeof noise, again));
    SW_TRY(sw_seal(host, "two", "plain", 5, sealed));
    SW_TRY(sw_unseal(host, "two", sealed, sizeof sealed, (uint8_t *)plain));
    sw_status other = sw_unseal(host, "three", sealed, sizeof sealed, sum);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "sha256", hex);
    sw_json_text(out, "base64url", url);
    sw_json_text(out, "hmac", hmac);
    sw_json_bool(out, "keyed", sw_equal_secret(keyed, again, sizeof keyed));
    sw_json_text(out, "plain", plain);
    sw_json_bool(out, "refused", other == SW_INVALID);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status get_password(sw_request *req)
{
    sw_host *host = sw_request_host(req);
    char hash[192], little[8];
    bool weak = true;

    SW_TRY(sw_password_hash(host, "open sesame", hash, sizeof hash));
    bool right = sw_password_verify(host, "open sesame", hash, &weak);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "right", right && !weak);
    sw_json_bool(out, "wrong", sw_password_verify(host, "close sesame", hash, NULL));
    sw_json_bool(out, "nobody", sw_password_verify(host, "open sesame", NULL, NULL));
    sw_json_bool(out, "too_little", sw_password_hash(host, "open sesame", little, sizeof little) == SW_TOO_LARGE);
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- services ---- */

typedef struct {
    uint32_t size;
    int64_t (*double_of)(void *self, int64_t number);
} deep_service;

static int64_t double_of(void *self, int64_t number)
{
    (void)self;
    return 2 * number;
}

static const deep_service SERVICE = { .size = sizeof SERVICE, .double_of = double_of };

static bool first_only(void *arg, const sw_user *user)
{
    *(int64_t *)arg = user->id;
    return false;
}

static sw_status get_services(sw_request *req)
{
    const deep *d = (const deep *)sw_request_state(req);
    sw_db *db = sw_request_db(req);
    int64_t first = 0;
    void *self = NULL;
    sw_user user = { .size = sizeof user }, unsized = { .size = 0 };

    SW_TRY(d->users->by_id(d->users_self, db, sw_request_principal(req)->user_id, &user));
    SW_TRY(d->users->each_admin(d->users_self, db, first_only, &first));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "name", user.name);
    sw_json_bool(out, "grown", SW_HAS(d->users, provide));
    sw_json_bool(out, "first", first == user.id);
    sw_json_bool(out, "unsized", d->users->by_id(d->users_self, db, user.id, &unsized) == SW_INTERNAL);
    d->users->write(d->users_self, d->host, out, "user", &user, false);
    sw_json_bool(out, "absent", sw_service(d->host, "absent/1", &self) == NULL);
    sw_json_bool(out, "undeclared", sw_service(d->host, "auth/1", NULL) == NULL);
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- work of its own ---- */

static sw_status later_step(sw_tx *tx, void *arg)
{
    (void)tx;
    count(&((deep *)arg)->later);
    return SW_OK;
}

static void later_done(void *arg, sw_status outcome)
{
    if (outcome == SW_OK)
        count(&((deep *)arg)->later);
}

static sw_status timed(sw_request *req)
{
    count(&((deep *)sw_request_state(req))->timed);
    return SW_OK;
}

static sw_status sweep(sw_tx *tx, bool *ret_more)
{
    *ret_more = false;
    if (!sw_tx_request(tx))
        count(&((deep *)sw_tx_state(tx))->swept);
    return SW_OK;
}

static sw_status prepare(sw_tx *tx)
{
    count(&((deep *)sw_tx_state(tx))->prepared);
    return SW_OK;
}

static void reconfigure(sw_host *host, void *state)
{
    (void)host;
    count(&((deep *)state)->reconfigured);
}

static void switched(sw_host *host, void *state, bool enabled)
{
    (void)host;
    if (!enabled)
        count(&((deep *)state)->switched);
}

static bool health(sw_request *req, sw_json *out)
{
    sw_json_int(out, "timed", counted(&((deep *)sw_request_state(req))->timed));
    return true;
}

static sw_status get_counts(sw_request *req)
{
    const deep *d = (const deep *)sw_request_state(req);
    sw_json *out = sw_reply_json(req, 200);

    sw_json_object_begin(out, NULL);
    sw_json_int(out, "prepared", counted(&d->prepared));
    sw_json_int(out, "later", counted(&d->later));
    sw_json_int(out, "timed", counted(&d->timed));
    sw_json_int(out, "swept", counted(&d->swept));
    sw_json_int(out, "switched", counted(&d->switched));
    sw_json_int(out, "reconfigured", counted(&d->reconfigured));
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status start(sw_host *host, void **ret_state)
{
    deep *d = (deep *)calloc(1, sizeof *d);

    if (!d)
        return SW_NO_MEMORY;
    *ret_state = d;
    d->host = host;
    d->users = (const sw_users_service *)sw_service(host, "users/1", &d->users_self);
    return d->users && sw_write_later(host, later_step, d, later_done) ? SW_OK : SW_UNAVAILABLE;
}

/* ---- what the plugin declares ---- */

#define ROUTE(where, on, fn) \
    { .method = SW_GET, .path = where, .access = SW_ADMIN, .lane = on, .handle = fn, .summary = "One of deep's." }

static const sw_route ROUTES[] = {
    ROUTE("/api/deep/options", SW_LANE_WORKER, get_options),
    ROUTE("/api/deep/host", SW_LANE_WORKER, get_host),
    ROUTE("/api/deep/digests", SW_LANE_WORKER, get_digests),
    ROUTE("/api/deep/password", SW_LANE_HASH, get_password),
    ROUTE("/api/deep/services", SW_LANE_WORKER, get_services),
    ROUTE("/api/deep/counts", SW_LANE_LOOP, get_counts),
};
static const sw_housekeeping HOUSEKEEPING[] = { { .name = "sweep", .every_ms = 50, .step = sweep } };
static const sw_timer TIMERS[] = { { .name = "timed", .every_ms = 50, .run = timed } };
static const sw_provided PROVIDES[] = { { .name = "deep/1", .table = &SERVICE } };
static const sw_need NEEDS[] = { { .name = "users/1", .optional = false }, { .name = "absent/1", .optional = true } };

const sw_plugin sw_plugin_v1 = {
    .magic = SW_PLUGIN_MAGIC, .abi_major = SW_ABI_MAJOR, .abi_minor = SW_ABI_MINOR, .size = sizeof(sw_plugin),
    .name = "deep", .version = "1.0.0", .license = "MIT", .summary = "Calls what there is for the host.",
    .options = SW_TABLE(OPTIONS), .routes = SW_TABLE(ROUTES), .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS), .provides = SW_TABLE(PROVIDES), .needs = SW_TABLE(NEEDS), .health = health, .start = start,
    .prepare = prepare, .reconfigure = reconfigure, .stop = free, .switched = switched,
};
