/* See plan.h. */
#include "conf/plan.h"

#include "daemon/util.h"

#include <errno.h>
#include <stdlib.h>

#define HTTPS_PORT 443

/* What the configuration says about the key, or NULL. */
static const struct conf_endpoint *
section_of(const struct conf *conf, const char *key)
{
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        if (streq(conf->endpoints[i].key, key)) {
            return &conf->endpoints[i];
        }
    }
    return NULL;
}

/* How the dealings with EC2 Auto Scaling go: worth probing when there are any, and never required.
 */
static bool
is_talked_to(const struct conf *conf, const struct service *service)
{
    return (conf->lifecycle.enabled || conf->health.set_instance_health) &&
           streq(service->key, "autoscaling");
}

/* Whether a service is probed on this host, and whether it is required. */
static bool
service_selected(const struct service *service, const struct conf_endpoint *section,
    const struct conf *conf, enum launch_type launch_type, bool all, bool *ret_required)
{
    unsigned bit = 1U << launch_type;

    if (section != NULL && section->enabled == CONF_CHOICE_NO) {
        *ret_required = false;
        return all;
    }
    if (section != NULL) {
        *ret_required = section->required != CONF_CHOICE_NO;
        return true;
    }
    *ret_required = (service->required & bit) != 0;
    return all || is_talked_to(conf, service) || ((service->required | service->probed) & bit) != 0;
}

/* Keeps a copy of the name, for which the caller has made room. */
static const char *
keep_name(char **end, const char *name)
{
    char *kept = *end;

    *end = stpcpy(kept, name) + 1;
    return kept;
}

/* What a section says beats what the catalogue says. */
static void
apply_section(struct endpoint_spec *spec, const struct conf_endpoint *section, char **names)
{
    if (section->hostname != NULL) {
        spec->hostname = keep_name(names, section->hostname);
    }
    if (section->port != 0) {
        spec->port = section->port;
    }
    if (section->expected_set) {
        spec->expected = section->expected;
    }
}

/* How far runs go: what the section says about Http=, else what [Probe] says. */
static enum probe_depth
depth_of(const struct conf *conf, const struct conf_endpoint *section)
{
    bool http = conf->http;

    if (section != NULL && section->http != CONF_CHOICE_DEFAULT) {
        http = section->http == CONF_CHOICE_YES;
    }
    return http ? PROBE_DEPTH_HTTP : PROBE_DEPTH_TLS;
}

static void
fill_service(struct endpoint_spec *spec, const struct service *service,
    const struct conf_endpoint *section, const struct conf *conf, const struct host *host,
    char **names)
{
    char hostname[HOSTNAME_SIZE] = "";
    char service_name[SERVICE_NAME_SIZE] = "";
    struct name_parts parts = {
        .region = host->region,
        .account_id = host->account_id,
        .dns_suffix = host->dns_suffix,
        .partition = host->partition,
    };

    (void)str_copy(spec->key, sizeof(spec->key), service->key);
    spec->port = HTTPS_PORT;
    spec->expected = service->expected;
    spec->depth = depth_of(conf, section);
    (void)hostname_format(service, conf->names, &parts, hostname);
    spec->hostname = keep_name(names, hostname);
    if (section != NULL) {
        apply_section(spec, section, names);
    }
    (void)service_name_format(service, spec->expected, &parts, service_name);
    spec->service_name = keep_name(names, service_name);
}

static void
fill_own(struct endpoint_spec *spec, const struct conf_endpoint *section, const struct conf *conf,
    char **names)
{
    (void)str_copy(spec->key, sizeof(spec->key), section->key);
    spec->port = HTTPS_PORT;
    spec->required = section->required != CONF_CHOICE_NO;
    spec->expected = EXPECTED_INTERFACE;
    spec->depth = depth_of(conf, section);
    spec->hostname = "";
    spec->service_name = "";
    apply_section(spec, section, names);
}

static size_t
count_services(void)
{
    const struct service *service = NULL;
    size_t n = 0;

    while ((service = catalogue_next(service)) != NULL) {
        n++;
    }
    return n;
}

/* No plan needs more for its names. */
static size_t
names_size(const struct conf *conf, size_t n_services)
{
    size_t size = 1 + n_services * (HOSTNAME_SIZE + SERVICE_NAME_SIZE); /* malloc(0) may be NULL */

    for (size_t i = 0; i < conf->n_endpoints; i++) {
        if (conf->endpoints[i].hostname != NULL) {
            size += strlen(conf->endpoints[i].hostname) + 1;
        }
    }
    return size;
}

int
plan_build(const struct conf *conf, const struct host *host, bool all, struct plan *ret)
{
    size_t n_services = count_services();
    struct plan plan = {.n = 0};
    const struct service *service = NULL;
    char *names;

    plan.specs = calloc(n_services + conf->n_endpoints, sizeof(*plan.specs));
    plan.names = malloc(names_size(conf, n_services));
    if (plan.specs == NULL || plan.names == NULL) {
        plan_reset(&plan);
        return -ENOMEM;
    }
    names = plan.names;
    while ((service = catalogue_next(service)) != NULL) {
        const struct conf_endpoint *section = section_of(conf, service->key);
        struct endpoint_spec *spec = &plan.specs[plan.n];

        if (service_selected(service, section, conf, host->launch_type, all, &spec->required)) {
            fill_service(spec, service, section, conf, host, &names);
            plan.n++;
        }
    }
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        const struct conf_endpoint *section = &conf->endpoints[i];

        if (section->enabled != CONF_CHOICE_NO && catalogue_find(section->key) == NULL) {
            fill_own(&plan.specs[plan.n++], section, conf, &names);
        }
    }
    *ret = plan;
    return 0;
}

void
plan_reset(struct plan *plan)
{
    free(plan->specs);
    free(plan->names);
    *plan = (struct plan){.n = 0};
}

bool
plan_egress_control(
    const struct conf *conf, const struct host *host, char ret[static HOSTNAME_SIZE])
{
    struct text t = {.buf = ret, .size = HOSTNAME_SIZE};
    const char *region;

    if (conf->egress == CONF_EGRESS_HOST) {
        return str_copy(ret, HOSTNAME_SIZE, conf->egress_host);
    }
    if (conf->egress == CONF_EGRESS_OFF || host->partition == NULL || host->region[0] == '\0' ||
        host->partition->regions[0] == NULL) {
        return false;
    }
    region = host->partition->regions[streq(host->region, host->partition->regions[0]) ? 1 : 0];
    return text_add(&t, "s3.%s.%s", region, host->dns_suffix);
}
