/* filters.c: shuffle, deflate, lzf and fletcher32 undone by ourselves, in any thread.
 *
 * HDF5's pipeline runs under its global lock, inflates with zlib at a fifth of libdeflate's rate and
 * without a bound on the output: 11.8 KB can cost it 4 GiB.  Here every size is known before. */
#include "loader-private.h"

#include <libdeflate.h>
#include <lzf.h>
#include <string.h>

#define CHECKSUM_BYTES 4

/* ---- fletcher32 ---------------------------------------------------------------------------------- */

/* 16 lanes of 32 bits; lane j of iteration i sees word 16 i + j. */
typedef guint32 Lanes __attribute__((vector_size(64)));
typedef guint16 Words __attribute__((vector_size(32)));

#define LANES 16
/* The second sum of a lane grows with i^2/2 * 65535: 256 iterations stay below 2^32. */
#define FLUSH 256

/* With N words in the block and weights N - k for word k = 16 i + j, and n iterations:
 *     sum (N - k) w  =  sum over lanes of  16 * second[j] - j * first[j]
 * where first = sum w and second = sum (n - i) w.  Reduced modulo 65535 by the caller. */
static inline __attribute__((always_inline)) void
fletcher_lanes(const guint8 *bytes, gsize iterations, guint64 *ret_first, guint64 *ret_second)
{
    Lanes first = {0}, second = {0};

    for (gsize i = 0; i < iterations; i++) {
        Words words;
        memcpy(&words, bytes + i * sizeof words, sizeof words);
        first += __builtin_convertvector(words, Lanes);
        second += first;
    }
    *ret_first = *ret_second = 0;
    for (guint lane = 0; lane < LANES; lane++) {
        *ret_first += first[lane];
        *ret_second += (guint64)LANES * second[lane] - (guint64)lane * first[lane];
    }
}

typedef void (*FletcherBlock)(const guint8 *, gsize, guint64 *, guint64 *);

static void
fletcher_plain(const guint8 *bytes, gsize iterations, guint64 *ret_first, guint64 *ret_second)
{
    fletcher_lanes(bytes, iterations, ret_first, ret_second);
}

#if defined(__x86_64__)
/* The same code for wider registers. */
__attribute__((target("avx2"))) static void
fletcher_avx2(const guint8 *bytes, gsize iterations, guint64 *ret_first, guint64 *ret_second)
{
    fletcher_lanes(bytes, iterations, ret_first, ret_second);
}

__attribute__((target("avx512f,avx512bw,prefer-vector-width=512"))) static void
fletcher_avx512(const guint8 *bytes, gsize iterations, guint64 *ret_first, guint64 *ret_second)
{
    fletcher_lanes(bytes, iterations, ret_first, ret_second);
}
#endif

static FletcherBlock
choose_fletcher(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        return fletcher_avx512;
    if (__builtin_cpu_supports("avx2"))
        return fletcher_avx2;
#endif
    return fletcher_plain;
}

/* HDF5 sums big-endian words in ones' complement; there a byte swap of every word is a byte swap
 * of the sum (RFC 1071), so native little-endian words will do. */
static guint32
swap_sum(guint64 sum)
{
    guint32 folded = (guint32)(sum % 65535);
    return G_BYTE_ORDER == G_LITTLE_ENDIAN ? (folded << 8 | folded >> 8) & 0xffff : folded;
}

/* H5_checksum_fletcher32(), its two halves modulo 65535. */
static guint32
fletcher32(const guint8 *bytes, gsize size)
{
    FletcherBlock block = choose_fletcher();
    guint64 first = 0, second = 0;
    gsize n_words = size / 2, word = 0;

    while (n_words - word >= LANES) {
        guint64 block_first, block_second;
        gsize iterations = MIN((n_words - word) / LANES, FLUSH);

        block(bytes + 2 * word, iterations, &block_first, &block_second);
        second = (second + first * (iterations * LANES) + block_second) % 65535;
        first = (first + block_first) % 65535;
        word += iterations * LANES;
    }
    for (; word < n_words; word++) {
        guint16 last;
        memcpy(&last, bytes + 2 * word, sizeof last);
        first += last;
        second += first;
    }
    if (size % 2 != 0) { /* the odd byte is the high half of a big-endian word */
        first += G_BYTE_ORDER == G_LITTLE_ENDIAN ? bytes[size - 1] : bytes[size - 1] << 8;
        second += first;
    }
    return swap_sum(second) << 16 | swap_sum(first);
}

static gboolean
same_sum(guint32 a, guint32 b)
{
    return a % 65535 == b % 65535;
}

static gboolean
check_fletcher32(const guint8 *bytes, gsize size)
{
    const guint8 *stored = bytes + size - CHECKSUM_BYTES;
    guint32 found = stored[0] | stored[1] << 8 | stored[2] << 16 | (guint32)stored[3] << 24;
    guint32 expected = fletcher32(bytes, size - CHECKSUM_BYTES);

    return same_sum(found & 0xffff, expected & 0xffff) && same_sum(found >> 16, expected >> 16);
}

/* ---- shuffle --------------------------------------------------------------------------------------- */

#define UNSHUFFLE_LOOP(SIZE)                                                                       \
    for (gsize i = 0; i < n; i++)                                                                  \
        for (gsize byte = 0; byte < (SIZE); byte++)                                                \
            to[i * (SIZE) + byte] = from[byte * n + i];

static void
unshuffle2(const guint8 *restrict from, guint8 *restrict to, gsize n)
{
    UNSHUFFLE_LOOP(2)
}

static void
unshuffle4(const guint8 *restrict from, guint8 *restrict to, gsize n)
{
    UNSHUFFLE_LOOP(4)
}

static void
unshuffle_any(const guint8 *restrict from, guint8 *restrict to, gsize n, gsize element_size)
{
    UNSHUFFLE_LOOP(element_size)
}

/* Byte k of all elements stands together; what is no whole element follows as it was. */
static void
unshuffle(const guint8 *from, guint8 *to, gsize size, gsize element_size)
{
    gsize n = size / element_size;

    if (element_size == 2)
        unshuffle2(from, to, n);
    else if (element_size == 4)
        unshuffle4(from, to, n);
    else
        unshuffle_any(from, to, n, element_size);
    memcpy(to + n * element_size, from + n * element_size, size - n * element_size);
}

/* ---- the chain --------------------------------------------------------------------------------------- */

/* A checksum is taken off in place. */
gsize
entro_dataset_work_bytes(const EntroDataset *dataset)
{
    for (guint filter = 0; filter < dataset->n_filters; filter++)
        if (dataset->filters[filter] != H5Z_FILTER_FLETCHER32)
            return entro_dataset_encoded_max(dataset);
    return 0;
}

gboolean
entro_decoder_init(EntroDecoder *decoder, gsize work_bytes)
{
    *decoder = (EntroDecoder){0};
    if (work_bytes == 0)
        return TRUE;
    decoder->inflater = libdeflate_alloc_decompressor();
    for (guint i = 0; i < 2; i++)
        decoder->buffer[i] = g_try_malloc(work_bytes);
    return decoder->inflater != NULL && decoder->buffer[0] != NULL && decoder->buffer[1] != NULL;
}

void
entro_decoder_clear(EntroDecoder *decoder)
{
    libdeflate_free_decompressor(decoder->inflater);
    g_free(decoder->buffer[0]);
    g_free(decoder->buffer[1]);
    *decoder = (EntroDecoder){0};
}

/* What a chunk measures once the deflate or lzf that is filter number `filter` is undone: only a checksum
 * before it adds to the elements. */
static gsize
inflated_size(const EntroDataset *dataset, guint filter)
{
    gsize size = dataset->head + dataset->chunk_bytes;

    for (guint i = 0; i < filter; i++)
        if (dataset->filters[i] == H5Z_FILTER_FLETCHER32)
            size += CHECKSUM_BYTES;
    return size;
}

static gboolean
inflate_exactly(EntroDecoder *decoder, const guint8 *from, gsize size, guint8 *to, gsize expected)
{
    gsize used = 0;

    return libdeflate_zlib_decompress_ex(decoder->inflater, from, size, to, expected, &used,
                                         NULL) == LIBDEFLATE_SUCCESS;
}

/* NULL, or what is wrong. */
static const char *
unzip(EntroDecoder *decoder, const guint8 *from, gsize size, guint8 *to, gsize expected,
      guint32 crc)
{
    if (libdeflate_deflate_decompress(decoder->inflater, from, size, to, expected, NULL) !=
        LIBDEFLATE_SUCCESS)
        return "cannot be inflated to its size";
    return libdeflate_crc32(0, to, expected) == crc ? NULL : "fails its checksum";
}

static gboolean
expand_exactly(const guint8 *from, gsize size, guint8 *to, gsize expected)
{
    return size > 0 && size <= G_MAXUINT && expected <= G_MAXUINT &&
           lzf_decompress(from, (guint)size, to, (guint)expected) == expected;
}

const guint8 *
entro_chunk_decode(const EntroDataset *dataset, EntroDecoder *decoder, const guint8 *bytes,
                   const EntroExtent *extent, char **ret_problem)
{
    const guint8 *from = bytes;
    gsize size = extent->size;
    const char *problem = NULL;
    guint turn = 0;

    for (guint filter = dataset->n_filters; filter-- > 0 && problem == NULL;) {
        guint8 *to = decoder->buffer[turn];
        gsize inflated = inflated_size(dataset, filter);

        if ((extent->mask >> filter & 1) != 0)
            continue;
        switch (dataset->filters[filter]) {
        case H5Z_FILTER_FLETCHER32:
            if (size < CHECKSUM_BYTES || !check_fletcher32(from, size))
                problem = "fails its checksum";
            size -= MIN(size, CHECKSUM_BYTES);
            continue; /* in place: no buffer used */
        case H5Z_FILTER_DEFLATE:
            if (!inflate_exactly(decoder, from, size, to, inflated))
                problem = "cannot be inflated to the size of a chunk";
            size = inflated;
            break;
        case ENTRO_FILTER_ZIP:
            problem = unzip(decoder, from, size, to, inflated, extent->crc);
            size = inflated;
            break;
        case ENTRO_FILTER_LZF:
            if (!expand_exactly(from, size, to, inflated))
                problem = "cannot be expanded to the size of a chunk";
            size = inflated;
            break;
        case H5Z_FILTER_SHUFFLE:
            unshuffle(from, to, size, dataset->element_size);
            break;
        }
        from = to;
        turn = 1 - turn;
    }
    if (problem == NULL && size != dataset->head + dataset->chunk_bytes)
        problem = "has not the size of a chunk";
    if (problem == NULL)
        return from + dataset->head;
    *ret_problem = g_strdup(problem);
    return NULL;
}
