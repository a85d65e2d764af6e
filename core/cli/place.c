/* Which folder, which store, and as which user. One thread: the effective user is the process's. */
#include "core/cli/place.h"

#include "core/cli/cli.h"
#include "core/server/server.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static bool read_config(place *p, const char *command, const char *config_given, bool keys)
{
    static const char *const STORE[] = {"server", "storage", NULL}, *const KEYS[] = {"server", "storage", "auth", NULL};
    p->config = config_new();
    if (p->config && config_load_sections(p->config, cli_config_file(config_given), environ, keys ? KEYS : STORE))
        return true;
    fputs(p->config ? config_errors(p->config) : "no memory\n", stderr);
    cli_fail(command, "the configuration does not say where the store is");
    return false;
}

/* With the groups that it would have as the server. */
static bool join_groups(const place *p)
{
    const struct passwd *user = getpwuid(p->owner);
    return user ? initgroups(user->pw_name, p->group) == 0 : setgroups(1, &p->group) == 0;
}

static bool find_owner(place *p)
{
    struct stat about;
    if (stat(p->data_dir, &about) != 0)
        return errno == ENOENT;
    p->exists = true;
    p->owner = about.st_uid;
    p->group = about.st_gid;
    p->root_for_owner = geteuid() == 0 && p->owner != 0;
    return !p->root_for_owner || join_groups(p);
}

static bool find(place *p, const char *command, const char *config_given, bool keys)
{
    char chosen[PATH_MAX];
    *p = (place){.config = NULL};
    if (!read_config(p, command, config_given, keys))
        return false;
    if (!data_dir_choose(p->config, chosen)) {
        cli_fail(command, "the path of the data folder is too long");
        return false;
    }
    if (!realpath(chosen, p->data_dir))
        snprintf(p->data_dir, sizeof p->data_dir, "%s", chosen);
    if (!data_dir_store(p->config, p->data_dir, p->store_path)) {
        cli_fail(command, "the path of the store is too long");
        return false;
    }
    if (!find_owner(p)) {
        cli_fail(command, "%s: %s", p->data_dir, strerror(errno));
        return false;
    }
    return true;
}

bool place_find(place *p, const char *command, const char *config_given)
{
    return find(p, command, config_given, false);
}

bool place_find_with_key(place *p, const char *command, const char *config_given)
{
    return find(p, command, config_given, true);
}

void place_done(place *p)
{
    config_free(p->config);
}

bool place_as_owner(const place *p)
{
    return !p->root_for_owner || (setegid(p->group) == 0 && seteuid(p->owner) == 0);
}

bool place_as_caller(const place *p)
{
    return !p->root_for_owner || (seteuid(getuid()) == 0 && setegid(getgid()) == 0);
}

/* The next part of `rest`, which loses it, goes onto the end of `done`: false when there is none, or no room. */
static bool step_on(char done[PATH_MAX], char rest[PATH_MAX])
{
    const char *from = rest + strspn(rest, "/");
    size_t len = strcspn(from, "/"), end = strlen(done);
    if (len == 0 || end + len + 2 > PATH_MAX)
        return false;
    if (len == 2 && strncmp(from, "..", 2) == 0)
        *(end ? strrchr(done, '/') : done) = '\0'; /* `done` has no links in it */
    else if (len != 1 || *from != '.')
        snprintf(done + end, PATH_MAX - end, "/%.*s", (int)len, from);
    memmove(rest, from + len, strlen(from + len) + 1);
    return true;
}

/* `done` is a link: on to what it names. */
static bool follow(char done[PATH_MAX], char rest[PATH_MAX])
{
    char target[2 * PATH_MAX];
    ssize_t len = readlink(done, target, PATH_MAX - 1);
    if (len <= 0 || (size_t)len + strlen(rest) + 2 > PATH_MAX)
        return false;
    snprintf(target + len, sizeof target - (size_t)len, "/%s", rest);
    memcpy(rest, target, strlen(target) + 1);
    *(*target == '/' ? done : strrchr(done, '/')) = '\0';
    return true;
}

/* Is a part of the way there the owner's, a folder or a link? Then they can lead it elsewhere at any time. What cannot
 * be followed counts as theirs. */
static bool owner_can_turn(const place *p, const char *folder)
{
    enum { PARTS_MAX = 1000 };
    struct stat about;
    char done[PATH_MAX] = "", rest[PATH_MAX], here[PATH_MAX] = "";
    if (*folder != '/' && !getcwd(here, sizeof here))
        return true;
    int len = snprintf(rest, sizeof rest, "%s/%s", here, folder);
    if (len < 0 || (size_t)len >= sizeof rest)
        return true;
    for (int parts = 0; parts < PARTS_MAX; parts++) {
        if (!step_on(done, rest))
            return rest[strspn(rest, "/")] != '\0';
        if (lstat(*done ? done : "/", &about) != 0 || about.st_uid == p->owner)
            return true;
        if (S_ISLNK(about.st_mode) && !follow(done, rest))
            return true;
    }
    return true;
}

bool place_as_fits(const place *p, const char *folder)
{
    struct stat about;
    if (!p->root_for_owner)
        return stat(folder, &about) == 0;
    if (!place_as_caller(p) || stat(folder, &about) != 0)
        return false;
    return !owner_can_turn(p, folder) || place_as_owner(p);
}

bool place_become_owner(const place *p)
{
    return !p->root_for_owner || (place_as_caller(p) && setresgid(p->group, p->group, p->group) == 0 &&
                                  setresuid(p->owner, p->owner, p->owner) == 0);
}
