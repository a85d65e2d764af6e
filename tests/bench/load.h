/* The load generator: one mode per file. Each prints one line of JSON at its end. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench.h"

/* Closed loop of HTTP requests over keep-alive connections. */
int load_http(int argc, char **argv);
/* Many WebSockets that only stay open. */
int load_idle(int argc, char **argv);
/* Stream pieces from agents to humans. */
int load_relay(int argc, char **argv);
/* Messages posted in arrays, and the frames that every socket gets of them. */
int load_fanout(int argc, char **argv);
/* Bytes to a bare echo server and back. */
int load_echo(int argc, char **argv);

#endif
