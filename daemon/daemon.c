/* See daemon.h. Start: settings -> sockets -> prober -> READY. A reload builds a new prober beside
 * the running one and lets it adopt the states; what cannot be built is refused, and nothing has
 * changed. */
#include "daemon/daemon.h"

#include "daemon/announce.h"
#include "daemon/aws/host_merge.h"
#include "daemon/aws/imds.h"
#include "daemon/chronicle.h"
#include "daemon/listen.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/prober.h"
#include "daemon/start_pages.h"
#include "daemon/state_store.h"
#include "daemon/status_server.h"
#include "daemon/util.h"
#include "systemd/journal.h"
#include "systemd/notify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

/* The kernel may wake us this much later than asked, together with others: saves wake-ups, and is
 * far below every timeout. */
#define TIMER_SLACK_NS 10000000UL

/* What IMDS told could not be used for want of memory: again after this. */
#define FACTS_RETRY_MS 1000

/* After a start or a reload: what only that needed is given back, once the first probes are over.
 */
#define START_OVER_MS 10000

#define IMDS_TEXT_SIZE 256

struct daemon {
    const struct daemon_options *options;
    struct loop *loop;
    struct conf *conf;
    struct prober *prober;
    struct status_server *server;
    struct loop_timer *watchdog;
    int64_t watchdog_ms;
    char own_socket[LISTEN_PATH_SIZE]; /* path of the socket that was made here; "": passed */
    struct chronicle *chronicle;
    bool restored;            /* the process before left its states */
    struct state_image image; /* them, until IMDS has had its say about the endpoints' names */
    struct imds *imds;        /* NULL: off */
    struct loop_timer *facts_timer; /* set while its facts could not be used */
    struct loop_timer *start_timer; /* set until a start or a reload is over */
};

/* Reads the settings; what is wrong is logged. 0 and *ret, or a negative errno. */
static int
load_conf(const char *file, struct conf **ret)
{
    struct conf_errors errors = {0};
    int r = conf_load(file, ret, &errors);

    announce_conf_errors(&errors);
    if (r == -ENOMEM) {
        log_msg(LOG_ERR, LOG_TOPIC_CONF, "no memory for the configuration");
    }
    conf_errors_reset(&errors);
    return r;
}

static void
on_report(struct report *ret, void *arg)
{
    struct daemon *d = arg;

    chronicle_report(d->chronicle, ret);
}

/* Why not is logged. Errors as of prober_new. */
static int
make_prober(struct daemon *d, const struct conf *conf, struct prober **ret)
{
    const struct prober_callbacks callbacks = chronicle_callbacks(d->chronicle);
    char error[PROBER_ERROR_SIZE];
    struct host host;
    int r;

    host_merge(conf, d->imds != NULL ? imds_facts(d->imds) : NULL, &host);
    r = prober_new(d->loop, conf, &host, false, &callbacks, ret, error);

    if (r < 0) {
        log_msg(LOG_ERR, LOG_TOPIC_CONF, "%s", error);
    }
    return r;
}

static void
log_event(enum journal_event event, int level, const char *line)
{
    journal_send(event, level, line, NULL, 0);
}

/* Probe with the new one, which takes over what is known of the same endpoints. */
static void
use_prober(struct daemon *d, struct prober *prober)
{
    prober_adopt(prober, d->prober);
    prober_restore(prober, &d->image);
    prober_free(d->prober);
    d->prober = prober;
    chronicle_follow(d->chronicle, prober);
    chronicle_settle(d->chronicle);
    prober_start(d->prober);
}

static void
log_unknown(struct daemon *d)
{
    char why[IMDS_TEXT_SIZE] = "IMDS is off";
    struct text t = TEXT(why);

    if (d->imds != NULL) {
        imds_describe(d->imds, &t);
    }
    announce_unknown(
        prober_host(d->prober), prober_n(d->prober) - prober_n_runnable(d->prober), why);
}

/* The facts are others now, or the first round has ended without any. */
static void
on_facts(void *arg)
{
    struct daemon *d = arg;
    struct prober *prober = NULL;
    const struct imds_facts *facts = imds_facts(d->imds);
    struct host host;

    loop_timer_stop(d->facts_timer);
    host_merge(d->conf, facts, &host);
    if (host_probes_alike(&host, prober_host(d->prober))) {
        prober_set_host(d->prober, &host);
        chronicle_settle(d->chronicle);
    } else if (make_prober(d, d->conf, &prober) == 0) {
        log_msg(LOG_INFO, LOG_TOPIC_CONF, "IMDS: Region %s, account %s, %s", facts->region,
            facts->account_id, facts->zone);
        use_prober(d, prober);
    } else {
        loop_timer_set(d->facts_timer, FACTS_RETRY_MS);
        return;
    }
    log_unknown(d);
    state_image_reset(&d->image); /* had its chance */
}

static void
on_watch(int64_t interval_ms, void *arg)
{
    const struct daemon *d = arg;

    if (d->imds != NULL) {
        imds_watch(d->imds, interval_ms);
    }
}

/* *ret stays NULL when it is off. */
static int
make_imds(struct daemon *d, const struct conf *conf, struct imds **ret)
{
    const char *url = conf->imds == CONF_IMDS_URL ? conf->imds_url : NULL;

    return conf->imds == CONF_IMDS_OFF ? 0 : imds_new(d->loop, url, on_facts, d, ret);
}

static bool
is_same_imds(const struct conf *a, const struct conf *b)
{
    return a->imds == b->imds && streq(a->imds_url, b->imds_url);
}

/* What new settings need; all or nothing. */
struct renewal {
    struct conf *conf;
    struct prober *prober;
    struct imds *imds; /* only when it is another one */
};

static int
make_renewal(struct daemon *d, struct renewal *ret)
{
    int r = load_conf(d->options->conf_file, &ret->conf);

    if (r == 0) {
        r = make_prober(d, ret->conf, &ret->prober);
    }
    if (r == 0 && !is_same_imds(ret->conf, d->conf) && make_imds(d, ret->conf, &ret->imds) < 0) {
        log_msg(LOG_ERR, LOG_TOPIC_CONF, "no memory to ask IMDS");
        r = -ENOMEM;
    }
    if (r < 0) {
        prober_free(ret->prober);
        conf_free(ret->conf);
    }
    return r;
}

static void
reload(struct daemon *d)
{
    struct renewal new = {NULL, NULL, NULL};
    char line[LOG_LINE_SIZE];

    if (make_renewal(d, &new) < 0) {
        log_event(
            JOURNAL_EVENT_RELOAD_REFUSED, LOG_ERR, "configuration refused, the old settings stay");
        return;
    }
    bool same_imds = is_same_imds(new.conf, d->conf);
    struct conf *old = d->conf;

    (void)snprintf(
        line, sizeof(line), "configuration reloaded, probing %zu endpoints", prober_n(new.prober));
    log_event(JOURNAL_EVENT_RELOADED, LOG_NOTICE, line);
    d->conf = new.conf;
    chronicle_configure(d->chronicle, new.conf);
    use_prober(d, new.prober);
    conf_free(old);
    if (!same_imds) {
        loop_timer_stop(d->facts_timer);
        imds_free(d->imds);
        d->imds = new.imds;
        if (d->imds != NULL) {
            imds_start(d->imds);
        }
    }
}

static void
on_start_over(void *arg)
{
    (void)arg;
    start_pages_release();
}

static void
on_hangup(int signal_number, void *arg)
{
    struct daemon *d = arg;
    char summary[REPORT_SUMMARY_SIZE];

    (void)signal_number;
    notify_reloading(loop_now_us(d->loop));
    reload(d);
    loop_timer_set(d->start_timer, START_OVER_MS);
    chronicle_summary(d->chronicle, summary);
    notify_ready(summary);
}

static void
on_probe_now(int signal_number, void *arg)
{
    struct daemon *d = arg;

    (void)signal_number;
    log_msg(LOG_INFO, LOG_TOPIC_LOOP, "probing every endpoint now");
    prober_probe_all(d->prober);
}

static void
on_drained(void *arg)
{
    struct daemon *d = arg;

    loop_stop(d->loop);
}

static void
on_stop(int signal_number, void *arg)
{
    struct daemon *d = arg;

    log_msg(LOG_INFO, LOG_TOPIC_LOOP, "%s, stopping", strsignal(signal_number));
    notify_stopping();
    status_server_drain(d->server, on_drained, d);
}

static void
on_watchdog(void *arg)
{
    struct daemon *d = arg;

    notify_watchdog();
    loop_timer_set(d->watchdog, d->watchdog_ms);
}

static int
open_signals(struct daemon *d)
{
    const struct {
        int number;
        loop_signal_fn handler;
    } signals[] = {
        {SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hangup}, {SIGUSR1, on_probe_now}};

    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        int r = loop_on_signal(d->loop, signals[i].number, signals[i].handler, d);

        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int
open_watchdog(struct daemon *d)
{
    d->watchdog_ms = notify_watchdog_interval_ms();
    if (d->watchdog_ms == 0) {
        return 0;
    }
    d->watchdog = loop_timer_new(d->loop, on_watchdog, d);
    if (d->watchdog == NULL) {
        return -ENOMEM;
    }
    loop_timer_set(d->watchdog, d->watchdog_ms);
    return 0;
}

static int
open_server(struct daemon *d)
{
    const char *path = d->options->socket != NULL ? d->options->socket : d->conf->socket;

    d->server = status_server_new(d->loop, on_report, d);
    return d->server != NULL ? listen_open(d->server, path, d->own_socket) : -ENOMEM;
}

static void
log_start(struct daemon *d)
{
    char line[LOG_LINE_SIZE];

    (void)snprintf(line, sizeof(line), "vpce-probed %s started, probing %zu endpoints",
        VPCE_VERSION, prober_n_runnable(d->prober));
    const struct journal_field restored[] = {
        {"VPCE_STATE", host_state_str(chronicle_state(d->chronicle))}};

    /* the field says that states were taken up: what was wrong before still is */
    journal_send(JOURNAL_EVENT_STARTED, LOG_NOTICE, line, restored, d->restored ? 1 : 0);
    if (d->imds == NULL) {
        log_unknown(d); /* else IMDS may know */
    }
}

/* Go on where the process before left off, if there was one. */
static void
restore_state(struct daemon *d)
{
    if (state_store_load(moment_now(d->loop), &d->image)) {
        prober_restore(d->prober, &d->image);
        chronicle_restore(d->chronicle, &d->image);
        d->restored = true;
    }
}

/* 0; EX_CONFIG: the settings are wrong, which has been told; or a negative errno. */
static int
open_all(struct daemon *d)
{
    int r;

    d->loop = loop_new();
    if (d->loop == NULL) {
        return -ENOMEM;
    }
    d->chronicle = chronicle_new(d->loop, on_watch, d);
    if (d->chronicle == NULL) {
        return -ENOMEM;
    }
    r = open_signals(d);
    if (r == 0) {
        r = open_watchdog(d);
    }
    d->facts_timer = loop_timer_new(d->loop, on_facts, d);
    d->start_timer = loop_timer_new(d->loop, on_start_over, d);
    if (r == 0 && (d->facts_timer == NULL || d->start_timer == NULL)) {
        r = -ENOMEM;
    }
    if (r == 0) {
        r = make_imds(d, d->conf, &d->imds);
    }
    if (r == 0) {
        r = make_prober(d, d->conf, &d->prober);
        r = r == -EINVAL ? EX_CONFIG : r;
    }
    if (r == 0) {
        chronicle_follow(d->chronicle, d->prober);
        restore_state(d);
        chronicle_configure(d->chronicle, d->conf);
        r = open_server(d);
    }
    if (r == 0) {
        chronicle_serve(d->chronicle, d->server);
    }
    return r;
}

static void
close_all(struct daemon *d)
{
    status_server_free(d->server);
    if (d->own_socket[0] != '\0') {
        (void)unlink(d->own_socket);
    }
    imds_free(d->imds);
    prober_free(d->prober);
    chronicle_free(d->chronicle);
    state_image_reset(&d->image);
    loop_timer_free(d->facts_timer);
    loop_timer_free(d->start_timer);
    loop_timer_free(d->watchdog);
    loop_free(d->loop);
    conf_free(d->conf);
}

int
daemon_run(const struct daemon_options *options)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct daemon d = {.options = options};
    char summary[REPORT_SUMMARY_SIZE];
    int r;

    log_set_sink(journal_log_sink);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    if (load_conf(options->conf_file, &d.conf) < 0) {
        listen_refuse(false);
        return EX_CONFIG;
    }
    r = open_all(&d);
    if (r == 0) {
        log_start(&d);
        if (d.imds == NULL) {
            state_image_reset(&d.image);
            chronicle_settle(d.chronicle);
        } else {
            imds_start(d.imds); /* and on_facts does */
        }
        prober_start(d.prober);
        chronicle_summary(d.chronicle, summary);
        notify_ready(summary);
        loop_timer_set(d.start_timer, START_OVER_MS);
        r = loop_run(d.loop);
        chronicle_close(d.chronicle);
    } else if (r < 0) {
        log_msg(LOG_ERR, LOG_TOPIC_LOOP, "cannot start: %s", strerror(-r));
    }
    close_all(&d);
    if (r == EX_CONFIG) {
        listen_refuse(false);
        return EX_CONFIG;
    }
    if (r == -ENOENT) {
        listen_refuse(true);
    }
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
daemon_check_config(const char *conf_file)
{
    struct conf *conf = NULL;
    struct probe_env env = {0};
    char error[PROBER_ERROR_SIZE];
    int r;

    if (load_conf(conf_file, &conf) < 0) {
        return EX_CONFIG;
    }
    r = prober_env_open_tls(conf, &env, error);
    if (r < 0) {
        log_msg(LOG_ERR, LOG_TOPIC_CONF, "%s", error);
    }
    prober_env_close(&env);
    conf_free(conf);
    if (r == -EINVAL || r == -ENOENT) {
        return EX_CONFIG;
    }
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
