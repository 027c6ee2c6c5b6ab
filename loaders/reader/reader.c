/* reader.c: questions to a reader, wherever it lives. */
#include "reader.h"

EntroReader *
entro_reader_open(const char *path, GError **error)
{
    return (entro_reader_has_child() ? entro_reader_open_remote : entro_reader_open_local)(path,
                                                                                           error);
}

void
entro_reader_free(EntroReader *reader)
{
    if (reader != NULL)
        reader->class->free(reader);
}

gboolean
entro_reader_exists(EntroReader *reader, const char *path, gboolean *ret_exists, GError **error)
{
    *ret_exists = FALSE;
    return reader == NULL || reader->class->exists(reader, path, ret_exists, error);
}

gboolean
entro_reader_open_stored(EntroReader *reader, const char *path, gsize max_chunk,
                         EntroDataset *ret_dataset, GError **error)
{
    if (reader->class->open(reader, path, max_chunk, ret_dataset, error)) {
        ret_dataset->reader = reader;
        ret_dataset->fd = reader->fd;
        return TRUE;
    }
    entro_dataset_clear(ret_dataset);
    return FALSE;
}

gboolean
entro_reader_open_dataset(EntroReader *reader, const char *path, gsize max_chunk,
                          EntroDataset *ret_dataset, GError **error)
{
    if (!entro_reader_open_stored(reader, path, max_chunk, ret_dataset, error))
        return FALSE;
    if (entro_dataset_view_as_stored(ret_dataset, error))
        return TRUE;
    entro_dataset_clear(ret_dataset);
    return FALSE;
}

EntroValue
entro_reader_attribute(EntroReader *reader, const char *path, const char *name)
{
    if (reader == NULL)
        return (EntroValue){.kind = ENTRO_VALUE_ABSENT};
    return reader->class->attribute(reader, path, name);
}

gboolean
entro_reader_list(EntroReader *reader, const char *path, gboolean attributes, gsize max,
                  GPtrArray *names, EntroListEnd *ret_end, GError **error)
{
    return reader->class->list(reader, path, attributes, max, names, ret_end, error);
}

GPtrArray *
entro_reader_walk(EntroReader *reader, gsize max, EntroListEnd *ret_end)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    *ret_end = reader->class->walk(reader, max, names);
    return names;
}
