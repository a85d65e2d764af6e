/* The one place that knows what packaging/systemd/steward.service forbids, see sandbox.h. */
#include "core/base/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* systemd sets it for all that it starts. */
static bool by_systemd(void)
{
    return getenv("INVOCATION_ID") || getenv("NOTIFY_SOCKET");
}

static bool below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* ProtectHome=yes: these look empty, and may not be entered. */
static bool in_home(const char *path)
{
    return below(path, "/home") || below(path, "/root") || below(path, "/run/user");
}

const char *sandbox_hint(int why, const char *path)
{
    static _Thread_local char text[PATH_MAX + 256];
    if (!by_systemd())
        return "";
    if (in_home(path) && (why == EACCES || why == ENOENT || why == EROFS))
        snprintf(
            text, sizeof text,
            "; the unit's sandbox hides homes (ProtectHome=yes): better a folder like /srv/steward, else a drop-in "
            "by \"systemctl edit steward\" with [Service], ProtectHome=no and ReadWritePaths=%s",
            path);
    else if (why == EROFS)
        snprintf(text, sizeof text,
                 "; the unit's sandbox (ProtectSystem=strict) allows no writing there: a drop-in by \"systemctl edit "
                 "steward\" with [Service] and ReadWritePaths=%s does",
                 path);
    else
        return "";
    return text;
}

const char *sandbox_hint_port(void)
{
    if (!by_systemd())
        return "";
    return "; the unit gives it no ports below 1024: a drop-in by \"systemctl edit steward\" with [Service], "
           "AmbientCapabilities=CAP_NET_BIND_SERVICE, CapabilityBoundingSet=CAP_NET_BIND_SERVICE and PrivateUsers=no "
           "does";
}
