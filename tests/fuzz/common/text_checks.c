/* See text_checks.h. */
#include "text_checks.h"

#include "daemon/util.h"

#include <jansson.h>

#define DEPTH_MAX 64
#define NAME_SIZE 32

void
page_open(struct page *page)
{
    page->text = NULL;
    page->out = open_memstream(&page->text, &page->len);
    FUZZ_CHECK(page->out != NULL);
}

void
page_close(struct page *page)
{
    FUZZ_CHECK(!ferror(page->out) && fclose(page->out) == 0);
}

void
page_check_lines(struct page *page)
{
    page_close(page);
    FUZZ_CHECK(strlen(page->text) == page->len);
    for (char *line = page->text; line != NULL;) {
        char *end = strchr(line, '\n');

        if (end != NULL) {
            *end++ = '\0';
        }
        FUZZ_CHECK(fuzz_is_printable(line));
        line = end;
    }
    free(page->text);
}

void
check_json_text(char *text)
{
    json_t *json = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    FUZZ_CHECK(json != NULL);
    json_decref(json);
    free(text);
}

/* {name="value",…}, s: behind the brace. Returns what is behind the other one. */
static const char *
check_labels(const char *s)
{
    while (*s != '}') {
        s += strspn(s, "abcdefghijklmnopqrstuvwxyz_");
        FUZZ_CHECK(s[0] == '=' && s[1] == '"');
        s += 2;
        while (*s != '"') {
            FUZZ_CHECK(
                *s != '\0' && (*s != '\\' || (s[1] != '\0' && strchr("\\\"n", s[1]) != NULL)));
            s += *s == '\\' ? 2 : 1;
        }
        s++;
        FUZZ_CHECK(*s == ',' || *s == '}');
        s += *s == ',';
    }
    return s + 1;
}

void
check_metrics(char *text)
{
    char *rest = text;
    char *line;

    FUZZ_CHECK(text != NULL && text[0] != '\0' && text[strlen(text) - 1] == '\n');
    while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
        const char *s = line + strspn(line, "abcdefghijklmnopqrstuvwxyz_");
        char *end;

        FUZZ_CHECK(fuzz_is_printable(line));
        if (*line == '#') {
            continue;
        }
        FUZZ_CHECK(s > line && (*s == '{' || *s == ' '));
        s = *s == '{' ? check_labels(s + 1) : s;
        FUZZ_CHECK(*s == ' ' && s[1] != ' ' && s[1] != '\0');
        (void)strtod(s + 1, &end);
        FUZZ_CHECK(*end == '\0');
    }
    free(text);
}

static size_t
name_length(const char *s)
{
    return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-:");
}

/* Attributes up to the end of the tag: name="…", or alone. Returns what is behind '>'. */
static const char *
check_attributes(const char *s, bool *ret_closed)
{
    *ret_closed = false;
    while (*s != '>') {
        size_t space = strspn(s, " \n");
        size_t len = name_length(s + space);

        if (s[space] == '/' && s[space + 1] == '>') {
            *ret_closed = true;
            s += space + 1;
            continue;
        }
        if (s[space] == '>') {
            s += space;
            continue;
        }
        FUZZ_CHECK(space > 0 && len > 0 && strncmp(s + space, "zz", 2) != 0);
        s += space + len;
        FUZZ_CHECK(s[0] == '=' && s[1] == '"');
        s += 2;
        while (*s != '"') {
            FUZZ_CHECK(*s != '\0' && *s != '<');
            s++;
        }
        s++;
    }
    return s + 1;
}

struct tags {
    char open[DEPTH_MAX][NAME_SIZE];
    size_t n;
};

/* s: behind '<'. Returns what is behind '>'. */
static const char *
check_tag(const char *s, struct tags *tags)
{
    bool end = *s == '/';
    size_t len = name_length(s + end);
    char name[NAME_SIZE];
    bool closed;

    if (strncmp(s, "!DOCTYPE ", 9) == 0) {
        s = strchr(s, '>');
        FUZZ_CHECK(s != NULL);
        return s + 1;
    }
    FUZZ_CHECK(len > 0 && len < NAME_SIZE && strncmp(s + end, "zz", 2) != 0);
    memcpy(name, s + end, len);
    name[len] = '\0';
    s = check_attributes(s + end + len, &closed);
    if (end) {
        FUZZ_CHECK(tags->n > 0 && streq(tags->open[--tags->n], name));
    } else if (!closed) {
        FUZZ_CHECK(tags->n < DEPTH_MAX);
        (void)str_copy(tags->open[tags->n++], NAME_SIZE, name);
    }
    return s;
}

/* Style and script are ours, and hold '<' and '&' if they like. */
static const char *
skip_raw(const char *s, const struct tags *tags)
{
    const char *name = tags->n > 0 ? tags->open[tags->n - 1] : "";

    if (streq(name, "style") || streq(name, "script")) {
        s = strstr(s, streq(name, "style") ? "</style>" : "</script>");
        FUZZ_CHECK(s != NULL);
    }
    return s;
}

static void
check_reference(const char *s)
{
    size_t len = strspn(s + 1, "#abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    FUZZ_CHECK(len > 0 && len < 10 && s[1 + len] == ';');
}

void
check_html(char *text)
{
    struct tags tags = {.n = 0};

    FUZZ_CHECK(text != NULL);
    for (const char *s = text; *s != '\0';) {
        size_t n = utf8_length(s, strnlen(s, 4));

        FUZZ_CHECK(n > 0 || *s == '\n' || *s == '\t');
        if (*s == '<') {
            s = skip_raw(check_tag(s + 1, &tags), &tags);
            continue;
        }
        if (*s == '&') {
            check_reference(s);
        }
        s += n > 0 ? n : 1;
    }
    FUZZ_CHECK(tags.n == 0);
    free(text);
}
