/* inflate.c: the beginning of a deflated array, or all of a small one, with zlib.
 *
 * libdeflate decodes whole streams alone, and a head is wanted of arrays that do not fit in memory.
 * Neither the output nor the input that is read for it grows beyond what was asked for. */
#include "containers-private.h"

#include <zlib.h>

#define INPUT_STEP 16384
/* Blocks without content cost input and give nothing: no encoder makes more of them than this. */
#define INPUT_SLACK (1u << 20)

static gboolean
fail(const char *what, GError **error)
{
    return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT, "cannot be inflated: %s", what);
}

/* What is asked of a stream that has given `status`: NULL while it may go on. */
static const char *
judge(const z_stream *stream, int status, gboolean whole)
{
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return stream->msg != NULL ? stream->msg : "the stream is damaged";
    if (status == Z_STREAM_END && stream->avail_out > 0)
        return "the stream ends early";
    if (status != Z_STREAM_END && whole && stream->avail_out == 0 && stream->avail_in > 0)
        return "the stream is longer than announced";
    return NULL;
}

static gboolean
pump(z_stream *stream, int fd, guint64 offset, guint64 size, gboolean whole, GError **error)
{
    guint8 input[INPUT_STEP];
    int status = Z_OK;
    guint64 budget = MIN(size, 2 * (guint64)stream->avail_out + INPUT_SLACK);

    while (status != Z_STREAM_END && (whole || stream->avail_out > 0)) {
        gsize n = (gsize)MIN(budget, sizeof input);
        if (n == 0)
            return fail("the stream has no end", error);
        if (!entro_container_read(fd, input, n, offset, error))
            return FALSE;
        offset += n;
        budget -= n;
        stream->next_in = input;
        stream->avail_in = (uInt)n;
        status = inflate(stream, Z_NO_FLUSH);
        const char *problem = judge(stream, status, whole);
        if (problem != NULL)
            return fail(problem, error);
    }
    return TRUE;
}

gboolean
entro_inflate(int fd, guint64 offset, guint64 size, guint8 *to, gsize want, gboolean whole,
              GError **error)
{
    z_stream stream = {.next_out = to, .avail_out = (uInt)want};

    if (want > G_MAXUINT)
        return fail("it is too large", error);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return fail("there is no memory", error);
    gboolean good = pump(&stream, fd, offset, size, whole, error);
    inflateEnd(&stream);
    return good;
}

guint32
entro_crc32(const guint8 *bytes, gsize size)
{
    return (guint32)crc32_z(0, bytes, size);
}
