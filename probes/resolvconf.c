/* See resolvconf.h. */
#include "probes/resolvconf.h"

#include <string.h>
#include <strings.h>

/* The next line of *text without its end and its comment; false at the end. */
static bool
next_line(const char **text, const char *comments, const char **ret_line, size_t *ret_len)
{
    const char *line = *text;

    if (*line == '\0') {
        return false;
    }
    size_t whole = strcspn(line, "\n");
    size_t len = strcspn(line, comments);

    *text = line + whole + (line[whole] == '\n');
    *ret_line = line;
    *ret_len = len < whole ? len : whole;
    return true;
}

/* The next word of the line into buf; false when there is none. A word that does not fit is cut,
 * and so matches nothing. */
static bool
next_word(const char **line, size_t *len, char *buf, size_t size)
{
    size_t n = 0;

    while (*len > 0 && (**line == ' ' || **line == '\t' || **line == '\r')) {
        (*line)++;
        (*len)--;
    }
    while (n < *len && (*line)[n] != ' ' && (*line)[n] != '\t' && (*line)[n] != '\r') {
        n++;
    }
    if (n == 0) {
        return false;
    }
    size_t kept = n < size ? n : size - 1;

    memcpy(buf, *line, kept);
    buf[kept] = '\0';
    *line += n;
    *len -= n;
    return true;
}

void
resolvconf_parse(const char *text, struct nameservers *ret)
{
    struct nameservers found = {0};
    const char *line;
    size_t len;

    while (found.n < NAMESERVERS_MAX && next_line(&text, "#;\n", &line, &len)) {
        char word[ADDR_TEXT_SIZE + 1];

        /* glibc wants the keyword at the very start of the line */
        if (len == 0 || *line == ' ' || *line == '\t' ||
            !next_word(&line, &len, word, sizeof(word)) || strcmp(word, "nameserver") != 0) {
            continue;
        }
        if (!next_word(&line, &len, word, sizeof(word)) ||
            addr_parse(word, &found.servers[found.n]) < 0) {
            found.n_ignored++;
            continue;
        }
        found.n++;
    }
    if (found.n == 0) {
        (void)addr_parse("127.0.0.1", &found.servers[0]);
        found.n = 1;
        found.assumed = true;
    }
    *ret = found;
}

bool
nameservers_equal(const struct nameservers *a, const struct nameservers *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!addr_equal(&a->servers[i], &b->servers[i])) {
            return false;
        }
    }
    return true;
}

static bool
names_match(const char *word, const char *hostname)
{
    size_t a = strlen(word);
    size_t b = strlen(hostname);

    a -= a > 0 && word[a - 1] == '.';
    b -= b > 0 && hostname[b - 1] == '.';
    return a == b && strncasecmp(word, hostname, a) == 0;
}

static bool
line_has_name(const char *line, size_t len, const char *hostname)
{
    char word[HOSTNAME_SIZE + 2];

    while (next_word(&line, &len, word, sizeof(word))) {
        if (names_match(word, hostname)) {
            return true;
        }
    }
    return false;
}

size_t
hosts_lookup(const char *text, const char *hostname, struct addr *ret, size_t max)
{
    const char *line;
    size_t len;
    size_t n = 0;

    while (n < max && next_line(&text, "#\n", &line, &len)) {
        char word[ADDR_TEXT_SIZE + 1];
        struct addr addr;
        bool known = false;

        if (!next_word(&line, &len, word, sizeof(word)) || addr_parse(word, &addr) < 0 ||
            !line_has_name(line, len, hostname)) {
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            known |= addr_equal(&ret[i], &addr);
        }
        if (!known) {
            ret[n++] = addr;
        }
    }
    return n;
}
