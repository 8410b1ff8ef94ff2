/* What the host's own clients are told: ecs.config %% docker.service %% a drop-in of it %% a host
 * name. Nothing that looks like a credential may come out. */
#include "conf/clients.h"
#include "conf/catalogue.h"
#include "conf/unit_file.h"
#include "fuzz.h"

/* A proxy as it is shown: host and port, no more. */
static void
check_server(const char *server)
{
    FUZZ_CHECK(fuzz_is_ascii(server));
    FUZZ_CHECK(strchr(server, '@') == NULL && strchr(server, '/') == NULL);
}

static void
check_exceptions(const struct no_proxy *list, const char *hostname)
{
    struct no_proxy again;

    FUZZ_CHECK(fuzz_is_ended(list->text, sizeof(list->text)) && fuzz_is_ascii(list->text));
    no_proxy_parse((struct span){list->text, strlen(list->text)}, false, &again);
    FUZZ_CHECK(strcmp(again.text, list->text) == 0 && !again.cut);
    if (list->text[0] != '\0') {
        FUZZ_CHECK(
            no_proxy_matches(list, hostname, 443) == no_proxy_matches(&again, hostname, 443));
    }
    FUZZ_CHECK(no_proxy_matches(list, "127.0.0.1", 443) && no_proxy_matches(list, "::1", 443));
}

static void
check_settings(const struct proxy_settings *settings, const char *hostname)
{
    for (size_t i = 0; i < PROXY_SERVER_VARS_N; i++) {
        check_server(settings->servers[i]);
    }
    for (size_t i = 0; i < NO_PROXY_VARS_N; i++) {
        check_exceptions(&settings->no_proxies[i], hostname);
    }
    check_server(proxy_server(settings));
    FUZZ_CHECK(settings->backend_host[0] == '\0' || hostname_is_valid(settings->backend_host));
    (void)proxy_is_http_only(settings);
    (void)proxy_exceptions(settings);
    (void)proxy_applies(settings, hostname, 443);
}

static void
on_assignment(const struct unit_assignment *assignment, void *user)
{
    size_t *n = user;

    FUZZ_CHECK(assignment->key.len + assignment->value.len < UNIT_WORD_SIZE);
    FUZZ_CHECK(!assignment->reset || (assignment->key.len == 0 && assignment->value.len == 0));
    *n += 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *env_file = fuzz_part(&input, NULL);
    char *unit = fuzz_part(&input, NULL);
    char *dropin = fuzz_part(&input, NULL);
    char *hostname = fuzz_part(&input, NULL);
    struct clients clients;
    struct endpoint_spec spec = {
        .key = "ecs", .hostname = "ecs.test", .service_name = "", .port = 443};
    struct client_view view;
    size_t n = 0;

    proxy_settings_init(&clients.agent, PROXY_CLIENT_AGENT);
    proxy_settings_init(&clients.docker, PROXY_CLIENT_DOCKER);
    proxy_parse_env_file(env_file, &clients.agent);
    proxy_parse_unit(unit, &clients.docker);
    proxy_parse_unit(dropin, &clients.docker);
    unit_environment_read(unit, on_assignment, &n);
    FUZZ_CHECK(n <= strlen(unit));
    check_settings(&clients.agent, hostname);
    check_settings(&clients.docker, hostname);
    clients_view(&clients, &spec, &view);
    free(env_file);
    free(unit);
    free(dropin);
    free(hostname);
    return 0;
}
