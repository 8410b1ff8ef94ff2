/* See tls_wire.h. */
#include "probes/tls_wire.h"

#include <errno.h>
#include <sys/socket.h>

static bool
is_for_later(int error)
{
    return error == EAGAIN || error == EINTR;
}

static size_t
may_read(const struct tls_wire *wire, size_t size)
{
    size_t left = TLS_WIRE_SESSION_MAX - wire->n_read;

    left = wire->step_left < left ? wire->step_left : left;
    return size < left ? size : left;
}

/* Over the share of the step there is nothing for now: the descriptor stays readable, so the loop,
 * having seen to all others, comes back. */
static int
on_read(BIO *bio, char *buf, int size)
{
    struct tls_wire *wire = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (wire->n_read == TLS_WIRE_SESSION_MAX) {
        wire->flooded = true;
        return -1;
    }
    if (wire->step_left == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    n = recv(wire->fd, buf, may_read(wire, (size_t)size), 0);
    if (n < 0 && is_for_later(errno)) {
        BIO_set_retry_read(bio);
    }
    if (n > 0) {
        wire->step_left -= (size_t)n;
        wire->n_read += (size_t)n;
    }
    wire->eof = n == 0;
    return (int)n;
}

static int
on_write(BIO *bio, const char *buf, int size)
{
    const struct tls_wire *wire = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (wire->is_connecting) { /* the socket is not asked: that would take its error out of it */
        BIO_set_retry_write(bio);
        return -1;
    }
    n = send(wire->fd, buf, (size_t)size, MSG_NOSIGNAL);
    if (n < 0 && is_for_later(errno)) {
        BIO_set_retry_write(bio);
    }
    return (int)n;
}

static long
on_ctrl(BIO *bio, int command, long number, void *arg)
{
    const struct tls_wire *wire = BIO_get_data(bio);

    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && wire->eof);
}

BIO_METHOD *
tls_wire_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "probe");

    if (method == NULL || BIO_meth_set_read(method, on_read) != 1 ||
        BIO_meth_set_write(method, on_write) != 1 || BIO_meth_set_ctrl(method, on_ctrl) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

BIO *
tls_wire_open(struct tls_wire *wire, BIO_METHOD *method)
{
    BIO *bio = BIO_new(method);

    if (bio != NULL) {
        BIO_set_data(bio, wire);
        BIO_set_init(bio, 1);
    }
    return bio;
}

void
tls_wire_begin_step(struct tls_wire *wire)
{
    wire->step_left = TLS_WIRE_STEP_MAX;
}
