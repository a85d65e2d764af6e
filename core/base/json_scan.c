/* The members of one JSON object as spans of its text, see json_scan.h. Any thread. */
#include "core/base/json_scan.h"

#include "core/base/json_walk.h"

static int members_of(json_walk *w, json_member *members, int max);

int json_scan_object(const char *text, size_t len, json_member *members, int max, json_scanned *ret)
{
    json_walk w = {.at = text, .end = text + len, .max_depth = JSON_MAX_DEPTH, .max_values = SIZE_MAX};
    int count = members_of(&w, members, max);
    if (count >= 0)
        json_walk_space(&w);
    if (count < 0 || w.at != w.end) {
        count = -1;
        w.fault = w.fault ? w.fault : JSON_NOT_VALID;
    }
    if (ret)
        *ret = (json_scanned){.fault = w.fault, .half = w.half};
    return count;
}

/* From the opening to the closing bracket. There are few members at the top, so they are compared one by one. */
static int members_of(json_walk *w, json_member *members, int max)
{
    int count = 0;
    json_walk_space(w);
    if (w->at == w->end || *w->at != '{')
        return -1;
    w->at++;
    w->depth = 1;
    json_walk_space(w);
    if (w->at < w->end && *w->at == '}') {
        w->at++;
        return 0;
    }
    for (;;) {
        json_member m = {.key_escaped = false};
        if (!json_walk_key(w, &m.key, &m.key_escaped))
            return -1;
        if (count == max) {
            w->fault = JSON_TOO_MANY;
            return -1;
        }
        const char *from = w->at;
        if (from == w->end || !json_walk_value(w))
            return -1;
        m.value = (sw_str){from, (size_t)(w->at - from)};
        m.kind = *from == '-' || (*from >= '0' && *from <= '9') ? '0' : *from;
        for (int i = 0; i < count; i++)
            if (json_same_text(members[i].key, members[i].key_escaped, m.key, m.key_escaped)) {
                w->fault = JSON_TWICE;
                return -1;
            }
        members[count++] = m;
        json_walk_space(w);
        if (w->at == w->end)
            return -1;
        char next = *w->at++;
        if (next == '}')
            return count;
        if (next != ',')
            return -1;
        json_walk_space(w);
    }
}

json_fault json_check(const char *text, size_t len)
{
    json_names names;
    json_names_begin(&names);
    json_walk w = {.at = text, .end = text + len, .max_depth = JSON_MAX_DEPTH, .max_values = SIZE_MAX, .names = &names};
    json_walk_space(&w);
    bool good = json_walk_value(&w);
    json_walk_space(&w);
    json_names_done(&names);
    if (good && w.at == w.end)
        return JSON_SOUND;
    return w.fault ? w.fault : JSON_NOT_VALID;
}

bool json_valid(const char *text, size_t len)
{
    return json_check(text, len) == JSON_SOUND;
}

bool json_number_int(sw_str raw, int64_t *ret)
{
    size_t i = raw.len > 0 && raw.at[0] == '-' ? 1 : 0;
    bool negative = i == 1;
    int64_t value = 0;
    if (i == raw.len)
        return false;
    for (; i < raw.len; i++) {
        if (raw.at[i] < '0' || raw.at[i] > '9')
            return false;
        int digit = raw.at[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, digit, &value))
            return false; /* summed up below zero, where the range is larger */
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret = negative ? value : -value;
    return true;
}
