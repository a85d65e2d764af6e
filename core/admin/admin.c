/* The state of this folder. Main thread; what it holds is read on any thread. */
#include "core/admin/admin.h"

#include <stdlib.h>

bool admin_open(runtime *rt, initial_password_place place)
{
    rt->admin = calloc(1, sizeof *rt->admin);
    if (!rt->admin)
        return false;
    rt->admin->place = place;
    password_policy_prepare(rt);
    initial_admin_prepare(rt);
    return true;
}

void admin_close(runtime *rt)
{
    free(rt->admin);
    rt->admin = NULL;
}
