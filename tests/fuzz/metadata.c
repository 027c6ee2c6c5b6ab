/* metadata.c: finds the checksummed metadata of an HDF5 file without knowing what is in it.
 *
 * A block begins with its signature and is followed by the lookup3 of all that is before: its length is the
 * one for which that word is right.  Only a direct block of a fractal heap has the word in its head, and is
 * summed up as if that were 0. */
#include "metadata.h"

#include <string.h>

enum { LONGEST = 8192, LEAST = 8 };

const char *const metadata_kinds[N_BLOCK_KINDS] = {"super", "OHDR", "OCHK", "FRHP", "FHDB",
                                                   "FHIB",  "FSHD", "FSSE", "FAHD", "FADB",
                                                   "EAHD",  "EAIB", "EASB", "EADB", "BTHD",
                                                   "BTIN",  "BTLF", "SMTB", "SMLI"};

/* ---- lookup3 ----------------------------------------------------------------------------------------- */

static inline guint32
turn(guint32 x, guint n)
{
    return x << n | x >> (32 - n);
}

static guint32
word_at(const guint8 *bytes, gsize n)
{
    guint32 word = 0;

    for (gsize i = 0; i < MIN(n, 4); i++)
        word |= (guint32)bytes[i] << 8 * i;
    return word;
}

static void
mix(guint32 *a, guint32 *b, guint32 *c)
{
    static const guint turns[] = {4, 6, 8, 16, 19, 4};
    guint32 *words[] = {a, b, c};

    for (guint i = 0; i < 6; i++) {
        guint32 *x = words[i % 3], *y = words[(i + 1) % 3], *z = words[(i + 2) % 3];
        *x = (*x - *z) ^ turn(*z, turns[i]);
        *z += *y;
    }
}

static guint32
finish(guint32 a, guint32 b, guint32 c)
{
    c = (c ^ b) - turn(b, 14);
    a = (a ^ c) - turn(c, 11);
    b = (b ^ a) - turn(a, 25);
    c = (c ^ b) - turn(b, 16);
    a = (a ^ c) - turn(c, 4);
    b = (b ^ a) - turn(a, 14);
    return (c ^ b) - turn(b, 24);
}

guint32
metadata_lookup3(const guint8 *bytes, gsize n)
{
    guint32 a = 0xdeadbeef + (guint32)n, b = a, c = a;

    for (; n > 12; bytes += 12, n -= 12) {
        a += word_at(bytes, 4);
        b += word_at(bytes + 4, 4);
        c += word_at(bytes + 8, 4);
        mix(&a, &b, &c);
    }
    if (n == 0)
        return c;
    a += word_at(bytes, n);
    b += n > 4 ? word_at(bytes + 4, n - 4) : 0;
    c += n > 8 ? word_at(bytes + 8, n - 8) : 0;
    return finish(a, b, c);
}

/* ---- blocks ------------------------------------------------------------------------------------------- */

static gboolean
find_kind(const guint8 *bytes, guint *ret_kind)
{
    if (memcmp(bytes, "\211HDF", 4) == 0) {
        *ret_kind = 0;
        return TRUE;
    }
    for (*ret_kind = 1; *ret_kind < N_BLOCK_KINDS; (*ret_kind)++)
        if (memcmp(bytes, metadata_kinds[*ret_kind], 4) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
find_end(const guint8 *bytes, gsize length, MetadataBlock *block)
{
    for (block->size = LEAST; block->size <= LONGEST && block->at + block->size + 4 <= length;
         block->size++) {
        block->checksum = block->at + block->size;
        if (metadata_lookup3(bytes + block->at, block->size) == word_at(bytes + block->checksum, 4))
            return TRUE;
    }
    return FALSE;
}

static guint32
sum_of_heap_block(const guint8 *bytes, const MetadataBlock *block)
{
    g_autofree guint8 *copy = g_memdup2(bytes + block->at, block->size);

    memset(copy + (block->checksum - block->at), 0, 4);
    return metadata_lookup3(copy, block->size);
}

/* Signature, version, address of the heap, offset in it (1 to 8 bytes), checksum. */
static gboolean
find_heap_block(const guint8 *bytes, gsize length, MetadataBlock *block)
{
    for (block->size = 64; block->size <= 1 << 16 && block->at + block->size <= length;
         block->size *= 2)
        for (gsize head = 14; head <= 21; head++) {
            block->checksum = block->at + head;
            if (sum_of_heap_block(bytes, block) == word_at(bytes + block->checksum, 4))
                return TRUE;
        }
    return FALSE;
}

static gboolean
is_heap_block(const MetadataBlock *block)
{
    return g_str_equal(metadata_kinds[block->kind], "FHDB");
}

GArray *
metadata_find(const guint8 *bytes, gsize length)
{
    GArray *blocks = g_array_new(FALSE, FALSE, sizeof(MetadataBlock));

    for (gsize at = 0; at + LEAST <= length; at++) {
        MetadataBlock block = {.at = at};
        if (find_kind(bytes + at, &block.kind) &&
            (is_heap_block(&block) ? find_heap_block : find_end)(bytes, length, &block))
            g_array_append_val(blocks, block);
    }
    return blocks;
}

void
metadata_seal(guint8 *bytes, const MetadataBlock *block)
{
    const guint32 sum = is_heap_block(block) ? sum_of_heap_block(bytes, block)
                                             : metadata_lookup3(bytes + block->at, block->size);

    for (guint i = 0; i < 4; i++)
        bytes[block->checksum + i] = (guint8)(sum >> 8 * i);
}
