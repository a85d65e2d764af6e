/* load relay --pairs FILE --depth 8 --seconds 4 [--bytes 100]
 * FILE has a line "AGENT_TOKEN HUMAN_ID HUMAN_TOKEN" per pair. The agent's socket sends CHAT_STREAM pieces to its
 * human, `depth` of them under way at any time; one is over when the human's socket has it. */
#include "load.h"
#include "websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { PAIRS_MAX = 256, FRAME_MAX = 70000 };

typedef struct {
    websocket agent, human;
    uint8_t *frame;
    size_t frame_len;
    int64_t *sent_ns; /* ring of `depth` */
    unsigned oldest, under_way;
} pair;

typedef struct {
    pair pairs[PAIRS_MAX];
    unsigned count, depth;
    int epoll;
    int64_t end_ns, frames;
    samples times;
} relay;

static void watch(relay *r, websocket *w)
{
    struct epoll_event ask = {.events = EPOLLIN, .data.ptr = w};
    if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, w->fd, &ask) != 0)
        fail("epoll_ctl");
}

static void build_frame(pair *p, const char *human_id, size_t bytes)
{
    char *text = must_alloc(bytes + 200, 1);
    int len = snprintf(text, bytes + 200,
                       "{\"type\":\"CHAT_STREAM\",\"target_id\":%s,\"stream_id\":\"s1\",\"payload\":\"%0*d\"}",
                       human_id, (int)bytes, 0);
    p->frame = must_alloc((size_t)len + 14, 1);
    p->frame_len = ws_frame(text, (size_t)len, p->frame);
    free(text);
}

static void open_pairs(relay *r, int argc, char **argv)
{
    const char *host = option_text(argc, argv, "host", "127.0.0.1");
    int port = (int)option_int(argc, argv, "port", 8080);
    size_t len;
    char *file = read_file(option_text(argc, argv, "pairs", "pairs"), &len), *line_end = NULL;
    for (char *line = strtok_r(file, "\n", &line_end); line != NULL && r->count < PAIRS_MAX;
         line = strtok_r(NULL, "\n", &line_end)) {
        char *word_end = NULL, *agent = strtok_r(line, " ", &word_end), *id = strtok_r(NULL, " ", &word_end);
        char *human = strtok_r(NULL, " ", &word_end);
        pair *p = &r->pairs[r->count++];
        if (human == NULL)
            fail("a line of the pairs is short");
        ws_open(&p->human, host, port, 0, human);
        ws_open(&p->agent, host, port, 0, agent);
        watch(r, &p->human);
        watch(r, &p->agent);
        build_frame(p, id, (size_t)option_int(argc, argv, "bytes", 100));
        p->sent_ns = must_alloc(r->depth, sizeof *p->sent_ns);
    }
    free(file);
}

static void send_pieces(relay *r, pair *p)
{
    while (p->under_way < r->depth && now_ns() < r->end_ns) {
        p->sent_ns[(p->oldest + p->under_way) % r->depth] = now_ns();
        write_all(p->agent.fd, p->frame, p->frame_len);
        p->under_way++;
    }
}

static void pump(relay *r, int ms)
{
    struct epoll_event ready[256];
    int n = epoll_wait(r->epoll, ready, 256, ms);
    for (int i = 0; i < n; i++) {
        websocket *w = ready[i].data.ptr;
        size_t index = ((size_t)((char *)w - (char *)r->pairs)) / sizeof(pair), messages;
        pair *p = &r->pairs[index];
        if (ws_read(w, &messages) < 0)
            fail("a socket was closed or refused");
        if (w != &p->human)
            continue;
        for (; messages > 0 && p->under_way > 0; messages--) {
            samples_add(&r->times, now_ns() - p->sent_ns[p->oldest]);
            p->oldest = (p->oldest + 1) % r->depth;
            p->under_way--;
            r->frames++;
        }
        if (r->end_ns > 0)
            send_pieces(r, p);
    }
}

static bool all_open(const relay *r)
{
    for (unsigned i = 0; i < r->count; i++)
        if (r->pairs[i].agent.matched < 4 || r->pairs[i].human.matched < 4)
            return false;
    return true;
}

int load_relay(int argc, char **argv)
{
    relay *r = must_alloc(1, sizeof *r);
    r->depth = (unsigned)option_int(argc, argv, "depth", 8);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    open_pairs(r, argc, argv);
    for (int64_t until = now_ns() + 10000000000; !all_open(r);) {
        pump(r, 100);
        if (now_ns() > until)
            fail("the sockets do not open");
    }
    for (int64_t until = now_ns() + 300000000; now_ns() < until;) /* what came with the greeting */
        pump(r, 50);
    r->frames = 0;
    r->times.count = 0;
    printf("{\"ready\":%u}\n", r->count);
    fflush(stdout);
    if (getchar() == EOF)
        return 1;
    int64_t begin = now_ns();
    r->end_ns = begin + option_int(argc, argv, "seconds", 4) * 1000000000;
    for (unsigned i = 0; i < r->count; i++)
        send_pieces(r, &r->pairs[i]);
    while (now_ns() < r->end_ns)
        pump(r, 100);
    double seconds = (double)(now_ns() - begin) / 1e9;
    printf("{\"frames\":%lld,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           (long long)r->frames, seconds, (double)r->frames / seconds, samples_percentile(&r->times, 50),
           samples_percentile(&r->times, 99));
    return 0;
}
