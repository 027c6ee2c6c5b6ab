/* catalogue.c: a trace made of arrays that another program has written: its steps, layers and heads. */
#include "foreign.h"

#include <string.h>

#define TRIES      8 /* captures that are looked at for what a layer is like */
#define OTHERS_MAX 8 /* templates that a note names */

/* ---- numbers in names ----------------------------------------------------------------------------- */

static void
number_clear(gpointer data)
{
    g_free(((EntroNumber *)data)->text);
}

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
    gint64 x = ((const EntroNumber *)a)->number, y = ((const EntroNumber *)b)->number;

    return x < y ? -1 : x > y;
}

static void
collect(const EntroSurvey *survey, const char *pattern, EntroRole role, GArray *numbers,
        GPtrArray *problems)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    gboolean is_told = FALSE;

    g_array_set_clear_func(numbers, number_clear);
    for (guint i = 0; i < survey->names->len; i++) {
        EntroMatch match;
        if (!entro_pattern_match(pattern, survey->names->pdata[i], &match))
            continue;
        g_autofree char *text = g_strndup(match.text[role], match.length[role]);
        const char *known = g_hash_table_lookup(seen, &match.number[role]);
        if (known == NULL) {
            EntroNumber number = {match.number[role], g_steal_pointer(&text)};
            g_array_append_val(numbers, number);
            g_hash_table_insert(seen, g_memdup2(&number.number, sizeof number.number), number.text);
        } else if (!is_told && !g_str_equal(known, text)) {
            entro_note(problems, "the %s %s is also there as %s, which is not read",
                       entro_role_names[role], known, text);
            is_told = TRUE;
        }
    }
    g_array_sort(numbers, compare_numbers);
}

static gboolean
check_count(const char *what, guint64 n, gsize limit, const char *option, GError **error)
{
    if (n >= 1 && n <= limit)
        return TRUE;
    if (n == 0)
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_EMPTY,
                    "holds no %s: the axis that counts them has no entry", what);
    else
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "has %" G_GUINT64_FORMAT " %s, the limit is %" G_GSIZE_FORMAT " (%s raises it)",
                    n, what, limit, option);
    return FALSE;
}

static gboolean
collect_all(EntroForeign *foreign, const EntroSurvey *survey, GPtrArray *problems, GError **error)
{
    const EntroLimits *limits = &foreign->options.limits;
    const gsize most[ENTRO_N_ROLES] = {limits->max_captures, limits->max_layers, limits->max_heads};
    static const char *const options[] = {"--max-steps", "--max-layers", "--max-heads"};
    static const char *const words[] = {"captures", "layers", "heads"};

    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++) {
        if (!entro_pattern_has(foreign->pattern, role))
            continue;
        GArray *numbers = foreign->numbers[role] = g_array_new(FALSE, FALSE, sizeof(EntroNumber));
        collect(survey, foreign->pattern, role, numbers, problems);
        if (!check_count(words[role], numbers->len, most[role], options[role], error))
            return FALSE;
        gint64 last = g_array_index(numbers, EntroNumber, numbers->len - 1).number;
        if (role == ENTRO_ROLE_LAYER && last > G_MAXINT32) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                        "has a layer of the number %" G_GINT64_FORMAT ", the most is %d", last,
                        G_MAXINT32);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- steps ---------------------------------------------------------------------------------------- */

static void
steps_from_names(EntroTrace *trace, const GArray *numbers)
{
    trace->n_captures = numbers->len;
    trace->steps = g_new(gint64, numbers->len);
    for (guint i = 0; i < numbers->len; i++)
        trace->steps[i] = g_array_index(numbers, EntroNumber, i).number;
}

/* What has another shape than steps have may be something else of that name. */
static void
note_counted(EntroTrace *trace, const gint64 *stored, gsize n_stored, const GError *problem)
{
    if (stored != NULL)
        entro_note(trace->problems,
                   "%" G_GSIZE_FORMAT " steps are stored for %" G_GSIZE_FORMAT
                   " captures: these are numbered from 0",
                   n_stored, trace->n_captures);
    else if (problem != NULL)
        entro_note(g_error_matches(problem, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE)
                       ? trace->notes
                       : trace->problems,
                   "%s: captures are numbered from 0", problem->message);
    else
        entro_note(trace->notes, "no steps are stored: captures are numbered from 0");
}

/* Stored beside the arrays, or else counted. */
static gboolean
steps_of_axis(EntroSource *source, EntroSurvey *survey, gsize n, GError **error)
{
    EntroTrace *trace = &source->trace;
    g_autoptr(GError) problem = NULL;
    gsize n_stored = 0;

    if (!check_count("captures", n, source->limits.max_captures, "--max-steps", error))
        return FALSE;
    g_autofree gint64 *stored =
        entro_survey_get_steps(survey, source->limits.max_captures, &n_stored, &problem);
    trace->n_captures = n;
    if (stored != NULL && n_stored == n) {
        trace->steps = g_steal_pointer(&stored);
        return TRUE;
    }
    trace->steps = g_new(gint64, n);
    for (gsize i = 0; i < n; i++)
        trace->steps[i] = (gint64)i;
    note_counted(trace, stored, n_stored, problem);
    return TRUE;
}

static gboolean
read_steps(EntroSource *source, EntroSurvey *survey, const EntroTemplate *template, GError **error)
{
    const EntroForeign *foreign = source->foreign;
    gboolean is_axis = strchr(foreign->axes, 'S') != NULL;
    gsize n = is_axis ? entro_member_dim_of(&template->member, foreign->axes, 'S') : 1;

    if (foreign->numbers[ENTRO_ROLE_STEP] != NULL)
        steps_from_names(&source->trace, foreign->numbers[ENTRO_ROLE_STEP]);
    else if (!steps_of_axis(source, survey, n, error))
        return FALSE;
    entro_trace_set_attempts(&source->trace);
    return TRUE;
}

/* ---- layers --------------------------------------------------------------------------------------- */

/* Of an array in Fortran order, its axes backwards are those of the bytes. */
static char *
stored_axes(const char *axes, gboolean fortran)
{
    return fortran ? g_strreverse(g_strdup(axes)) : g_strdup(axes);
}

gboolean
entro_foreign_set_view(EntroSource *source, guint layer, EntroMember *member, GError **error)
{
    const EntroForeign *foreign = source->foreign;
    g_autofree char *axes = stored_axes(foreign->axes, member->fortran);
    EntroDataset *dataset = &member->dataset;
    const char *at = strchr(axes, 'L');

    if (dataset->stored.rank != (int)strlen(axes)) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE, "has %d axes, expected %s",
                    dataset->stored.rank, foreign->axes);
        return FALSE;
    }
    if (at != NULL && layer >= dataset->stored.dims[at - axes]) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE, "has no layer %u", layer);
        return FALSE;
    }
    entro_dataset_view(dataset, axes, at ? layer : 0);
    if (!dataset->chunked && !entro_dataset_is_natural(dataset) &&
        !entro_dataset_make_flat(dataset, source->limits.max_chunk, error))
        return FALSE;
    if (foreign->numbers[ENTRO_ROLE_STEP] != NULL)
        dataset->dims[0] = source->trace.n_captures;
    if (foreign->numbers[ENTRO_ROLE_HEAD] != NULL)
        dataset->dims[2] = foreign->numbers[ENTRO_ROLE_HEAD]->len;
    return TRUE;
}

static gboolean
fill_layer(EntroSource *source, guint position, EntroMember *member, const char *name,
           GError **error)
{
    EntroLayer *layer = &source->trace.layers[position];
    EntroDataset *dataset = &source->attention[position];

    *dataset = member->dataset;
    g_autofree char *inner = dataset->name;
    dataset->name = g_strdup(name);
    layer->input = ENTRO_INPUT_ATTENTION;
    layer->element = member->element;
    layer->big_endian = member->big_endian;
    layer->causal = source->trace.causal;
    if (dataset->reader != NULL)
        layer->causal =
            entro_causal_attribute(&source->trace, dataset->reader, inner, layer->causal);
    if (!entro_layer_check_shape(source, dataset, layer, error))
        return FALSE;
    layer->n_samples = dataset->dims[1];
    layer->n_heads = (guint)dataset->dims[2];
    layer->n_queries = dataset->dims[3];
    layer->n_keys = layer->row_size = dataset->dims[4];
    entro_layer_fill(source, position, &source->rule);
    entro_dataset_let_go(dataset); /* of a folder, its file is closed when many others are open */
    return TRUE;
}

/* As its first array that can be read is, all are expected to be. */
static gboolean
read_layer(EntroSource *source, guint position, GError **error)
{
    const EntroForeign *foreign = source->foreign;
    gsize n = foreign->numbers[ENTRO_ROLE_STEP] ? MIN(source->trace.n_captures, TRIES) : 1;

    for (gsize capture = 0; capture < n; capture++) {
        EntroMember member = {.dataset.id = H5I_INVALID_HID};
        EntroArchive *archive;
        g_autofree char *name = NULL;
        GError *problem = NULL;

        if (entro_foreign_open(source, position, capture, 0, &member, &archive, &name, &problem)) {
            if (member.guessed && position == 0)
                entro_note(source->trace.notes,
                           "16-bit values without a type: read as bf16 (--element says otherwise)");
            return fill_layer(source, position, &member, name, error);
        }
        entro_dataset_clear(&member.dataset);
        if (capture + 1 < n) {
            g_error_free(problem);
            continue;
        }
        g_propagate_prefixed_error(error, problem, "%s: ", name);
    }
    return FALSE;
}

/* Each layer is like its first array that can be read: one without any costs the trace. */
static gboolean
read_layers(EntroSource *source, guint n, GError **error)
{
    EntroTrace *trace = &source->trace;
    const GArray *numbers = source->foreign->numbers[ENTRO_ROLE_LAYER];

    trace->layers = g_new0(EntroLayer, n);
    source->attention = g_new0(EntroDataset, n);
    source->beside = g_new0(EntroParamData, n);
    source->params = g_new0(EntroParamData, n * ENTRO_N_PARAMS);
    for (guint i = 0; i < n; i++) {
        EntroLayer *layer = &trace->layers[i];
        layer->index = numbers ? (guint)g_array_index(numbers, EntroNumber, i).number : i;
        trace->n_layers = i + 1;
        if (!read_layer(source, i, error))
            return FALSE;
    }
    return TRUE;
}

static guint64
count_layers(const EntroForeign *foreign, const EntroTemplate *template)
{
    if (foreign->numbers[ENTRO_ROLE_LAYER] != NULL)
        return foreign->numbers[ENTRO_ROLE_LAYER]->len;
    if (strchr(foreign->axes, 'L') == NULL)
        return 1;
    return entro_member_dim_of(&template->member, foreign->axes, 'L');
}

/* ---- notes ---------------------------------------------------------------------------------------- */

static void
note_numbering(EntroTrace *trace, const GArray *heads)
{
    if (heads != NULL &&
        g_array_index(heads, EntroNumber, heads->len - 1).number + 1 != (gint64)heads->len)
        entro_note(trace->notes,
                   "heads are numbered from 0 in the order of their names, which go from %s to %s",
                   g_array_index(heads, EntroNumber, 0).text,
                   g_array_index(heads, EntroNumber, heads->len - 1).text);
}

static void
note_rest(const EntroSurvey *survey, const EntroTemplate *template, EntroTrace *trace)
{
    guint n_others = 0;

    for (guint i = 0; i < survey->templates->len; i++) {
        const EntroTemplate *other = survey->templates->pdata[i];
        if (other == template || other->code == ENTRO_LOADER_ERROR_EMPTY ||
            g_str_equal(other->pattern, "step") || g_str_equal(other->pattern, "steps") ||
            n_others++ >= OTHERS_MAX)
            continue;
        g_autofree char *shown = entro_printable(other->pattern, -1);
        entro_note(trace->notes, "not read: %s (%u array%s)", shown, other->n,
                   other->n == 1 ? "" : "s");
    }
    if (n_others > OTHERS_MAX)
        entro_note(trace->notes, "not read: arrays of %u more names", n_others - OTHERS_MAX);
    if (survey->cut)
        entro_note(trace->problems, "not everything in it could be listed");
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static void
begin_foreign(EntroSource *source, const char *path, const EntroSurvey *survey,
              const EntroTemplate *template, const EntroSourceOptions *options)
{
    EntroForeign *foreign = source->foreign = g_new0(EntroForeign, 1);
    EntroTrace *trace = &source->trace;

    foreign->root = g_strdup(path);
    foreign->is_folder = survey->is_folder;
    foreign->options = *options;
    foreign->options.layout = foreign->options.axes = NULL;
    foreign->pattern = g_strdup(template->pattern);
    foreign->axes = g_strdup(template->axes);
    foreign->cache = g_ptr_array_new_with_free_func((GDestroyNotify)entro_archive_unref);
    foreign->cached_paths = g_ptr_array_new_with_free_func(g_free);
    trace->pattern = g_strdup(template->pattern);
    trace->axes = g_strdup(template->axes);
    trace->layout = template->layout ? template->layout->key : "as given";
    trace->recognised = options->layout ? "the options" : "names and shapes";
    trace->format_version = 1;
}

static gboolean
read_parts(EntroSource *source, EntroSurvey *survey, const EntroTemplate *template, GError **error)
{
    EntroForeign *foreign = source->foreign;
    guint64 n_layers;

    if (!collect_all(foreign, survey, source->trace.problems, error) ||
        !read_steps(source, survey, template, error))
        return FALSE;
    n_layers = count_layers(foreign, template);
    if (!check_count("layers", n_layers, source->limits.max_layers, "--max-layers", error) ||
        !read_layers(source, (guint)n_layers, error))
        return FALSE;
    if (source->reader == NULL)
        return TRUE;
    if (!entro_trace_read_config(source, error))
        return FALSE;
    entro_trace_read_scalars(source);
    return TRUE;
}

/* What it seems to lack may be what is missing here. */
static void
blame_list(const EntroSource *source, const EntroSurvey *survey, GError **error)
{
    const int number = source->reader ? source->reader->class->read_error(source->reader) : 0;

    if (error == NULL || (!survey->cut && number == 0))
        return;
    char *words = number != 0 ? g_strdup_printf("%s (a part of it could not be read: %s)",
                                                (*error)->message, g_strerror(number))
                              : g_strconcat((*error)->message,
                                            " (not everything in it could be listed)", NULL);
    g_free((*error)->message);
    (*error)->message = words;
}

gboolean
entro_foreign_read(EntroSource *source, const char *path, const EntroSourceOptions *options,
                   GError **error)
{
    g_autoptr(EntroSurvey) survey = entro_survey_new(path, source->archive, options, error);
    const EntroTemplate *template;

    entro_trace_begin(source, path);
    if (survey == NULL)
        return FALSE;
    for (guint i = 0; i < survey->problems->len; i++)
        entro_note(source->trace.notes, "%s", (char *)survey->problems->pdata[i]);
    template = entro_survey_recognise(survey, options, error);
    if (template == NULL) {
        g_prefix_error(error, "%s: ", path);
        blame_list(source, survey, error);
        return FALSE;
    }
    begin_foreign(source, path, survey, template, options);
    entro_trace_read_root(source);
    if (!read_parts(source, survey, template, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    note_numbering(&source->trace, source->foreign->numbers[ENTRO_ROLE_HEAD]);
    note_rest(survey, template, &source->trace);
    entro_trace_note_state(&source->trace);
    return TRUE;
}
