/* What the programs of the bench share: time, sockets, samples, command lines. One thread unless said. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints the line with errno's words where it is set, and exits 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

int64_t now_ns(void);
/* CPU time of this process so far. */
int64_t cpu_ns(void);
void *must_alloc(size_t count, size_t size);
void *must_grow(void *old, size_t size);
/* The whole file, NUL-ended. */
char *read_file(const char *path, size_t *ret_len);

/* ---- command line: --name value, or a bare flag ---- */
const char *option_text(int argc, char **argv, const char *name, const char *fallback);
int64_t option_int(int argc, char **argv, const char *name, int64_t fallback);
/* The index-th value of an option that is given several times, NULL past the last. */
const char *option_item(int argc, char **argv, const char *name, int index);

/* ---- sockets ---- */
/* Non-blocking, connected or connecting. source 0: any address; else 127.0.0.(1 + source). */
int tcp_connect(const char *host, int port, unsigned source);
/* Writes all, waiting where it must. */
void write_all(int fd, const void *bytes, size_t len);

/* ---- samples ---- */
typedef struct {
    uint32_t *at; /* owned; in units of 100 ns */
    size_t count, room;
} samples;

void samples_add(samples *s, int64_t ns);
/* Sorts. In microseconds; 0 when there are none. */
double samples_percentile(samples *s, double percent);

#endif
