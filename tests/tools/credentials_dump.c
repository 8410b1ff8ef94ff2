/* credentials_dump: gets the role's credentials as the daemon does and prints a JSON line each
 * time: the state, its description, how long the texts are and the SHA-256 of them all.
 *
 *   credentials_dump [--lines N] [--seconds S] [--free] [URL]
 *
 * Ends after N lines (1), or after S seconds (30). SIGUSR1 gets again, SIGUSR2 discards what there
 * is and gets again. --free: behind the last line it frees the credentials and waits for the end of
 * its time. Exit status: 0, or 1 when the time was over first. */
#include "daemon/aws/credentials.h"
#include "daemon/loop.h"

#include <dirent.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct dump {
    struct loop *loop;
    struct credentials *credentials;
    int64_t started_ms;
    uint64_t lines;
    uint64_t seconds;
    bool frees;
    int status;
};

/* What a leak would show in. */
static int
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = -3; /* ".", ".." and the folder itself */

    while (dir != NULL && readdir(dir) != NULL) {
        n++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return n;
}

/* The texts leave no copy behind. */
static json_t *
keys_json(const struct sigv4_credentials *keys)
{
    static char all[16384];
    char hash[SIGV4_HASH_SIZE] = "";
    struct text t = TEXT(all);
    json_t *json;

    if (keys == NULL) {
        return json_null();
    }
    (void)text_add(
        &t, "%s\n%s\n%s", keys->access_key_id, keys->secret_access_key, keys->session_token);
    (void)sigv4_hash(all, t.len, hash);
    explicit_bzero(all, sizeof(all));
    json = json_pack("{s:i, s:i, s:i, s:s}", "id", (int)strlen(keys->access_key_id), "secret",
        (int)strlen(keys->secret_access_key), "token", (int)strlen(keys->session_token), "sha256",
        hash);
    return json;
}

static void
print_line(const struct dump *dump, enum credentials_state state)
{
    char description[512] = "";
    struct text t = TEXT(description);
    json_t *json;
    char *line;

    credentials_describe(dump->credentials, &t);
    json = json_pack("{s:s, s:s, s:I, s:i, s:o}", "state", credentials_state_str(state),
        "description", description, "ms", (json_int_t)(loop_now_ms(dump->loop) - dump->started_ms),
        "fds", count_fds(), "keys", keys_json(credentials_peek(dump->credentials)));
    line = json_dumps(json, JSON_COMPACT);
    (void)puts(line != NULL ? line : "null");
    (void)fflush(stdout);
    free(line);
    json_decref(json);
}

static void
on_done(enum credentials_state state, void *arg)
{
    struct dump *dump = arg;

    print_line(dump, state);
    if (--dump->lines > 0) {
        return;
    }
    if (!dump->frees) {
        loop_stop(dump->loop);
        return;
    }
    credentials_free(dump->credentials);
    dump->credentials = NULL;
    (void)puts("freed");
    (void)fflush(stdout);
}

static void
get(struct dump *dump)
{
    int r = credentials_get(dump->credentials, on_done, dump);

    if (r < 0) {
        (void)printf("%s\n", strerror(-r));
        (void)fflush(stdout);
    }
}

static void
on_signal(int signal_number, void *arg)
{
    struct dump *dump = arg;

    if (dump->credentials == NULL) {
        return;
    }
    if (signal_number == SIGUSR2) {
        credentials_discard(dump->credentials);
    }
    get(dump);
}

static void
on_end(void *arg)
{
    struct dump *dump = arg;

    dump->status = dump->credentials != NULL ? EXIT_FAILURE : EXIT_SUCCESS;
    loop_stop(dump->loop);
}

static int
run(struct dump *dump, const char *url)
{
    struct loop_timer *end;
    int r;

    dump->loop = loop_new();
    if (dump->loop == NULL) {
        return EXIT_FAILURE;
    }
    r = credentials_new(dump->loop, url, &dump->credentials);
    if (r < 0) {
        (void)fprintf(stderr, "credentials_dump: %s\n", strerror(-r));
        loop_free(dump->loop);
        return EXIT_FAILURE;
    }
    dump->started_ms = loop_now_ms(dump->loop);
    end = loop_timer_new(dump->loop, on_end, dump);
    (void)loop_timer_set(end, (int64_t)dump->seconds * 1000);
    (void)loop_on_signal(dump->loop, SIGUSR1, on_signal, dump);
    (void)loop_on_signal(dump->loop, SIGUSR2, on_signal, dump);
    get(dump);
    (void)loop_run(dump->loop);
    credentials_free(dump->credentials);
    loop_timer_free(end);
    loop_free(dump->loop);
    return dump->status;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"lines", required_argument, NULL, 'l'},
        {"seconds", required_argument, NULL, 's'}, {"free", no_argument, NULL, 'f'},
        {NULL, 0, NULL, 0}};
    struct dump dump = {.lines = 1, .seconds = 30};
    int option;
    int r = 0;

    (void)signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l':
            r = parse_uint(optarg, 1, 1000, &dump.lines);
            break;
        case 's':
            r = parse_uint(optarg, 1, 1000, &dump.seconds);
            break;
        case 'f':
            dump.frees = true;
            break;
        default:
            r = -1;
        }
        if (r < 0) {
            return 64;
        }
    }
    return run(&dump, optind < argc ? argv[optind] : NULL);
}
