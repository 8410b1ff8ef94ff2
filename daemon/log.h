/* Lines for the operator: level, topic, text. Where they go is the sink's business (the journal
 * under systemd, else stderr). Remote text is escaped by whoever formats it. */
#ifndef VPCE_DAEMON_LOG_H
#define VPCE_DAEMON_LOG_H

#include <stdbool.h>
#include <syslog.h>

/* Levels are syslog(3)'s: LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG. */

enum log_topic {
    LOG_TOPIC_DNS,
    LOG_TOPIC_TCP,
    LOG_TOPIC_TLS,
    LOG_TOPIC_STATE,
    LOG_TOPIC_CTL,
    LOG_TOPIC_CONF,
    LOG_TOPIC_LOOP,
    LOG_TOPIC_IMDS,
};

const char *log_topic_str(enum log_topic topic); /* "dns", … */

#define LOG_LINE_SIZE 2048

typedef void (*log_sink_fn)(int level, enum log_topic topic, const char *line);

void log_set_level(int level);       /* the least important level that is kept; LOG_INFO */
void log_set_sink(log_sink_fn sink); /* NULL: stderr */
void log_msg(int level, enum log_topic topic, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
