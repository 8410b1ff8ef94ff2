/* The calls that can fail (fail_calls.c), and what they ask of who decides (fail.c). */
#ifndef VPCE_TORTURE_FAIL_CALLS_H
#define VPCE_TORTURE_FAIL_CALLS_H

#include <stdbool.h>

#define FAIL_FUNCTIONS(X)                                                                          \
    X(malloc)                                                                                      \
    X(calloc)                                                                                      \
    X(realloc)                                                                                     \
    X(reallocarray)                                                                                \
    X(strdup)                                                                                      \
    X(asprintf)                                                                                    \
    X(open_memstream)                                                                              \
    X(fopen)                                                                                       \
    X(fdopen)                                                                                      \
    X(opendir)                                                                                     \
    X(access)                                                                                      \
    X(socket)                                                                                      \
    X(socketpair)                                                                                  \
    X(connect)                                                                                     \
    X(bind)                                                                                        \
    X(listen)                                                                                      \
    X(accept)                                                                                      \
    X(accept4)                                                                                     \
    X(getsockname)                                                                                 \
    X(getsockopt)                                                                                  \
    X(setsockopt)                                                                                  \
    X(recv)                                                                                        \
    X(recvfrom)                                                                                    \
    X(send)                                                                                        \
    X(sendto)                                                                                      \
    X(sendmsg)                                                                                     \
    X(read)                                                                                        \
    X(readv)                                                                                       \
    X(write)                                                                                       \
    X(writev)                                                                                      \
    X(open)                                                                                        \
    X(fcntl)                                                                                       \
    X(stat)                                                                                        \
    X(mkdir)                                                                                       \
    X(pipe2)                                                                                       \
    X(eventfd)                                                                                     \
    X(timerfd_create)                                                                              \
    X(epoll_create1)                                                                               \
    X(epoll_ctl)                                                                                   \
    X(memfd_create)                                                                                \
    X(getrandom)                                                                                   \
    X(event_base_new)                                                                              \
    X(event_new)                                                                                   \
    X(event_add)                                                                                   \
    X(evbuffer_new)                                                                                \
    X(evbuffer_add)                                                                                \
    X(evbuffer_pullup)                                                                             \
    X(bufferevent_socket_new)                                                                      \
    X(evhttp_new)                                                                                  \
    X(evhttp_request_new)                                                                          \
    X(evhttp_add_header)                                                                           \
    X(evhttp_accept_socket_with_handle)                                                            \
    X(evhttp_connection_base_bufferevent_new)                                                      \
    X(evhttp_make_request)                                                                         \
    X(ares_init_options)                                                                           \
    X(ares_set_servers_ports_csv)                                                                  \
    X(ares_getaddrinfo)                                                                            \
    X(OSSL_LIB_CTX_new)                                                                            \
    X(SSL_CTX_new_ex)                                                                              \
    X(SSL_CTX_ctrl)                                                                                \
    X(SSL_CTX_load_verify_file)                                                                    \
    X(SSL_new)                                                                                     \
    X(SSL_set1_host)                                                                               \
    X(SSL_ctrl)                                                                                    \
    X(SSL_set_ex_data)                                                                             \
    X(SSL_up_ref)                                                                                  \
    X(SSL_connect)                                                                                 \
    X(SSL_read_ex)                                                                                 \
    X(SSL_write_ex)                                                                                \
    X(BIO_meth_new)                                                                                \
    X(BIO_new)

enum fail_function {
#define NUMBER(name) FAIL_FUNCTION_##name,
    FAIL_FUNCTIONS(NUMBER)
#undef NUMBER
};

/* One more call, from there: whether it is to fail. */
bool fail_now(enum fail_function function, const void *caller);

/* The same, for calls of our own code only. */
bool fail_ours_now(enum fail_function function, const void *caller);

/* What happens inside does not count. Returns what it was before. */
bool fail_inside(bool now);

/* A library allocates through a hook of ours: from there, for this line of its code, when it tells.
 * NULL: it has. */
void fail_hook(const void *caller, const char *file, int line);

#endif
