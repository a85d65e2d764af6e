/* steward plugin new NAME: a folder with a plugin that builds and has tests, from packaging/plugin-template. */
#include "core/cli/cli.h"

#include "core/base/files.h"
#include "core/common/buf.h"
#include "core/plugin/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file of the template: its lines, and the name it gets; "@NAME@" and "@ID@" stand for the plugin in both. */
typedef struct {
    const char *file;
    const char *const *lines; /* ends with NULL */
} template_file;

/* TEMPLATE_FILES, made at build time. */
#include "plugin_template.inc"

enum { FILE_COUNT = sizeof TEMPLATE_FILES / sizeof TEMPLATE_FILES[0] };

/* Names of the server itself, of the plugins that come with it, and of its routes: a plugin of one's own cannot have
 * them. */
static const char *const TAKEN[] = {"core", "testhost", "auth",     "users",   "messages",
                                    "chat", "feishu",   "dev-mock", "plugins", "approvals"};
/* Nor those of CMake's targets, and of this template's. */
static const char *const TARGETS[] = {"all", "clean", "help", "install", "run", "test"};

typedef struct {
    const char *name;
    char id[PLUGIN_NAME_MAX + 1]; /* the name as a part of C and SQL names */
    const char *folder;
    int folder_fd;
} new_plugin;

static int fail(const char *what, const char *why)
{
    return cli_fail("plugin new", "%s: %s", what, why);
}

static bool among(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

/* NULL, or what is wrong with it. */
static const char *name_problem(const char *name)
{
    if (!plugin_name_valid(name))
        return "a name has at most 32 of a-z, 0-9 and -";
    if (name[0] < 'a' || name[0] > 'z' || name[strlen(name) - 1] == '-')
        return "a name begins with a letter and does not end with -";
    if (among(name, TAKEN, sizeof TAKEN / sizeof TAKEN[0]))
        return "that name belongs to the server";
    if (among(name, TARGETS, sizeof TARGETS / sizeof TARGETS[0]))
        return "that name means something else to make or CMake";
    if (strcmp(name, "sqlite") == 0 || strncmp(name, "sqlite-", 7) == 0)
        return "SQLite keeps names of tables that begin so for itself";
    return NULL;
}

static void make_id(const char *name, char *id)
{
    for (; *name; name++)
        *id++ = *name == '-' ? '_' : *name;
    *id = '\0';
}

/* `text` with its marks replaced. */
static void expand(const new_plugin *p, const char *text, buf *out)
{
    while (*text) {
        size_t len = strcspn(text, "@");
        buf_add(out, text, len);
        text += len;
        if (strncmp(text, "@NAME@", 6) == 0) {
            buf_add_text(out, p->name);
            text += 6;
        } else if (strncmp(text, "@ID@", 4) == 0) {
            buf_add_text(out, p->id);
            text += 4;
        } else if (*text) {
            buf_add(out, text++, 1);
        }
    }
}

/* The expanded text, NUL-ended, still owned by `out`. NULL when there is no memory. */
static const char *expanded(const new_plugin *p, const char *text, buf *out)
{
    expand(p, text, out);
    buf_add(out, "", 1);
    return out->failed ? NULL : out->at;
}

/* false: errno. */
static bool write_file(const new_plugin *p, const char *name, const char *const *lines)
{
    buf text;
    buf_init(&text, 0);
    for (; *lines; lines++)
        expand(p, *lines, &text);
    int fd = text.failed ? -1 : openat(p->folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool good = fd >= 0 && write_whole(fd, text.at, text.len);
    int why = text.failed ? ENOMEM : errno;
    if (fd >= 0 && close(fd) != 0 && good) {
        why = errno;
        good = false;
    }
    buf_done(&text);
    errno = why;
    return good;
}

static int write_template(const new_plugin *p)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        buf name;
        buf_init(&name, 0);
        const char *file = expanded(p, TEMPLATE_FILES[i].file, &name);
        if (!file)
            errno = ENOMEM;
        bool good = file && write_file(p, file, TEMPLATE_FILES[i].lines);
        int code = good ? CLI_OK : fail(file ? file : p->folder, strerror(errno));
        buf_done(&name);
        if (!good)
            return code;
    }
    return CLI_OK;
}

/* Nothing is ever overwritten: a folder that holds something is refused. */
static bool folder_empty(int fd)
{
    int own = dup(fd);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    if (!dir) {
        if (own >= 0)
            close(own);
        return false;
    }
    bool empty = true;
    for (const struct dirent *e; empty && (e = readdir(dir));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    closedir(dir);
    return empty;
}

static void print_next(const new_plugin *p)
{
    printf(
        "%s is a plugin now. Next:\n\n"
        "  cd %s\n"
        "  make && make test         or: cmake -B build && cmake --build build && ctest --test-dir build\n"
        "  make run                  a server of your own with it, on port 8080\n\n"
        "What its parts are: README.md there, and steward-plugin(7). Headers and manual are in the package steward-dev.\n",
        p->folder, p->folder);
}

int cli_plugin_new(const cli_args *args)
{
    new_plugin p = {.name = args->words[0], .folder = args->dir ? args->dir : args->words[0]};
    const char *problem = name_problem(p.name);
    if (problem)
        return fail(p.name, problem);
    make_id(p.name, p.id);
    if (mkdir(p.folder, 0777) != 0 && errno != EEXIST)
        return fail(p.folder, strerror(errno));
    p.folder_fd = open(p.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p.folder_fd < 0)
        return fail(p.folder, strerror(errno));
    int code = folder_empty(p.folder_fd) ? write_template(&p)
                                         : fail(p.folder, "there is something in it already, which is not overwritten");
    close(p.folder_fd);
    if (code == CLI_OK)
        print_next(&p);
    return code;
}
