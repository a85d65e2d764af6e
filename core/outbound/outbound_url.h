/* The rule for addresses: which URLs plugins may speak to. No I/O; any thread. */
#ifndef CORE_OUTBOUND_OUTBOUND_URL_H
#define CORE_OUTBOUND_OUTBOUND_URL_H

#include <stdbool.h>

typedef struct {
    char host[256];
    int port;
    bool tls;
    const char *path; /* into the URL, from the '/' or '?' on; "/" when there is none */
} outbound_url;

/* Fills *ret. `secure` and `plain` are names of schemes, as "https" and "http": the secure one may go to any host, the
 * plain one to a loopback host only. false: the URL is malformed, or not allowed. */
bool outbound_url_parse(const char *url, const char *secure, const char *plain, outbound_url *ret);
bool outbound_is_loopback(const char *host);
/* The same without the rule for plain connections. */
bool outbound_url_read(const char *url, const char *secure, const char *plain, outbound_url *ret);

/* Where an address lies. */
typedef enum { NETWORK_PUBLIC = 1, NETWORK_PRIVATE, NETWORK_LINK_LOCAL, NETWORK_LOOPBACK } outbound_network;
struct sockaddr;
outbound_network outbound_network_of(const struct sockaddr *address);

#endif
