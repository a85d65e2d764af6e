/* A configuration from texts: the main file, conf.d, and the environment. */
#ifndef TESTS_UNIT_CONFIG_SUPPORT_H
#define TESTS_UNIT_CONFIG_SUPPORT_H

#include "core/config/config.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of this test, made anew for each process. */
static char folder[64];

static inline void put_bytes(const char *name, const void *bytes, size_t len)
{
    char path[128];
    if (folder[0] == '\0')
        test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/conf.d", folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static inline void put_file(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static inline config *load_files(char **environment)
{
    char path[128];
    config *c = config_new();
    ck_assert_ptr_nonnull(c);
    snprintf(path, sizeof path, "%s/main.conf", folder);
    (void)config_load(c, path, environment);
    return c;
}

/* From one file and no environment. */
static inline config *load_text(const char *text)
{
    put_file("main.conf", text);
    return load_files(NULL);
}

static inline config *load_environment(char **environment)
{
    config *c = config_new();
    ck_assert_ptr_nonnull(c);
    (void)config_load(c, NULL, environment);
    return c;
}

static inline void expect_no_errors(const config *c)
{
    ck_assert_str_eq(config_errors(c), "");
}

/* Exactly this one error; the folder before the file's name is left away. */
static inline void expect_error(const config *c, const char *line)
{
    const char *text = config_errors(c);
    size_t len = strlen(folder);
    if (len > 0 && strncmp(text, folder, len) == 0)
        text += len + 1;
    char want[512];
    snprintf(want, sizeof want, "%s\n", line);
    ck_assert_str_eq(text, want);
}

/* The setting alone in its section gives this error. */
static inline void expect_text_error(const char *text, const char *line)
{
    config *c = load_text(text);
    expect_error(c, line);
    config_free(c);
}

static inline void remove_folder(void)
{
    if (folder[0] != '\0')
        test_remove(folder);
}

#endif
