/* See unit_file.h. */
#include "conf/unit_file.h"

/* A line of a unit file while it is read: those that a backslash joins are one. */
struct unit_line {
    const char *next; /* behind c */
    char c;           /* '\0': end of the line */
    bool escaped;     /* c stands behind a backslash */
};

/* To the first byte of the next line that is no comment. */
static void
skip_comments(struct unit_line *l)
{
    l->next += strspn(l->next, BLANKS);
    while (*l->next == '#' || *l->next == ';') {
        l->next += strcspn(l->next, "\n");
        l->next += *l->next == '\n';
        l->next += strspn(l->next, BLANKS);
    }
}

static void
advance(struct unit_line *l)
{
    bool escaped = l->c == '\\' && !l->escaped;
    char c = *l->next;

    l->next += c != '\0';
    l->escaped = escaped;
    l->c = c;
    if (c == '\n') {
        l->c = '\0';
    }
    if (c != '\\' || escaped) {
        return;
    }
    size_t cr = *l->next == '\r';

    if (l->next[cr] == '\n') {
        l->next += cr + 1;
        l->c = ' ';
        skip_comments(l);
    }
}

/* false: end of the text. */
static bool
line_begin(struct unit_line *l)
{
    skip_comments(l);
    if (*l->next == '\0') {
        return false;
    }
    l->c = '\0';
    advance(l);
    return true;
}

static void
line_end(struct unit_line *l)
{
    while (l->c != '\0') {
        advance(l);
    }
}

struct word {
    char buf[UNIT_WORD_SIZE]; /* not terminated */
    size_t len;
    bool cut;
};

static void
word_add(struct word *w, char c)
{
    if (w->len == sizeof(w->buf)) {
        w->cut = true;
        return;
    }
    w->buf[w->len++] = c;
}

/* The bytes up to stop, or to the end of the line; without the blanks around them. */
static struct span
read_until(struct unit_line *l, char stop, struct word *w)
{
    w->len = 0;
    w->cut = false;
    while (l->c != '\0' && l->c != stop) {
        word_add(w, l->c);
        advance(l);
    }
    return span_trim((struct span){w->buf, w->len});
}

/* One byte of a word; *quote is the quote it stands in. Escapes stay as they are: they belong to
 * nothing that is kept, but an escaped quote is none. */
static void
read_word_byte(struct unit_line *l, struct word *w, char *quote)
{
    bool opens = *quote == '\0' && (l->c == '"' || l->c == '\'');

    if (opens && !l->escaped) {
        *quote = l->c;
    } else if (l->c == *quote && !l->escaped) {
        *quote = '\0';
    } else {
        word_add(w, l->c);
    }
    advance(l);
}

static void
skip_blanks(struct unit_line *l)
{
    while (is_blank(l->c)) {
        advance(l);
    }
}

/* false: there is none, or its quotes do not end. */
static bool
read_word(struct unit_line *l, struct word *w)
{
    char quote = '\0';

    w->len = 0;
    w->cut = false;
    skip_blanks(l);
    if (l->c == '\0') {
        return false;
    }
    while (l->c != '\0' && (quote != '\0' || l->escaped || !is_blank(l->c))) {
        read_word_byte(l, w, &quote);
    }
    return quote == '\0';
}

/* The words of Environment=; l stands behind the '='. */
static void
read_assignments(struct unit_line *l, struct word *w, unit_assignment_fn *on_assignment, void *user)
{
    struct unit_assignment assignment = {.reset = true};

    skip_blanks(l);
    if (l->c == '\0') {
        on_assignment(&assignment, user);
    }
    while (read_word(l, w)) {
        struct span word = {w->buf, w->len};
        size_t key_len = span_find(word, "=");

        if (key_len == word.len) {
            continue;
        }
        assignment = (struct unit_assignment){
            .key = span_head(word, key_len), .value = span_tail(word, key_len + 1), .cut = w->cut};
        on_assignment(&assignment, user);
    }
}

void
unit_environment_read(const char *text, unit_assignment_fn *on_assignment, void *user)
{
    struct unit_line l = {.next = text};
    bool in_service = false;
    struct word w;

    while (line_begin(&l)) {
        if (l.c == '[') {
            in_service = span_is(read_until(&l, '\0', &w), "[Service]");
        } else if (in_service && span_is(read_until(&l, '=', &w), "Environment") && l.c == '=') {
            advance(&l);
            read_assignments(&l, &w, on_assignment, user);
        }
        line_end(&l);
    }
}
