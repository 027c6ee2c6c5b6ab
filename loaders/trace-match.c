/* trace-match.c: is a trace the one that these options would have made, and how far has it come?
 *
 * What is expected is made in memory as for a new file, and every object and attribute of that is
 * looked up in the file.  So what a trace consists of stands in one place: trace-skeleton.c. */
#include "loader-private.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *path;
    hid_t file;
    const EntroWriterOptions *options;
    guint n_objects;
    GError **error;
} Match;

static gboolean differ(const Match *match, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
differ(const Match *match, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = entro_printable(what, -1);
    g_set_error(match->error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE, "%s: %s", match->path,
                shown);
    return FALSE;
}

/* ---- attributes ----------------------------------------------------------------------------------- */

/* An update of the program may go on with a trace that is known by its uuid. */
static gboolean
is_free(const Match *match, const char *name)
{
    return g_str_equal(name, "trace_uuid") ||
           (g_str_equal(name, "producer") && match->options->trace_uuid != NULL);
}

typedef struct {
    const Match *match;
    const char *object;
} AttributeMatch;

static herr_t
match_attribute(hid_t expected, const char *name, const H5A_info_t *info, void *data)
{
    const AttributeMatch *at = data;
    g_auto(EntroHid) object = H5Oopen(at->match->file, at->object, H5P_DEFAULT);
    g_auto(EntroValue) ours = entro_attribute_read(expected, name);
    g_auto(EntroValue) theirs = entro_attribute_read(object, name);
    g_autofree char *wanted = entro_value_to_text(&ours);
    g_autofree char *found = entro_value_to_text(&theirs);

    (void)info;
    if (is_free(at->match, name) || g_strcmp0(found, wanted) == 0)
        return 0;
    differ(at->match, "the attribute %s of /%s is %s, this run has %s", name,
           g_str_equal(at->object, ".") ? "" : at->object, found ? found : "not there",
           wanted ? wanted : "none");
    return 1;
}

/* ---- datasets ------------------------------------------------------------------------------------- */

static gboolean
does_grow(hid_t space)
{
    hsize_t most[H5S_MAX_RANK];

    return H5Sget_simple_extent_dims(space, NULL, most) > 0 && most[0] == H5S_UNLIMITED;
}

/* "(captures,3,12,64,64)" of what grows. */
static char *
shape_text(hid_t space)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    GString *text = g_string_new("(");

    if (does_grow(space))
        g_string_append(text, "captures");
    else
        g_string_append_printf(text, "%" G_GUINT64_FORMAT, (guint64)dims[0]);
    for (int axis = 1; axis < rank; axis++)
        g_string_append_printf(text, ",%" G_GUINT64_FORMAT, (guint64)dims[axis]);
    g_string_append_c(text, ')');
    return g_string_free(text, FALSE);
}

static gboolean
same_shape(hid_t space_a, hid_t space_b)
{
    hsize_t a[H5S_MAX_RANK], b[H5S_MAX_RANK], most_a[H5S_MAX_RANK], most_b[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(space_a, a, most_a);

    if (rank < 1 || H5Sget_simple_extent_dims(space_b, b, most_b) != rank)
        return FALSE;
    return memcmp(a + 1, b + 1, (rank - 1) * sizeof *a) == 0 &&
           memcmp(most_a, most_b, rank * sizeof *a) == 0;
}

static gboolean
match_dataset(const Match *match, hid_t expected, const char *name)
{
    g_auto(EntroHid) found = entro_open_dataset(match->file, name, match->error);
    g_auto(EntroHid) type_a = H5Dget_type(expected);
    g_auto(EntroHid) space_a = H5Dget_space(expected);
    g_auto(EntroHid) stored_a = H5Dget_create_plist(expected);

    if (found < 0) {
        g_prefix_error(match->error, "%s: ", match->path);
        return FALSE;
    }
    g_auto(EntroHid) type_b = H5Dget_type(found);
    g_auto(EntroHid) space_b = H5Dget_space(found);
    g_auto(EntroHid) stored_b = H5Dget_create_plist(found);
    if (!same_shape(space_a, space_b)) {
        g_autofree char *ours = shape_text(space_a);
        g_autofree char *theirs = shape_text(space_b);
        return differ(match, "%s has the shape %s, this run writes %s", name, theirs, ours);
    }
    if (H5Tequal(type_a, type_b) <= 0)
        return differ(match, "%s has elements of %zu bytes, this run writes others, of %zu bytes",
                      name, H5Tget_size(type_b), H5Tget_size(type_a));
    H5Pset_obj_track_times(stored_b, FALSE); /* earlier versions wrote them */
    return H5Pequal(stored_a, stored_b) > 0 ||
           differ(match, "%s has other chunks or filters than this run writes", name);
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static herr_t
match_object(hid_t root, const char *name, const H5O_info_t *info, void *data)
{
    Match *match = data;
    AttributeMatch at = {match, name};
    hsize_t from = 0;
    g_auto(EntroHid) expected = H5Oopen(root, name, H5P_DEFAULT);
    gboolean exists = g_str_equal(name, "."); /* the root itself */

    match->n_objects++;
    if (info->type == H5O_TYPE_DATASET && !match_dataset(match, expected, name))
        return 1;
    if (!exists && !entro_path_exists(match->file, name, &exists, match->error)) {
        g_prefix_error(match->error, "%s: ", match->path);
        return 1;
    }
    if (!exists) {
        differ(match, "%s is not there", name);
        return 1;
    }
    return H5Aiterate2(expected, H5_INDEX_NAME, H5_ITER_INC, &from, match_attribute, &at);
}

static herr_t
count_object(hid_t root, const char *name, const H5O_info_t *info, void *data)
{
    (void)root;
    (void)name;
    (void)info;
    ++*(guint *)data;
    return 0;
}

/* What the file says of its rows and this run does not. */
static gboolean
match_rules(const Match *match, hid_t skeleton)
{
    static const char *const rules[] = {"window", "scale", "n_keys"};
    AttributeMatch at = {match, "."};

    for (guint i = 0; i < G_N_ELEMENTS(rules); i++)
        if (match_attribute(skeleton, rules[i], NULL, &at) != 0)
            return FALSE;
    return TRUE;
}

static gboolean
match_contents(Match *match)
{
    g_auto(EntroHid) skeleton = entro_trace_skeleton_file(match->options, match->error);
    guint n_found = 0;

    if (skeleton < 0)
        return FALSE;
    herr_t ended =
        H5Ovisit2(skeleton, H5_INDEX_NAME, H5_ITER_INC, match_object, match, H5O_INFO_BASIC);
    if (ended != 0)
        return ended > 0 ? FALSE
                         : entro_h5_fail(match->error, ENTRO_LOADER_ERROR_FORMAT,
                                         "%s: cannot be looked through", match->path);
    if (!match_rules(match, skeleton))
        return FALSE;
    H5Ovisit2(match->file, H5_INDEX_NAME, H5_ITER_INC, count_object, &n_found, H5O_INFO_BASIC);
    return n_found == match->n_objects ||
           differ(match, "holds %u groups and datasets, this run writes %u", n_found,
                  match->n_objects);
}

/* Of what does not grow, the numbers are the trace's too; how many there are is known to fit. */
static gboolean
match_query_rows(const Match *match, const EntroTrace *trace)
{
    const EntroWriterOptions *options = match->options;

    for (guint i = 0; options->query_rows != NULL && i < trace->n_layers; i++)
        for (gsize row = 0; row < options->n_queries; row++)
            if (trace->layers[i].query_rows[row] != options->query_rows[row])
                return differ(match,
                              "layers/%u/query_rows: entry %" G_GSIZE_FORMAT " is %" G_GINT64_FORMAT
                              ", this run stores row %" G_GINT64_FORMAT,
                              trace->layers[i].index, row, trace->layers[i].query_rows[row],
                              options->query_rows[row]);
    return TRUE;
}

static gboolean
match_uuid(const Match *match, const EntroTrace *trace)
{
    const char *wanted = match->options->trace_uuid;

    if (wanted == NULL || g_strcmp0(trace->trace_uuid, wanted) == 0)
        return TRUE;
    return differ(match, "is the trace of another run: its trace_uuid is %s, expected %s",
                  trace->trace_uuid ? trace->trace_uuid : "not there", wanted);
}

/* ---- how far it has come -------------------------------------------------------------------------- */

/* Of a writer that was killed, entries behind the last flush may be announced but not written: they
 * read as 0, and end the ascent. */
static EntroSeriesEnd
end_of(const gint64 *steps, gsize n)
{
    gsize whole = n > 0 ? 1 : 0;

    while (whole < n && steps[whole] > steps[whole - 1])
        whole++;
    return (EntroSeriesEnd){whole, whole > 0 ? steps[whole - 1] : G_MININT64};
}

static gboolean
is_doubted(const EntroWriterOptions *options, gint64 step)
{
    return options->doubted_from != 0 && step >= options->doubted_from;
}

/* A machine that went down may have kept the new length and the old bytes: zeros.  Where that is what a
 * scalar was indeed, it is only put again. */
static EntroSeriesEnd
end_of_scalar(const EntroScalar *scalar, const EntroWriterOptions *options)
{
    const EntroSeriesEnd end = end_of(scalar->step, scalar->n);

    for (gsize i = 0; i < end.n; i++)
        if (is_doubted(options, scalar->step[i]) && scalar->value[i] == 0)
            return end_of(scalar->step, i);
    return end;
}

static void
find_ends(const EntroTrace *trace, const EntroWriterOptions *options, EntroTraceEnd *end)
{
    guint n_scalars = options->scalars ? g_strv_length((char **)options->scalars) : 0;

    /* killed while it closed the file, a writer leaves its mark behind */
    end->complete = trace->complete && g_str_equal(trace->open_mode, "plain");
    end->captures = end_of(trace->steps, trace->n_captures);
    end->scalars = g_new(EntroSeriesEnd, n_scalars);
    for (guint i = 0; i < n_scalars; i++) {
        end->scalars[i] = end_of(NULL, 0);
        for (guint k = 0; k < trace->n_scalars; k++)
            if (g_str_equal(trace->scalars[k].name, options->scalars[i]))
                end->scalars[i] = end_of_scalar(&trace->scalars[k], options);
    }
}

static gboolean
are_within(const EntroPiece *pieces, guint n, guint64 file_size)
{
    for (guint i = 0; i < n; i++)
        if (pieces[i].extent.offset + pieces[i].extent.size > file_size)
            return FALSE;
    return TRUE;
}

static gboolean
is_there(const EntroTile *tile, guint64 file_size)
{
    const struct EntroTilePrivate *own = tile->private_;

    return tile->status != ENTRO_TILE_DAMAGED &&
           are_within(own->pieces, own->n_pieces, file_size) &&
           are_within(own->beside, own->n_beside, file_size);
}

static gboolean
is_lost(int fd, const EntroPiece *pieces, guint n)
{
    for (guint i = 0; i < n; i++) {
        const gsize size = (gsize)pieces[i].extent.size;
        g_autofree guint8 *bytes = g_try_malloc(size);
        if (bytes != NULL &&
            pread(fd, bytes, size, (off_t)pieces[i].extent.offset) == (gssize)size &&
            entro_is_zeros(bytes, size))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_whole(EntroTile *tile, EntroTileRows *rows)
{
    const struct EntroTilePrivate *own = tile->private_;

    return entro_tile_rows_read(rows, tile) && !is_lost(own->fd, own->pieces, own->n_pieces) &&
           !is_lost(own->fd, own->beside, own->n_beside);
}

/* A file that was being written does not tell where it should end, so what it says to hold is looked
 * for; not read, that would take long, but for what may not have reached the disk: there the trace ends
 * before the first capture that is not whole. */
static gboolean
check_captures(const Match *match, EntroSource *source, gsize *n)
{
    g_autoptr(EntroTile) tile = entro_tile_new(source, match->error);
    g_autoptr(EntroTileRows) rows = tile ? entro_tile_rows_new(source, match->error) : NULL;
    gboolean end = FALSE;
    struct stat facts;

    if (rows == NULL || fstat(source->fd, &facts) != 0)
        return rows != NULL && differ(match, "its size cannot be asked for");
    while (entro_source_next(source, tile, &end, match->error)) {
        if (end)
            return TRUE;
        if (tile->capture >= *n)
            continue;
        const gint64 step = source->trace.steps[tile->capture];
        const gboolean doubted = is_doubted(match->options, step);
        if (is_there(tile, (guint64)facts.st_size) && (!doubted || is_whole(tile, rows)))
            continue;
        if (!doubted)
            return differ(match,
                          "is damaged or truncated: the %s of layer %u at step "
                          "%" G_GINT64_FORMAT " is lost",
                          entro_input_name(match->options->input),
                          source->trace.layers[tile->layer].index, step);
        *n = tile->capture;
    }
    return FALSE;
}

gboolean
entro_trace_match(const char *path, const EntroWriterOptions *options, EntroTraceEnd *ret_end,
                  GError **error)
{
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, error);

    if (source == NULL)
        return FALSE;
    const char *mode = NULL;
    g_auto(EntroHid) file = entro_open_file(path, &mode, error); /* what the trainer goes on with */
    Match match = {path, file, options, 0, error};
    if (file < 0)
        return FALSE;
    if (!match_uuid(&match, &source->trace) || !match_contents(&match) ||
        !match_query_rows(&match, &source->trace))
        return FALSE;
    if (g_str_equal(source->trace.open_mode, "truncated"))
        return differ(&match, "is truncated: what lies beyond its end is lost");
    if (source->trace.problems->len > 0)
        return differ(&match, "is damaged: %s", (const char *)source->trace.problems->pdata[0]);
    find_ends(&source->trace, options, ret_end);
    gsize n = ret_end->captures.n;
    if (!check_captures(&match, source, &n))
        return FALSE;
    ret_end->captures = end_of(source->trace.steps, n);
    return TRUE;
}

void
entro_trace_end_clear(EntroTraceEnd *end)
{
    g_clear_pointer(&end->scalars, g_free);
}

/* ---- halves ---------------------------------------------------------------------------------------- */

gboolean
entro_series_cut(hid_t dataset, gsize n)
{
    hsize_t dims[ENTRO_RANK_MAX];
    g_auto(EntroHid) space = H5Dget_space(dataset);

    if (H5Sget_simple_extent_ndims(space) > ENTRO_RANK_MAX ||
        H5Sget_simple_extent_dims(space, dims, NULL) < 1)
        return FALSE;
    if (dims[0] <= n)
        return TRUE;
    dims[0] = n;
    return H5Dset_extent(dataset, dims) >= 0;
}

static herr_t
cut_object(hid_t root, const char *name, const H5O_info_t *info, void *data)
{
    if (info->type != H5O_TYPE_DATASET || g_str_has_prefix(name, "scalars/") ||
        g_str_equal(name, "complete"))
        return 0;
    g_auto(EntroHid) dataset = H5Dopen2(root, name, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Dget_space(dataset);
    if (dataset >= 0 && !does_grow(space))
        return 0;
    return dataset >= 0 && entro_series_cut(dataset, *(const gsize *)data) ? 0 : -1;
}

gboolean
entro_captures_cut(hid_t file, gsize n)
{
    return H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, cut_object, &n, H5O_INFO_BASIC) >= 0;
}
