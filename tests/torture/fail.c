/* See fail.h. */
#include "fail.h"

#include <ares.h>
#include <dlfcn.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
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
#include <unwind.h>

#define FRAMES_MAX 24

/* Our frames that make a way: who called, and on whose behalf. */
#define WAY_FRAMES 4

extern const char __executable_start;
extern const char etext;

static struct fail_state *state;
static bool inside; /* our own calls do not count */

#define FUNCTIONS(X)                                                                               \
    X(malloc)                                                                                      \
    X(calloc)                                                                                      \
    X(realloc)                                                                                     \
    X(reallocarray)                                                                                \
    X(strdup)                                                                                      \
    X(asprintf)                                                                                    \
    X(open_memstream)                                                                              \
    X(fopen)                                                                                       \
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
    X(ares_init_options)                                                                           \
    X(ares_set_servers_ports_csv)                                                                  \
    X(SSL_CTX_new)                                                                                 \
    X(SSL_CTX_load_verify_file)                                                                    \
    X(SSL_new)                                                                                     \
    X(SSL_set1_host)                                                                               \
    X(BIO_meth_new)                                                                                \
    X(BIO_new)                                                                                     \
    X(BIO_new_socket)

enum function {
#define NUMBER(name) FUNCTION_##name,
    FUNCTIONS(NUMBER)
#undef NUMBER
};

const char *
fail_function_str(unsigned function)
{
    static const char *const names[] = {
#define NAME(name) #name,
        FUNCTIONS(NAME)
#undef NAME
    };

    return function < sizeof(names) / sizeof(names[0]) ? names[function] : "unknown";
}

static const struct {
    enum fail_caller caller;
    const char *name;
} libraries[] = {
    {FAIL_CALLER_EVENT, "libevent"},
    {FAIL_CALLER_CARES, "libcares"},
    {FAIL_CALLER_OPENSSL, "libssl"},
    {FAIL_CALLER_OPENSSL, "libcrypto"},
    {FAIL_CALLER_JANSSON, "libjansson"},
    {FAIL_CALLER_SYSTEMD, "libsystemd"},
    {FAIL_CALLER_LIBC, "libc.so"},
};

const char *
fail_caller_str(enum fail_caller caller)
{
    if (caller == FAIL_CALLER_OURS) {
        return "ours";
    }
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        if (libraries[i].caller == caller) {
            return libraries[i].name;
        }
    }
    return "other";
}

/* Our allocation functions that OpenSSL calls: what comes through them is OpenSSL's. */
#define HOOKS_N 2
#define HOOK_SIZE 512 /* bytes of code; none of their neighbours allocates */
static const char *hooks[HOOKS_N];

static bool
is_hook(const void *address)
{
    for (size_t i = 0; i < HOOKS_N; i++) {
        if ((const char *)address >= hooks[i] && (const char *)address < hooks[i] + HOOK_SIZE) {
            return true;
        }
    }
    return false;
}

static bool
is_ours(const void *address)
{
    return (const char *)address >= &__executable_start && (const char *)address < &etext &&
           !is_hook(address);
}

static enum fail_caller
caller_of(const void *address)
{
    Dl_info info;

    if (is_ours(address)) {
        return FAIL_CALLER_OURS;
    }
    if (is_hook(address)) {
        return FAIL_CALLER_OPENSSL;
    }
    for (size_t i = 0; dladdr(address, &info) != 0 && info.dli_fname != NULL &&
                       i < sizeof(libraries) / sizeof(libraries[0]);
         i++) {
        if (strstr(info.dli_fname, libraries[i].name) != NULL) {
            return libraries[i].caller;
        }
    }
    return FAIL_CALLER_OTHER;
}

struct walk {
    const void *frames[FRAMES_MAX]; /* of the callers, the nearest first */
    size_t n;
    bool above; /* the caller has been met */
    const void *caller;
};

static _Unwind_Reason_Code
on_frame(struct _Unwind_Context *context, void *arg)
{
    struct walk *walk = arg;
    const void *address = (const void *)_Unwind_GetIP(context);

    walk->above |= address == walk->caller;
    if (walk->above) {
        walk->frames[walk->n++] = address;
    }
    return walk->n < FRAMES_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* As backtrace(3), which loads a library and keeps memory for it. */
static void
walk_up(struct walk *walk, const void *caller)
{
    *walk = (struct walk){.caller = caller};
    (void)_Unwind_Backtrace(on_frame, walk);
}

static void
record(struct fail_point *point, enum function function, const void *caller)
{
    struct walk walk;
    uint32_t hash = 2166136261U;
    size_t n_ours = 0;

    walk_up(&walk, caller);
    for (size_t i = 0; i < walk.n && n_ours < WAY_FRAMES; i++) {
        if (is_ours(walk.frames[i])) {
            hash =
                (hash ^ (uint32_t)((const char *)walk.frames[i] - &__executable_start)) * 16777619U;
            n_ours++;
        }
    }
    *point = (struct fail_point){(uint16_t)function, (uint16_t)caller_of(caller), hash};
}

/* What addr2line wants: the module, and the place in it. */
static void
describe(enum function function, const void *caller)
{
    struct walk walk;
    size_t len = 0;

    walk_up(&walk, caller);
    len += (size_t)snprintf(
        state->where, sizeof(state->where), "%s", fail_function_str((unsigned)function));
    for (size_t i = 0; i < walk.n && len < sizeof(state->where); i++) {
        Dl_info info;

        if (dladdr(walk.frames[i], &info) == 0 || info.dli_fname == NULL) {
            continue;
        }
        len += (size_t)snprintf(state->where + len, sizeof(state->where) - len, " %s+0x%zx",
            strrchr(info.dli_fname, '/') != NULL ? strrchr(info.dli_fname, '/') + 1
                                                 : info.dli_fname,
            (size_t)((const char *)walk.frames[i] - 1 - (const char *)info.dli_fbase));
    }
}

/* One more call; whether it is to fail. */
__attribute__((noinline)) static bool
fails(enum function function, const void *address)
{
    enum fail_class class = is_ours(address) ? FAIL_CLASS_OURS : FAIL_CLASS_LIBRARY;
    bool hit = false;

    if (state == NULL || inside) {
        return false;
    }
    inside = true;
    uint32_t number = ++state->counts[class];

    if (state->recording && number <= FAIL_POINTS_MAX) {
        record(&state->points[class][number - 1], function, address);
    }
    hit = state->armed && class == state->target_class && number >= state->target &&
          number < state->target + state->burst;
    if (hit && state->hits++ == 0) {
        describe(function, address);
    }
    inside = false;
    return hit;
}

void
fail_use(struct fail_state *with)
{
    state = with;
}

/* ---- allocation: below us is the sanitizer's allocator, or the C library's ---- */

#ifdef FAIL_OVER_ASAN
#define BELOW(name) __interceptor_##name
#else
#define BELOW(name) __libc_##name
#endif

void *BELOW(malloc)(size_t size);
void *BELOW(calloc)(size_t n, size_t size);
void *BELOW(realloc)(void *old, size_t size);

#define FAILS(name) fails(FUNCTION_##name, __builtin_return_address(0))

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
            bool was_inside = inside;                                                              \
                                                                                                   \
            inside = true;                                                                         \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                             \
            inside = was_inside;                                                                   \
        }                                                                                          \
        if (FAILS(name)) {                                                                         \
            errno = error;                                                                         \
            return failed;                                                                         \
        }                                                                                          \
        return next arguments;                                                                     \
    }

WRAP(FILE *, open_memstream, (char **text, size_t *len), (text, len), NULL, ENOMEM)
WRAP(FILE *, fopen, (const char *restrict path, const char *restrict mode), (path, mode), NULL,
    EMFILE)
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
WRAP(ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len), -1, ENOMEM)
WRAP(ssize_t, readv, (int fd, const struct iovec *list, int n), (fd, list, n), -1, ENOMEM)
WRAP(ssize_t, write, (int fd, const void *buf, size_t len), (fd, buf, len), -1, ENOBUFS)
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
WRAP(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *method), (method), NULL, ENOMEM)
WRAP(int, SSL_CTX_load_verify_file, (SSL_CTX * ctx, const char *path), (ctx, path), 0, ENOMEM)
WRAP(SSL *, SSL_new, (SSL_CTX * ctx), (ctx), NULL, ENOMEM)
WRAP(int, SSL_set1_host, (SSL * ssl, const char *name), (ssl, name), 0, ENOMEM)
WRAP(BIO_METHOD *, BIO_meth_new, (int type, const char *name), (type, name), NULL, ENOMEM)
WRAP(BIO *, BIO_new, (const BIO_METHOD *method), (method), NULL, ENOMEM)
WRAP(BIO *, BIO_new_socket, (int fd, int close_flag), (fd, close_flag), NULL, ENOMEM)

int
CRYPTO_set_mem_functions(
    CRYPTO_malloc_fn malloc_fn, CRYPTO_realloc_fn realloc_fn, CRYPTO_free_fn free_fn)
{
    int (*next)(CRYPTO_malloc_fn, CRYPTO_realloc_fn, CRYPTO_free_fn);

    *(void **)&next = dlsym(RTLD_NEXT, "CRYPTO_set_mem_functions");
    memcpy(&hooks[0], &malloc_fn, sizeof(hooks[0]));
    memcpy(&hooks[1], &realloc_fn, sizeof(hooks[1]));
    return next(malloc_fn, realloc_fn, free_fn);
}
