/* What the verbs of vpce-probe share: options, exit statuses, the verb functions. */
#ifndef VPCE_DAEMON_CLI_CLI_H
#define VPCE_DAEMON_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of status and check, the same as a Nagios plugin's. */
#define CLI_EXIT_HEALTHY 0
#define CLI_EXIT_DEGRADED 1
#define CLI_EXIT_UNHEALTHY 2
#define CLI_EXIT_UNKNOWN 3
/* Everywhere EX_USAGE and EX_CONFIG of sysexits.h. */

/* Verbs: argv[0] is the verb; return the exit status. */
int cli_status(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_wait(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_history(int argc, char **argv);
int cli_report(int argc, char **argv);

#define CLI_NAMES_MAX 64

struct cli_options {
    char who[32];          /* "vpce-probe VERB", for messages */
    const char *conf_file; /* NULL: the default */
    const char *socket;    /* NULL: as configured */
    const char *since;     /* NULL: not given */
    const char *output;    /* NULL: not given */
    bool json;
    bool color; /* colour and marks: a terminal, or asked for */
    bool only_ipv4;
    bool only_ipv6;
    bool nagios;  /* one line, for a Nagios plugin */
    bool metrics; /* Prometheus text */
    bool watch;   /* go on, and redraw */
    bool console; /* of events: for a serial console */
    bool quiet;
    int64_t timeout_ms; /* of wait; 0: none */
    size_t n_names;     /* --for */
    const char *names[CLI_NAMES_MAX];
};

/* Options that only some verbs take; --config, --socket, --json, --color, --help and --version are
 * for all. */
#define CLI_TAKES_FAMILIES 1U /* -4 -6 */
#define CLI_TAKES_FORMATS 2U  /* --nagios --metrics */
#define CLI_TAKES_WATCH 4U    /* --watch */
#define CLI_TAKES_WAIT 8U     /* --timeout --for -q */
#define CLI_TAKES_SINCE 16U   /* --since */
#define CLI_TAKES_OUTPUT 32U  /* --output */
#define CLI_TAKES_CONSOLE 64U /* --console */

/* takes: CLI_TAKES_*. Returns -1 to go on, or the exit status: usage errors are told on stderr,
 * --help and --version are done. */
int cli_parse(int argc, char **argv, const char *help, unsigned takes, struct cli_options *ret);

/* The same for a verb that takes one operand or none: *ret_operand is NULL when there is none. */
int cli_parse_operand(
    int argc, char **argv, const char *help, struct cli_options *ret, const char **ret_operand);

/* How long an answer may take. */
#define CLI_TIMEOUT_MS 10000

/* Ask the daemon. 0 and *ret (the caller's), or a negative errno and what to tell the person. */
#define CLI_ERROR_SIZE 512
int cli_fetch_status(
    const char *socket, int timeout_ms, json_t **ret, char error[static CLI_ERROR_SIZE]);

/* Probe everything once in this process. EX_OK and *ret (the caller's), or the exit status; what is
 * wrong has been told. */
int cli_check_status(const struct cli_options *options, json_t **ret);

/* The status socket: --socket, or as configured. A broken configuration must not hide the status of
 * a daemon that still runs with its old settings: its errors are printed, and what it says of the
 * socket counts nevertheless. */
#define CLI_PATH_SIZE 256
void cli_find_socket(const struct cli_options *options, char ret[static CLI_PATH_SIZE]);

/* Columns of the terminal, at least 40; 80 where there is none. */
int cli_width(void);

/* Exit status of a state word of the JSON ("healthy" …). NULL is unknown. */
int cli_exit_status(const char *state);

/* Print the status as a table or as JSON. Returns the exit status. */
int cli_print_status(const json_t *status, const struct cli_options *options);

#endif
