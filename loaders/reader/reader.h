/* reader.h: an HDF5 file, seen through a few questions whose answers are plain data.
 *
 * HDF5 1.10 crashes and hangs on damaged files.  So the rest of the program never calls it on a file that
 * it reads: it asks a reader, which answers from this process (the library) or from a child that has
 * nothing but that one descriptor (the program).  The bytes of datasets do not pass through here: a
 * reader says where they lie. */
#ifndef ENTRO_READER_H
#define ENTRO_READER_H

#include "loader-private.h"

typedef enum {
    ENTRO_LIST_WHOLE,
    ENTRO_LIST_CUT,     /* there are more than were asked for */
    ENTRO_LIST_DAMAGED, /* and what follows cannot be read */
} EntroListEnd;

/* What a reader can be asked.  Paths are absolute or begin at the root; objects are reached by hard links
 * alone.  Errors are those of the gate: POLICY, FORMAT, SHAPE, LIMIT. */
typedef struct {
    gboolean (*exists)(EntroReader *reader, const char *path, gboolean *ret_exists, GError **error);
    /* Facts of a dataset; `id` is for the other questions.  It has no view yet. */
    gboolean (*open)(EntroReader *reader, const char *path, gsize max_chunk,
                     EntroDataset *ret_dataset, GError **error);
    void (*close)(EntroReader *reader, gint64 id);
    /* Where the chunk of this corner (along stored axes) lies. */
    EntroRead (*find)(EntroReader *reader, const EntroDataset *dataset, const hsize_t *corner,
                      EntroExtent *ret_extent, char **ret_problem);
    EntroValue (*attribute)(EntroReader *reader, const char *path, const char *name);
    /* Names of attributes, or of links, in a group; at most `max`. */
    gboolean (*list)(EntroReader *reader, const char *path, gboolean attributes, gsize max,
                     GPtrArray *names, EntroListEnd *ret_end, GError **error);
    /* Paths of all datasets, without a leading slash. */
    EntroListEnd (*walk)(EntroReader *reader, gsize max, GPtrArray *names);
    /* errno, where the disk could not read what HDF5 asked for; 0: that has not happened. */
    int (*read_error)(EntroReader *reader);
    void (*free)(EntroReader *reader);
} EntroReaderClass;

struct EntroReader {
    const EntroReaderClass *class;
    int fd;           /* to read the bytes of datasets */
    const char *mode; /* how the file had to be opened */
};

/* Negative fd on error. */
EntroReader *entro_reader_open(const char *path, GError **error);
void entro_reader_free(EntroReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroReader, entro_reader_free)

/* As the questions of the class; a reader that is NULL (no HDF5 file) has nothing. */
gboolean entro_reader_exists(EntroReader *reader, const char *path, gboolean *ret_exists,
                             GError **error);
gboolean entro_reader_open_stored(EntroReader *reader, const char *path, gsize max_chunk,
                                  EntroDataset *ret_dataset, GError **error);
/* With a view of its axes in their order: at most five. */
gboolean entro_reader_open_dataset(EntroReader *reader, const char *path, gsize max_chunk,
                                   EntroDataset *ret_dataset, GError **error);
EntroValue entro_reader_attribute(EntroReader *reader, const char *path, const char *name);
gboolean entro_reader_list(EntroReader *reader, const char *path, gboolean attributes, gsize max,
                           GPtrArray *names, EntroListEnd *ret_end, GError **error);
GPtrArray *entro_reader_walk(EntroReader *reader, gsize max, EntroListEnd *ret_end);

/* The reader of this process (local.c), and one in a child (remote.c). */
EntroReader *entro_reader_open_local(const char *path, GError **error);
EntroReader *entro_reader_open_remote(const char *path, GError **error);
gboolean entro_reader_has_child(void);

#endif
