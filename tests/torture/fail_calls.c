/* See fail_calls.h: how they fail. */
#include "fail_calls.h"

#include <ares.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- allocation: below us is the sanitizer's allocator, or the C library's ---- */

#ifdef FAIL_OVER_ASAN
#define BELOW(name) __interceptor_##name
#else
#define BELOW(name) __libc_##name
#endif

void *BELOW(malloc)(size_t size);
void *BELOW(calloc)(size_t n, size_t size);
void *BELOW(realloc)(void *old, size_t size);

#define FAILS(name) fail_now(FAIL_FUNCTION_##name, __builtin_return_address(0))

void *
malloc(size_t size)
{
    if (FAILS(malloc)) {
        errno = ENOMEM;
        return NULL;
    }
    return BELOW(malloc)(size);
}

void *
calloc(size_t n, size_t size)
{
    if (FAILS(calloc)) {
        errno = ENOMEM;
        return NULL;
    }
    return BELOW(calloc)(n, size);
}

void *
realloc(void *old, size_t size)
{
    if (FAILS(realloc)) {
        errno = ENOMEM;
        return NULL;
    }
    return BELOW(realloc)(old, size);
}

void *
reallocarray(void *old, size_t n, size_t size)
{
    size_t bytes;

    if (FAILS(reallocarray) || __builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return BELOW(realloc)(old, bytes);
}

char *
strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = FAILS(strdup) ? NULL : BELOW(malloc)(size);

    if (copy == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    return memcpy(copy, s, size);
}

int
asprintf(char **ret, const char *format, ...)
{
    va_list args;
    int n;

    if (FAILS(asprintf)) {
        errno = ENOMEM;
        return -1;
    }
    va_start(args, format);
    n = vasprintf(ret, format, args);
    va_end(args);
    return n;
}

/* ---- the rest: what comes after us ---- */

#define WRAP(type, name, parameters, arguments, failed, error)                                     \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*next) parameters;                                                             \
                                                                                                   \
        if (next == NULL) {                                                                        \
            bool was_inside = fail_inside(true);                                                   \
                                                                                                   \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                             \
            (void)fail_inside(was_inside);                                                         \
        }                                                                                          \
        if (FAILS(name)) {                                                                         \
            errno = error;                                                                         \
            return failed;                                                                         \
        }                                                                                          \
        return next arguments;                                                                     \
    }

/* It says on its queue why, as OpenSSL does. Calls of OpenSSL's own fail by its allocations only,
 * which our code watches. */
#define WRAP_SSL(type, name, parameters, arguments, failed)                                        \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*next) parameters;                                                             \
        bool fail = fail_ours_now(FAIL_FUNCTION_##name, __builtin_return_address(0));              \
        bool was_inside = fail_inside(true);                                                       \
                                                                                                   \
        if (next == NULL) {                                                                        \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                             \
        }                                                                                          \
        if (fail) {                                                                                \
            ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);                                          \
        }                                                                                          \
        (void)fail_inside(was_inside);                                                             \
        return fail ? failed : next arguments;                                                     \
    }

WRAP(FILE *, open_memstream, (char **text, size_t *len), (text, len), NULL, ENOMEM)
WRAP(FILE *, fopen, (const char *restrict path, const char *restrict mode), (path, mode), NULL,
    EMFILE)
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL, ENOMEM)
WRAP(DIR *, opendir, (const char *path), (path), NULL, EMFILE)
WRAP(int, access, (const char *path, int mode), (path, mode), -1, ENOMEM)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
WRAP(int, socketpair, (int domain, int type, int protocol, int fds[2]),
    (domain, type, protocol, fds), -1, EMFILE)
WRAP(int, connect, (int fd, __CONST_SOCKADDR_ARG sa, socklen_t len), (fd, sa, len), -1, EAGAIN)
WRAP(int, bind, (int fd, __CONST_SOCKADDR_ARG sa, socklen_t len), (fd, sa, len), -1, ENOMEM)
WRAP(int, listen, (int fd, int backlog), (fd, backlog), -1, ENOBUFS)
WRAP(int, accept, (int fd, __SOCKADDR_ARG sa, socklen_t *restrict len), (fd, sa, len), -1, EMFILE)
WRAP(int, accept4, (int fd, __SOCKADDR_ARG sa, socklen_t *restrict len, int flags),
    (fd, sa, len, flags), -1, EMFILE)
WRAP(int, getsockname, (int fd, __SOCKADDR_ARG sa, socklen_t *restrict len), (fd, sa, len), -1,
    ENOBUFS)
WRAP(int, getsockopt,
    (int fd, int level, int option, void *restrict value, socklen_t *restrict len),
    (fd, level, option, value, len), -1, ENOMEM)
WRAP(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t len),
    (fd, level, option, value, len), -1, ENOMEM)
WRAP(ssize_t, recv, (int fd, void *buf, size_t len, int flags), (fd, buf, len, flags), -1, ENOMEM)
WRAP(ssize_t, recvfrom,
    (int fd, void *restrict buf, size_t len, int flags, __SOCKADDR_ARG sa,
        socklen_t *restrict sa_len),
    (fd, buf, len, flags, sa, sa_len), -1, ENOMEM)
WRAP(ssize_t, send, (int fd, const void *buf, size_t len, int flags), (fd, buf, len, flags), -1,
    ENOBUFS)
WRAP(ssize_t, sendto,
    (int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG sa, socklen_t sa_len),
    (fd, buf, len, flags, sa, sa_len), -1, ENOBUFS)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1,
    ENOBUFS)
WRAP(ssize_t, readv, (int fd, const struct iovec *list, int n), (fd, list, n), -1, ENOMEM)
WRAP(ssize_t, writev, (int fd, const struct iovec *list, int n), (fd, list, n), -1, ENOBUFS)
WRAP(int, stat, (const char *restrict path, struct stat *restrict st), (path, st), -1, ENOMEM)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOMEM)
WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE)
WRAP(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)
WRAP(int, timerfd_create, (clockid_t id, int flags), (id, flags), -1, EMFILE)
WRAP(int, epoll_create1, (int flags), (flags), -1, EMFILE)
WRAP(int, epoll_ctl, (int epfd, int op, int fd, struct epoll_event *event), (epfd, op, fd, event),
    -1, ENOMEM)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
WRAP(ssize_t, getrandom, (void *buf, size_t len, unsigned flags), (buf, len, flags), -1, EAGAIN)

/* libevent tells itself of signals through a pipe, and ends the process when that fails. It is
 * there and its page too: it does not. */
static bool
is_pipe(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

ssize_t
read(int fd, void *buf, size_t len)
{
    static ssize_t (*next)(int, void *, size_t);

    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "read");
    }
    if (!is_pipe(fd) && FAILS(read)) {
        errno = ENOMEM;
        return -1;
    }
    return next(fd, buf, len);
}

ssize_t
write(int fd, const void *buf, size_t len)
{
    static ssize_t (*next)(int, const void *, size_t);

    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "write");
    }
    if (!is_pipe(fd) && FAILS(write)) {
        errno = ENOBUFS;
        return -1;
    }
    return next(fd, buf, len);
}

int
open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    if (FAILS(open)) {
        errno = EMFILE;
        return -1;
    }
    return openat(AT_FDCWD, path, flags, mode);
}

int
fcntl(int fd, int command, ...)
{
    static int (*next)(int, int, ...);
    va_list args;
    void *arg;

    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "fcntl");
    }
    va_start(args, command);
    arg = va_arg(args, void *);
    va_end(args);
    if (FAILS(fcntl)) {
        errno = ENOMEM;
        return -1;
    }
    return next(fd, command, arg);
}

WRAP(struct event_base *, event_base_new, (void), (), NULL, ENOMEM)
WRAP(struct event *, event_new,
    (struct event_base * base, evutil_socket_t fd, short what, event_callback_fn fn, void *arg),
    (base, fd, what, fn, arg), NULL, ENOMEM)
WRAP(
    int, event_add, (struct event * event, const struct timeval *delay), (event, delay), -1, ENOMEM)
WRAP(struct evbuffer *, evbuffer_new, (void), (), NULL, ENOMEM)
WRAP(int, evbuffer_add, (struct evbuffer * buf, const void *data, size_t len), (buf, data, len), -1,
    ENOMEM)
WRAP(unsigned char *, evbuffer_pullup, (struct evbuffer * buf, ev_ssize_t size), (buf, size), NULL,
    ENOMEM)
WRAP(struct bufferevent *, bufferevent_socket_new,
    (struct event_base * base, evutil_socket_t fd, int options), (base, fd, options), NULL, ENOMEM)
WRAP(struct evhttp *, evhttp_new, (struct event_base * base), (base), NULL, ENOMEM)
WRAP(struct evhttp_request *, evhttp_request_new,
    (void (*fn)(struct evhttp_request *, void *), void *arg), (fn, arg), NULL, ENOMEM)
WRAP(int, evhttp_add_header, (struct evkeyvalq * headers, const char *key, const char *value),
    (headers, key, value), -1, ENOMEM)
WRAP(struct evhttp_bound_socket *, evhttp_accept_socket_with_handle,
    (struct evhttp * http, evutil_socket_t fd), (http, fd), NULL, ENOMEM)
WRAP(int, ares_init_options, (ares_channel * channel, struct ares_options *options, int mask),
    (channel, options, mask), ARES_ENOMEM, ENOMEM)
WRAP(int, ares_set_servers_ports_csv, (ares_channel channel, const char *csv), (channel, csv),
    ARES_ENOMEM, ENOMEM)
WRAP(struct evhttp_connection *, evhttp_connection_base_bufferevent_new,
    (struct event_base * base, struct evdns_base *dns, struct bufferevent *bev, const char *address,
        unsigned short port),
    (base, dns, bev, address, port), NULL, ENOMEM)

int
evhttp_make_request(struct evhttp_connection *connection, struct evhttp_request *request,
    enum evhttp_cmd_type type, const char *uri)
{
    static int (*next)(
        struct evhttp_connection *, struct evhttp_request *, enum evhttp_cmd_type, const char *);

    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "evhttp_make_request");
    }
    if (FAILS(evhttp_make_request)) {
        if ((request->flags & EVHTTP_USER_OWNED) == 0) { /* as it does */
            evhttp_request_free(request);
        }
        return -1;
    }
    return next(connection, request, type, uri);
}

void
ares_getaddrinfo(ares_channel channel, const char *name, const char *service,
    const struct ares_addrinfo_hints *hints, ares_addrinfo_callback fn, void *arg)
{
    static void (*next)(ares_channel, const char *, const char *,
        const struct ares_addrinfo_hints *, ares_addrinfo_callback, void *);

    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "ares_getaddrinfo");
    }
    if (FAILS(ares_getaddrinfo)) {
        fn(arg, ARES_ENOMEM, 0, NULL); /* as it does: from inside */
        return;
    }
    next(channel, name, service, hints, fn, arg);
}

WRAP_SSL(OSSL_LIB_CTX *, OSSL_LIB_CTX_new, (void), (), NULL)
WRAP_SSL(SSL_CTX *, SSL_CTX_new_ex,
    (OSSL_LIB_CTX * lib_ctx, const char *properties, const SSL_METHOD *method),
    (lib_ctx, properties, method), NULL)
WRAP_SSL(long, SSL_CTX_ctrl, (SSL_CTX * ctx, int cmd, long n, void *arg), (ctx, cmd, n, arg), 0)
WRAP_SSL(long, SSL_ctrl, (SSL * ssl, int cmd, long n, void *arg), (ssl, cmd, n, arg), 0)
WRAP_SSL(int, SSL_set_ex_data, (SSL * ssl, int index, void *data), (ssl, index, data), 0)
WRAP_SSL(int, SSL_up_ref, (SSL * ssl), (ssl), 0)
WRAP_SSL(int, SSL_connect, (SSL * ssl), (ssl), -1)
WRAP_SSL(int, SSL_read_ex, (SSL * ssl, void *buf, size_t size, size_t *n), (ssl, buf, size, n), 0)
WRAP_SSL(
    int, SSL_write_ex, (SSL * ssl, const void *buf, size_t size, size_t *n), (ssl, buf, size, n), 0)
WRAP_SSL(int, SSL_CTX_load_verify_file, (SSL_CTX * ctx, const char *path), (ctx, path), 0)
WRAP_SSL(SSL *, SSL_new, (SSL_CTX * ctx), (ctx), NULL)
WRAP_SSL(int, SSL_set1_host, (SSL * ssl, const char *name), (ssl, name), 0)
WRAP_SSL(BIO_METHOD *, BIO_meth_new, (int type, const char *name), (type, name), NULL)
WRAP_SSL(BIO *, BIO_new, (const BIO_METHOD *method), (method), NULL)

static CRYPTO_malloc_fn product_malloc;
static CRYPTO_realloc_fn product_realloc;

static void *
on_openssl_malloc(size_t size, const char *file, int line)
{
    void *memory;

    fail_hook(__builtin_return_address(0), file, line);
    memory = product_malloc(size, file, line);
    fail_hook(NULL, NULL, 0);
    return memory;
}

static void *
on_openssl_realloc(void *old, size_t size, const char *file, int line)
{
    void *memory;

    fail_hook(__builtin_return_address(0), file, line);
    memory = product_realloc(old, size, file, line);
    fail_hook(NULL, NULL, 0);
    return memory;
}

int
CRYPTO_set_mem_functions(
    CRYPTO_malloc_fn malloc_fn, CRYPTO_realloc_fn realloc_fn, CRYPTO_free_fn free_fn)
{
    int (*next)(CRYPTO_malloc_fn, CRYPTO_realloc_fn, CRYPTO_free_fn);

    *(void **)&next = dlsym(RTLD_NEXT, "CRYPTO_set_mem_functions");
    product_malloc = malloc_fn;
    product_realloc = realloc_fn;
    return next(on_openssl_malloc, on_openssl_realloc, free_fn);
}

static void *(*product_event_malloc)(size_t);
static void *(*product_event_realloc)(void *, size_t);

static void *
on_event_malloc(size_t size)
{
    void *memory;

    fail_hook(__builtin_return_address(0), NULL, 0);
    memory = product_event_malloc(size);
    fail_hook(NULL, NULL, 0);
    return memory;
}

static void *
on_event_realloc(void *old, size_t size)
{
    void *memory;

    fail_hook(__builtin_return_address(0), NULL, 0);
    memory = product_event_realloc(old, size);
    fail_hook(NULL, NULL, 0);
    return memory;
}

void
event_set_mem_functions(
    void *(*malloc_fn)(size_t), void *(*realloc_fn)(void *, size_t), void (*free_fn)(void *))
{
    void (*next)(void *(*)(size_t), void *(*)(void *, size_t), void (*)(void *));

    *(void **)&next = dlsym(RTLD_NEXT, "event_set_mem_functions");
    product_event_malloc = malloc_fn;
    product_event_realloc = realloc_fn;
    next(on_event_malloc, on_event_realloc, free_fn);
}
