/* See conf_check.h. */
#include "conf/conf_check.h"

#include <assert.h>

struct check {
    const struct conf *conf;
    const struct conf_origin *origin;
    struct conf_errors *errors;
};

/* A key, and where it was set. */
struct place {
    const char *key;
    const struct conf_where *where;
};

static struct place
place_of(const struct check *check, enum conf_section section, const char *name)
{
    const struct conf_key *key = conf_key_find(section, name);

    assert(key != NULL);
    return (struct place){key->name, &check->origin->keys[conf_key_index(key)]};
}

static struct place
last_of(struct place a, struct place b)
{
    return b.where->order > a.where->order ? b : a;
}

static bool
any_bad(struct place a, struct place b)
{
    return a.where->bad || b.where->bad;
}

static void
check_region(const struct check *check)
{
    struct place region = place_of(check, CONF_SECTION_HOST, "Region");
    struct place imds = place_of(check, CONF_SECTION_HOST, "Imds");
    struct place last = last_of(region, imds);
    const char *name = check->conf->region;

    if (any_bad(region, imds)) {
        return;
    }
    if (*name == '\0' && check->conf->imds == CONF_IMDS_OFF) {
        conf_errors_add(check->errors, last.where, last.key,
            "with Imds=off nothing tells the Region; set Region= in [Host], or allow IMDS");
    }
    if (*name != '\0' && partition_of_region(name) == NULL) {
        conf_errors_add(check->errors, region.where, region.key,
            "\"%s\" is not a Region of any AWS partition; give one such as eu-central-1, or auto "
            "to ask the instance metadata",
            name);
    }
}

static void
check_intervals(const struct check *check)
{
    struct place slow = place_of(check, CONF_SECTION_PROBE, "Interval");
    struct place fast = place_of(check, CONF_SECTION_PROBE, "FastInterval");
    struct place last = last_of(slow, fast);

    if (!any_bad(slow, fast) && check->conf->fast_interval_ms > check->conf->interval_ms) {
        conf_errors_add(check->errors, last.where, last.key,
            "FastInterval= is longer than Interval=; make it at most as long");
    }
}

/* key makes no sense without a deadline. */
static void
check_needs_deadline(const struct check *check, const char *name, bool is_set)
{
    struct place key = place_of(check, CONF_SECTION_LIFECYCLE, name);
    struct place deadline = place_of(check, CONF_SECTION_LIFECYCLE, "Deadline");
    struct place last = last_of(key, deadline);

    if (is_set && check->conf->lifecycle.deadline_ms == 0 && !any_bad(key, deadline)) {
        conf_errors_add(check->errors, last.where, last.key,
            "%s= needs a deadline; set Deadline= in [Lifecycle], too", name);
    }
}

static void
check_hook(const struct check *check)
{
    struct place enabled = place_of(check, CONF_SECTION_LIFECYCLE, "Enabled");
    struct place hook = place_of(check, CONF_SECTION_LIFECYCLE, "Hook");
    struct place last = last_of(enabled, hook);

    if (check->conf->lifecycle.enabled && *check->conf->lifecycle.hook == '\0' &&
        !any_bad(enabled, hook)) {
        conf_errors_add(check->errors, last.where, last.key,
            "Enabled=yes needs the name of the lifecycle hook; set Hook= in [Lifecycle]");
    }
}

/* Signals to Auto Scaling carry the instance id and are signed with the role's credentials: both
 * come from the instance metadata alone. */
static void
check_needs_imds(
    const struct check *check, enum conf_section section, const char *name, bool enabled)
{
    struct place key = place_of(check, section, name);
    struct place imds = place_of(check, CONF_SECTION_HOST, "Imds");
    struct place last = last_of(key, imds);

    if (enabled && check->conf->imds == CONF_IMDS_OFF && !any_bad(key, imds)) {
        conf_errors_add(check->errors, last.where, last.key,
            "%s=yes needs the instance id and the credentials from IMDS, but Imds=off", name);
    }
}

static void
list_catalogue(struct text *text)
{
    const struct service *service = NULL;
    const char *separator = "";

    while ((service = catalogue_next(service)) != NULL) {
        (void)text_add(text, "%s%s", separator, service->key);
        separator = ", ";
    }
}

static void
check_endpoint(
    const struct check *check, const struct conf_endpoint *endpoint, const struct conf_where *where)
{
    char subject[ENDPOINT_KEY_SIZE + sizeof("[Endpoint ]")] = "";
    char keys[CONF_SENTENCE_SIZE / 2] = "";
    struct text header = TEXT(subject);
    struct text list = TEXT(keys);

    if (endpoint->hostname != NULL || endpoint->enabled == CONF_CHOICE_NO || where->bad ||
        catalogue_find(endpoint->key) != NULL) {
        return;
    }
    (void)text_add(&header, "[Endpoint %s]", endpoint->key);
    list_catalogue(&list);
    conf_errors_add(check->errors, where, subject,
        "is an endpoint of your own and needs Host=, the name to probe; those known without it "
        "are: %s",
        keys);
}

void
conf_check(const struct conf *conf, const struct conf_origin *origin, struct conf_errors *errors)
{
    struct check check = {conf, origin, errors};

    check_region(&check);
    check_intervals(&check);
    check_hook(&check);
    check_needs_deadline(&check, "Heartbeat", conf->lifecycle.heartbeat_ms != 0);
    check_needs_deadline(&check, "OnDeadline", conf->lifecycle.abandon);
    check_needs_imds(&check, CONF_SECTION_LIFECYCLE, "Enabled", conf->lifecycle.enabled);
    check_needs_imds(
        &check, CONF_SECTION_HEALTH, "SetInstanceHealth", conf->health.set_instance_health);
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        check_endpoint(&check, &conf->endpoints[i], &origin->endpoints[i]);
    }
}
