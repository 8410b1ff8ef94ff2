/* See status_view.h. */
#include "daemon/status_view.h"

#include "daemon/util.h"

#include <time.h>

const char *
status_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL && text[0] != '\0' ? text : NULL;
}

int64_t
status_seconds(const json_t *object, const char *key)
{
    const char *text = status_text(object, key);
    struct tm tm = {0};

    if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
        return -1;
    }
    return (int64_t)timegm(&tm);
}

const json_t *
status_endpoint(const json_t *status, const char *key)
{
    const json_t *endpoints = json_object_get(status, "endpoints");

    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const json_t *endpoint = json_array_get(endpoints, i);
        const char *name = json_string_value(json_object_get(endpoint, "endpoint"));

        if (name != NULL && streq(name, key)) {
            return endpoint;
        }
    }
    return NULL;
}

void
status_count_up(const json_t *endpoint, size_t *ret_up, size_t *ret_n)
{
    const json_t *addresses = json_object_get(endpoint, "addresses");

    *ret_up = 0;
    *ret_n = 0;
    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const json_t *address = json_array_get(addresses, i);
        const char *outcome = status_text(address, "outcome");

        if (!json_is_false(json_object_get(address, "judged"))) {
            ++*ret_n;
            *ret_up += outcome != NULL && streq(outcome, "ok");
        }
    }
}

static double
number_or_unknown(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : -1;
}

double
status_slowest_ms(const json_t *endpoint, const char *key)
{
    const json_t *addresses = json_object_get(endpoint, "addresses");
    double worst = -1;

    for (size_t i = 0; i < json_array_size(addresses); i++) {
        double ms = number_or_unknown(json_object_get(json_array_get(addresses, i), key));

        worst = ms > worst ? ms : worst;
    }
    return worst;
}

double
status_dns_ms(const json_t *endpoint)
{
    return number_or_unknown(json_object_get(json_object_get(endpoint, "dns"), "ms"));
}

static bool
has_text(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *other = json_string_value(json_array_get(array, i));

        if (other != NULL && streq(other, text)) {
            return true;
        }
    }
    return false;
}

bool
status_is_explained(const json_t *causes, const json_t *endpoint)
{
    const char *key = status_text(endpoint, "endpoint");

    for (size_t i = 0; key != NULL && i < json_array_size(causes); i++) {
        if (has_text(json_object_get(json_array_get(causes, i), "endpoints"), key)) {
            return true;
        }
    }
    return false;
}
