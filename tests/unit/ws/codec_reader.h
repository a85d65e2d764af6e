/* What a client sends, and everything that the codec says to it: each input whole, byte by byte, and cut at every
 * place. */
#ifndef TESTS_UNIT_WS_CODEC_READER_H
#define TESTS_UNIT_WS_CODEC_READER_H

#include "core/ws/codec.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 512 * 1024 };

/* What a client sends, and everything that the codec said. */
typedef struct {
    uint8_t *at;
    size_t len, cap;
} bytes;

static inline void put(bytes *b, const void *at, size_t len)
{
    if (len == 0)
        return;
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2;
        b->at = realloc(b->at, b->cap);
        ck_assert_ptr_nonnull(b->at);
    }
    memcpy(b->at + b->len, at, len);
    b->len += len;
}

/* A masked frame, its first byte and the form of its length free to choose. */
static inline void frame_form(bytes *b, unsigned first, const void *payload, size_t len, int form)
{
    static const uint8_t MASK[4] = {0x37, 0xFA, 0x21, 0x3D};
    uint8_t head[14] = {(uint8_t)first};
    size_t n = 2;
    if (form == 0) {
        head[1] = (uint8_t)(0x80u | len);
    } else {
        head[1] = form == 2 ? 0xFE : 0xFF;
        for (int i = 0; i < form; i++)
            head[n++] = (uint8_t)((uint64_t)len >> (8 * (form - 1 - i)));
    }
    memcpy(head + n, MASK, 4);
    put(b, head, n + 4);
    size_t from = b->len;
    put(b, payload, len);
    for (size_t i = 0; i < len; i++)
        b->at[from + i] ^= MASK[i & 3];
}

static inline void frame(bytes *b, unsigned first, const void *payload, size_t len)
{
    frame_form(b, first, payload, len, len < 126 ? 0 : len < 65536 ? 2 : 8);
}

static inline void text(bytes *b, unsigned first, const char *payload)
{
    frame(b, first, payload, strlen(payload));
}

/* Feeds pieces as ws_connection.c does, and writes down what happens: "T:hello P: C1000:bye F1002". */
typedef struct {
    codec c;
    codec_rules rules;
    bytes waiting;
    char said[4096];
    bool over;
} reader;

/* `code` 0: none. Long payloads are left out. */
static inline void say(reader *r, char what, unsigned code, const void *at, size_t len)
{
    size_t n = strlen(r->said), room = sizeof r->said - n;
    char number[8] = "";
    if (code != 0)
        snprintf(number, sizeof number, "%u", code);
    int more = snprintf(r->said + n, room, "%c%s%s%.*s ", what, number, what == 'F' ? "" : ":",
                        len > 300 ? 0 : (int)len, at == NULL ? "" : (const char *)at);
    ck_assert_int_gt(more, 0);
}

static inline void take(reader *r, const codec_event *e)
{
    static const char LETTERS[] = {
        [CODEC_TEXT] = 'T', [CODEC_PING] = 'P', [CODEC_PONG] = 'p', [CODEC_CLOSE] = 'C', [CODEC_FAIL] = 'F'};
    if (e->kind == CODEC_MORE)
        return;
    say(r, e->compressed ? 'Z' : LETTERS[e->kind], e->code, e->at, e->kind == CODEC_FAIL ? 0 : e->len);
    if (e->kind == CODEC_TEXT && r->c.message == e->at)
        codec_message_done(&r->c);
    r->over = e->kind == CODEC_CLOSE || e->kind == CODEC_FAIL;
}

static inline void feed(reader *r, const uint8_t *at, size_t len)
{
    put(&r->waiting, at, len);
    /* Memory of exactly the size, so that reading over its end is seen. */
    uint8_t *copy = malloc(r->waiting.len == 0 ? 1 : r->waiting.len);
    size_t have = r->waiting.len, used = 0;
    if (have > 0)
        memcpy(copy, r->waiting.at, have);
    while (used < have && !r->over) {
        codec_event e;
        size_t want, n = codec_feed(&r->c, &r->rules, copy + used, have - used, &e, &want);
        ck_assert_uint_le(n, have - used);
        used += n;
        if (e.kind == CODEC_MORE && n == 0) {
            ck_assert_uint_gt(want, have - used);
            break;
        }
        take(r, &e);
    }
    r->waiting.len = 0;
    put(&r->waiting, copy + used, have - used);
    free(copy);
}

static inline void done(reader *r)
{
    codec_done(&r->c);
    free(r->waiting.at);
}

static inline void expect(const bytes *in, const char *want, bool deflate)
{
    for (size_t cut = 0; cut <= in->len && cut < 2000; cut++) {
        reader r = {.rules = {LIMIT, deflate}};
        feed(&r, in->at, cut);
        feed(&r, in->at + cut, in->len - cut);
        ck_assert_msg(strcmp(r.said, want) == 0, "cut at %zu: got \"%s\", want \"%s\"", cut, r.said, want);
        done(&r);
    }
    for (size_t step = 1; step <= 7; step += 2) {
        reader r = {.rules = {LIMIT, deflate}};
        for (size_t i = 0; i < in->len; i += step)
            feed(&r, in->at + i, in->len - i < step ? in->len - i : step);
        ck_assert_msg(strcmp(r.said, want) == 0, "by %zu: got \"%s\", want \"%s\"", step, r.said, want);
        done(&r);
    }
}

static inline void check(bytes *in, const char *want)
{
    expect(in, want, false);
    free(in->at);
}

#endif
