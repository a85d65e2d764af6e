/* The order "user passwd": looked up on a worker, hashed on the hash lane, stored by the writer. The change belongs to
 * its request all the way. */
#include "core/admin/operator/operator.h"

#include "core/base/log.h"
#include "core/plugin/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <steward/service/users.h>
#include <string.h>

enum { HASH_MAX = 192 };

/* From the order to its end; belongs to the request that works at it. */
typedef struct {
    const sw_users_service *users;
    void *self;
    int64_t id;
    bool first_admin;
    char name[OPERATOR_NAME_MAX], password[OPERATOR_PASSWORD_MAX], hash[HASH_MAX];
    void (*finish)(sw_request *req, sw_status status); /* of the request, when the change is done */
    operator_done done;                                /* of a task */
    void *arg;
} change;

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
        log_info("operator", "an operator of this machine has changed the password of user %lld", (long long)c->id);
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

/* ---- by the door ---- */

sw_status post_user_passwd(sw_request *req)
{
    change *c = sw_alloc(req, 1, sizeof *c);
    const char *name = sw_body_text(req, "name", 0, OPERATOR_NAME_MAX - 1);
    const char *password = sw_body_text(req, "password", 0, OPERATOR_PASSWORD_MAX - 1);
    SW_TRY(sw_check(req));
    if (!c)
        return SW_NO_MEMORY;
    *c = (change){0};
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->password, sizeof c->password, "%s", password);
    return begin(req, c);
}

/* ---- in the place of the server ---- */

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
