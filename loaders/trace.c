/* trace.c: everything a trace says about itself, read once at opening.
 *
 * Required parts that are wrong are errors; optional parts that are missing or unreadable get their
 * stated default and a note. */
#include "reader/reader.h"

#include <string.h>

#define FORMAT_NAME    "attention-trace"
#define FORMAT_VERSION 1

void
entro_note(GPtrArray *list, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(list, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* ---- root attributes ------------------------------------------------------------------------------ */

static char *
text_attribute(EntroSource *source, const char *name)
{
    g_auto(EntroValue) value = entro_reader_attribute(source->reader, "/", name);

    if (value.kind == ENTRO_VALUE_UNREADABLE || value.kind == ENTRO_VALUE_DAMAGED)
        entro_note(source->trace.problems, "the root attribute %s cannot be read: left out", name);
    if (value.kind != ENTRO_VALUE_TEXT || *value.text == '\0' ||
        strlen(value.text) > ENTRO_NAME_MAX)
        return NULL;
    return g_strdup(value.text);
}

/* `missing` when absent or no integer; *ret_bad: it is there, and is none.  One question to the reader. */
static gint64
read_integer(EntroReader *reader, const char *path, const char *name, gint64 missing,
             gboolean *ret_bad)
{
    g_auto(EntroValue) value = entro_reader_attribute(reader, path, name);
    const gboolean whole = value.kind == ENTRO_VALUE_REAL && value.real == floor(value.real) &&
                           fabs(value.real) < 1e15;

    *ret_bad = !whole && value.kind != ENTRO_VALUE_INTEGER && value.kind != ENTRO_VALUE_ABSENT;
    if (whole)
        return (gint64)value.real;
    return value.kind == ENTRO_VALUE_INTEGER ? value.integer : missing;
}

gint64
entro_integer_attribute(EntroReader *reader, const char *path, const char *name, gint64 missing)
{
    gboolean bad;

    return read_integer(reader, path, name, missing, &bad);
}

EntroCausal
entro_causal_attribute(EntroTrace *trace, EntroReader *reader, const char *path,
                       EntroCausal missing)
{
    gboolean bad;
    gint64 value = read_integer(reader, path, "causal", G_MININT64, &bad);

    if (bad)
        entro_note(trace->problems, "%s: its attribute causal is no whole number: left out", path);
    return value == G_MININT64 ? missing : value != 0 ? ENTRO_CAUSAL_YES : ENTRO_CAUSAL_NO;
}

static gboolean
has_group(EntroSource *source, const EntroLayout *layout)
{
    g_autofree char *group = entro_layout_group(layout);
    gboolean exists = FALSE;

    return entro_reader_exists(source->reader, group, &exists, NULL) && exists;
}

/* The first of the table whose group is there; its first row when none is, for the messages. */
static const EntroLayout *
find_own_layout(EntroSource *source)
{
    guint n_layouts;
    const EntroLayout *layouts = entro_layouts(&n_layouts);

    for (guint i = 0; i < n_layouts && source->layout == NULL; i++)
        if (entro_layout_is_own(&layouts[i]) && has_group(source, &layouts[i]))
            return &layouts[i];
    return source->layout ? source->layout : &layouts[0];
}

/* What cannot be looked up is damaged: to take it for absent would make another program's arrays of
 * ours, with steps counted from 0. */
static gboolean
is_there_or_damaged(EntroSource *source, const char *path)
{
    g_autoptr(GError) damage = NULL;
    gboolean exists = FALSE;

    return entro_reader_exists(source->reader, path, &exists, &damage)
               ? exists
               : g_error_matches(damage, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT);
}

static gboolean
has_parts(EntroSource *source, const EntroLayout *layout)
{
    g_autofree char *group = entro_layout_group(layout);

    return is_there_or_damaged(source, group) && is_there_or_damaged(source, "/step");
}

/* Any of these, so that one that is damaged does not decide. */
static gboolean
says_it_is_ours(EntroSource *source)
{
    static const char *const names[] = {"format", "format_version", "trace_uuid"};
    gboolean says = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(names) && !says; i++) {
        g_auto(EntroValue) value = entro_reader_attribute(source->reader, "/", names[i]);
        says = value.kind != ENTRO_VALUE_ABSENT && value.kind != ENTRO_VALUE_DAMAGED;
    }
    return says;
}

gboolean
entro_trace_is_own(EntroSource *source)
{
    const EntroLayout *layout = find_own_layout(source);

    /* of a file that is cut off or still written, /step may be what is missing */
    return source->layout != NULL || says_it_is_ours(source) || has_parts(source, layout) ||
           (!g_str_equal(source->trace.open_mode, "plain") && has_group(source, layout));
}

static gboolean
check_format(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    g_auto(EntroValue) format = entro_reader_attribute(source->reader, "/", "format");
    gint64 version = entro_integer_attribute(source->reader, "/", "format_version", -1);
    g_autofree char *group = entro_layout_group(source->layout);

    if (format.kind == ENTRO_VALUE_TEXT && !g_str_equal(format.text, FORMAT_NAME)) {
        g_autofree char *shown = entro_printable(format.text, MIN(strlen(format.text), 80));
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "its root attribute format says \"%s\", expected \"" FORMAT_NAME "\"", shown);
        return FALSE;
    }
    if (format.kind != ENTRO_VALUE_TEXT && !has_parts(source, source->layout)) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "is HDF5, but no attention trace: no root attribute format = \"" FORMAT_NAME
                    "\", and not both %s and /step",
                    group);
        return FALSE;
    }
    trace->recognised =
        format.kind == ENTRO_VALUE_TEXT ? "the root attribute format" : "its groups and /step";
    if (format.kind != ENTRO_VALUE_TEXT)
        entro_note(trace->notes, "no readable root attribute format: recognised by %s and /step",
                   group);
    if (version > FORMAT_VERSION || version == 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_UNSUPPORTED,
                    "has format_version %" G_GINT64_FORMAT ", this version of entroscope reads %d",
                    version, FORMAT_VERSION);
        return FALSE;
    }
    trace->format_version = FORMAT_VERSION;
    return TRUE;
}

static gboolean
makes_no_sense(const char *name, const char *attribute, const EntroValue *value,
               const char *expected, GError **error)
{
    g_autofree char *text = entro_value_to_text(value);

    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s has the attribute %s = %s, expected %s", name, attribute,
                text ? text : "(no single number)", expected);
    return FALSE;
}

typedef struct {
    EntroReader *reader;
    const char *path, *name;
} RuleObject;

/* *number stays as it is when there is no such attribute. */
static gboolean
number_attribute(const RuleObject *object, const char *attribute, gboolean whole,
                 const char *expected, double *number, GError **error)
{
    g_auto(EntroValue) value = entro_reader_attribute(object->reader, object->path, attribute);
    double found = value.kind == ENTRO_VALUE_INTEGER ? (double)value.integer : value.real;

    if (value.kind == ENTRO_VALUE_ABSENT)
        return TRUE;
    if (value.kind == ENTRO_VALUE_DAMAGED) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s: its attribute %s is damaged", object->name, attribute);
        return FALSE;
    }
    if ((value.kind != ENTRO_VALUE_INTEGER && value.kind != ENTRO_VALUE_REAL) || !isfinite(found) ||
        (whole && (found != floor(found) || fabs(found) > 1e15)))
        return makes_no_sense(object->name, attribute, &value, expected, error);
    *number = found;
    return TRUE;
}

gboolean
entro_rule_attributes(EntroReader *reader, const char *path, const char *name, EntroLayerRule *rule,
                      GError **error)
{
    const RuleObject object = {reader, path, name};
    double window = (double)rule->window, n_keys = (double)rule->n_keys, scale = rule->scale;

    if (!number_attribute(&object, "window", TRUE,
                          "a whole number of keys back, the query's own included", &window,
                          error) ||
        !number_attribute(&object, "scale", FALSE, "a number that is not 0", &scale, error) ||
        !number_attribute(&object, "n_keys", TRUE, "a number of keys", &n_keys, error))
        return FALSE;
    if (scale == 0) {
        EntroValue zero = {.kind = ENTRO_VALUE_INTEGER};
        return makes_no_sense(name, "scale", &zero, "a number that is not 0", error);
    }
    *rule = (EntroLayerRule){(gsize)MAX(window, 0), scale, (gsize)MAX(n_keys, 0)};
    return TRUE;
}

static void
read_run_name(EntroSource *source)
{
    EntroTrace *trace = &source->trace;

    trace->run_name = text_attribute(source, "run_name");
    if (trace->run_name != NULL)
        return;
    g_autofree char *whole = source->archive ? g_strdup(trace->path) : realpath(trace->path, NULL);
    g_autofree char *base = g_path_get_basename(whole ? whole : trace->path);
    char *dot = source->archive ? strrchr(base, '.') : NULL;
    trace->run_name = dot && dot != base ? g_strndup(base, dot - base) : g_strdup(base);
    entro_note(trace->notes, "no usable run_name in the file: named after it");
}

static gint64
root_integer(EntroSource *source, const char *name, gint64 missing)
{
    gboolean bad;
    gint64 number = read_integer(source->reader, "/", name, missing, &bad);

    if (bad)
        entro_note(source->trace.problems,
                   "the root attribute %s cannot be read as a whole number: left out", name);
    return number;
}

#define MOST_ATTEMPTS 1000000

/* The first one is 1; who counts from 0 means the same. */
static guint
read_attempt(EntroSource *source)
{
    gint64 attempt = root_integer(source, "attempt", 1);

    if (attempt >= 0 && attempt <= MOST_ATTEMPTS)
        return (guint)MAX(attempt, 1);
    entro_note(source->trace.problems,
               "the root attribute attempt is %" G_GINT64_FORMAT ", expected 1 to %d: left out",
               attempt, MOST_ATTEMPTS);
    return 1;
}

void
entro_trace_read_root(EntroSource *source)
{
    EntroTrace *trace = &source->trace;

    read_run_name(source);
    trace->producer = text_attribute(source, "producer");
    trace->trace_uuid = text_attribute(source, "trace_uuid");
    gint64 causal = root_integer(source, "causal", -1);
    trace->causal = causal < 0    ? ENTRO_CAUSAL_UNKNOWN
                    : causal == 0 ? ENTRO_CAUSAL_NO
                                  : ENTRO_CAUSAL_YES;
    trace->attempt = read_attempt(source);
    trace->context_length = (guint64)MAX(root_integer(source, "context_length", 0), 0);
}

static void
read_complete(EntroSource *source)
{
    g_autoptr(GError) problem = NULL;
    gboolean exists = FALSE;
    EntroSeries flags = {0};

    if (!entro_reader_exists(source->reader, "/complete", &exists, &problem) ||
        (exists &&
         !entro_read_series(source, "/complete", ENTRO_CLASS_INTEGER, 1, &flags, &problem)))
        entro_note(source->trace.problems, "whether its writer closed it is not known: %s",
                   problem->message);
    else if (flags.n == 1)
        source->trace.complete = ((gint64 *)flags.values)[0] == 1;
    g_free(flags.values);
}

/* ---- all of it ------------------------------------------------------------------------------------------- */

void
entro_trace_note_state(EntroTrace *trace)
{
    gboolean checksummed = TRUE;
    guint split = 0;

    if (trace->context_length == 0)
        trace->context_length = trace->layers[0].n_keys;
    for (guint layer = 0; layer < trace->n_layers; layer++) {
        checksummed = checksummed && trace->layers[layer].checksummed;
        split += trace->layers[layer].split_rows;
    }
    if (!checksummed)
        entro_note(trace->notes, "no checksums in this file: damaged data would not be noticed");
    if (split > 0)
        entro_note(
            trace->notes,
            "%u of %u layers split rows over several chunks: rows are assembled, slower (write "
            "chunks with all keys of a row)",
            split, trace->n_layers);
    if (g_str_equal(trace->open_mode, "truncated"))
        entro_note(trace->problems,
                   "the file is truncated: what lies beyond its end cannot be read");
    if (g_str_equal(trace->open_mode, "cleared"))
        entro_note(trace->notes,
                   "the file is marked as being written by a program that does not allow "
                   "readers, or that was killed: read as it stands");
}

void
entro_trace_begin(EntroSource *source, const char *path)
{
    source->trace.path = g_strdup(path);
    source->trace.notes = g_ptr_array_new_with_free_func(g_free);
    source->trace.problems = g_ptr_array_new_with_free_func(g_free);
    source->rule = (EntroLayerRule){.scale = NAN};
}

gboolean
entro_trace_read(EntroSource *source, const char *path, GError **error)
{
    EntroTrace *trace = &source->trace;

    entro_trace_begin(source, path);
    source->layout = find_own_layout(source);
    trace->layout = source->layout->key;
    if (!check_format(source, error))
        return FALSE;
    entro_trace_read_root(source);
    if (!entro_rule_attributes(source->reader, "/", "the file", &source->rule, error) ||
        !entro_trace_read_steps(source, error) || !entro_trace_open_masks(source, error) ||
        !entro_trace_read_layers(source, error) || !entro_trace_check_masks(source, error) ||
        !entro_trace_read_config(source, error))
        return FALSE;
    entro_trace_read_scalars(source);
    read_complete(source);
    entro_trace_note_state(trace);
    return TRUE;
}

void
entro_trace_clear(EntroTrace *trace)
{
    g_free(trace->path);
    g_free(trace->run_name);
    g_free(trace->producer);
    g_free(trace->trace_uuid);
    g_free(trace->open_mode);
    g_free(trace->pattern);
    g_free(trace->axes);
    g_free(trace->steps);
    g_free(trace->attempts);
    for (guint layer = 0; layer < trace->n_layers; layer++) {
        g_free(trace->layers[layer].storage);
        g_free(trace->layers[layer].query_rows);
    }
    g_free(trace->layers);
    for (guint i = 0; i < trace->n_config; i++) {
        g_free(trace->config[i].key);
        g_free(trace->config[i].value);
    }
    g_free(trace->config);
    for (guint i = 0; i < trace->n_scalars; i++) {
        g_free(trace->scalars[i].name);
        g_free(trace->scalars[i].step);
        g_free(trace->scalars[i].value);
    }
    g_free(trace->scalars);
    g_clear_pointer(&trace->notes, g_ptr_array_unref);
    g_clear_pointer(&trace->problems, g_ptr_array_unref);
}
