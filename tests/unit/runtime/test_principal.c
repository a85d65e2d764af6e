/* The principal cache: hits, misses, and changes that race with them. */
#include "core/runtime/principal.h"
#include "tests/unit/run_tests.h"

#include <pthread.h>
#include <stdatomic.h>
#include <steward/host.h>
#include <string.h>

enum { NOW = 1000000 };

static principals *p;

static void setup(void)
{
    p = principals_new(512, 512);
}

static void teardown(void)
{
    principals_free(p);
}

static void key_of(unsigned n, uint8_t key[32])
{
    sw_sha256(&n, sizeof n, key);
}

static sw_principal user(int64_t id, int64_t expires_ms)
{
    sw_principal who = {.size = sizeof who, .role = SW_ROLE_MEMBER, .user_id = id, .expires_ms = expires_ms};
    memcpy(who.name, "u", 2);
    return who;
}

static uint32_t put(unsigned n, int64_t id, int64_t expires_ms)
{
    uint8_t key[32];
    uint32_t generation = 0;
    sw_principal who = user(id, expires_ms);
    key_of(n, key);
    ck_assert(principal_put_good(p, key, principal_ticket(p), &who, &generation));
    return generation;
}

static principal_answer find(unsigned n, int64_t now, int64_t *ret_id, uint32_t *ret_generation)
{
    uint8_t key[32];
    sw_principal who = {0};
    uint32_t generation = 0;
    key_of(n, key);
    principal_answer answer = principal_find(p, key, now, &who, &generation);
    if (ret_id != NULL)
        *ret_id = who.user_id;
    if (ret_generation != NULL)
        *ret_generation = generation;
    return answer;
}

START_TEST(a_good_answer_is_kept_until_its_user_changes)
{
    int64_t id;
    uint32_t generation, kept = put(1, 77, 0);
    put(2, 78, 0);
    ck_assert_int_eq(find(1, NOW, &id, &generation), PRINCIPAL_GOOD);
    ck_assert_int_eq(id, 77);
    ck_assert_uint_eq(generation, kept);
    ck_assert(principal_current(p, 77, kept));
    principal_raise(p, 77);
    ck_assert(!principal_current(p, 77, kept));
    ck_assert_int_eq(find(1, NOW, NULL, NULL), PRINCIPAL_UNKNOWN);
    ck_assert_int_eq(find(2, NOW, NULL, NULL), PRINCIPAL_GOOD);
    principal_raise_all(p);
    ck_assert_int_eq(find(2, NOW, NULL, NULL), PRINCIPAL_UNKNOWN);
}
END_TEST

START_TEST(an_expired_token_is_not_good)
{
    put(1, 77, NOW + 10);
    ck_assert_int_eq(find(1, NOW + 9, NULL, NULL), PRINCIPAL_GOOD);
    ck_assert_int_eq(find(1, NOW + 10, NULL, NULL), PRINCIPAL_UNKNOWN);
    ck_assert_int_eq(find(1, NOW, NULL, NULL), PRINCIPAL_UNKNOWN);
}
END_TEST

START_TEST(a_bad_answer_lasts_two_seconds_or_until_a_change)
{
    uint8_t key[32];
    key_of(1, key);
    principal_put_bad(p, key, NOW);
    ck_assert_int_eq(find(1, NOW + 1999, NULL, NULL), PRINCIPAL_BAD);
    ck_assert_int_eq(find(1, NOW + 2000, NULL, NULL), PRINCIPAL_UNKNOWN);
    principal_put_bad(p, key, NOW);
    principal_raise(p, 5);
    ck_assert_int_eq(find(1, NOW, NULL, NULL), PRINCIPAL_UNKNOWN);
    uint64_t before = principal_ticket(p);
    principal_raise(p, 5);
    principal_put_bad_since(p, key, before, NOW);
    ck_assert_int_eq(find(1, NOW, NULL, NULL), PRINCIPAL_UNKNOWN);
}
END_TEST

START_TEST(an_answer_from_before_a_change_is_refused)
{
    uint8_t key[32];
    uint32_t generation = 0;
    sw_principal who = user(77, 0);
    key_of(1, key);
    uint64_t ticket = principal_ticket(p);
    principal_raise(p, 99); /* anybody's */
    ck_assert(!principal_put_good(p, key, ticket, &who, &generation));
    ck_assert_int_eq(find(1, NOW, NULL, NULL), PRINCIPAL_UNKNOWN);
    ck_assert(principal_put_good(p, key, principal_ticket(p), &who, &generation));
}
END_TEST

START_TEST(both_tables_are_bounded_and_keep_what_is_used)
{
    unsigned kept = 0, hot = 0;
    for (unsigned n = 0; n < 20000; n++) {
        put(n, n, 0);
        if (find(0, NOW, NULL, NULL) == PRINCIPAL_GOOD)
            hot++;
        uint8_t key[32];
        key_of(100000 + n, key);
        principal_put_bad(p, key, NOW);
    }
    for (unsigned n = 0; n < 20000; n++)
        kept += find(n, NOW, NULL, NULL) == PRINCIPAL_GOOD;
    ck_assert_uint_le(kept, 512);
    ck_assert_uint_ge(kept, 500);
    ck_assert_uint_eq(hot, 20000); /* used all the time, so never the one to go */
}
END_TEST

/* A provider that reads a "credential", while another thread changes it and then raises: what is in the cache after the
 * raise must never be what was read before it. */
static _Atomic uint32_t credential; /* what the token means now; odd and even values are different roles */
static atomic_bool stop;
static atomic_int stale;

static void *provide(void *arg)
{
    uint8_t key[32];
    (void)arg;
    key_of(1, key);
    while (!atomic_load(&stop)) {
        uint64_t ticket = principal_ticket(p);
        sw_principal who = user(77, 0);
        who.opened_ms = atomic_load(&credential);
        uint32_t generation;
        (void)principal_put_good(p, key, ticket, &who, &generation);
    }
    return NULL;
}

static void *change(void *arg)
{
    uint8_t key[32];
    (void)arg;
    key_of(1, key);
    for (int i = 0; i < 20000; i++) {
        uint32_t now = atomic_fetch_add(&credential, 1) + 1;
        principal_raise(p, 77);
        sw_principal who;
        uint32_t generation;
        if (principal_find(p, key, NOW, &who, &generation) == PRINCIPAL_GOOD && who.opened_ms != now &&
            principal_current(p, 77, generation))
            atomic_fetch_add(&stale, 1);
    }
    atomic_store(&stop, true);
    return NULL;
}

START_TEST(no_stale_answer_survives_a_change)
{
    pthread_t providers[3], changer;
    for (int i = 0; i < 3; i++)
        pthread_create(&providers[i], NULL, provide, NULL);
    pthread_create(&changer, NULL, change, NULL);
    pthread_join(changer, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(providers[i], NULL);
    ck_assert_int_eq(atomic_load(&stale), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_good_answer_is_kept_until_its_user_changes);
    ADD(an_expired_token_is_not_good);
    ADD(a_bad_answer_lasts_two_seconds_or_until_a_change);
    ADD(an_answer_from_before_a_change_is_refused);
    ADD(both_tables_are_bounded_and_keep_what_is_used);
    ADD(no_stale_answer_survives_a_change);
}

int main(void)
{
    return run_tests("principal", add);
}
