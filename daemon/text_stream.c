/* See text_stream.h. */
#include "daemon/text_stream.h"

#include "daemon/util.h"

#include <stdlib.h>

#define FIRST_SIZE ((size_t)4096)

/* Room for len bytes more and the end of the text. */
static bool
make_room(struct text_stream *stream, size_t len)
{
    size_t size = stream->size < FIRST_SIZE ? FIRST_SIZE : stream->size;
    char *text;

    while (size - stream->len <= len) {
        size *= 2;
    }
    if (size == stream->size) {
        return true;
    }
    text = realloc(stream->text, size);
    if (text == NULL) {
        return false;
    }
    stream->text = text;
    stream->size = size;
    return true;
}

/* See fopencookie(3). */
static ssize_t
on_write(void *cookie, const char *buf, size_t len)
{
    struct text_stream *stream = cookie;

    if (stream->failed || !make_room(stream, len)) {
        stream->failed = true;
        return 0;
    }
    memcpy(stream->text + stream->len, buf, len);
    stream->len += len;
    stream->text[stream->len] = '\0';
    return (ssize_t)len;
}

void
text_stream_open(struct text_stream *stream)
{
    *stream = (struct text_stream){.failed = false};
    stream->out = fopencookie(stream, "w", (cookie_io_functions_t){.write = on_write});
}

void
text_stream_fail(struct text_stream *stream)
{
    stream->failed = true;
}

char *
text_stream_close(struct text_stream *stream)
{
    bool whole = stream->out != NULL && fclose(TAKE(stream->out)) == 0 && !stream->failed &&
                 make_room(stream, 0);

    if (!whole) {
        free(TAKE(stream->text));
    } else if (stream->len == 0) {
        stream->text[0] = '\0';
    }
    return TAKE(stream->text);
}
