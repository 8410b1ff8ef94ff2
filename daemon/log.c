/* See log.h. */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>

/* The one place that keeps state for the whole process: a log has no owner to pass around. */
static struct {
    int level;
    log_sink_fn sink;
} settings = {.level = LOG_INFO};

const char *
log_topic_str(enum log_topic topic)
{
    switch (topic) {
    case LOG_TOPIC_DNS:
        return "dns";
    case LOG_TOPIC_TCP:
        return "tcp";
    case LOG_TOPIC_TLS:
        return "tls";
    case LOG_TOPIC_STATE:
        return "state";
    case LOG_TOPIC_CTL:
        return "ctl";
    case LOG_TOPIC_CONF:
        return "conf";
    case LOG_TOPIC_LOOP:
        return "loop";
    case LOG_TOPIC_IMDS:
        return "imds";
    }
    return "unknown";
}

void
log_set_level(int level)
{
    settings.level = level;
}

void
log_set_sink(log_sink_fn sink)
{
    settings.sink = sink;
}

void
log_msg(int level, enum log_topic topic, const char *format, ...)
{
    char line[LOG_LINE_SIZE];
    va_list args;

    if (level > settings.level) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (settings.sink != NULL) {
        settings.sink(level, topic, line);
    } else {
        (void)fprintf(stderr, "%s\n", line);
    }
}
