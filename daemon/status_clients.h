/* The connections of the status socket and their limits: how many, whose, and for how long.
 * A request must be read and its answer be written within CLIENT_DEADLINE_MS of the connection's
 * begin, or of the answer before. Waiting for a next request counts as reading it. */
#ifndef VPCE_DAEMON_STATUS_CLIENTS_H
#define VPCE_DAEMON_STATUS_CLIENTS_H

#define CLIENTS_MAX 64          /* over all listeners */
#define CLIENTS_KEPT_FOR_ROOT 8 /* of them */
#define CLIENT_DEADLINE_MS 10000

/* Unread requests kept of one client; the rest waits in its socket. More than the limit of the
 * headers, or evhttp could not see that they are too long. */
#define CLIENT_INPUT_MAX 16384

#include <stdbool.h>

struct bufferevent;
struct evhttp_request;
struct loop;
struct status_clients;

/* loop is borrowed. NULL without memory. */
struct status_clients *status_clients_new(struct loop *loop);

/* After evhttp_free, which ends the connections. NULL is fine. */
void status_clients_free(struct status_clients *clients);

/* For evhttp's bevcb: what a connection that is just being accepted shall use. To be followed by
 * status_clients_settle before the next one is accepted. NULL without memory. */
struct bufferevent *status_clients_accept(struct status_clients *clients);

/* Hold the newest connection against the limits. Too many: the one that is idle longest ends, none
 * of root's for somebody else; or, with none idle, the newest. Not from a callback of evhttp, which
 * would not bear the end of its connection. */
void status_clients_settle(struct status_clients *clients);

/* The request is being answered, until all of the answer is written: its client is not idle.
 * Takes the request's on_complete callback. */
void status_clients_answer(struct status_clients *clients, struct evhttp_request *request);

/* Nobody waits for an answer: each has had one, or gets a stream. */
bool status_clients_are_served(const struct status_clients *clients);

typedef void (*client_gone_fn)(void *arg);

/* The answer is a stream without end: no deadline counts, and on_gone is called once, when the
 * connection ends. After status_clients_answer. false: the user has max_per_uid streams already, or
 * the client is not known; nothing changed. Users of IP sockets count as one, and so do
 * all users but root where the service has user IDs of its own (PrivateUsers= in the unit): they
 * share max_shared. */
bool status_clients_stream(struct status_clients *clients, struct evhttp_request *request,
    unsigned max_per_uid, unsigned max_shared, client_gone_fn on_gone, void *arg);

#endif
