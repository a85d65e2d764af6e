/* What an operator of this machine may have the server do without a token.
 *
 * DATA/control is the door of the HTTP server by which commands of this machine reach it. Whoever is an operator gets
 * in and may call every route of it; all others are turned away. The one order so far, "user passwd", is looked up on a
 * worker, hashed on the hash lane, stored by the writer; the change belongs to its request all the way. The main thread
 * opens and closes the door. */
#include "core/admin/operator/operator.h"

#include "core/base/log.h"
#include "core/plugin/registry.h"

#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/service/users.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ORDERS_MAX = 4, HASH_MAX = 192 };

static sw_status post_user_passwd(sw_request *req);
static sw_status begin_task(sw_request *task);
static void ended(sw_request *task, sw_status status);

/* ---- the door ---- */

/* A route for each command: /NOUN/VERB, with its words in the body. */
static const sw_route ROUTES[] = {
    {.method = SW_POST, .path = "/user/passwd", .lane = SW_LANE_WORKER, .handle = post_user_passwd},
};

/* This is the one place that decides who is an operator: root, and the user that the server runs as. On loop 0. */
static bool is_operator(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static const http_door DOOR = {
    .routes = ROUTES,
    .route_count = sizeof ROUTES / sizeof *ROUTES,
    .connections = ORDERS_MAX,
    .admits = is_operator,
    .crowded = "the server has too many orders at once: try again",
    .refused = "the server takes orders from root and from its own user alone",
};

/* 0600 from the first moment: the socket's own mode is what bind() gives the file. */
static bool bind_private(int folder, int fd, const struct sockaddr_un *at)
{
    (void)unlinkat(folder, "control", 0);
    return fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)at, sizeof *at) == 0 &&
           evutil_make_socket_nonblocking(fd) == 0;
}

bool operator_door_open(http_server *http, runtime *rt, char *error, size_t error_size)
{
    struct sockaddr_un at;
    int folder = -1;
    int fd = operator_socket(rt->data_dir, &at, &folder);
    bool bound = fd >= 0 && bind_private(folder, fd, &at);
    int why = errno;
    if (folder >= 0)
        close(folder);
    if (bound)
        return http_open_door(http, &DOOR, rt->modules[0], fd, error, error_size);
    if (fd >= 0)
        close(fd);
    snprintf(error, error_size, "%s/control: %s", rt->data_dir, strerror(why));
    return false;
}

void operator_door_close(const runtime *rt)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/control", rt->data_dir);
    if (len > 0 && (size_t)len < sizeof path)
        (void)unlink(path);
}

/* An address has room for 107 bytes, and data folders of tests and containers are longer: so by the open folder. */
int operator_socket(const char *data_dir, struct sockaddr_un *ret, int *ret_folder)
{
    int folder = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        int why = errno;
        close(folder);
        errno = why;
        return -1;
    }
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/control", folder);
    *ret_folder = folder;
    return fd;
}

/* ---- the order "user passwd" ---- */

/* From the order to its end; belongs to the request that works at it. */
typedef struct {
    const sw_users_service *users;
    void *self;
    int64_t id;
    bool first_admin;
    char by[OPERATOR_BY_MAX]; /* for the log */
    char name[OPERATOR_NAME_MAX], password[OPERATOR_PASSWORD_MAX], hash[HASH_MAX];
    void (*finish)(sw_request *req, sw_status status); /* of the request, when the change is done */
    operator_done done;                                /* of a task */
    void *arg;
} change;

static sw_status begin(sw_request *req, change *c);

/* POST /user/passwd {"name","password","by"}: gives a human another password, by the rules of the plugin that keeps the
 * users. Every token from before is void, and the first admin's initial password is forgotten. 204. */
static sw_status post_user_passwd(sw_request *req)
{
    change *c = sw_alloc(req, 1, sizeof *c);
    const char *name = sw_body_text(req, "name", 0, OPERATOR_NAME_MAX - 1);
    const char *password = sw_body_text(req, "password", 0, OPERATOR_PASSWORD_MAX - 1);
    const char *by = sw_body_text_or(req, "by", OPERATOR_BY_MAX - 1, "an operator of this machine");
    SW_TRY(sw_check(req));
    if (!c)
        return SW_NO_MEMORY;
    *c = (change){0};
    snprintf(c->by, sizeof c->by, "%s", by);
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->password, sizeof c->password, "%s", password);
    return begin(req, c);
}

/* In the place of the server. */
bool operator_set_password(runtime *rt, const char *name, const char *password, operator_done done, void *arg)
{
    change *c = calloc(1, sizeof *c);
    sw_request *task = c ? task_new(rt, rt->modules[0], begin_task, 0) : NULL;
    if (task && strlen(name) < sizeof c->name && strlen(password) < sizeof c->password) {
        snprintf(c->name, sizeof c->name, "%s", name);
        snprintf(c->password, sizeof c->password, "%s", password);
        c->done = done;
        c->arg = arg;
        task->owner = c;
        task->finish = ended;
        task->work_name = "user passwd";
        if (request_submit(rt, task, SW_LANE_WORKER, begin_task))
            return true;
    }
    if (c)
        crypto_wipe(c, sizeof *c);
    free(c);
    if (task)
        task_free(task);
    return false;
}

static sw_status begin_task(sw_request *task)
{
    return begin(task, task->owner);
}

static void ended(sw_request *task, sw_status status)
{
    change *c = task->owner;
    c->done(c->arg, status, status == SW_OK ? "" : task->failure.text);
    crypto_wipe(c, sizeof *c);
    free(c);
    task_free(task);
}

/* ---- what is left to do after the commit ---- */

static sw_status forget_initial(sw_request *req)
{
    sw_initial_admin_used(req->host);
    return SW_OK;
}

/* sw_request.finish, until the change is committed or has failed. */
static void concluded(sw_request *req, sw_status status)
{
    change *c = req->kept;
    bool forget = status == SW_OK && c->first_admin;
    if (status == SW_OK)
        log_info("operator", "the password of %s (user %lld) was changed by %s", c->name, (long long)c->id,
                 *c->by ? c->by : "an operator of this machine");
    crypto_wipe(c->password, sizeof c->password);
    crypto_wipe(c->hash, sizeof c->hash);
    req->finish = c->finish;
    if (forget && request_submit(req->host->rt, req, SW_LANE_WORKER, forget_initial))
        return; /* removes a file: not here, on the writer */
    req->finish(req, status);
}

/* ---- the change: worker, hash lane, writer ---- */

static sw_status store_hash(sw_tx *tx, void *arg)
{
    const change *c = arg;
    SW_TRY(c->users->change_password(c->self, tx, c->id, c->hash));
    sw_reply_empty(sw_tx_request(tx), 204);
    return SW_OK;
}

static sw_status hash(sw_request *req)
{
    change *c = req->kept;
    SW_TRY(sw_password_hash(req->host, c->password, c->hash, sizeof c->hash));
    return sw_write(req, store_hash, c);
}

static sw_status find_service(sw_request *req, change *c)
{
    const void *table = NULL;
    const sw_host *provider = registry_service(req->host->rt->registry, "users/1", &table);
    if (!provider || provider->status != MODULE_ENABLED)
        return sw_fail(req, SW_UNAVAILABLE, NULL, "the plugin that keeps the users does not run");
    c->users = table;
    c->self = provider->state;
    if (!SW_HAS(c->users, change_password) || !c->users->change_password)
        return sw_fail(req, SW_UNSUPPORTED, NULL, "plugin %s keeps the users, and no passwords", provider->name);
    return SW_OK;
}

static sw_status look_up(sw_request *req)
{
    change *c = req->kept;
    sw_user user = {.size = sizeof user}, first = {.size = sizeof first};
    const char *why = "";
    SW_TRY(find_service(req, c));
    sw_status found = c->users->by_name(c->self, req->db, c->name, &user);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "there is no user named %s", c->name);
    SW_TRY(found);
    if (!(SW_ROLE_BIT(user.role) & SW_ROLES_HUMAN))
        return sw_fail(req, SW_CONFLICT, NULL, "%s has the role %s: it signs in with an api token, not with a password",
                       user.name, sw_role_name(user.role));
    if (c->users->password_allowed(c->self, c->password, &why) != SW_OK)
        return sw_fail(req, SW_INVALID, NULL, "%s", why);
    c->id = user.id;
    c->first_admin = c->users->first_admin(c->self, req->db, &first) == SW_OK && first.id == user.id;
    return sw_move(req, SW_LANE_HASH, hash);
}

/* Takes the outcome of a request in its own hands. */
static sw_status begin(sw_request *req, change *c)
{
    c->finish = req->finish;
    req->finish = concluded;
    req->kept = c;
    return look_up(req);
}
