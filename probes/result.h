/* The evidence of one run: what DNS said, what each address did, what the certificate was. Plain
 * data and its text forms; judged by probes/verdict.c. */
#ifndef VPCE_PROBES_RESULT_H
#define VPCE_PROBES_RESULT_H

#include "probes/spec.h"

/* How far an address got, in the order it happens. */
enum SMALL probe_phase {
    PROBE_PHASE_NONE, /* not started */
    PROBE_PHASE_CONNECT,
    PROBE_PHASE_TLS,
    PROBE_PHASE_HTTP,
    PROBE_PHASE_DONE, /* everything succeeded */
};

enum SMALL dns_outcome {
    DNS_OUTCOME_NONE, /* not asked */
    DNS_OUTCOME_OK,
    DNS_OUTCOME_NODATA,      /* the name exists, no record of this family */
    DNS_OUTCOME_NXDOMAIN,    /* the name does not exist */
    DNS_OUTCOME_SERVFAIL,    /* the server could not find out */
    DNS_OUTCOME_REFUSED,     /* the server will not answer us */
    DNS_OUTCOME_MALFORMED,   /* an answer that cannot be read, or another error code */
    DNS_OUTCOME_UNREACHABLE, /* nobody listens there (ICMP), or no route */
    DNS_OUTCOME_TIMEOUT,     /* silence */
    DNS_OUTCOME_RESOURCES,   /* this host ran out of something: no statement */
};

enum SMALL dns_source {
    DNS_SOURCE_NONE,
    DNS_SOURCE_NAMESERVER,
    DNS_SOURCE_HOSTS_FILE, /* /etc/hosts, which the host's clients look at first */
    DNS_SOURCE_LITERAL,    /* the host name is an address: nobody was asked */
};

enum SMALL addr_outcome {
    ADDR_OUTCOME_NONE, /* not finished */
    ADDR_OUTCOME_OK,
    ADDR_OUTCOME_TIMEOUT,       /* silence in this phase */
    ADDR_OUTCOME_REFUSED,       /* RST to our SYN */
    ADDR_OUTCOME_UNREACHABLE,   /* ICMP unreachable or prohibited */
    ADDR_OUTCOME_NO_ROUTE,      /* this host has no route or no source address */
    ADDR_OUTCOME_RESET,         /* RST after the connection stood */
    ADDR_OUTCOME_CLOSED,        /* FIN before the phase was over */
    ADDR_OUTCOME_ALERT,         /* the peer sent a fatal TLS alert */
    ADDR_OUTCOME_PROTOCOL,      /* what came is not TLS (or not HTTP), or we cannot speak it */
    ADDR_OUTCOME_UNTRUSTED,     /* certificate chain not trusted */
    ADDR_OUTCOME_WRONG_NAME,    /* certificate for other names */
    ADDR_OUTCOME_EXPIRED,       /* certificate expired */
    ADDR_OUTCOME_NOT_YET_VALID, /* certificate not valid yet */
    ADDR_OUTCOME_NOT_AWS,       /* a well-formed HTTP answer, but not of an AWS service */
    ADDR_OUTCOME_RESOURCES,     /* this host ran out of something: no statement */
};
#define ADDR_OUTCOME_N (ADDR_OUTCOME_RESOURCES + 1)

const char *probe_phase_str(enum probe_phase phase);
const char *dns_outcome_str(enum dns_outcome outcome);
/* No answer, not even that there is none: a name server's failure, and not this host's own. */
bool dns_outcome_is_failure(enum dns_outcome outcome);

const char *addr_outcome_str(enum addr_outcome outcome);

/* Names of the certificate that are kept. */
#define CERT_NAMES_MAX 32

/* Facts of the certificate a server presented. Immutable, shared by reference count. */
struct cert {
    unsigned refs;
    int64_t not_before; /* seconds since 1970, UTC */
    int64_t not_after;
    const char *subject; /* RFC 2253, escaped; never NULL */
    const char *issuer;
    uint16_t n_names;       /* at most CERT_NAMES_MAX */
    uint16_t n_names_found; /* before the cut */
    const char *names[];    /* dNSName and iPAddress of subjectAltName, escaped */
};

/* names may be NULL when n is 0. The texts are copied. Returns NULL without memory. */
struct cert *cert_new(const char *subject, const char *issuer, const char *const *names, size_t n);
struct cert *cert_ref(struct cert *cert); /* NULL stays NULL */
void cert_unref(struct cert *cert);       /* NULL is fine */
bool cert_equal(const struct cert *a, const struct cert *b);

/* From TCP_INFO (tcp(7), linux/tcp.h). -1: the kernel did not tell. */
struct tcp_facts {
    int64_t bytes_received;
    int32_t rtt_us;      /* -1 also when the SYN was sent again: it would be that timer */
    int32_t retransmits; /* segments sent again over the connection's life, SYN included */
    int32_t path_mtu;
    int32_t out_of_order; /* segments that arrived out of order: some before them were lost */
};

/* A request id of an AWS service: a UUID, or what S3 and ECR use; longer ones are cut. */
#define HTTP_REQUEST_ID_SIZE 65

/* What the HTTP stage was answered. */
struct http_facts {
    uint16_t status;                       /* 0: no answer, or no HTTP stage */
    char request_id[HTTP_REQUEST_ID_SIZE]; /* printable; "": the answer has none */
    bool has_date;
    int64_t clock_skew_ms; /* this host's clock minus the answer's Date, which has whole seconds */
};

struct addr_result {
    struct addr addr;
    struct addr local; /* our end; family NONE while not connected */
    enum addr_class addr_class;
    enum probe_phase phase; /* where it ended */
    enum addr_outcome outcome;
    bool judged;        /* counts in the verdict (its family is used on this host) */
    uint16_t failures;  /* failed runs in a row, this one included; set by daemon/endpoint */
    int32_t connect_us; /* -1: not connected */
    bool syn_lost;      /* the SYN was sent again: connect_us is mostly its timer, no latency */
    int32_t tls_us;     /* -1: no handshake */
    struct tcp_facts tcp;
    struct http_facts http;
    enum tls_engine tls_engine;
    bool tls_again; /* the lean engine had failed; all else here is of a second connection, with the
                       default one */
    const char *tls_version; /* "TLSv1.3"; NULL: no handshake. Static, of OpenSSL's tables */
    const char *tls_cipher;  /* likewise */
    struct cert *cert;       /* a reference of ours, or NULL; also when verification failed */
    char *error; /* the reason in the library's or kernel's words, escaped; heap, or NULL */
};

void addr_result_done(struct addr_result *result); /* releases what it holds */

/* How long the network took to connect, microseconds; -1: not connected, or a SYN was lost. */
int32_t addr_result_connect_us(const struct addr_result *result);

struct dns_attempt {
    struct addr server;
    enum dns_outcome outcome;
};

struct dns_result {
    enum dns_outcome outcome;
    enum dns_source source;
    struct addr server; /* whose answer this is; NONE: nobody's */
    int32_t elapsed_us; /* -1: not asked */
    uint16_t n_found;   /* addresses in the answer, before the cut at PROBE_ADDRS_MAX */
    uint8_t n_attempts;
    struct dns_attempt attempts[NAMESERVERS_MAX]; /* in the order they were asked */
};

/* What is known of a name server, over all names. */
struct nameserver_status {
    struct addr addr;
    enum dns_outcome last_outcome; /* NONE: never asked */
    bool ill;                      /* it last gave no answer at all, or an error */
};

/* What the Amazon resolver answered for a name whose answer by the host's own name servers was
 * public, empty or an error: both families together. */
struct second_opinion {
    enum dns_outcome outcome; /* NONE: not answered yet */
    int64_t asked_ms;         /* monotonic */
    struct addr server;
    bool is_private; /* one address at least is of class vpc or private */
    size_t n_addrs;
    struct addr addrs[PROBE_ADDRS_MAX];
};

/* CNAMEs that are kept, in the order of the chain. */
#define CNAMES_MAX 8

struct probe_result {
    int64_t started_ms; /* monotonic */
    int64_t finished_ms;
    bool host_has[FAMILY_N]; /* this host has a global source address of the family; false also when
                                nothing depends on it: no address, and no failure of DNS */
    bool spoiled;            /* our own loop was late: no statement */
    struct dns_result dns[FAMILY_N];
    struct second_opinion *second_opinion; /* heap; NULL: not asked, or not needed */
    size_t n_cnames;
    char *cnames[CNAMES_MAX]; /* heap */
    size_t n_addrs;
    struct addr_result *addrs; /* heap, n_addrs of them; IPv4 first, then by address */
};

/* An empty result: nothing asked, nothing known. */
void probe_result_init(struct probe_result *result);

/* Releases all it holds and makes it empty again. */
void probe_result_reset(struct probe_result *result);

/* Its second opinion, made all zero if there is none yet; NULL without memory. */
struct second_opinion *probe_result_add_second_opinion(struct probe_result *result);

/* The second opinion's; NONE: there is none. */
enum dns_outcome probe_result_second_opinion(const struct probe_result *result);

/* The second opinion has an address of class vpc or private. */
bool probe_result_second_is_private(const struct probe_result *result);

/* Moves all from src to dst (dst is reset first); src is empty then. */
void probe_result_move(struct probe_result *dst, struct probe_result *src);

/* Worst of the two families' DNS when no family gave addresses; else OK. Disabled families (NONE)
 * do not count. *ret_family_index says whose it is. */
enum dns_outcome probe_result_dns(const struct probe_result *result, size_t *ret_family_index);

#endif
