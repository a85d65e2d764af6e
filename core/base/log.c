/* The process's log, see log.h: a line is put together on the caller's thread and written at once. */
#include "core/base/log.h"

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/common/visible_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGE_MAX = 8192 }; /* what is longer is cut */

/* The one piece of state that belongs to the process and not to a server: every thread writes to it. `level` and
 * `format` and `starts` change at any time, the others only in log_open() and log_close(). */
static struct {
    atomic_int level;
    atomic_int format;
    atomic_bool starts; /* errors go to stderr as well */
    int fd;
    char *path;   /* owned; NULL for stderr */
    bool journal; /* `fd` is the journal's stream */
} out = {.level = SW_LOG_INFO, .format = LOG_TEXT, .fd = STDERR_FILENO};

static const char *const LEVELS[] = {
    [SW_LOG_ERROR] = "error", [SW_LOG_WARN] = "warn", [SW_LOG_INFO] = "info", [SW_LOG_DEBUG] = "debug"};

static const char *const PRIORITIES[] = {
    [SW_LOG_ERROR] = "<3>", [SW_LOG_WARN] = "<4>", [SW_LOG_INFO] = "<6>", [SW_LOG_DEBUG] = "<7>"};

/* Is that descriptor the stream to the journal that systemd has named in $JOURNAL_STREAM ("DEVICE:INODE")? */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat about;
    if (!stream || fstat(fd, &about) != 0)
        return false;
    snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)about.st_dev, (unsigned long long)about.st_ino);
    return strcmp(stream, own) == 0;
}

const char *log_priority(sw_log_level level)
{
    if (!out.journal)
        return "";
    return level >= SW_LOG_ERROR && level <= SW_LOG_DEBUG ? PRIORITIES[level] : PRIORITIES[SW_LOG_INFO];
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

bool log_open(log_format format, sw_log_level level, const char *file)
{
    log_close();
    atomic_store(&out.format, format);
    log_set_level(level);
    out.journal = is_journal(STDERR_FILENO);
    if (!file || file[0] == '\0')
        return true;
    int fd = open_file(file);
    char *path = strdup(file);
    if (fd < 0 || !path) {
        if (fd >= 0)
            close(fd);
        free(path);
        return false;
    }
    out.fd = fd;
    out.path = path;
    out.journal = false;
    return true;
}

/* The number of the descriptor stays, so that nobody who writes just now is disturbed. */
void log_reopen(void)
{
    if (!out.path)
        return;
    int fd = open_file(out.path);
    if (fd < 0) {
        log_error("log", "cannot open %s again: %s", out.path, strerror(errno));
        return;
    }
    dup3(fd, out.fd, O_CLOEXEC);
    close(fd);
}

void log_close(void)
{
    if (out.path)
        close(out.fd);
    free(out.path);
    out.path = NULL;
    out.fd = STDERR_FILENO;
}

void log_starting(bool starts)
{
    atomic_store(&out.starts, starts);
}

void log_set_level(sw_log_level level)
{
    atomic_store_explicit(&out.level, level, memory_order_relaxed);
}

bool log_wanted(sw_log_level level)
{
    return (int)level <= atomic_load_explicit(&out.level, memory_order_relaxed);
}

log_format log_current_format(void)
{
    return (log_format)atomic_load_explicit(&out.format, memory_order_relaxed);
}

/* One write(), and more only when the system took a part of it. A log that cannot be written is no reason to stop. */
void log_raw(const char *bytes, size_t len)
{
    (void)write_whole(out.fd, bytes, len);
}

/* `priority`: of the journal, which knows the time as well; or "". */
static void text_line(buf *line, const char *priority, const char *level, const char *part, sw_str message)
{
    char time[25];
    sw_time_format(sw_now_ms(), time);
    buf_printf(line, "%s%s%s%s %s ", priority, *priority ? "" : time, *priority ? "" : " ", level, part);
    buf_add(line, message.at, message.len);
    buf_add(line, "\n", 1);
}

static void json_line(buf *line, const char *priority, const char *level, const char *part, sw_str message)
{
    sw_json j;
    json_init(&j, 0);
    buf_add_text(line, priority);
    sw_json_object_begin(&j, NULL);
    sw_json_time(&j, "time", sw_now_ms());
    sw_json_text(&j, "level", level);
    sw_json_text(&j, "part", part);
    sw_json_textn(&j, "message", message.at, message.len);
    sw_json_object_end(&j);
    buf_add(line, j.out.at, j.out.len);
    buf_add(line, "\n", 1);
    json_done(&j);
}

/* The message may hold what anybody has sent: it stays on its line, and all of it can be seen. */
static void write_line(sw_log_level level, const char *part, sw_str text)
{
    const char *name = level >= SW_LOG_ERROR && level <= SW_LOG_DEBUG ? LEVELS[level] : "info";
    buf line, shown;
    buf_init(&line, 0);
    buf_init(&shown, 0);
    visible_text(text.at, text.len, VISIBLE_ONE_LINE, &shown);
    sw_str message = {shown.len ? shown.at : "", shown.len};
    if (log_current_format() == LOG_JSON)
        json_line(&line, log_priority(level), name, part, message);
    else
        text_line(&line, log_priority(level), name, part, message);
    if (!line.failed && !shown.failed) {
        log_raw(line.at, line.len);
        if (level == SW_LOG_ERROR && out.path && atomic_load_explicit(&out.starts, memory_order_relaxed))
            (void)write_whole(STDERR_FILENO, line.at, line.len);
    }
    buf_done(&line);
    buf_done(&shown);
}

void log_complain(const char *lines)
{
    const char *priority = is_journal(STDERR_FILENO) ? PRIORITIES[SW_LOG_ERROR] : "";
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        fprintf(stderr, "%s%.*s\n", priority, (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

void log_vline(sw_log_level level, const char *part, const char *format, va_list args)
{
    if (!log_wanted(level))
        return;
    int saved = errno;
    char message[MESSAGE_MAX];
    int made = vsnprintf(message, sizeof message, format, args);
    size_t len = made < 0 ? 0 : (size_t)made < sizeof message ? (size_t)made : sizeof message - 1;
    write_line(level, part, (sw_str){message, len});
    errno = saved;
}

void log_line(sw_log_level level, const char *part, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_vline(level, part, format, args);
    va_end(args);
}
