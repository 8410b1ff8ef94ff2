/* See conf_endpoints.h. */
#include "conf/conf_endpoints.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS 32768U /* a power of two */

_Static_assert(CONF_ENDPOINTS_MAX < SLOTS / 2, "open addressing wants a half-empty index");

struct conf_endpoints {
    struct conf_endpoint *list; /* n of them, room for capacity */
    struct conf_where *where;   /* parallel to list */
    size_t n;
    size_t capacity;
    uint16_t slots[SLOTS]; /* place in list + 1; 0: free */
};

struct conf_endpoints *
conf_endpoints_new(void)
{
    return calloc(1, sizeof(struct conf_endpoints));
}

void
conf_endpoints_release(struct conf_endpoint *list, size_t n)
{
    for (size_t i = 0; list != NULL && i < n; i++) {
        free(list[i].hostname);
    }
    free(list);
}

void
conf_endpoints_free(struct conf_endpoints *endpoints)
{
    if (endpoints != NULL) {
        conf_endpoints_release(endpoints->list, endpoints->n);
        free(endpoints->where);
        free(endpoints);
    }
}

/* FNV-1a, 32 bits. */
static uint32_t
hash(const char *key)
{
    uint32_t value = 2166136261U;

    for (; *key != '\0'; key++) {
        value = (value ^ (unsigned char)*key) * 16777619U;
    }
    return value;
}

/* The slot that holds the key, or the free one where it belongs. */
static uint16_t *
slot_of(struct conf_endpoints *endpoints, const char *key)
{
    for (uint32_t i = hash(key);; i++) {
        uint16_t *slot = &endpoints->slots[i % SLOTS];

        if (*slot == 0 || streq(endpoints->list[*slot - 1].key, key)) {
            return slot;
        }
    }
}

static int
grow(struct conf_endpoints *endpoints)
{
    size_t capacity = endpoints->capacity == 0 ? 32 : 2 * endpoints->capacity;
    struct conf_endpoint *list;
    struct conf_where *where;

    if (endpoints->n < endpoints->capacity) {
        return 0;
    }
    list = reallocarray(endpoints->list, capacity, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    endpoints->list = list;
    where = reallocarray(endpoints->where, capacity, sizeof(*where));
    if (where == NULL) {
        return -ENOMEM;
    }
    endpoints->where = where;
    endpoints->capacity = capacity;
    return 0;
}

int
conf_endpoints_enter(struct conf_endpoints *endpoints, const char *key, size_t *ret)
{
    uint16_t *slot = slot_of(endpoints, key);

    if (*slot == 0) {
        int r = endpoints->n == CONF_ENDPOINTS_MAX ? -ENOSPC : grow(endpoints);

        if (r < 0) {
            return r;
        }
        conf_endpoint_init(&endpoints->list[endpoints->n], key);
        endpoints->where[endpoints->n] = (struct conf_where){0};
        endpoints->n++;
        *slot = (uint16_t)endpoints->n;
    }
    *ret = *slot - 1U;
    return 0;
}

struct conf_endpoint *
conf_endpoints_at(struct conf_endpoints *endpoints, size_t i)
{
    return &endpoints->list[i];
}

void
conf_endpoints_where(struct conf_endpoints *endpoints, size_t i, const struct conf_where *where)
{
    endpoints->where[i] = *where;
}

void
conf_endpoints_give(struct conf_endpoints *endpoints, struct conf *conf, struct conf_origin *origin)
{
    conf->endpoints = TAKE(endpoints->list);
    conf->n_endpoints = endpoints->n;
    origin->endpoints = endpoints->where;
}
