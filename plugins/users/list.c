/* The lists of users. GET /api/users and GET /api/users/agents share the query (exclude_role, q, page, limit) and the
 * header X-Total-Count. On a worker. */
#include "users.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200, SEARCH_MAX = 256 };
#define PAGE_MAX INT64_C(1000000000000)

/* The roles of a comma list of names in any case. A name that is not a role excludes nobody. */
static uint32_t roles_of(const char *list)
{
    uint32_t roles = 0;

    while (*list) {
        char name[16] = "";
        size_t len = strcspn(list, ","), used = 0;

        for (size_t i = 0; i < len && used < sizeof name - 1; i++)
            if (list[i] != ' ' && list[i] != '\t')
                name[used++] = (char)(list[i] >= 'a' && list[i] <= 'z' ? list[i] - 'a' + 'A' : list[i]);
        sw_role role = sw_role_of(name);
        if (role)
            roles |= SW_ROLE_BIT(role);
        list += len + (list[len] == ',');
    }
    return roles;
}

static void reply_total(sw_request *req, int64_t total)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)total);
    sw_reply_header(req, "X-Total-Count", text);
}

sw_status users_reply_rows(sw_request *req, const users_filter *filter,
                           void (*write)(sw_json *out, const sw_rows *row, sw_host *host, bool hint))
{
    sw_host *host = sw_request_host(req);
    size_t bytes_max = (size_t)sw_option_core_int(host, "limits.page_bytes");
    bool hint = caller_is_human(req);
    sw_rows *row;

    SW_TRY(store_list(sw_request_db(req), filter, &row));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (sw_rows_next(row)) {
        if (bytes_max && sw_json_length(out) >= bytes_max) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        write(out, row, host, hint);
    }
    sw_json_array_end(out);
    return sw_rows_done(row);
}

static void write_user(sw_json *out, const sw_rows *row, sw_host *host, bool hint)
{
    user_write(out, NULL, row, host, hint, NULL);
}

sw_status users_reply_list(sw_request *req, uint32_t hidden_roles)
{
    const char *exclude = sw_query_text(req, "exclude_role", SEARCH_MAX, "");
    const char *q = sw_query_text(req, "q", SEARCH_MAX, "");
    int64_t page = sw_query_int(req, "page", 1, 1, PAGE_MAX);
    int64_t limit = sw_query_int(req, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX);
    bool paged = sw_query_has(req, "page") || sw_query_has(req, "limit");
    char search[SEARCH_MAX + 1];
    int64_t total;

    SW_TRY(sw_check(req));
    fold(q, search, sizeof search);
    users_filter filter = {
        .exclude = roles_of(exclude) | hidden_roles,
        .search = search,
        .limit = paged ? limit : -1,
        .offset = paged ? (page - 1) * limit : 0,
    };
    SW_TRY(store_count(sw_request_db(req), &filter, &total));
    SW_TRY(users_reply_rows(req, &filter, write_user));
    reply_total(req, total);
    return SW_OK;
}
