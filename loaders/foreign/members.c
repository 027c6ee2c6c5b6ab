/* members.c: the array that holds one layer, capture and head, opened when it is needed.
 *
 * A run may have a hundred thousand of them: none is kept open but the last, and few files. */
#include "foreign.h"

#include <string.h>

#define FILES_MAX 32 /* open at the same time, beside those that tiles still hold */

/* "steps/000100/layer_3/attn" */
static char *
member_name(const EntroForeign *foreign, guint layer, gsize capture, guint head)
{
    const gsize at[ENTRO_N_ROLES] = {capture, layer, head};
    const char *texts[ENTRO_N_ROLES] = {NULL};

    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++)
        if (foreign->numbers[role] != NULL)
            texts[role] = g_array_index(foreign->numbers[role], EntroNumber, at[role]).text;
    return entro_pattern_expand(foreign->pattern, texts);
}

/* ---- files ---------------------------------------------------------------------------------------- */

static EntroArchive *
find_cached(EntroForeign *foreign, const char *path)
{
    for (guint i = foreign->cache->len; i-- > 0;)
        if (g_str_equal(foreign->cached_paths->pdata[i], path))
            return foreign->cache->pdata[i];
    return NULL;
}

static EntroArchive *
open_file(EntroForeign *foreign, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(foreign->root, name, NULL);
    EntroArchive *archive = find_cached(foreign, path);

    if (archive != NULL)
        return archive;
    archive = entro_archive_open(path, error);
    if (archive == NULL)
        return NULL;
    if (foreign->cache->len >= FILES_MAX) {
        g_ptr_array_remove_index(foreign->cache, 0);
        g_ptr_array_remove_index(foreign->cached_paths, 0);
    }
    g_ptr_array_add(foreign->cache, archive);
    g_ptr_array_add(foreign->cached_paths, g_steal_pointer(&path));
    return archive;
}

/* ---- one array ------------------------------------------------------------------------------------ */

/* With the view that the trace has of all its arrays. */
gboolean
entro_foreign_open(EntroSource *source, guint layer, gsize capture, guint head,
                   EntroMember *ret_member, EntroArchive **ret_archive, char **ret_name,
                   GError **error)
{
    EntroForeign *foreign = source->foreign;
    gboolean found = FALSE;
    g_autofree char *name = member_name(foreign, layer, capture, head);
    const char *inner = name;

    *ret_name = g_strdup(name);
    *ret_archive = source->archive;
    if (foreign->is_folder) {
        g_autofree char *file = NULL;
        inner = entro_archive_split(name, &file);
        *ret_archive = open_file(foreign, file, error);
    }
    if (*ret_archive == NULL ||
        !entro_archive_get(*ret_archive, inner, &foreign->options, ret_member, &found, error))
        return FALSE;
    if (!found) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_EMPTY, "is not there");
        return FALSE;
    }
    return entro_foreign_set_view(source, layer, ret_member, error);
}

/* What was planned for the layer must hold for each of its arrays; each has as many axes. */
static char *
compare(const EntroDataset *found, const EntroMember *member, const EntroDataset *expected,
        const EntroLayer *layer)
{
    const EntroStored *a = &found->stored, *b = &expected->stored;

    if (memcmp(a->dims, b->dims, (gsize)b->rank * sizeof *a->dims) != 0)
        return g_strdup("has another shape than the first of its layer");
    if (member->element != layer->element || member->big_endian != layer->big_endian)
        return g_strdup_printf("holds %s%s, the first of its layer %s%s",
                               entro_element_name(member->element),
                               member->big_endian ? " big-endian" : "",
                               entro_element_name(layer->element),
                               layer->big_endian ? " big-endian" : "");
    if (found->chunked != expected->chunked || found->head != expected->head ||
        found->n_filters != expected->n_filters ||
        memcmp(a->chunk, b->chunk, (gsize)b->rank * sizeof *a->chunk) != 0 ||
        memcmp(found->filters, expected->filters, sizeof found->filters) != 0 ||
        memcmp(found->axis, expected->axis, sizeof found->axis) != 0)
        return g_strdup("has other chunks or filters than the first of its layer");
    return NULL;
}

static void
close_open(EntroOpenMember *open)
{
    entro_dataset_clear(&open->dataset);
    g_free(open->problem);
    *open = (EntroOpenMember){0};
}

static void
open_member(EntroSource *source, EntroOpenMember *open)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    g_autofree char *what = NULL;
    EntroMember member = {.dataset.id = H5I_INVALID_HID};

    if (entro_foreign_open(source, open->layer, open->capture, open->head, &member, &open->archive,
                           &name, &error)) {
        what = compare(&member.dataset, &member, &source->attention[open->layer],
                       &source->trace.layers[open->layer]);
        open->dataset = member.dataset;
        g_free(open->dataset.name);
        open->dataset.name = g_strdup(name);
    } else {
        entro_dataset_clear(&member.dataset);
        what = g_strdup(error->message);
    }
    if (what == NULL)
        return;
    gboolean is_missing =
        error != NULL && g_error_matches(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_EMPTY);
    open->read = is_missing ? ENTRO_READ_MISSING : ENTRO_READ_DAMAGED;
    g_autofree char *text = g_strdup_printf("%s: %s", name, what);
    open->problem = entro_printable(text, -1);
}

EntroRead
entro_foreign_find(EntroSource *source, guint layer, gsize capture, guint head,
                   const EntroDataset **ret_dataset, EntroArchive **ret_archive,
                   const char **ret_problem)
{
    EntroForeign *foreign = source->foreign;
    EntroOpenMember *open = &foreign->open;

    capture = foreign->numbers[ENTRO_ROLE_STEP] ? capture : 0;
    head = foreign->numbers[ENTRO_ROLE_HEAD] ? head : 0;
    if (!open->valid || open->layer != layer || open->capture != capture || open->head != head) {
        close_open(open);
        *open = (EntroOpenMember){.valid = TRUE, .layer = layer, .capture = capture, .head = head};
        open_member(source, open);
    }
    *ret_dataset = &open->dataset;
    *ret_archive = open->archive;
    *ret_problem = open->problem;
    return open->read;
}

/* ---- deflated arrays ------------------------------------------------------------------------------ */

static gboolean
holds_several_layers(const EntroDataset *dataset)
{
    gsize ours = dataset->element_size;

    for (int axis = 0; axis < ENTRO_RANK_MAX; axis++)
        ours *= dataset->chunk[axis];
    return dataset->n_filters == 1 && dataset->filters[0] == ENTRO_FILTER_ZIP &&
           ours < dataset->chunk_bytes;
}

static void
free_decoder(gpointer data)
{
    entro_decoder_clear(data);
    g_free(data);
}

static GBytes *
inflate(const EntroDataset *dataset)
{
    EntroDecoder *decoder = g_new0(EntroDecoder, 1);
    g_autofree guint8 *packed = g_try_malloc(dataset->packed.size);
    g_autofree char *problem = NULL;
    const guint8 *elements = NULL;

    if (packed != NULL && entro_decoder_init(decoder, entro_dataset_work_bytes(dataset)) &&
        entro_read_at(dataset->fd, packed, dataset->packed.size, dataset->packed.offset, &problem))
        elements = entro_chunk_decode(dataset, decoder, packed, &dataset->packed, &problem);
    if (elements != NULL)
        return g_bytes_new_with_free_func(elements, dataset->chunk_bytes, free_decoder, decoder);
    free_decoder(decoder);
    return NULL;
}

static void
forget_whole(EntroForeign *foreign)
{
    g_clear_pointer(&foreign->whole, g_bytes_unref);
    g_clear_pointer(&foreign->whole_of, entro_archive_unref);
}

GBytes *
entro_foreign_inflate(EntroForeign *foreign, EntroArchive *archive, const EntroDataset *dataset)
{
    if (!holds_several_layers(dataset))
        return NULL;
    if (foreign->whole_of != archive || foreign->whole_at != dataset->packed.offset) {
        forget_whole(foreign);
        foreign->whole = inflate(dataset);
        foreign->whole_of = entro_archive_ref(archive);
        foreign->whole_at = dataset->packed.offset;
    }
    return foreign->whole ? g_bytes_ref(foreign->whole) : NULL;
}

void
entro_foreign_free(EntroForeign *foreign)
{
    if (foreign == NULL)
        return;
    close_open(&foreign->open);
    forget_whole(foreign);
    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++)
        g_clear_pointer(&foreign->numbers[role], g_array_unref);
    g_ptr_array_unref(foreign->cache);
    g_ptr_array_unref(foreign->cached_paths);
    g_free(foreign->root);
    g_free(foreign->pattern);
    g_free(foreign->axes);
    g_free(foreign);
}
