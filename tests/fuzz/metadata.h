/* metadata.h: blocks of an HDF5 file that carry a checksum of themselves. */
#ifndef METADATA_H
#define METADATA_H

#include <glib.h>

enum { N_BLOCK_KINDS = 19 };

typedef struct {
    guint kind;     /* of metadata_kinds */
    gsize at, size; /* of what the checksum is made, its own four bytes left out or zero */
    gsize checksum; /* where it stands, from the beginning of the file */
} MetadataBlock;

extern const char *const metadata_kinds[N_BLOCK_KINDS]; /* "super", "OHDR", ... */

/* Bob Jenkins' lookup3 (hashlittle, 2006, public domain) with an initial value of 0. */
guint32 metadata_lookup3(const guint8 *bytes, gsize n);

/* All whose checksum is right, as they lie in the file: MetadataBlock. */
GArray *metadata_find(const guint8 *bytes, gsize length);
/* After a change of the block. */
void metadata_seal(guint8 *bytes, const MetadataBlock *block);

#endif
