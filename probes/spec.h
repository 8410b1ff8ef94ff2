/* What to probe and what is expected: the plain values a run is started with. Types only; they
 * come from conf/plan.c (or from a test). */
#ifndef VPCE_PROBES_SPEC_H
#define VPCE_PROBES_SPEC_H

#include "probes/classify.h"

#define ENDPOINT_KEY_SIZE 33  /* 32 characters: "application-autoscaling" is the longest of AWS */
#define HOSTNAME_SIZE 254     /* 253 characters (RFC 1035 2.3.4) */
#define SERVICE_NAME_SIZE 128 /* "com.amazonaws.ap-northeast-1.ecr.dkr" */

/* How the host is meant to reach the endpoint. */
enum SMALL expected_path {
    EXPECTED_INTERFACE, /* an interface VPC endpoint (AWS PrivateLink) */
    EXPECTED_GATEWAY,   /* a gateway VPC endpoint: the name stays public, the route does not */
    EXPECTED_ANY,       /* either, or neither */
};
#define EXPECTED_PATH_N (EXPECTED_ANY + 1)

const char *expected_path_str(enum expected_path expected); /* "interface", … */

/* How far a run goes with each address. */
enum SMALL probe_depth {
    PROBE_DEPTH_TLS,     /* a verified handshake */
    PROBE_DEPTH_CONNECT, /* TCP only: to learn whether there is a way */
    PROBE_DEPTH_HTTP,    /* a request on the verified connection */
};

/* What makes the handshakes. */
enum SMALL tls_engine {
    TLS_ENGINE_NONE, /* nothing: there was none */
    TLS_ENGINE_DEFAULT,
    TLS_ENGINE_LEAN, /* probes/tls_lean.h */
};
#define TLS_ENGINE_N (TLS_ENGINE_LEAN + 1)

const char *tls_engine_str(enum tls_engine engine);

/* The names are borrowed, never NULL and shorter than their _SIZE: of ten thousand endpoints few
 * have long ones. */
struct endpoint_spec {
    char key[ENDPOINT_KEY_SIZE]; /* "ecr.api"; unique */
    const char *hostname;        /* DNS name or IP literal; "": not known yet */
    const char *service_name;    /* VPC endpoint service name, for remedies; "": none */
    uint16_t port;
    bool required;
    enum expected_path expected;
    enum probe_depth depth;
};

/* How a run goes about it. One for all endpoints. */
struct probe_options {
    bool family_enabled[FAMILY_N];
    int64_t dns_timeout_ms;        /* for each name server */
    int64_t second_opinion_age_ms; /* one this young is not asked for again */
    int64_t connect_timeout_ms;
    int64_t tls_timeout_ms;
};

/* Addresses of one name and family that are probed; an answer with more is cut, and it says so. */
#define PROBE_ADDRS_MAX 16
#define PROBE_RESULT_ADDRS_MAX 32 /* of both families */

/* Name servers of resolv.conf in use: the first three, as for glibc (MAXNS in resolv.h). */
#define NAMESERVERS_MAX 3

#endif
