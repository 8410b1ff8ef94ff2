/* A stream that becomes a text, whole or not at all. open_memstream(3) forgets that it had no
 * memory: what came then is missing from the midst of the text. */
#ifndef VPCE_DAEMON_TEXT_STREAM_H
#define VPCE_DAEMON_TEXT_STREAM_H

#include "daemon/bytes.h"

#include <stdio.h>

struct text_stream {
    FILE *out; /* to write to; NULL: no memory, and all the functions here know that */
    struct byte_writer bytes;
};

/* The stream has to stay where it is. */
void text_stream_open(struct text_stream *stream);

/* No matter what comes now, there will be no text. */
void text_stream_fail(struct text_stream *stream);

/* Ends the stream. Heap, the caller's; NULL: something was lost, or it failed. */
char *text_stream_close(struct text_stream *stream);

#endif
