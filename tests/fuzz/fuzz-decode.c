/* fuzz-decode.c: one chunk through every chain of filters.
 *
 * Either the bytes are what a file says a chunk is, and must be refused or give exactly a chunk; or they
 * are elements, which are encoded here and must come back, and under a checksum not with one bit less.
 *
 *     byte 0: size of an element, and which of both; 1: filters; 2-3: elements; 4: mask; 5: head */
#include "fuzz.h"
#include "loader-private.h"

#include <libdeflate.h>
#include <lzf.h>
#include <string.h>

enum { ENCODE = 8, MAX_ELEMENTS = 700 };

typedef struct {
    guint8 *bytes;
    gsize size;
} Block;

/* ---- the other direction ------------------------------------------------------------------------ */

static Block
shuffle(Block from, gsize element_size)
{
    guint8 *to = g_memdup2(from.bytes, from.size);
    gsize n = from.size / element_size;

    for (gsize i = 0; i < n; i++)
        for (gsize byte = 0; byte < element_size; byte++)
            to[byte * n + i] = from.bytes[i * element_size + byte];
    return (Block){to, from.size};
}

static Block
deflate(Block from)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(1);
    gsize most = libdeflate_zlib_compress_bound(compressor, from.size);
    guint8 *to = g_malloc(most);
    gsize size = libdeflate_zlib_compress(compressor, from.bytes, from.size, to, most);

    libdeflate_free_compressor(compressor);
    return (Block){to, size};
}

/* Size 0: it does not get smaller, and HDF5 leaves the filter out. */
static Block
lzf(Block from)
{
    guint8 *to = g_malloc(from.size);

    return (Block){to, from.size < 2
                           ? 0
                           : lzf_compress(from.bytes, (guint)from.size, to, (guint)from.size - 1)};
}

/* As Fletcher's rule is told: 16-bit words, big-endian, sums modulo 65535. */
static Block
fletcher(Block from)
{
    guint8 *to = g_malloc(from.size + 4);
    guint32 first = 0, second = 0;

    memcpy(to, from.bytes, from.size);
    for (gsize i = 0; i < from.size; i += 2) {
        first += (guint32)(from.bytes[i] << 8) | (i + 1 < from.size ? from.bytes[i + 1] : 0);
        first %= 65535;
        second = (second + first) % 65535;
    }
    for (guint i = 0; i < 4; i++)
        to[from.size + i] = (guint8)((second << 16 | first) >> 8 * i);
    return (Block){to, from.size + 4};
}

static Block
encode(const EntroDataset *dataset, Block plain, guint32 *ret_mask)
{
    Block block = {g_memdup2(plain.bytes, plain.size), plain.size};

    *ret_mask = 0;
    for (guint i = 0; i < dataset->n_filters; i++) {
        const H5Z_filter_t filter = dataset->filters[i];
        Block next = filter == H5Z_FILTER_SHUFFLE      ? shuffle(block, dataset->element_size)
                     : filter == H5Z_FILTER_DEFLATE    ? deflate(block)
                     : filter == H5Z_FILTER_FLETCHER32 ? fletcher(block)
                                                       : lzf(block);
        if (next.size == 0) {
            *ret_mask |= 1u << i;
            g_free(next.bytes);
            continue;
        }
        g_free(block.bytes);
        block = next;
    }
    return block;
}

/* ---- decoding ------------------------------------------------------------------------------------- */

/* A copy of the chunk, NULL if it is refused.  The bytes are given exactly, for a sanitizer to see. */
static guint8 *
decode(const EntroDataset *dataset, const EntroExtent *extent, const guint8 *bytes)
{
    g_auto(EntroDecoder) decoder = {0};
    g_autofree char *problem = NULL;
    g_autofree guint8 *exact = g_malloc(MAX(extent->size, 1));

    memcpy(exact, bytes, extent->size);
    g_assert_true(entro_decoder_init(&decoder, entro_dataset_work_bytes(dataset)));
    const guint8 *decoded = entro_chunk_decode(dataset, &decoder, exact, extent, &problem);
    g_assert_true((decoded == NULL) == (problem != NULL));
    return decoded != NULL ? g_memdup2(decoded, dataset->chunk_bytes) : NULL;
}

static void
decode_as_it_is(const EntroDataset *dataset, EntroExtent extent, FuzzBytes *bytes)
{
    extent.size = MIN(bytes->left, entro_dataset_encoded_max(dataset));
    extent.crc = extent.mask << 16;
    g_autofree guint8 *once = decode(dataset, &extent, bytes->at);
    g_autofree guint8 *again = decode(dataset, &extent, bytes->at);
    g_assert_true((once == NULL) == (again == NULL));
    g_assert_true(once == NULL || memcmp(once, again, dataset->chunk_bytes) == 0);
}

static void
go_round(const EntroDataset *dataset, FuzzBytes *bytes, guint bit)
{
    g_autofree guint8 *plain = g_malloc0(dataset->chunk_bytes);
    EntroExtent extent = {0};

    memcpy(plain, bytes->at, MIN(bytes->left, dataset->chunk_bytes));
    Block stored = encode(dataset, (Block){plain, dataset->chunk_bytes}, &extent.mask);
    extent.size = stored.size;
    g_assert_cmpuint(stored.size, <=, entro_dataset_encoded_max(dataset));
    g_autofree guint8 *back = decode(dataset, &extent, stored.bytes);
    g_assert_true(back != NULL && memcmp(back, plain, dataset->chunk_bytes) == 0);
    if (dataset->n_filters > 0 &&
        dataset->filters[dataset->n_filters - 1] == H5Z_FILTER_FLETCHER32) {
        bit %= (guint)stored.size * 8;
        stored.bytes[bit / 8] ^= (guint8)(1 << bit % 8);
        g_autofree guint8 *changed = decode(dataset, &extent, stored.bytes);
        g_assert_null(changed);
    }
    g_free(stored.bytes);
}

static gboolean
compresses(H5Z_filter_t filter)
{
    return filter == H5Z_FILTER_DEFLATE || filter == ENTRO_FILTER_LZF;
}

/* Each at most once and one that compresses, as the gate has it; the deflate of a zip stands alone. */
static void
choose_filters(EntroDataset *dataset, guint choice)
{
    static const H5Z_filter_t filters[] = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE,
                                           H5Z_FILTER_FLETCHER32, ENTRO_FILTER_LZF};
    const guint n = choice % 5;
    guint first = choice / 5 % 4, stride = choice / 20 % 2 == 0 ? 1 : 3;

    gboolean compressed = FALSE;

    for (guint i = 0; i < n; i++, first += stride) {
        const H5Z_filter_t filter = filters[first % 4];
        if (!compressed || !compresses(filter))
            dataset->filters[dataset->n_filters++] = filter;
        compressed = compressed || compresses(filter);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes bytes = {data, size};
    const guint kind = fuzz_take(&bytes), filters = fuzz_take(&bytes);
    EntroDataset dataset = {.element_size = 1 + kind % 8};

    dataset.chunk_bytes = dataset.element_size * (1 + fuzz_take16(&bytes) % MAX_ELEMENTS);
    const guint mask = fuzz_take(&bytes), head = fuzz_take(&bytes);
    if ((kind & ENCODE) == 0 && filters >= 250) {
        dataset.filters[dataset.n_filters++] = ENTRO_FILTER_ZIP;
        dataset.head = head;
    } else
        choose_filters(&dataset, filters);
    if (kind & ENCODE)
        go_round(&dataset, &bytes, mask | head << 8);
    else
        decode_as_it_is(&dataset, (EntroExtent){.mask = mask}, &bytes);
    return 0;
}
