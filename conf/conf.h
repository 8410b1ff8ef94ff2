/* Settings: defaults, the configuration file and its drop-ins, and the checks on them. Reads
 * files, touches no network, keeps no state. libinih lives in conf.c only.
 *
 * Order: FILE, then conf.d/NAME.conf files in the folder of FILE, sorted by name; later wins,
 * key by key. An empty value puts the default back. All errors are collected before giving up. */
#ifndef VPCE_CONF_CONF_H
#define VPCE_CONF_CONF_H

#include "conf/catalogue.h"

#include <stdio.h>

struct text; /* daemon/util.h */

#define CONF_DEFAULT_FILE "/etc/vpce-probe/vpce-probe.conf"
#define CONF_DEFAULT_SOCKET "/run/vpce-probe/status.sock"
#define CONF_SOCKET_SIZE 108 /* sun_path, unix(7) */

#define CONF_LINE_MAX 198     /* bytes of a line; what libinih's buffer holds */
#define CONF_FILE_MAX 4194304 /* bytes of a file: 10,000 endpoints fit */
#define CONF_FILES_MAX 256    /* drop-ins */
#define CONF_ENDPOINTS_MAX 10000
#define CONF_ERRORS_MAX 100 /* errors kept; more are counted */
#define CONF_PATH_SIZE 256
#define CONF_NAME_SIZE 256      /* hook and group names: AWS allows 255 characters */
#define CONF_WHERE_LINE_SIZE 12 /* ":" and a line number */
#define CONF_WHERE_SIZE (2 * CONF_PATH_SIZE + CONF_WHERE_LINE_SIZE) /* "file:line" */

/* A yes/no that may be left to the catalogue. */
enum conf_choice {
    CONF_CHOICE_DEFAULT,
    CONF_CHOICE_NO,
    CONF_CHOICE_YES,
};

enum conf_imds {
    CONF_IMDS_AUTO, /* 169.254.169.254 or fd00:ec2::254 */
    CONF_IMDS_OFF,
    CONF_IMDS_URL,
};

enum conf_egress {
    CONF_EGRESS_AUTO, /* S3 of another Region */
    CONF_EGRESS_OFF,
    CONF_EGRESS_HOST,
};

/* [Endpoint KEY] */
struct conf_endpoint {
    char key[ENDPOINT_KEY_SIZE];
    char *hostname;   /* heap; NULL: from the catalogue */
    uint16_t port;    /* 0 counts as 443 */
    uint8_t required; /* enum conf_choice; DEFAULT: yes, the section asks for it */
    uint8_t enabled;  /* enum conf_choice; NO: not probed at all */
    uint8_t http;     /* DEFAULT: as [Probe] Http= */
    bool expected_set;
    enum expected_path expected;
};

struct conf {
    /* [Host] "" or 0: auto */
    char region[REGION_SIZE];
    char account_id[ACCOUNT_ID_SIZE];
    struct vpc_nets nets; /* VpcCidrs= and Subnets=; known[] true for the families given */
    enum launch_type launch_type;
    enum name_style names;
    enum conf_imds imds;
    char imds_url[CONF_PATH_SIZE]; /* CONF_IMDS_URL: "http://ADDRESS[:PORT]", no slash at its end */

    /* [Probe] */
    struct probe_options probe;
    int64_t interval_ms;
    int64_t fast_interval_ms;
    unsigned rise; /* 1 to CONF_RISE_FALL_MAX */
    unsigned fall;
    unsigned parallel;                   /* TCP connections in flight */
    char ca_file[CONF_PATH_SIZE];        /* "": the system's */
    char ca_file_where[CONF_WHERE_SIZE]; /* "file:line" that set it; "file": none did */
    struct addr second_opinion;          /* family NONE: off */
    enum conf_egress egress;
    char egress_host[HOSTNAME_SIZE];
    bool public_path_fails;
    int64_t certificate_warning_ms;
    bool http;
    enum tls_engine tls_engine; /* not NONE */

    /* [Endpoint KEY], in the order they appeared */
    struct conf_endpoint *endpoints;
    size_t n_endpoints;

    /* [Status] */
    char socket[CONF_SOCKET_SIZE];

    /* [Lifecycle] */
    struct {
        bool enabled;
        char hook[CONF_NAME_SIZE];
        char group[CONF_NAME_SIZE];    /* "": auto */
        bool ready_when_healthy;       /* Ready=healthy; false: degraded is enough */
        int64_t deadline_ms;           /* 0: off */
        bool abandon;                  /* OnDeadline=abandon */
        int64_t heartbeat_ms;          /* 0: off; needs a deadline */
        char endpoint[CONF_PATH_SIZE]; /* "https://HOST[:PORT]"; "": auto */
    } lifecycle;

    /* [Health] */
    struct {
        bool set_instance_health;
        int64_t after_ms;
    } health;
};

#define CONF_RISE_FALL_MAX 20

/* What was wrong, a line each: "file:line: key: what is wrong". In place of the key, "[section]"
 * or "line" for what is no setting, and "file: file: ..." for a file that cannot be read. */
struct conf_errors {
    char **lines; /* heap, n of them; at most CONF_ERRORS_MAX */
    size_t n;
    size_t n_found; /* all, also those not kept */
};

/* A line each, and how many more there are that were not kept. */
void conf_errors_print(const struct conf_errors *errors, FILE *stream);

void conf_errors_reset(struct conf_errors *errors);

/* path: the file, or NULL for CONF_DEFAULT_FILE, which need not exist.
 * 0: *ret is complete, caller frees with conf_free.
 * -EINVAL: *errors says why (caller resets it in any case). -ENOMEM. */
int conf_load(const char *path, struct conf **ret, struct conf_errors *errors);

/* Socket= alone, also from a configuration in which other things are wrong; the default when that
 * is, too. Errors and the value as of conf_load. */
int conf_load_socket(
    const char *path, char ret[static CONF_SOCKET_SIZE], struct conf_errors *errors);

void conf_free(struct conf *conf); /* NULL is fine */

/* The trust store to load: CaFile=, or the first of the system's bundles that exists
 * (/etc/pki/tls/certs/ca-bundle.crt, /etc/ssl/certs/ca-certificates.crt). Never NULL. */
const char *conf_ca_file(const struct conf *conf);

/* The line, as those of conf_errors, for a trust store that could not be loaded; why: what the
 * matter was with conf_ca_file(). */
void conf_ca_file_problem(const struct conf *conf, const char *why, struct text *ret);

#endif
