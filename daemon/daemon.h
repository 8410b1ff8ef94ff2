/* vpce-probed: owns the long-lived objects and wires them: settings, prober, status server,
 * signals, systemd. */
#ifndef VPCE_DAEMON_DAEMON_H
#define VPCE_DAEMON_DAEMON_H

struct daemon_options {
    const char *conf_file; /* NULL: the default, which need not exist */
    const char *socket;    /* NULL: as configured; used when systemd passed no socket */
};

/* Runs until SIGTERM or SIGINT. Returns the exit status: 0, 1 or EX_CONFIG (sysexits.h). What is
 * wrong is logged. */
int daemon_run(const struct daemon_options *options);

/* Prints what is wrong with the configuration to stderr. Returns the exit status. */
int daemon_check_config(const char *conf_file);

#endif
