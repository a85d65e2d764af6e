/* Roles of users as texts, and back. Any thread. */
#include <steward/base.h>
#include <string.h>

static const char *const NAMES[] = {
    [SW_ROLE_ADMIN] = "ADMIN",
    [SW_ROLE_MEMBER] = "MEMBER",
    [SW_ROLE_AGENT] = "AGENT",
    [SW_ROLE_BUTLER] = "BUTLER",
};

const char *sw_role_name(sw_role role)
{
    return role >= SW_ROLE_ADMIN && role <= SW_ROLE_BUTLER ? NAMES[role] : "";
}

sw_role sw_role_of(const char *name)
{
    for (unsigned role = SW_ROLE_ADMIN; name && role <= SW_ROLE_BUTLER; role++)
        if (strcmp(NAMES[role], name) == 0)
            return (sw_role)role;
    return (sw_role)0;
}
