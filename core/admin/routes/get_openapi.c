/* GET /api/openapi.json: OpenAPI 3.1 of the routes that are loaded, made from their rows. */
#include "core/admin/admin.h"
#include "core/base/json_scan.h"
#include "core/http/request_check.h"
#include "core/plugin/loader.h"
#include "core/plugin/registry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_MAX = 1024, OPENAPI_PATH_MAX = 256 };

typedef struct {
    const sw_host *owner;
    const sw_route *route;
} entry;

typedef struct {
    entry entries[ROUTES_MAX];
    size_t count;
} listing;

static void collect(void *arg, const sw_host *owner, const sw_route *route)
{
    listing *all = arg;
    if (owner->status == MODULE_ENABLED && all->count < ROUTES_MAX)
        all->entries[all->count++] = (entry){owner, route};
}

/* By path, so that the methods of one stand together. */
static int by_path(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->route->path, y->route->path);
    return order ? order : (int)x->route->method - (int)y->route->method;
}

/* "/api/users/:id" → "/api/users/{id}" */
static void write_path(const char *path, char out[OPENAPI_PATH_MAX])
{
    size_t n = 0;
    while (*path && n + 3 < OPENAPI_PATH_MAX) {
        size_t len = strcspn(path + 1, "/") + 1; /* with its slash */
        bool named = path[0] == '/' && path[1] == ':';
        if (n + len + 2 >= OPENAPI_PATH_MAX)
            break;
        if (named) {
            out[n++] = '/';
            out[n++] = '{';
            memcpy(out + n, path + 2, len - 2);
            n += len - 2;
            out[n++] = '}';
        } else {
            memcpy(out + n, path, len);
            n += len;
        }
        path += len;
    }
    out[n] = '\0';
}

static void write_parameters(sw_json *j, const char *path)
{
    if (!strstr(path, "/:"))
        return;
    sw_json_array_begin(j, "parameters");
    for (const char *at = path; (at = strstr(at, "/:")); at += 2) {
        size_t len = strcspn(at + 2, "/");
        bool id = (len == 2 && memcmp(at + 2, "id", 2) == 0) || (len > 3 && memcmp(at + 2 + len - 3, "_id", 3) == 0);
        sw_json_object_begin(j, NULL);
        sw_json_textn(j, "name", at + 2, len);
        sw_json_text(j, "in", "path");
        sw_json_bool(j, "required", true);
        sw_json_object_begin(j, "schema");
        sw_json_text(j, "type", id ? "integer" : "string");
        sw_json_object_end(j);
        sw_json_object_end(j);
    }
    sw_json_array_end(j);
}

/* "content": { "application/json": { "example": … } } */
static void write_content(sw_json *j, const char *example)
{
    size_t len = strlen(example);
    sw_json_object_begin(j, "content");
    sw_json_object_begin(j, "application/json");
    if (json_valid(example, len))
        sw_json_raw(j, "example", example, len);
    sw_json_object_end(j);
    sw_json_object_end(j);
}

static void write_responses(sw_json *j, const sw_route *r)
{
    sw_json_object_begin(j, "responses");
    sw_json_object_begin(j, "2XX");
    sw_json_text(j, "description", "Done.");
    if (r->response)
        write_content(j, r->response);
    sw_json_object_end(j);
    sw_json_object_begin(j, "default");
    sw_json_text(j, "$ref", "#/components/responses/Failure");
    sw_json_object_end(j);
    sw_json_object_end(j);
}

static void write_security(sw_json *j, sw_access access)
{
    sw_json_array_begin(j, "security");
    if (access != SW_PUBLIC) {
        sw_json_object_begin(j, NULL);
        sw_json_array_begin(j, "bearer");
        sw_json_array_end(j);
        sw_json_object_end(j);
    }
    sw_json_array_end(j);
}

static void write_operation(sw_json *j, const entry *e)
{
    const sw_route *r = e->route;
    char method[8];
    snprintf(method, sizeof method, "%s", http_method_name(r->method));
    for (char *c = method; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    sw_json_object_begin(j, method);
    sw_json_text_opt(j, "summary", r->summary);
    sw_json_array_begin(j, "tags");
    sw_json_text(j, NULL, e->owner->name);
    sw_json_array_end(j);
    sw_json_text(j, "x-access", access_name(r->access));
    write_security(j, r->access);
    write_parameters(j, r->path);
    if (r->request) {
        sw_json_object_begin(j, "requestBody");
        write_content(j, r->request);
        sw_json_object_end(j);
    }
    write_responses(j, r);
    sw_json_object_end(j);
}

static void write_paths(sw_json *j, const listing *all)
{
    char path[OPENAPI_PATH_MAX];
    sw_json_object_begin(j, "paths");
    for (size_t i = 0; i < all->count; i++) {
        const char *here = all->entries[i].route->path;
        if (i == 0 || strcmp(all->entries[i - 1].route->path, here) != 0) {
            write_path(here, path);
            sw_json_object_begin(j, path);
        }
        write_operation(j, &all->entries[i]);
        if (i + 1 == all->count || strcmp(all->entries[i + 1].route->path, here) != 0)
            sw_json_object_end(j);
    }
    sw_json_object_end(j);
}

static const char COMPONENTS[] =
    "{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"description\":\"A JWT from login, or an agent's api token.\"}},"
    "\"responses\":{\"Failure\":{\"description\":\"Any failure.\",\"content\":{\"application/json\":{\"schema\":"
    "{\"type\":\"object\",\"required\":[\"error\",\"code\",\"request_id\"],\"properties\":{"
    "\"error\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},\"request_id\":{\"type\":\"string\"},"
    "\"detail\":{\"type\":\"string\"}}}}}}}}";

sw_status get_openapi(sw_request *req)
{
    listing *all = sw_alloc(req, 1, sizeof *all);
    if (!all)
        return SW_NO_MEMORY;
    http_each_route(registry_http(req->host->rt->registry), collect, all);
    qsort(all->entries, all->count, sizeof all->entries[0], by_path);

    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "openapi", "3.1.0");
    sw_json_object_begin(j, "info");
    sw_json_text(j, "title", "Steward");
    sw_json_text(j, "version", req->host->rt->version);
    sw_json_object_end(j);
    write_paths(j, all);
    sw_json_raw(j, "components", COMPONENTS, sizeof COMPONENTS - 1);
    sw_json_object_end(j);
    return SW_OK;
}
