/* The host's own module: it turns the test's users into principals, and publishes events for the test. */
#include "core/testhost/testhost.h"

#include "core/base/str.h"
#include <stdio.h>

enum { NAME_BYTES_MAX = 64 };

static const char MARK[] = "testhost";

/* testhost.ID.ROLE.BY_API_TOKEN.NAME, the name in hex: all that is asked stands in it. */
bool user_token(const sw_test_user *who, char out[TOKEN_TEXT])
{
    char name[2 * NAME_BYTES_MAX + 1];
    size_t len = who->name ? strlen(who->name) : 0;
    if (who->id <= 0 || !*sw_role_name(who->role) || len > NAME_BYTES_MAX)
        return false;
    sw_hex((const uint8_t *)(who->name ? who->name : ""), len, name);
    snprintf(out, TOKEN_TEXT, "%s.%lld.%d.%d.%s", MARK, (long long)who->id, (int)who->role, who->by_api_token ? 1 : 0,
             name);
    return true;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_name(sw_str hex, char out[NAME_BYTES_MAX + 1])
{
    if (hex.len % 2 != 0 || hex.len > 2 * (size_t)NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = nibble(hex.at[i]), low = nibble(hex.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (char)(high << 4 | low);
    }
    out[hex.len / 2] = '\0';
    return true;
}

static bool next_number(sw_str *rest, int64_t *ret)
{
    sw_str piece;
    return str_next(rest, '.', &piece) && str_int(piece, ret);
}

static sw_status authenticate(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    sw_str rest = {token, len}, mark;
    int64_t id, role, by_api_token;
    char name[NAME_BYTES_MAX + 1];
    (void)self, (void)db;
    if (!str_next(&rest, '.', &mark) || !str_equal(mark, MARK) || !next_number(&rest, &id) ||
        !next_number(&rest, &role) || !next_number(&rest, &by_api_token) || !read_name(rest, name))
        return SW_UNAUTHENTICATED;
    if (id <= 0 || role < SW_ROLE_ADMIN || role > SW_ROLE_BUTLER)
        return SW_UNAUTHENTICATED;
    *ret = (sw_principal){.size = sizeof *ret, .role = (sw_role)role, .user_id = id, .by_api_token = by_api_token == 1};
    memcpy(ret->name, name, strlen(name) + 1);
    return SW_OK;
}

static const sw_auth_service AUTH = {.size = sizeof AUTH, .authenticate = authenticate};
static const sw_provided PROVIDES[] = {{"auth/1", &AUTH}};

const sw_plugin HOST_MODULE = {SW_PLUGIN_HEAD, .name = "testhost", .version = "1", .summary = "Stands for the test."};

const sw_plugin HOST_MODULE_WITH_USERS = {SW_PLUGIN_HEAD, .name = "testhost", .version = "1",
                                          .summary = "Stands for the test.", .provides = SW_TABLE(PROVIDES)};
