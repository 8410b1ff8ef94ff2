/* See text_stream.h. */
#include "daemon/text_stream.h"

#include "daemon/util.h"

#include <stdlib.h>

/* See fopencookie(3). */
static ssize_t
on_write(void *cookie, const char *buf, size_t len)
{
    struct text_stream *stream = cookie;

    bytes_put(&stream->bytes, buf, len);
    return stream->bytes.failed ? 0 : (ssize_t)len;
}

void
text_stream_open(struct text_stream *stream)
{
    *stream = (struct text_stream){.bytes = {.data = NULL}};
    stream->out = fopencookie(stream, "w", (cookie_io_functions_t){.write = on_write});
}

void
text_stream_fail(struct text_stream *stream)
{
    stream->bytes.failed = true;
}

char *
text_stream_close(struct text_stream *stream)
{
    bool whole = stream->out != NULL && fclose(TAKE(stream->out)) == 0;

    bytes_put(&stream->bytes, "", 1);
    if (!whole || stream->bytes.failed) {
        free(TAKE(stream->bytes.data));
    }
    return (char *)TAKE(stream->bytes.data);
}
