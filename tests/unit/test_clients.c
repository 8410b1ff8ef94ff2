/* How the ECS agent and docker go: from the files to what is shown. */
#include "daemon/client_files.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "hunter2"

static char folder[] = "/tmp/vpce-clients-XXXXXX";
static char ecs_config[64];
static char dropins[64];

static void
write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void
write_dropin(const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", dropins, name);
    write_file(path, text);
}

static struct client_view
view_of(const struct clients *clients, const char *key, const char *hostname)
{
    struct endpoint_spec spec = {.hostname = hostname, .service_name = "", .port = 443};
    struct client_view view;

    (void)str_copy(spec.key, sizeof(spec.key), key);
    clients_view(clients, &spec, &view);
    return view;
}

/* The first note about the endpoint, as it is shown. */
static const char *
note_of(const struct client_view *view, const char *hostname)
{
    static struct verdict_notes notes;
    static const struct vpc_nets nets;
    const struct verdict_context context = {.nets = &nets};
    const struct verdict verdict = {.code = VERDICT_OK};
    const struct endpoint_spec spec = {.key = "ecs", .hostname = hostname, .service_name = ""};
    struct probe_result result;

    probe_result_init(&result);
    verdict_notes_of(&spec, &result, &verdict, view, &context, &notes);
    return notes.n > 0 ? notes.lines[0] : "";
}

static void
each_client_has_its_own_way(void **state)
{
    static struct clients clients;
    struct client_view view;
    const char *note;

    (void)state;
    write_file(ecs_config, "ECS_CLUSTER=x\nECS_ENGINE_AUTH_DATA={\"x\":\"" SECRET "\"}\n"
                           "HTTP_PROXY=http://me:" SECRET "@10.0.0.131:3128\n"
                           "NO_PROXY=169.254.169.254,api.ecr.test\n");
    write_dropin("10-proxy.conf", "[Service]\nEnvironment=HTTPS_PROXY=http://old.test:1\n");
    write_dropin("20-proxy.conf",
        "[Service]\nEnvironment=\"HTTPS_PROXY=http://u:" SECRET "@docker.test:8080\"\n");
    write_dropin("30-proxy.conf.bak", "[Service]\nEnvironment=HTTPS_PROXY=http://no.test:1\n");
    client_files_read(&clients, ecs_config, dropins);

    view = view_of(&clients, "ecs", "ecs.test");
    assert_string_equal(view.proxy, "10.0.0.131:3128");
    note = note_of(&view, "ecs.test");
    assert_non_null(strstr(note, "the ECS agent goes through proxy 10.0.0.131:3128"));
    assert_non_null(strstr(note, "NO_PROXY: ,ecs.test"));
    assert_null(view_of(&clients, "ecr.api", "api.ecr.test").proxy); /* an exception */
    assert_string_equal(view_of(&clients, "ecr.dkr", "x.dkr.test").proxy, "docker.test:8080");
    assert_string_equal(view_of(&clients, "s3", "s3.test").name, "docker");
    assert_null(view_of(&clients, "kms", "kms.test").proxy); /* nobody's in particular */
    assert_null(memmem(&clients, sizeof(clients), SECRET, strlen(SECRET)));
}

static void
the_agent_may_be_sent_elsewhere(void **state)
{
    static struct clients clients;
    struct client_view view;

    (void)state;
    write_file(ecs_config, "ECS_BACKEND_HOST=https://ecs.elsewhere.test/\n");
    client_files_read(&clients, ecs_config, "/nonexistent");
    view = view_of(&clients, "ecs", "ecs.test");
    assert_null(view.proxy);
    assert_string_equal(view.backend, "ecs.elsewhere.test");
    assert_non_null(strstr(note_of(&view, "ecs.test"), "ecs.elsewhere.test (ECS_BACKEND_HOST)"));
    assert_null(view_of(&clients, "ecs-agent", "ecs-a.test").backend);
    assert_null(view_of(&clients, "ecs", "ecs.elsewhere.test").backend);
}

/* What cannot be read is not known, and nothing is said of it. */
static void
no_files_no_notes(void **state)
{
    static struct clients clients;
    struct client_view view;

    (void)state;
    client_files_read(&clients, "/nonexistent", "/nonexistent");
    view = view_of(&clients, "ecs", "ecs.test");
    assert_null(view.proxy);
    assert_string_equal(note_of(&view, "ecs.test"), "");
}

static void
remove_all(void)
{
    static const char *const names[] = {"10-proxy.conf", "20-proxy.conf", "30-proxy.conf.bak"};
    char path[128];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dropins, names[i]);
        (void)unlink(path);
    }
    (void)unlink(ecs_config);
    (void)rmdir(dropins);
    (void)rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_client_has_its_own_way),
        cmocka_unit_test(the_agent_may_be_sent_elsewhere), cmocka_unit_test(no_files_no_notes)};
    int r;

    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    (void)snprintf(ecs_config, sizeof(ecs_config), "%s/ecs.config", folder);
    (void)snprintf(dropins, sizeof(dropins), "%s/docker.service.d", folder);
    if (mkdir(dropins, 0755) < 0) {
        return 1;
    }
    r = cmocka_run_group_tests(tests, NULL, NULL);
    remove_all();
    return r;
}
