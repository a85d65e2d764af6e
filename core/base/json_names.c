/* The set of member names, see json_names.h. Names of closed objects stay in it until room is needed. */
#include "core/base/json_names.h"

#include "core/base/json_string.h"
#include "core/common/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* ---- SipHash-1-3 ---- */

typedef struct {
    uint64_t v[4], word;
    size_t len;
} sip;

static uint64_t turn(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = turn(v[1], 13) ^ v[0];
    v[0] = turn(v[0], 32);
    v[2] += v[3];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turn(v[1], 17) ^ v[2];
    v[2] = turn(v[2], 32);
}

static void sip_word(sip *s, uint64_t word)
{
    s->v[3] ^= word;
    sip_round(s->v);
    s->v[0] ^= word;
}

static void sip_feed(sip *s, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        if ((s->len & 7) == 0 && len - i >= 8) {
            uint64_t word;
            memcpy(&word, bytes + i, 8);
            sip_word(s, word);
            s->len += 8;
            i += 8;
            continue;
        }
        s->word |= (uint64_t)(unsigned char)bytes[i++] << (8 * (s->len & 7));
        if ((++s->len & 7) == 0) {
            sip_word(s, s->word);
            s->word = 0;
        }
    }
}

static uint64_t sip_end(sip *s)
{
    sip_word(s, s->word | (uint64_t)s->len << 56);
    s->v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(s->v);
    return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

/* Of the characters, so that "a" and "\u0061" are the same. */
static uint32_t hash_of(const json_names *n, uint32_t object, sw_str name, bool escaped)
{
    sip s = {.v = {n->key[0] ^ 0x736f6d6570736575, n->key[1] ^ 0x646f72616e646f6d, n->key[0] ^ 0x6c7967656e657261,
                   n->key[1] ^ 0x7465646279746573}};
    if (!escaped)
        sip_feed(&s, name.at, name.len);
    for (const char *at = name.at, *end = at + name.len; escaped && at < end;) {
        char bytes[4];
        sip_feed(&s, bytes, utf8_put(json_next_char(&at, end), bytes));
    }
    return (uint32_t)sip_end(&s) + object * 0x9E3779B9u;
}

/* ---- the set ---- */

/* What the kernel gave this process at its start: random, and without a system call. */
static void choose_key(json_names *n)
{
    const void *given = (const void *)(uintptr_t)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr) */
    n->key[0] = n->key[1] = (uint64_t)(uintptr_t)n;
    if (given)
        memcpy(n->key, given, sizeof n->key);
}

void json_names_open(json_names *n, unsigned level)
{
    if (n->objects == 0) {
        memset(n->few, 0, sizeof n->few);
        n->slots = n->few;
        n->room = JSON_NAMES_FEW;
        n->count = 0;
        choose_key(n);
    }
    n->open[level] = ++n->objects;
}

void json_names_close(json_names *n, unsigned level)
{
    n->open[level] = 0;
}

static bool is_open(const json_names *n, const json_name *name)
{
    return name->at && n->open[name->level] == name->object;
}

/* Where a name with this hash may stand next. */
static json_name *next_slot(const json_names *n, const json_name *slot)
{
    return slot + 1 == n->slots + n->room ? n->slots : (json_name *)(uintptr_t)slot + 1;
}

static void put(json_names *n, const json_name *name)
{
    json_name *slot = &n->slots[name->hash & (n->room - 1)];
    while (slot->at)
        slot = next_slot(n, slot);
    *slot = *name;
    n->count++;
}

/* Forgets the names of closed objects; then at most half of the slots are taken. */
static bool make_room(json_names *n)
{
    json_name *before = n->slots, few[JSON_NAMES_FEW];
    uint32_t room_before = n->room, room = JSON_NAMES_FEW, live = 0;
    for (uint32_t i = 0; i < room_before; i++)
        live += is_open(n, &before[i]);
    while (room < 2 * (live + 1))
        room *= 2;
    json_name *slots = room == JSON_NAMES_FEW ? n->few : calloc(room, sizeof *slots);
    if (!slots)
        return false;
    if (before == n->few) {
        memcpy(few, n->few, sizeof few);
        before = few;
    }
    memset(n->few, 0, sizeof n->few);
    n->slots = slots;
    n->room = room;
    n->count = 0;
    for (uint32_t i = 0; i < room_before; i++)
        if (is_open(n, &before[i]))
            put(n, &before[i]);
    if (before != few)
        free(before);
    return true;
}

json_name_is json_names_add(json_names *n, unsigned level, sw_str name, bool escaped)
{
    json_name add = {.at = name.at,
                     .len = (uint32_t)name.len,
                     .object = n->open[level],
                     .level = (uint8_t)level,
                     .escaped = escaped};
    add.hash = hash_of(n, add.object, name, escaped);
    if (n->count >= n->room / 4 * 3 && !make_room(n))
        return JSON_NAME_NO_MEMORY;
    for (json_name *slot = &n->slots[add.hash & (n->room - 1)]; slot->at; slot = next_slot(n, slot))
        if (slot->hash == add.hash && slot->object == add.object &&
            json_same_text((sw_str){slot->at, slot->len}, slot->escaped, name, escaped))
            return JSON_NAME_TWICE;
    put(n, &add);
    return JSON_NAME_NEW;
}

void json_names_done(json_names *n)
{
    if (n->objects > 0 && n->slots != n->few)
        free(n->slots);
    n->objects = 0;
}
