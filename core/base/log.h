/* The log: one line an event, text or JSON, to stderr or a file. Any thread; a line is one write(). Where stderr is
 * systemd's journal a line begins with its priority, as of sd-daemon(3), and a text has no time, which the journal has.
 * Library code does not log: the edge that handles an error does, once. Never a secret. */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdbool.h>
#include <steward/host.h>

typedef enum { LOG_TEXT = 1, LOG_JSON } log_format;

/* `file` NULL or "": stderr. Not thread-safe: before other threads start. */
bool log_open(log_format format, sw_log_level level, const char *file);
/* While a server starts: errors go to stderr too when the log is a file, since whoever starts it looks there. Any
 * thread. */
void log_starting(bool starts);
/* What a line begins with when the log goes to the journal ("<6>"), else "". */
const char *log_priority(sw_log_level level);
/* Lines that are no events, each ended by a newline, to stderr as errors: those of a configuration. */
void log_complain(const char *lines);
void log_set_level(sw_log_level level); /* any thread */
bool log_wanted(sw_log_level level);
/* `part`: "http", "writer", a plugin's name … */
void log_line(sw_log_level level, const char *part, const char *format, ...) __attribute__((format(printf, 3, 4)));
void log_vline(sw_log_level level, const char *part, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
/* A line that is built already, with its newline: the access log's. Buffered per thread by the caller. */
void log_raw(const char *bytes, size_t len);
log_format log_current_format(void);
void log_reopen(void); /* after rotation */
void log_close(void);

#define log_error(part, ...) log_line(SW_LOG_ERROR, part, __VA_ARGS__)
#define log_warn(part, ...)  log_line(SW_LOG_WARN, part, __VA_ARGS__)
#define log_info(part, ...)  log_line(SW_LOG_INFO, part, __VA_ARGS__)
#define log_debug(part, ...) log_line(SW_LOG_DEBUG, part, __VA_ARGS__)

#endif
