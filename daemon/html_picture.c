/* See html_picture.h. Each address is a leaf, each leaf is in a group; leaves of a group are drawn
 * one under the other, groups likewise. The addresses stand as text in a table of the page, so the
 * picture is one image to a screen reader. */
#include "daemon/html_picture.h"

#include "daemon/html.h"
#include "daemon/status_view.h"
#include "daemon/util.h"

#include <errno.h>
#include <stdlib.h>

#define GROUPS_MAX 16
#define LEAVES_MAX 14 /* drawn of one group */
#define SERVERS_MAX 8 /* drawn */

/* Units of the picture; it is scaled to the page. */
#define WIDTH 1040
#define MARGIN 12
#define HOST_WIDTH 210
#define HOST_HEIGHT 64
#define GROUP_LEFT 440
#define LEAF_LEFT (GROUP_LEFT + 10)
#define LEAF_RIGHT (WIDTH - MARGIN - 10)
#define LEAF_HEIGHT 22
#define GROUP_HEAD 26
#define GROUP_FOOT 8
#define GROUP_GAP 12
#define SERVER_HEIGHT 24

#define KEY_CHARS 22
#define ADDRESS_CHARS 39
#define OUTCOME_CHARS 16
#define NAME_CHARS 26

enum place {
    PLACE_ZONE, /* an Availability Zone that is known */
    PLACE_SUBNET,
    PLACE_PRIVATE, /* private, of no known subnet */
    PLACE_GATEWAY,
    PLACE_NOWHERE, /* no address */
    PLACE_OTHER,
    PLACE_INTERNET,
};

struct group {
    enum place place;
    const char *name;   /* of the zone or subnet; else NULL */
    const char *subnet; /* of a zone; NULL: not known, or more than one */
    size_t n[HTML_TONE_N];
};

struct leaf {
    const json_t *endpoint;
    const json_t *address; /* NULL: it has none */
    size_t group;
    enum html_tone tone;
};

struct picture {
    const json_t *status;
    struct group groups[GROUPS_MAX];
    size_t n_groups;
    struct leaf *leaves;
    size_t n_leaves;
};

static bool
text_is(const json_t *object, const char *key, const char *wanted)
{
    const char *text = status_text(object, key);

    return text != NULL && streq(text, wanted);
}

static bool
is_private(const json_t *address)
{
    return text_is(address, "class", "vpc") || text_is(address, "class", "private");
}

/* A public address that works may still not be what was meant: then the endpoint's state says so.
 */
static enum html_tone
tone_of(const json_t *endpoint, const json_t *address)
{
    enum html_tone tone = html_tone_of_state(status_text(endpoint, "state"));

    if (address == NULL) {
        return tone;
    }
    if (json_is_false(json_object_get(address, "judged")) || text_is(address, "outcome", "none") ||
        text_is(address, "outcome", "no-resources")) {
        return HTML_TONE_UNKNOWN;
    }
    if (!text_is(address, "outcome", "ok")) {
        return HTML_TONE_BAD;
    }
    return is_private(address) || tone == HTML_TONE_GOOD || tone == HTML_TONE_UNKNOWN
               ? HTML_TONE_GOOD
               : HTML_TONE_WARN;
}

static struct group
place_of(const json_t *endpoint, const json_t *address)
{
    struct group group = {.place = PLACE_OTHER};

    if (address == NULL) {
        group.place = PLACE_NOWHERE;
    } else if (status_text(address, "availability_zone") != NULL) {
        group.place = PLACE_ZONE;
        group.name = status_text(address, "availability_zone");
        group.subnet = status_text(address, "subnet");
    } else if (status_text(address, "subnet") != NULL) {
        group.place = PLACE_SUBNET;
        group.name = status_text(address, "subnet");
    } else if (is_private(address)) {
        group.place = PLACE_PRIVATE;
    } else if (text_is(endpoint, "path", "gateway") || text_is(endpoint, "expected", "gateway")) {
        group.place = PLACE_GATEWAY;
    } else if (text_is(address, "class", "public")) {
        group.place = PLACE_INTERNET;
    }
    return group;
}

static bool
is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && streq(a, b));
}

static bool
is_same_group(const struct group *a, const struct group *b)
{
    return a->place == b->place && is_same_text(a->name, b->name);
}

/* The index of the group, or n_groups. */
static size_t
find_group(const struct picture *picture, const struct group *wanted)
{
    size_t i = 0;

    while (i < picture->n_groups && !is_same_group(&picture->groups[i], wanted)) {
        i++;
    }
    return i;
}

/* The group's index; when there are too many, that of the others. */
static size_t
take_group(struct picture *picture, const struct group *wanted)
{
    static const struct group others = {.place = PLACE_OTHER};
    size_t i = find_group(picture, wanted);
    bool full = picture->n_groups >= GROUPS_MAX - PLACE_INTERNET;

    if (i == picture->n_groups && full && wanted->name != NULL) {
        wanted = &others;
        i = find_group(picture, wanted);
    }
    if (i == picture->n_groups) {
        picture->groups[picture->n_groups++] = *wanted;
    } else if (!is_same_text(picture->groups[i].subnet, wanted->subnet)) {
        picture->groups[i].subnet = NULL;
    }
    return i;
}

static void
add_leaf(struct picture *picture, const json_t *endpoint, const json_t *address)
{
    struct leaf *leaf = &picture->leaves[picture->n_leaves++];
    const struct group group = place_of(endpoint, address);

    *leaf = (struct leaf){.endpoint = endpoint,
        .address = address,
        .group = take_group(picture, &group),
        .tone = tone_of(endpoint, address)};
    picture->groups[leaf->group].n[leaf->tone]++;
}

static void
add_leaves(struct picture *picture, const json_t *endpoint)
{
    const json_t *addresses = json_object_get(endpoint, "addresses");

    for (size_t i = 0; i < json_array_size(addresses); i++) {
        add_leaf(picture, endpoint, json_array_get(addresses, i));
    }
    if (json_array_size(addresses) == 0) {
        add_leaf(picture, endpoint, NULL);
    }
}

/* The Internet has its group whether somebody goes there or not. */
static int
collect(struct picture *picture)
{
    static const struct group internet = {.place = PLACE_INTERNET};
    const json_t *endpoints = json_object_get(picture->status, "endpoints");
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        n += json_array_size(json_object_get(json_array_get(endpoints, i), "addresses")) + 1;
    }
    picture->leaves = calloc(n + 1, sizeof(*picture->leaves));
    if (picture->leaves == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        add_leaves(picture, json_array_get(endpoints, i));
    }
    (void)take_group(picture, &internet);
    return 0;
}

static size_t
group_size(const struct group *group)
{
    size_t n = 0;

    for (size_t tone = 0; tone < HTML_TONE_N; tone++) {
        n += group->n[tone];
    }
    return n;
}

/* Rows it is drawn with: its leaves, or some and one that counts the others; the Internet begins
 * with the egress control. */
static size_t
group_rows(const struct group *group)
{
    size_t n = group_size(group);

    return (n > LEAVES_MAX ? LEAVES_MAX + 1 : n) + (group->place == PLACE_INTERNET);
}

static int
group_height(const struct group *group)
{
    return GROUP_HEAD + (int)group_rows(group) * LEAF_HEIGHT + GROUP_FOOT;
}

static void
put_group_title(FILE *out, const struct group *group)
{
    static const char *const titles[] = {[PLACE_ZONE] = "Availability Zone ",
        [PLACE_SUBNET] = "subnet ",
        [PLACE_PRIVATE] = "private addresses, zone not known",
        [PLACE_GATEWAY] = "gateway endpoint (route table)",
        [PLACE_NOWHERE] = "no address",
        [PLACE_OTHER] = "other",
        [PLACE_INTERNET] = "Internet"};

    (void)fputs(titles[group->place], out);
    if (group->name != NULL) {
        html_text(out, group->name, NAME_CHARS);
    }
    if (group->subnet != NULL) {
        (void)fputs(", ", out);
        html_text(out, group->subnet, NAME_CHARS);
    }
}

static void
put_fact(FILE *out, const char *label, const char *value)
{
    if (value != NULL) {
        (void)fprintf(out, "\n%s: ", label);
        html_text(out, value, HTML_WHOLE);
    }
}

static void
put_ms_fact(FILE *out, const char *label, const json_t *address, const char *key)
{
    const json_t *value = json_object_get(address, key);

    if (json_is_number(value)) {
        (void)fprintf(out, "\n%s: ", label);
        html_ms(out, json_number_value(value));
        (void)fputs(" ms", out);
    }
}

/* Everything that was seen, shown by browsers when the pointer rests there. */
static void
put_leaf_title(FILE *out, const struct leaf *leaf)
{
    const json_t *tls = json_object_get(leaf->address, "tls");

    (void)fputs("<title>", out);
    html_text(out, status_text(leaf->endpoint, "endpoint"), HTML_WHOLE);
    put_fact(out, "host name", status_text(leaf->endpoint, "hostname"));
    put_fact(out, "state", status_text(leaf->endpoint, "state"));
    put_fact(out, "verdict", status_text(leaf->endpoint, "verdict"));
    put_fact(out, "address", status_text(leaf->address, "address"));
    put_fact(out, "class", status_text(leaf->address, "class"));
    put_fact(out, "outcome", status_text(leaf->address, "outcome"));
    put_fact(out, "got as far as", status_text(leaf->address, "phase"));
    put_ms_fact(out, "connect", leaf->address, "connect_ms");
    put_ms_fact(out, "TLS", leaf->address, "tls_ms");
    put_fact(out, "certificate", status_text(tls, "subject"));
    put_fact(out, "issuer", status_text(tls, "issuer"));
    put_fact(out, "valid until", status_text(tls, "not_after"));
    put_fact(out, "error", status_text(leaf->address, "error"));
    (void)fputs("</title>", out);
}

/* A line from the host to (LEAF_LEFT, y); where it begins is (MARGIN + HOST_WIDTH, from_y). */
static void
put_wire(FILE *out, int from_y, int y)
{
    int from_x = MARGIN + HOST_WIDTH;
    int middle = (from_x + GROUP_LEFT) / 2;

    (void)fprintf(out, "<path class=\"wire\" d=\"M%d %dC%d %d %d %d %d %d\"/>", from_x, from_y,
        middle, from_y, middle, y, LEAF_LEFT, y);
}

static void
put_label(FILE *out, int x, int y, const char *class_name, const char *text, size_t max_chars)
{
    (void)fprintf(out, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class_name, x, y + 4);
    html_text(out, text, max_chars);
    (void)fputs("</text>", out);
}

/* What is told on the right: how fast, or why not. */
static void
put_outcome(FILE *out, const struct leaf *leaf, int y)
{
    const json_t *ms = json_object_get(leaf->address, "connect_ms");

    if (text_is(leaf->address, "outcome", "ok") && json_is_number(ms)) {
        (void)fprintf(out, "<text class=\"end\" x=\"%d\" y=\"%d\">", LEAF_RIGHT, y + 4);
        html_ms(out, json_number_value(ms));
        (void)fputs(" ms</text>", out);
        return;
    }
    put_label(out, LEAF_RIGHT, y, "end",
        leaf->address != NULL ? status_text(leaf->address, "outcome")
                              : status_text(leaf->endpoint, "verdict"),
        OUTCOME_CHARS);
}

static void
put_leaf(FILE *out, const struct leaf *leaf, int from_y, int y)
{
    const char *address = status_text(leaf->address, "address");

    (void)fprintf(out, "<g class=\"%s\">", html_tone_str(leaf->tone));
    put_leaf_title(out, leaf);
    put_wire(out, from_y, y);
    put_label(out, LEAF_LEFT + 6, y, "mark", html_tone_mark(leaf->tone), HTML_WHOLE);
    put_label(out, LEAF_LEFT + 24, y, "key", status_text(leaf->endpoint, "endpoint"), KEY_CHARS);
    if (address != NULL) {
        put_label(out, LEAF_LEFT + 180, y, "mono", address, ADDRESS_CHARS);
    }
    put_outcome(out, leaf, y);
    (void)fputs("</g>\n", out);
}

/* One for all that are not drawn: as bad as the worst of them. */
static void
put_more(FILE *out, const size_t left[static HTML_TONE_N], int from_y, int y)
{
    static const enum html_tone order[] = {
        HTML_TONE_UNKNOWN, HTML_TONE_GOOD, HTML_TONE_WARN, HTML_TONE_BAD};
    enum html_tone worst = HTML_TONE_GOOD;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        worst = left[order[i]] > 0 ? order[i] : worst;
        n += left[order[i]];
    }
    (void)fprintf(out, "<g class=\"%s\">", html_tone_str(worst));
    put_wire(out, from_y, y);
    put_label(out, LEAF_LEFT + 6, y, "mark", html_tone_mark(worst), HTML_WHOLE);
    (void)fprintf(out,
        "<text class=\"key\" x=\"%d\" y=\"%d\">and %zu more: %zu ok, %zu failed, %zu "
        "others</text></g>\n",
        LEAF_LEFT + 24, y + 4, n, left[HTML_TONE_GOOD], left[HTML_TONE_BAD],
        left[HTML_TONE_WARN] + left[HTML_TONE_UNKNOWN]);
}

/* Of the group's leaves those with this tone, or with any (HTML_TONE_N), as long as there is room.
 * Returns where the next one goes. */
static int
put_leaves_of(FILE *out, const struct picture *picture, size_t group, size_t tone, int from_y,
    int y, int end_y, size_t left[static HTML_TONE_N])
{
    for (size_t i = 0; i < picture->n_leaves && y < end_y; i++) {
        const struct leaf *leaf = &picture->leaves[i];

        if (leaf->group == group && (tone == HTML_TONE_N || tone == (size_t)leaf->tone)) {
            put_leaf(out, leaf, from_y, y);
            left[leaf->tone]--;
            y += LEAF_HEIGHT;
        }
    }
    return y;
}

/* y: the middle of the first leaf. */
static void
put_leaves(FILE *out, const struct picture *picture, size_t index, int from_y, int y)
{
    static const size_t order[] = {
        HTML_TONE_BAD, HTML_TONE_WARN, HTML_TONE_UNKNOWN, HTML_TONE_GOOD};
    const struct group *group = &picture->groups[index];
    int end_y = y + LEAVES_MAX * LEAF_HEIGHT;
    size_t left[HTML_TONE_N];

    memcpy(left, group->n, sizeof(left));
    if (group_size(group) <= LEAVES_MAX) {
        (void)put_leaves_of(out, picture, index, HTML_TONE_N, from_y, y, end_y, left);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        y = put_leaves_of(out, picture, index, order[i], from_y, y, end_y, left);
    }
    put_more(out, left, from_y, y);
}

/* Open or closed, neither is good or bad by itself. */
static void
put_egress(FILE *out, const json_t *egress, int from_y, int y)
{
    bool open = text_is(egress, "internet", "open");
    bool closed = text_is(egress, "internet", "closed");
    const char *look = open ? "open" : closed ? "closed" : "unknown";

    (void)fprintf(out, "<g class=\"%s\"><title>Whether this host gets out", look);
    put_fact(out, "asked", status_text(egress, "control"));
    (void)fputs("</title>", out);
    put_wire(out, from_y, y);
    put_label(out, LEAF_LEFT + 6, y, "mark", open ? "→" : closed ? "⊘" : "?", HTML_WHOLE);
    put_label(out, LEAF_LEFT + 24, y, "key", look, HTML_WHOLE);
    put_label(out, LEAF_LEFT + 180, y, "mono", status_text(egress, "control"), ADDRESS_CHARS);
    (void)fputs("</g>\n", out);
}

static void
put_group(FILE *out, const struct picture *picture, size_t index, int from_y, int y)
{
    const struct group *group = &picture->groups[index];
    int leaf_y = y + GROUP_HEAD + LEAF_HEIGHT / 2;

    (void)fprintf(out,
        "<rect class=\"group\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>"
        "<text class=\"title\" x=\"%d\" y=\"%d\">",
        GROUP_LEFT, y, WIDTH - MARGIN - GROUP_LEFT, group_height(group), GROUP_LEFT + 12, y + 18);
    put_group_title(out, group);
    (void)fputs("</text>\n", out);
    if (group->place == PLACE_INTERNET) {
        put_egress(out, json_object_get(picture->status, "egress"), from_y, leaf_y);
        leaf_y += LEAF_HEIGHT;
    }
    put_leaves(out, picture, index, from_y, leaf_y);
}

static void
put_servers(FILE *out, const json_t *servers, int y)
{
    size_t n = json_array_size(servers);

    for (size_t i = 0; i < n && i < SERVERS_MAX; i++, y += SERVER_HEIGHT + 6) {
        const json_t *server = json_array_get(servers, i);
        enum html_tone tone = html_tone_of_state(status_text(server, "state"));

        (void)fprintf(out, "<g class=\"%s\"><title>name server", html_tone_str(tone));
        put_fact(out, "address", status_text(server, "address"));
        put_fact(out, "state", status_text(server, "state"));
        put_fact(out, "last outcome", status_text(server, "last_outcome"));
        (void)fprintf(out,
            "</title><path class=\"wire\" d=\"M%d %dV%dH%d\"/>"
            "<rect class=\"node\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>",
            MARGIN + 10, y - 10 - SERVER_HEIGHT / 2, y, MARGIN + 24, MARGIN + 24,
            y - SERVER_HEIGHT / 2, HOST_WIDTH - 24, SERVER_HEIGHT);
        put_label(out, MARGIN + 32, y, "mark", html_tone_mark(tone), HTML_WHOLE);
        put_label(out, MARGIN + 50, y, "mono small", status_text(server, "address"), 20);
        (void)fputs("</g>\n", out);
    }
}

static void
put_host(FILE *out, const json_t *status, int y)
{
    const json_t *host = json_object_get(status, "host");
    enum html_tone tone = html_tone_of_state(status_text(status, "state"));
    const char *name = status_text(host, "instance_id");

    (void)fprintf(out,
        "<g class=\"%s\"><rect class=\"node\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
        "rx=\"6\"/>",
        html_tone_str(tone), MARGIN, y - HOST_HEIGHT / 2, HOST_WIDTH, HOST_HEIGHT);
    put_label(out, MARGIN + 10, y - 14, "mark", html_tone_mark(tone), HTML_WHOLE);
    put_label(out, MARGIN + 28, y - 14, "key", name != NULL ? name : "this host", 20);
    put_label(out, MARGIN + 28, y + 4, "small", status_text(host, "region"), NAME_CHARS);
    put_label(out, MARGIN + 28, y + 20, "small", status_text(status, "state"), NAME_CHARS);
    (void)fputs("</g>\n", out);
    put_servers(
        out, json_object_get(status, "nameservers"), y + HOST_HEIGHT / 2 + 10 + SERVER_HEIGHT / 2);
}

/* Zones first, by name, the Internet last. */
static int
by_place(const void *a, const void *b)
{
    const struct group *const *x = a;
    const struct group *const *y = b;

    if ((*x)->place != (*y)->place) {
        return (*x)->place < (*y)->place ? -1 : 1;
    }
    return (*x)->name != NULL && (*y)->name != NULL ? strcmp((*x)->name, (*y)->name) : 0;
}

static void
draw(FILE *out, const struct picture *picture)
{
    const struct group *sorted[GROUPS_MAX] = {NULL};
    size_t n_servers = json_array_size(json_object_get(picture->status, "nameservers"));
    int below = HOST_HEIGHT / 2 +
                (int)(n_servers > SERVERS_MAX ? SERVERS_MAX : n_servers) * (SERVER_HEIGHT + 6) + 20;
    int height = MARGIN;
    int y = MARGIN;

    for (size_t i = 0; i < picture->n_groups; i++) {
        sorted[i] = &picture->groups[i];
        height += group_height(sorted[i]) + GROUP_GAP;
    }
    height = height < 2 * below ? 2 * below : height;
    qsort(sorted, picture->n_groups, sizeof(void *), by_place);
    (void)fprintf(out,
        "<svg class=\"picture\" viewBox=\"0 0 %d %d\" role=\"img\" "
        "aria-labelledby=\"picture-title\" aria-describedby=\"picture-summary\">\n"
        "<title id=\"picture-title\">Paths from this host to its endpoints</title>\n"
        "<desc id=\"picture-summary\">",
        WIDTH, height);
    html_text(out, status_text(picture->status, "summary"), HTML_WHOLE);
    (void)fputs("</desc>\n", out);
    for (size_t i = 0; i < picture->n_groups; i++) {
        put_group(out, picture, (size_t)(sorted[i] - picture->groups), height / 2, y);
        y += group_height(sorted[i]) + GROUP_GAP;
    }
    put_host(out, picture->status, height / 2);
    (void)fputs("</svg>\n", out);
}

int
html_picture(FILE *out, const json_t *status)
{
    struct picture picture = {.status = status};
    int r = collect(&picture);

    if (r == 0) {
        draw(out, &picture);
    }
    free(picture.leaves);
    return r;
}
