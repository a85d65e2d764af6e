/* What may stand in a head, byte by byte: the request line, the headers that have a meaning here, and what they mean
 * together. Then the body: one state for each place in the framing of chunks; the data between is skipped. Pure: any
 * thread, nothing is owned. */
#include "core/http/request_check.h"

#include "core/base/str.h"
#include "core/common/utf8.h"
#include "core/http/uri.h"

static const char *const METHODS[] = {
    [HEAD_GET] = "GET",       [HEAD_POST] = "POST", [HEAD_PUT] = "PUT",         [HEAD_PATCH] = "PATCH",
    [HEAD_DELETE] = "DELETE", [HEAD_HEAD] = "HEAD", [HEAD_OPTIONS] = "OPTIONS",
};

const char *http_method_name(unsigned method)
{
    return method >= HEAD_GET && method <= HEAD_OPTIONS ? METHODS[method] : "";
}

/* ---- bytes ---- */

/* What a byte may be part of. */
enum { IN_TOKEN = 1, IN_VALUE = 2, IN_TARGET = 4, IN_HOST = 8 };

/* Filled by hand for the signs; letters and digits are in all four. */
static const uint8_t SIGNS[128] = {
    ['\t'] = IN_VALUE,
    [' '] = IN_VALUE,
    ['!'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['"'] = IN_VALUE,
    ['#'] = IN_TOKEN | IN_VALUE,
    ['$'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['%'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['&'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['\''] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['('] = IN_VALUE | IN_TARGET | IN_HOST,
    [')'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['*'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['+'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    [','] = IN_VALUE | IN_TARGET,
    ['-'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['.'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['/'] = IN_VALUE | IN_TARGET,
    [':'] = IN_VALUE | IN_TARGET | IN_HOST,
    [';'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['<'] = IN_VALUE,
    ['='] = IN_VALUE | IN_TARGET | IN_HOST,
    ['>'] = IN_VALUE,
    ['?'] = IN_VALUE | IN_TARGET,
    ['@'] = IN_VALUE | IN_TARGET,
    ['['] = IN_VALUE | IN_TARGET | IN_HOST,
    ['\\'] = IN_VALUE | IN_TARGET,
    [']'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['^'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['_'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['`'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['{'] = IN_VALUE | IN_TARGET,
    ['|'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['}'] = IN_VALUE | IN_TARGET,
    ['~'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
};

static bool is_part(char c, unsigned of)
{
    unsigned char u = (unsigned char)c;
    if (u >= 128)
        return (of & (IN_VALUE | IN_TARGET)) != 0;
    if ((u >= '0' && u <= '9') || ((u | 0x20) >= 'a' && (u | 0x20) <= 'z'))
        return true;
    return (SIGNS[u] & of) != 0;
}

static bool all_part(sw_str s, unsigned of)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_part(s.at[i], of))
            return false;
    return true;
}

/* ---- the request line ---- */

static int refuse(const char **ret_why, int status, const char *why)
{
    *ret_why = why;
    return status;
}

static uint8_t method_of(sw_str name)
{
    for (uint8_t m = HEAD_GET; m <= HEAD_OPTIONS; m++)
        if (str_equal(name, METHODS[m]))
            return m;
    return 0;
}

/* "HTTP/1.0", "HTTP/1.1"; another well-formed version is 505. */
static int check_version(sw_str version, request_head *h, const char **ret_why)
{
    if (str_equal(version, "HTTP/1.1"))
        return 0;
    if (str_equal(version, "HTTP/1.0")) {
        h->http10 = true;
        return 0;
    }
    bool form = version.len == 8 && memcmp(version.at, "HTTP/", 5) == 0 && version.at[6] == '.' &&
                version.at[5] >= '0' && version.at[5] <= '9' && version.at[7] >= '0' && version.at[7] <= '9';
    return form && version.at[5] > '0' ? refuse(ret_why, 505, "this server speaks HTTP/1.1")
                                       : refuse(ret_why, 400, "malformed request line");
}

/* "name", "name:port", "192.0.2.1:port" or "[::1]:port"; a name before "@" is refused as the RFC wants it. */
static bool host_valid(sw_str host)
{
    size_t len = 0;
    if (host.len > 0 && host.at[0] == '[') {
        for (len = 1;
             len < host.len && (str_hex_digit(host.at[len]) >= 0 || host.at[len] == ':' || host.at[len] == '.');)
            len++;
        if (len == host.len || host.at[len++] != ']')
            return false;
    } else {
        while (len < host.len && host.at[len] != ':')
            len++;
    }
    int64_t port = 0;
    bool plain =
        len == host.len || len + 1 == host.len || str_int((sw_str){host.at + len + 1, host.len - len - 1}, &port);
    return len > 0 && all_part(host, IN_HOST) && !memchr(host.at + 1, '[', host.len - 1) &&
           (len == host.len || host.at[len] == ':') && plain && port >= 0 && port <= 65535;
}

/* "http://host/path?query", what a client sends that believes to speak to a proxy: RFC 9112, 3.2.2. Leaves the path and
 * query; false: it has another scheme, or no good host. */
static bool cut_host(request_head *h, sw_str *path)
{
    size_t scheme = str_starts_nocase(*path, "http://") ? 7 : str_starts_nocase(*path, "https://") ? 8 : 0;
    const char *at = path->at + scheme, *end = path->at + path->len;
    h->host = (sw_str){at, 0};
    while (scheme && at + h->host.len < end && !strchr("/?", at[h->host.len]))
        h->host.len++;
    *path = (sw_str){at + h->host.len, (size_t)(end - at) - h->host.len};
    return scheme && host_valid(h->host);
}

/* "/path?query", the same behind a scheme and a host, and "*" for OPTIONS. */
static int check_target(request_head *h, const char **ret_why)
{
    sw_str t = h->target;
    h->path = t;
    if (str_equal(t, "*") && h->method == HEAD_OPTIONS)
        return 0;
    if (t.len > 0 && t.at[0] != '/' && !cut_host(h, &h->path))
        return refuse(ret_why, 400, "the request target must be a path, or begin with http://host");
    if (t.len == 0 || (t.at[0] == '/' && t.len > 1 && (t.at[1] == '/' || t.at[1] == '\\')))
        return refuse(ret_why, 400, "the request target must be a path");
    if (!all_part(t, IN_TARGET) || !uri_escapes_valid(t) || !utf8_valid(t.at, t.len))
        return refuse(ret_why, 400, "malformed request target");
    const char *question = memchr(h->path.at, '?', h->path.len);
    if (question)
        h->path.len = (size_t)(question - h->path.at);
    return 0;
}

/* METHOD SP target SP version, without the line end. */
static int check_request_line(sw_str line, request_head *h, const char **ret_why)
{
    const char *first = memchr(line.at, ' ', line.len);
    if (!first)
        return refuse(ret_why, 400, "malformed request line");
    sw_str method = {line.at, (size_t)(first - line.at)};
    size_t behind = line.len - method.len - 1;
    const char *second = memchr(first + 1, ' ', behind);
    if (!second || method.len == 0 || !all_part(method, IN_TOKEN))
        return refuse(ret_why, 400, "malformed request line");
    h->target = (sw_str){first + 1, (size_t)(second - first - 1)};
    sw_str version = {second + 1, behind - h->target.len - 1};
    int status = check_version(version, h, ret_why);
    if (status)
        return status;
    h->method = method_of(method);
    if (h->method == 0)
        return refuse(ret_why, 501, "unknown method");
    return check_target(h, ret_why);
}

/* ---- headers ---- */

static int check_length(sw_str value, request_head *h, const char **ret_why)
{
    if (value.len == 0)
        return refuse(ret_why, 400, "malformed Content-Length");
    uint64_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return refuse(ret_why, 400, "malformed Content-Length");
        if (n > (UINT64_MAX >> 8))
            n = UINT64_MAX >> 8; /* more than any limit */
        else
            n = n * 10 + (uint64_t)(value.at[i] - '0');
    }
    h->length = n;
    return 0;
}

static void read_connection(sw_str value, bool first, request_head *h)
{
    /* evhttp keeps an HTTP/1.0 connection by the first header and its beginning alone: the same here. */
    if (first)
        h->keep_alive = str_starts_nocase(value, "keep-alive");
    sw_str piece;
    while (str_next(&value, ',', &piece)) {
        if (str_equal_nocase(piece, "close"))
            h->close = true;
        else if (str_equal_nocase(piece, "upgrade"))
            h->upgrade = true;
    }
}

/* "identity" is no coding; the header is a list, and may stand more than once. */
static void read_coding(sw_str value, request_head *h)
{
    sw_str piece;
    while (str_next(&value, ',', &piece))
        h->coded |= piece.len > 0 && !str_equal_nocase(piece, "identity");
}

#define NAMED(text) .name = text, .len = sizeof text - 1

typedef struct {
    const char *name;
    size_t len;
    uint32_t bit;
    bool once; /* a second one is refused */
} known_header;

static const known_header KNOWN[] = {
    {NAMED("host"), .bit = HAS_HOST, .once = true},
    {NAMED("content-length"), .bit = HAS_LENGTH, .once = true},
    {NAMED("transfer-encoding"), .bit = HAS_TRANSFER, .once = true},
    {NAMED("authorization"), .bit = HAS_AUTHORIZATION, .once = true},
    {NAMED("content-type"), .bit = HAS_CONTENT_TYPE, .once = true},
    {NAMED("content-encoding"), .bit = HAS_CODING},
    {NAMED("origin"), .bit = HAS_ORIGIN, .once = true},
    {NAMED("x-request-id"), .bit = HAS_REQUEST_ID},
    {NAMED("x-forwarded-for"), .bit = HAS_FORWARDED},
    {NAMED("x-forwarded-host"), .bit = HAS_FORWARDED_HOST},
    {NAMED("expect"), .bit = HAS_EXPECT, .once = true},
    {NAMED("connection"), .bit = HAS_CONNECTION},
    {NAMED("upgrade"), .bit = HAS_UPGRADE},
    {NAMED("access-control-request-method"), .bit = HAS_PREFLIGHT},
    {NAMED("sec-websocket-key"), .bit = HAS_WS_KEY, .once = true},
    {NAMED("sec-websocket-version"), .bit = HAS_WS_VERSION, .once = true},
};

/* The row of a name; names of interest begin with one of a few letters. */
static const known_header *known_of(sw_str name)
{
    char first = str_lower(name.at[0]);
    if (!memchr("htaocxeus", first, 9))
        return NULL;
    for (const known_header *k = KNOWN; k < KNOWN + sizeof KNOWN / sizeof *KNOWN; k++)
        if (first == k->name[0] && name.len == k->len && str_equal_nocase(name, k->name))
            return k;
    return NULL;
}

static int read_header(sw_str name, sw_str value, request_head *h, const char **ret_why)
{
    const known_header *k = known_of(name);
    if (str_lower(name.at[0]) == 'x' && str_starts_nocase(name, "x-forwarded-"))
        h->present |= HAS_FORWARDED_ANY;
    if (!k)
        return 0;
    bool first = !(h->present & k->bit);
    if (!first && k->once)
        return refuse(ret_why, 400, "a header that may stand once stands twice");
    h->present |= k->bit;
    switch (k->bit) {
    case HAS_HOST:
        return all_part(value, IN_HOST) ? 0 : refuse(ret_why, 400, "malformed Host");
    case HAS_LENGTH:
        return check_length(value, h, ret_why);
    case HAS_TRANSFER:
        h->chunked = str_equal_nocase(value, "chunked");
        return h->chunked ? 0 : refuse(ret_why, 400, "only the transfer coding chunked is known");
    case HAS_EXPECT:
        h->expects = str_equal_nocase(value, "100-continue");
        return h->expects || h->http10 ? 0 : refuse(ret_why, 417, "only the expectation 100-continue is known");
    case HAS_CONNECTION:
        read_connection(value, first, h);
        return 0;
    case HAS_CODING:
        read_coding(value, h);
        return 0;
    default:
        return 0;
    }
}

/* One line, without its end. */
static int check_header(sw_str line, request_head *h, const char **ret_why)
{
    size_t colon = 0;
    while (colon < line.len && line.at[colon] != ':' && is_part(line.at[colon], IN_TOKEN))
        colon++;
    if (colon == 0 || colon == line.len || line.at[colon] != ':')
        return refuse(ret_why, 400, "malformed header line");
    sw_str value = {line.at + colon + 1, line.len - colon - 1};
    if (!all_part(value, IN_VALUE))
        return refuse(ret_why, 400, "control character in a header");
    return read_header((sw_str){line.at, colon}, str_trim(value), h, ret_why);
}

static int check_together(const request_head *h, const char **ret_why)
{
    if (!h->http10 && !(h->present & HAS_HOST))
        return refuse(ret_why, 400, "the Host header is missing");
    if (h->chunked && (h->http10 || (h->present & HAS_LENGTH)))
        return refuse(ret_why, 400, "Transfer-Encoding does not go with Content-Length or HTTP/1.0");
    return 0;
}

int head_check(const char *at, size_t len, request_head *ret, const char **ret_why)
{
    *ret = (request_head){0};
    const char *end = at + len;
    unsigned lines = 0;
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf || lf == at || lf[-1] != '\r')
            return refuse(ret_why, 400, "lines must end with CR LF");
        sw_str line = {at, (size_t)(lf - 1 - at)};
        at = lf + 1;
        if (line.len == 0 && lines > 0)
            return at == end ? check_together(ret, ret_why) : refuse(ret_why, 400, "malformed head");
        if (lines > HEAD_HEADERS_MAX)
            return refuse(ret_why, 431, "too many headers");
        int status = lines == 0 ? check_request_line(line, ret, ret_why) : check_header(line, ret, ret_why);
        if (status)
            return status;
        lines++;
    }
    return refuse(ret_why, 400, "malformed head");
}

int head_check_partial(const char *at, size_t len, size_t from, const char **ret_why)
{
    /* The first line as soon as it is there: nothing that follows can mend it. */
    const char *lf = memchr(at, '\n', len);
    if (lf && (size_t)(lf - at) >= from) {
        request_head h = {0};
        if (lf == at || lf[-1] != '\r')
            return refuse(ret_why, 400, "lines must end with CR LF");
        int status = check_request_line((sw_str){at, (size_t)(lf - 1 - at)}, &h, ret_why);
        if (status)
            return status;
    }
    for (size_t i = from; i < len; i++) {
        char c = at[i];
        if (c == '\n' && (i == 0 || at[i - 1] != '\r'))
            return refuse(ret_why, 400, "lines must end with CR LF");
        if (c != '\n' && i > 0 && at[i - 1] == '\r')
            return refuse(ret_why, 400, "lines must end with CR LF");
        if ((c == ' ' || c == '\t') && i > 0 && at[i - 1] == '\n')
            return refuse(ret_why, 400, "folded headers are not accepted");
        if (c != '\n' && c != '\r' && !is_part(c, IN_VALUE))
            return refuse(ret_why, 400, "control character in the head");
    }
    return 0;
}

/* ---- a chunked body ---- */

enum chunk_place {
    IN_SIZE = 0,
    BEFORE_EXTENSION, /* blanks behind a size */
    IN_EXTENSION,
    SIZE_LF,
    IN_DATA,
    DATA_CR,
    DATA_LF,
    LINE_START, /* behind the last chunk: of a trailer, or the end */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    ENDED
};

static chunk_answer go_on(chunk_walk *w, bool good, enum chunk_place next)
{
    w->where = (uint8_t)next;
    return good ? CHUNK_MORE : CHUNK_BAD;
}

static chunk_answer size_byte(chunk_walk *w, char c, uint64_t limit)
{
    int digit = str_hex_digit(c);
    if (digit >= 0) {
        if (++w->digits > 15)
            return CHUNK_TOO_LARGE;
        w->left = w->left * 16 + (uint64_t)digit;
        return w->left > limit - w->total ? CHUNK_TOO_LARGE : CHUNK_MORE;
    }
    if (c == '\r')
        return go_on(w, w->digits > 0, SIZE_LF);
    bool blank = c == ' ' || c == '\t';
    return go_on(w, w->digits > 0 && (blank || c == ';'), blank ? BEFORE_EXTENSION : IN_EXTENSION);
}

/* What is read over: extensions of a size, and the trailers. No line end may hide in them. */
static chunk_answer ignored_byte(chunk_walk *w, char c)
{
    w->ignored += w->where != LINE_START || c != '\r';
    switch ((enum chunk_place)w->where) {
    case BEFORE_EXTENSION:
        return go_on(w, c == ';' || c == ' ' || c == '\t', c == ';' ? IN_EXTENSION : BEFORE_EXTENSION);
    case IN_EXTENSION:
        return c == '\r' ? go_on(w, true, SIZE_LF) : go_on(w, is_part(c, IN_VALUE), IN_EXTENSION);
    case LINE_START:
        return c == '\r' ? go_on(w, true, LAST_LF) : go_on(w, is_part(c, IN_TOKEN), TRAILER_NAME);
    case TRAILER_NAME:
        return c == ':' ? go_on(w, true, TRAILER_VALUE) : go_on(w, is_part(c, IN_TOKEN), TRAILER_NAME);
    case TRAILER_VALUE:
        return c == '\r' ? go_on(w, true, TRAILER_LF) : go_on(w, is_part(c, IN_VALUE), TRAILER_VALUE);
    default:
        return go_on(w, c == '\n', LINE_START);
    }
}

static chunk_answer framing_byte(chunk_walk *w, char c, uint64_t limit)
{
    switch ((enum chunk_place)w->where) {
    case IN_SIZE:
        return size_byte(w, c, limit);
    case SIZE_LF:
        w->total += w->left;
        return go_on(w, c == '\n', w->left > 0 ? IN_DATA : LINE_START);
    case DATA_CR:
        return go_on(w, c == '\r', DATA_LF);
    case DATA_LF:
        w->digits = 0;
        w->left = 0;
        return go_on(w, c == '\n', IN_SIZE);
    case LAST_LF:
        return go_on(w, c == '\n', ENDED);
    case ENDED:
        return CHUNK_BAD;
    default:
        return ignored_byte(w, c);
    }
}

chunk_answer chunk_feed(chunk_walk *w, const char *bytes, size_t len, uint64_t limit, size_t *ret_used)
{
    size_t i = 0;
    while (i < len) {
        if (w->where == IN_DATA) {
            size_t n = len - i < w->left ? len - i : (size_t)w->left;
            i += n;
            w->left -= n;
            if (w->left == 0)
                w->where = DATA_CR;
            continue;
        }
        chunk_answer answer = framing_byte(w, bytes[i++], limit);
        if (answer != CHUNK_MORE)
            return answer;
        if (w->where == ENDED) {
            *ret_used = i;
            return CHUNK_END;
        }
    }
    return CHUNK_MORE;
}

size_t chunk_join(char *bytes, size_t len)
{
    chunk_walk w = {0};
    size_t joined = 0;
    for (size_t at = 0, used = 0; at < len; at += used) {
        size_t data = w.where == IN_DATA ? (size_t)w.left : 0;
        used = data > 0 && data < len - at ? data : 1;
        memmove(bytes + joined, bytes + at, data ? used : 0);
        joined += data ? used : 0;
        if (chunk_feed(&w, bytes + at, used, UINT64_MAX >> 8, &used) != CHUNK_MORE)
            break;
    }
    return joined;
}
