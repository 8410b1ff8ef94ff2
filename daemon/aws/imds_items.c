/* See imds_items.h. */
#include "daemon/aws/imds_items.h"

static void
add(struct imds_items *items, enum imds_path path, size_t interface)
{
    items->items[items->n++] =
        (struct imds_item){.path = path, .interface = interface, .state = IMDS_ITEM_OPEN};
}

void
imds_items_reset(struct imds_items *items)
{
    items->n = 0;
    for (enum imds_path path = 0; path < IMDS_PATH_HOST_N; path++) {
        add(items, path, 0);
    }
}

void
imds_items_reset_to(struct imds_items *items, enum imds_path path)
{
    items->n = 0;
    add(items, path, 0);
}

void
imds_items_add_interfaces(struct imds_items *items, const struct imds_facts *facts)
{
    for (size_t i = 0; i < facts->n_interfaces; i++) {
        add(items, IMDS_PATH_VPC_IPV4, i);
        add(items, IMDS_PATH_VPC_IPV6, i);
    }
    for (enum imds_path path = IMDS_PATH_VPC_ID; facts->has_own && path < IMDS_PATH_N; path++) {
        add(items, path, 0);
    }
}

int
imds_items_todo(const struct imds_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        if (items->items[i].state == IMDS_ITEM_OPEN) {
            return (int)i;
        }
    }
    return -1;
}

bool
imds_items_done(const struct imds_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        if (items->items[i].state != IMDS_ITEM_DONE) {
            return false;
        }
    }
    return true;
}
