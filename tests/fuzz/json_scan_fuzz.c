/* The scanner and the writer of JSON, held against each other and against jansson. */
#include "core/base/json.h"
#include "core/base/json_scan.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_members(const char *text, size_t size)
{
    json_member members[64];
    int count = json_scan_object(text, size, members, 64, NULL);
    json_fault fault = json_check(text, size);
    if (count >= 0)
        must(fault == JSON_SOUND || fault == JSON_TWICE);
    for (int i = 0; i < count; i++) {
        sw_str value = members[i].value;
        must(value.at >= text && value.at + value.len <= text + size);
        if (fault == JSON_SOUND)
            must(json_valid(value.at, value.len));
        int64_t number;
        if (members[i].kind == '0')
            (void)json_number_int(value, &number);
        if (members[i].kind != '"')
            continue;
        size_t len;
        char *decoded = malloc(value.len);
        (void)json_string_decode(value, decoded, &len);
        must(len == json_string_decoded_len(value) && len <= value.len - 2);
        free(decoded);
    }
}

/* What jansson takes is valid, but for its depth, and for a NUL, which it takes for the end; what we read is valid, and
 * is what jansson reads of it without half characters, but for numbers that are too large for it. The walk and the tree
 * find members that stand twice in ways of their own, and find the same. */
static void check_reading(char *text, size_t size)
{
    json_refusal why;
    const sw_value *v = json_read_or_why(text, size, 64, &why);
    bool valid = json_valid(text, size);
    must(v ? valid && why.fault == JSON_SOUND : why.fault != JSON_SOUND && why.byte <= size);
    if (valid)
        must(v || why.fault == JSON_BAD_NAME);
    if (valid)
        json_mend(text, size);
    json_error_t error;
    json_t *tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (v && !tree)
        must(json_error_code(&error) == json_error_numeric_overflow);
    if (tree && valid)
        must(v);
    if (tree != NULL && !valid && memchr(text, '\0', size) == NULL) {
        size_t open = 0;
        for (size_t i = 0; i < size; i++)
            open += text[i] == '[' || text[i] == '{';
        must(open > 64);
    }
    if (tree != NULL && v != NULL)
        must(json_equal(tree, (const json_t *)v));
    json_decref(tree);
    json_read_free(v);
}

/* A valid text stays one, and has no half characters after that; any other bytes do no harm. */
static void check_mending(char *text, size_t size)
{
    json_member members[64];
    json_scanned scanned;
    int count = json_scan_object(text, size, members, 64, NULL);
    json_mend(text, size);
    if (count >= 0)
        must(json_scan_object(text, size, members, 64, &scanned) == count && !scanned.half);
}

static void check_writing(const char *text, size_t size)
{
    sw_json j;
    json_init(&j, 0);
    sw_json_textn(&j, NULL, text, size);
    sw_str out = sw_json_str(&j);
    must(out.at != NULL && json_valid(out.at, out.len));
    const sw_value *v = json_read(out.at, out.len, 64);
    must(v != NULL);
    json_read_free(v);
    json_done(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size == 0 ? 1 : size); /* exactly that long: ASan sees a read behind it */
    if (size > 0)
        memcpy(text, data, size);
    check_members(text, size);
    check_writing(text, size);
    check_reading(text, size);
    check_mending(text, size);
    free(text);
    return 0;
}
