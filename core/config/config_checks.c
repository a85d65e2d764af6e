/* Rules between options, and what a type cannot say. Each is checked here, so that `steward check` sees it. */
#include "core/config/config_private.h"

#include "core/base/address.h"

#include <string.h>

enum { BCRYPT_MAX = 72 }; /* bytes of a password that bcrypt looks at */

static void check_proxies(config *c)
{
    for (size_t i = 0; i < config_list_count(c, "server.trusted_proxies"); i++) {
        address_range range;
        const char *item = config_list_item(c, "server.trusted_proxies", i);
        if (!address_range_parse(item, &range))
            config_value_error(c, "server.trusted_proxies",
                               "server.trusted_proxies: %s is neither an address nor a network like 10.0.0.0/8", item);
    }
}

/* `small` must not be above `large`. */
static void check_order(config *c, const char *small, const char *large)
{
    if (config_int(c, small) > config_int(c, large))
        config_value_error(c, config_is_default(c, small) ? large : small, "%s must not be above %s", small, large);
}

/* The rules for names and passwords of users, as far as they bind the first one. */
static void check_initial_admin(config *c)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const char *user = config_text(c, "auth.initial_admin_user");
    if (user[strspn(user, LETTERS)] != '\0')
        config_value_error(c, "auth.initial_admin_user",
                           "auth.initial_admin_user must be letters, digits, _ . and - alone");
    if (strcmp(config_text(c, "auth.password_method"), "bcrypt") == 0 &&
        strlen(config_text(c, "auth.initial_admin_pass")) > BCRYPT_MAX)
        config_value_error(c, "auth.initial_admin_pass",
                           "auth.initial_admin_pass must not be above %d bytes with bcrypt, which ignores the rest",
                           BCRYPT_MAX);
}

void config_check_core(config *c)
{
    check_initial_admin(c);
    check_proxies(c);
    check_order(c, "limits.body", "limits.large_body");
    check_order(c, "ws.payload", "ws.message");
    check_order(c, "ws.ping_interval", "ws.dead_after");
}
