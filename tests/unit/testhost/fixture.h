/* A host with the plugin of probe.c, linked in. */
#ifndef TESTS_UNIT_TESTHOST_FIXTURE_H
#define TESTS_UNIT_TESTHOST_FIXTURE_H

#include "tests/unit/run_tests.h"
#include <steward/testhost.h>

static const sw_test_user ANN = {.id = 1, .role = SW_ROLE_ADMIN, .name = "ann"};
static const sw_test_user BOB = {.id = 2, .role = SW_ROLE_MEMBER, .name = "Bob von \xC3\x9C"};
static const sw_test_user ROBOT = {.id = 3, .role = SW_ROLE_AGENT, .name = "robot", .by_api_token = true};

static const sw_plugin *const PROBE[] = {&sw_plugin_v1, NULL};

static inline sw_test *host_with(sw_test_options options)
{
    char error[512];
    options.size = sizeof options;
    if (!options.plugins)
        options.plugins = PROBE;
    sw_test *t = sw_test_open(&options, error, sizeof error);
    ck_assert_msg(t != NULL, "%s", error);
    ck_assert_str_eq(error, "");
    return t;
}

static inline sw_test *host(void)
{
    return host_with((sw_test_options){0});
}

/* Opening must fail; the reason into `error`. */
static inline void no_host(sw_test_options options, char *error, size_t error_size)
{
    options.size = sizeof options;
    if (!options.plugins)
        options.plugins = PROBE;
    ck_assert_ptr_null(sw_test_open(&options, error, error_size));
    ck_assert_str_ne(error, "");
}

#define ck_text(json, path, expected) ck_assert_str_eq(sw_test_text((json), (path)), (expected))

#endif
