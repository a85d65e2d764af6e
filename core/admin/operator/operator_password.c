#include "core/admin/operator/operator_password.h"

#include "core/base/log.h"
#include "core/plugin/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <steward/service/users.h>
#include <string.h>

enum { HASH_MAX = 192 };

/* From the order to its end; belongs to the task that works at it. */
typedef struct {
    const sw_users_service *users;
    void *self;
    int64_t id;
    bool first_admin;
    char name[OPERATOR_NAME_MAX], password[OPERATOR_PASSWORD_MAX], hash[HASH_MAX];
    operator_done done;
    void *arg;
} change;

static void conclude(change *c, sw_status status, const char *text)
{
    c->done(c->arg, status, text);
    crypto_wipe(c, sizeof *c);
    free(c);
}

/* ---- what is left to do after the commit ---- */

static sw_status forget_initial(sw_request *req)
{
    sw_initial_admin_used(req->host);
    return SW_OK;
}

static void forgotten(sw_request *task, sw_status status)
{
    change *c = task->owner;
    (void)status;
    task_free(task);
    conclude(c, SW_OK, "");
}

static bool submit(runtime *rt, change *c, sw_handler handler, void (*finish)(sw_request *req, sw_status status))
{
    sw_request *task = task_new(rt, rt->modules[0], handler, 0);
    if (!task)
        return false;
    task->owner = task->kept = c;
    task->finish = finish;
    task->work_name = "user passwd";
    request_count(task);
    if (request_submit(rt, task, SW_LANE_WORKER, handler))
        return true;
    atomic_fetch_sub_explicit(&task->host->in_flight, 1, memory_order_release);
    task_free(task);
    return false;
}

static void ended(sw_request *task, sw_status status)
{
    change *c = task->owner;
    runtime *rt = task->host->rt;
    char text[OPERATOR_TEXT_MAX] = "";
    if (status != SW_OK)
        snprintf(text, sizeof text, "%s", task->failure.text);
    task_free(task);
    if (status == SW_OK)
        log_info("operator", "an operator of this machine has changed the password of user %lld", (long long)c->id);
    if (status == SW_OK && c->first_admin && submit(rt, c, forget_initial, forgotten))
        return; /* removes a file: not here, on the writer */
    conclude(c, status, text);
}

/* ---- the change: worker, hash lane, writer ---- */

static sw_status store_hash(sw_tx *tx, void *arg)
{
    const change *c = arg;
    return c->users->change_password(c->self, tx, c->id, c->hash);
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

bool operator_set_password(runtime *rt, const char *name, const char *password, operator_done done, void *arg)
{
    change *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->done = done;
    c->arg = arg;
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->password, sizeof c->password, "%s", password);
    if (strlen(name) < sizeof c->name && strlen(password) < sizeof c->password && submit(rt, c, look_up, ended))
        return true;
    crypto_wipe(c, sizeof *c);
    free(c);
    return false;
}
