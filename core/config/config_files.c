#include "core/config/config_private.h"
#include "core/config/ini.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4 * 1024 * 1024 };

/* The file being read. */
typedef struct {
    config *c;
    const char *name;
    const config_setting *before; /* the last setting of the files before it */
} reading;

static void read_file(config *c, const char *name);

static int is_conf(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort() would go by the locale */
}

void config_read_files(config *c, const char *file)
{
    if (!file)
        return;
    read_file(c, file);
    const char *slash = strrchr(file, '/');
    const char *dir =
        !slash ? arena_strndup(&c->mem, "conf.d", 6) : arena_printf(&c->mem, "%.*s/conf.d", (int)(slash - file), file);
    if (!dir) {
        config_error_no_memory(c);
        return;
    }
    struct dirent **names = NULL;
    int count = scandir(dir, &names, is_conf, by_bytes);
    if (count < 0 && errno != ENOENT && errno != ENOTDIR)
        config_error_at(c, dir, 0, "cannot be read: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = arena_printf(&c->mem, "%s/%s", dir, names[i]->d_name);
        if (!name)
            config_error_no_memory(c);
        else
            read_file(c, name);
        free(names[i]);
    }
    free(names);
}

static void on_error(void *arg, int line, const char *message)
{
    reading *r = arg;
    config_error_at(r->c, r->name, line, "%s", message);
}

/* Sections of the core are known now; those of plugins are judged in config_finish(), by their settings. */
static void on_section(void *arg, int line, sw_str name)
{
    reading *r = arg;
    const char *section = arena_strndup(&r->c->mem, name.at, name.len);
    if (!section)
        config_error_no_memory(r->c);
    else if (strncmp(section, "plugin:", 7) == 0 && section[7] != '\0')
        return;
    else if (!config_section_declared(r->c, section))
        config_error_at(r->c, r->name, line, "unknown section [%s]%s", section, config_hint_section(r->c, section));
}

static void on_setting(void *arg, int line, sw_str section, sw_str key, sw_str value)
{
    reading *r = arg;
    config *c = r->c;
    config_setting *s = arena_alloc(&c->mem, sizeof *s);
    if (!s) {
        config_error_no_memory(c);
        return;
    }
    *s = (config_setting){.file = r->name,
                          .line = line,
                          .section = arena_strndup(&c->mem, section.at, section.len),
                          .key = arena_strndup(&c->mem, key.at, key.len),
                          .value = arena_strndup(&c->mem, value.at, value.len)};
    if (!s->section || !s->key || !s->value) {
        config_error_no_memory(c);
        return;
    }
    if (!config_section_wanted(c, s->section))
        return;
    for (const config_setting *old = !r->before ? c->settings : r->before->next; old; old = old->next)
        if (strcmp(old->section, s->section) == 0 && strcmp(old->key, s->key) == 0) {
            config_error_at(c, r->name, line, "%s is set already in line %d", s->key, old->line);
            return;
        }
    if (!c->last_setting)
        c->settings = s;
    else
        c->last_setting->next = s;
    c->last_setting = s;
}

/* The whole file into `text`; false: errno. */
static bool read_all(const char *name, buf *text)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    ssize_t got = 1;
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(fd);
        errno = EISDIR;
        return false;
    }
    while (got > 0) {
        char *at = buf_reserve(text, 16 * 1024);
        if (!at) {
            close(fd);
            errno = EFBIG;
            return false;
        }
        got = read(fd, at, 16 * 1024);
        if (got > 0)
            text->len += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return got == 0;
}

static void read_file(config *c, const char *name)
{
    reading r = {.c = c, .name = arena_strndup(&c->mem, name, strlen(name)), .before = c->last_setting};
    const ini_reader reader = {.arg = &r, .section = on_section, .setting = on_setting, .error = on_error};
    buf text;
    buf_init(&text, FILE_MAX);
    if (!r.name)
        config_error_no_memory(c);
    else if (!read_all(name, &text))
        config_error_at(c, r.name, 0, "cannot be read: %s", strerror(errno));
    else if (text.len > 0)
        ini_parse(text.at, text.len, &reader);
    buf_done(&text);
}
