/* See status_clients.h.
 *
 * evhttp (libevent 2.1) accepts by itself and shows a connection only with its first whole request.
 * What never sends one must be counted and ended too, so: evhttp asks for a bufferevent while it
 * accepts (bevcb); one turn of the loop later that bufferevent has its descriptor, and the argument
 * of its callbacks is the evhttp_connection. From there on the public calls do all: a close
 * callback frees the place, evhttp_connection_free ends the connection. In between, our own
 * reference keeps the bufferevent, in case evhttp is done with the connection before.
 *
 * evhttp's timeout is not used: it starts anew with each byte. */
#include "daemon/status_clients.h"

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/util.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LIMIT_LOG_PERIOD_MS 60000

#define UID_UNKNOWN ((uid_t)-1) /* of a peer on an IP socket */
#define UID_OVERFLOW ((uid_t)65534)

struct client {
    struct status_clients *clients;
    struct evhttp_connection *connection; /* evhttp's; NULL: a free place, or not known yet */
    struct bufferevent *accepted;         /* our reference, until the connection is known */
    struct loop_timer *deadline;
    int64_t since_us; /* when the present request was waited for */
    uid_t uid;
    bool answering;         /* not idle */
    bool served;            /* it has had an answer */
    client_gone_fn on_gone; /* a stream; or NULL */
    void *arg;
};

struct status_clients {
    struct loop *loop;
    struct client *newest;                 /* accepted, not yet settled; or NULL */
    int64_t quiet_until_ms;                /* the limit was logged not long before */
    struct client places[CLIENTS_MAX + 1]; /* one for the newest, which may be one too many */
};

static bool
is_free(const struct client *client)
{
    return client->connection == NULL && client->accepted == NULL;
}

static void
start_waiting(struct client *client)
{
    client->answering = false;
    client->since_us = loop_now_us(client->clients->loop);
    loop_timer_set(client->deadline, CLIENT_DEADLINE_MS);
}

static void
on_deadline(void *arg)
{
    struct client *client = arg;

    log_msg(LOG_DEBUG, LOG_TOPIC_CTL, "a client of uid %d was %s for %d ms, closing",
        (int)client->uid, client->answering ? "not reading its answer" : "without a whole request",
        CLIENT_DEADLINE_MS);
    evhttp_connection_free(client->connection);
}

/* Called for every end of a connection, whoever brought it about. */
static void
on_close(struct evhttp_connection *connection, void *arg)
{
    struct client *client = arg;

    (void)connection;
    loop_timer_stop(client->deadline);
    client->connection = NULL;
    client->answering = false;
    client->served = false;
    if (client->on_gone != NULL) {
        TAKE(client->on_gone)(client->arg);
    }
}

static void
on_answered(struct evhttp_request *request, void *arg)
{
    struct client *client = arg;

    (void)request;
    client->served = true;
    start_waiting(client);
}

/* On an IP socket the kernel says -1. */
static uid_t
peer_uid(evutil_socket_t fd)
{
    struct ucred peer = {.uid = UID_UNKNOWN};
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.uid : UID_UNKNOWN;
}

/* The accepted bufferevent is evhttp's now: learn whose connection it is. */
static void
meet(struct client *client)
{
    struct bufferevent *bev = TAKE(client->accepted);
    void *connection = NULL;

    bufferevent_getcb(bev, NULL, NULL, NULL, &connection);
    if (connection == NULL && bufferevent_getfd(bev) < 0) {
        bufferevent_free(bev); /* evhttp had no memory for a connection, and has forgotten it */
    }
    if (connection != NULL) { /* else it is gone already */
        client->connection = connection;
        client->uid = peer_uid(bufferevent_getfd(bev));
        evhttp_connection_set_closecb(client->connection, on_close, client);
        start_waiting(client);
    }
    (void)bufferevent_decref(bev);
}

/* Whether the newest client is one too many. */
static bool
is_full(const struct status_clients *clients, const struct client *newest)
{
    unsigned n_root = 0;
    unsigned n_others = 0;

    for (size_t i = 0; i < ARRAY_SIZE(clients->places); i++) {
        const struct client *client = &clients->places[i];

        n_root += !is_free(client) && client->uid == 0;
        n_others += !is_free(client) && client->uid != 0;
    }
    return n_root + n_others > CLIENTS_MAX ||
           (newest->uid != 0 && n_others > CLIENTS_MAX - CLIENTS_KEPT_FOR_ROOT);
}

/* a goes rather than b. */
static bool
goes_before(const struct client *a, const struct client *b)
{
    if ((a->uid == 0) != (b->uid == 0)) {
        return a->uid != 0;
    }
    return a->since_us < b->since_us;
}

/* Who makes room for the newest; itself when nobody can. */
static struct client *
find_leaver(struct status_clients *clients, struct client *newest)
{
    struct client *leaver = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(clients->places); i++) {
        struct client *client = &clients->places[i];
        bool may_go = !is_free(client) && !client->answering && client != newest &&
                      (client->uid != 0 || newest->uid == 0);

        if (may_go && (leaver == NULL || goes_before(client, leaver))) {
            leaver = client;
        }
    }
    return leaver != NULL ? leaver : newest;
}

static void
log_full(struct status_clients *clients, const struct client *newest)
{
    int64_t now_ms = loop_now_ms(clients->loop);

    if (now_ms >= clients->quiet_until_ms) {
        clients->quiet_until_ms = now_ms + LIMIT_LOG_PERIOD_MS;
        log_msg(LOG_WARNING, LOG_TOPIC_CTL,
            "the status socket has all the clients it may have, the newest of uid %d; closing some",
            (int)newest->uid);
    }
}

void
status_clients_settle(struct status_clients *clients)
{
    struct client *newest = TAKE(clients->newest);

    if (newest != NULL && newest->accepted != NULL) {
        meet(newest);
    }
    if (newest != NULL && newest->connection != NULL && is_full(clients, newest)) {
        log_full(clients, newest);
        evhttp_connection_free(find_leaver(clients, newest)->connection);
    }
}

/* The rest waits in the socket until evhttp, which enables reading for each request, wants more.
 * Not libevent's watermark, which dereferences NULL when there is no memory for it. */
static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    (void)info;
    if (evbuffer_get_length(input) > CLIENT_INPUT_MAX) {
        (void)bufferevent_disable(arg, EV_READ);
    }
}

/* The bufferevent closes the descriptor when it no longer watches it. evhttp would before: a socket
 * that got the same number in between, of DNS, say, was taken to be watched already and heard
 * nothing, ever. */
struct bufferevent *
status_clients_accept(struct status_clients *clients)
{
    struct bufferevent *bev =
        bufferevent_socket_new(loop_event_base(clients->loop), -1, BEV_OPT_CLOSE_ON_FREE);
    struct client *client = clients->places;

    if (bev == NULL) {
        return NULL;
    }
    if (evbuffer_add_cb(bufferevent_get_input(bev), on_input, bev) == NULL) {
        bufferevent_free(bev);
        return NULL;
    }
    status_clients_settle(clients); /* should the turn between have been left out */
    while (!is_free(client)) {
        client++;
        assert(client < clients->places + ARRAY_SIZE(clients->places));
    }
    bufferevent_incref(bev);
    client->accepted = bev;
    clients->newest = client;
    return bev;
}

static struct client *
find_client(struct status_clients *clients, const struct evhttp_connection *connection)
{
    for (size_t i = 0; i < ARRAY_SIZE(clients->places); i++) {
        if (clients->places[i].connection == connection) {
            return &clients->places[i];
        }
    }
    return NULL;
}

void
status_clients_answer(struct status_clients *clients, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);

    if (clients->newest != NULL && clients->newest->accepted != NULL) {
        meet(clients->newest); /* its request came with it */
    }
    struct client *client = find_client(clients, connection);

    if (client != NULL) {
        client->answering = true;
        evhttp_request_set_on_complete_cb(request, on_answered, client);
    }
}

/* What the kernel says of users that it cannot name here (user_namespaces(7)). */
static bool
is_shared_uid(uid_t uid)
{
    return uid == UID_OVERFLOW || uid == UID_UNKNOWN;
}

static unsigned
count_streams(const struct status_clients *clients, uid_t uid)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(clients->places); i++) {
        n += clients->places[i].on_gone != NULL && clients->places[i].uid == uid;
    }
    return n;
}

bool
status_clients_stream(struct status_clients *clients, struct evhttp_request *request,
    unsigned max_per_uid, unsigned max_shared, client_gone_fn on_gone, void *arg)
{
    struct client *client = find_client(clients, evhttp_request_get_connection(request));

    if (client == NULL || count_streams(clients, client->uid) >=
                              (is_shared_uid(client->uid) ? max_shared : max_per_uid)) {
        return false;
    }
    client->on_gone = on_gone;
    client->arg = arg;
    loop_timer_stop(client->deadline);
    return true;
}

bool
status_clients_are_served(const struct status_clients *clients)
{
    for (size_t i = 0; i < ARRAY_SIZE(clients->places); i++) {
        const struct client *client = &clients->places[i];

        if (!is_free(client) && client->on_gone == NULL && (client->answering || !client->served)) {
            return false;
        }
    }
    return true;
}

struct status_clients *
status_clients_new(struct loop *loop)
{
    struct status_clients *clients = calloc(1, sizeof(*clients));

    if (clients == NULL) {
        return NULL;
    }
    clients->loop = loop;
    for (size_t i = 0; i < ARRAY_SIZE(clients->places); i++) {
        struct client *client = &clients->places[i];

        client->clients = clients;
        client->deadline = loop_timer_new(loop, on_deadline, client);
        if (client->deadline == NULL) {
            status_clients_free(clients);
            return NULL;
        }
    }
    return clients;
}

void
status_clients_free(struct status_clients *clients)
{
    if (clients == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(clients->places); i++) {
        struct client *client = &clients->places[i];

        if (client->accepted != NULL) {
            (void)bufferevent_decref(TAKE(client->accepted));
        }
        loop_timer_free(client->deadline);
    }
    free(clients);
}
