/* For the tests of daemon/aws/http: a client, and a plain server in the same loop, which answers as
 * it is told. Bounds of time are waited for, never measured. */
#ifndef VPCE_TESTS_UNIT_HTTP_WORLD_H
#define VPCE_TESTS_UNIT_HTTP_WORLD_H

#include "daemon/aws/http.h"

#include "daemon/loop.h"

#define LONG_MS 100000 /* never reached, not under valgrind either */
#define SHORT_MS 150

/* What the server does after its reply. */
enum then {
    THEN_CLOSE,
    THEN_WAIT,
    THEN_REPEAT,  /* the reply again and again */
    THEN_FILL,    /* bytes without end */
    THEN_TRICKLE, /* a byte now and then */
};

/* Takes one connection after the other; answers when it has seen the end of the request's head. */
struct server {
    struct loop *loop;
    int listener;
    int fd; /* of the connection; -1: none */
    struct loop_io *listener_io;
    struct loop_io *io;
    struct loop_timer *trickle;
    struct addr addr;
    uint16_t port;
    char request[4096];
    size_t request_len;
    const char *reply;
    size_t reply_len;
    enum then then;
};

/* A loop, a server, a client, and what the client was told. */
struct world {
    struct loop *loop;
    struct server server;
    struct http *http;
    enum http_outcome outcome;
    unsigned status;
    bool maybe_sent;
    char error[160];
    char body[HTTP_BODY_MAX + 1];
    size_t len;
    char header[128]; /* X-Test */
    unsigned n_calls;
    unsigned again; /* so often the callback starts anew */
    bool free_it;   /* the callback frees the client */
};

/* cmocka's fixtures; *state is the world. */
int world_setup(void **state);
int world_teardown(void **state);

/* false: no such address on this machine */
bool server_open(struct server *server, struct loop *loop, const char *address);
void server_close(struct server *server); /* the connection */
void server_done(struct server *server);

/* GET /latest/ of the server. */
struct http_request request_of(const struct world *world, int64_t timeout_ms);

/* The client's callback: it stops the loop. */
void world_on_done(const struct http_answer *answer, void *arg);

/* Until the client has been called. */
void call(struct world *world, const struct http_request *request);

size_t count_fds(void);

#endif
