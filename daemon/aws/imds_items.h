/* The paths of one round of questions, and which of them are answered. Pure. */
#ifndef VPCE_DAEMON_AWS_IMDS_ITEMS_H
#define VPCE_DAEMON_AWS_IMDS_ITEMS_H

#include "daemon/aws/imds_facts.h"

/* All of the host, two of each interface, the rest of the host's own interface. */
#define IMDS_ITEMS_MAX (IMDS_PATH_N + FAMILY_N * IMDS_INTERFACES_MAX)

enum imds_item_state {
    IMDS_ITEM_OPEN,
    IMDS_ITEM_ASKED,
    IMDS_ITEM_DONE,
};

struct imds_item {
    enum imds_path path;
    size_t interface; /* of the facts; 0 for a path of the host */
    enum imds_item_state state;
};

struct imds_items {
    struct imds_item items[IMDS_ITEMS_MAX];
    size_t n;
};

/* Begins with the paths of the host. */
void imds_items_reset(struct imds_items *items);
void imds_items_reset_to(struct imds_items *items, enum imds_path path); /* one of them alone */

/* Adds those of the interfaces; the facts are settled. */
void imds_items_add_interfaces(struct imds_items *items, const struct imds_facts *facts);

int imds_items_todo(const struct imds_items *items); /* index of the next one, -1: none */
bool imds_items_done(const struct imds_items *items);

#endif
