/* cmd-inspect.c: what a trace holds, without computing anything. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#define SURVEY_MAX 40 /* lines of what is no trace */

static const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json,
                                        "Print as JSON", NULL},
                                       {NULL}};

static const char *
causal_word(EntroCausal causal)
{
    return causal == ENTRO_CAUSAL_YES  ? "causal"
           : causal == ENTRO_CAUSAL_NO ? "not causal"
                                       : "causal or not: not said";
}

/* ---- text ------------------------------------------------------------------------------------------------ */

static void
print_line(const char *name, const char *value)
{
    g_autofree char *shown = entro_printable(value ? value : "(not said)", -1);

    printf("%-12s %s\n", name, shown);
}

static gboolean
same_rows(const EntroLayer *a, const EntroLayer *b)
{
    return (a->query_rows == NULL) == (b->query_rows == NULL) &&
           (a->query_rows == NULL ||
            memcmp(a->query_rows, b->query_rows, a->n_queries * sizeof *a->query_rows) == 0);
}

static gboolean
same_layer(const EntroLayer *a, const EntroLayer *b)
{
    return a->n_heads == b->n_heads && a->n_samples == b->n_samples &&
           a->n_queries == b->n_queries && a->n_keys == b->n_keys && a->element == b->element &&
           a->big_endian == b->big_endian && a->causal == b->causal && a->params == b->params &&
           a->input == b->input && a->n_key_heads == b->n_key_heads && a->head_dim == b->head_dim &&
           a->scale == b->scale && a->window == b->window && a->max_logits == b->max_logits &&
           same_rows(a, b) && g_str_equal(a->storage, b->storage) && b->index == a->index + 1;
}

/* Names of the learnable parameters beside the attention. */
static GPtrArray *
param_names(const EntroLayer *layer)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint param = 0; param < ENTRO_N_PARAMS; param++)
        if (layer->params & 1u << param)
            g_ptr_array_add(names, (gpointer)entro_param_name(param));
    return names;
}

/* What is stored where it is not attention, and which of it. */
static void
print_input(const EntroLayer *layer)
{
    static const char indent[] = "             ";

    if (layer->input == ENTRO_INPUT_QUERIES)
        printf("%squeries and keys of %" G_GSIZE_FORMAT
               " dimensions in place of attention, %u heads of keys, scale %.6g\n",
               indent, layer->head_dim, layer->n_key_heads, layer->scale);
    if (layer->input == ENTRO_INPUT_ROW_ENTROPY)
        printf("%srow_entropy in place of attention%s: statistics of weights stay empty\n", indent,
               layer->max_logits ? ", with row_max_logit" : "");
    if (layer->query_rows != NULL)
        printf("%sonly some queries (query_rows), at positions %" G_GINT64_FORMAT
               " to %" G_GINT64_FORMAT "\n",
               indent, layer->query_rows[0], layer->query_rows[layer->n_queries - 1]);
    if (layer->window > 0)
        printf("%swindow of %" G_GSIZE_FORMAT " keys\n", indent, layer->window);
}

static void
print_params(const EntroLayer *layer)
{
    g_autoptr(GPtrArray) names = param_names(layer);

    for (guint i = 0; i < names->len; i++)
        printf("%s%s", i ? ", " : "             with learnable ", (const char *)names->pdata[i]);
    if (names->len > 0)
        printf("\n");
}

/* Layers that are alike share a line. */
static void
print_layers(const EntroTrace *trace)
{
    for (guint first = 0, last; first < trace->n_layers; first = last + 1) {
        const EntroLayer *layer = &trace->layers[first];

        for (last = first; last + 1 < trace->n_layers; last++)
            if (!same_layer(&trace->layers[last], &trace->layers[last + 1]))
                break;
        g_autofree char *label =
            last > first ? g_strdup_printf("layers %u-%u", layer->index, trace->layers[last].index)
                         : g_strdup_printf("layer %u", layer->index);
        printf("%-12s %" G_GSIZE_FORMAT " samples x %u heads x %" G_GSIZE_FORMAT
               " queries x %" G_GSIZE_FORMAT " keys, %s%s, %s; %s\n",
               label, layer->n_samples, layer->n_heads, layer->n_queries, layer->n_keys,
               entro_element_name(layer->element), layer->big_endian ? " big-endian" : "",
               causal_word(layer->causal), layer->storage);
        print_input(layer);
        print_params(layer);
    }
}

static guint64
bytes_decoded(const EntroTrace *trace)
{
    guint64 bytes = 0;

    for (guint i = 0; i < trace->n_layers; i++)
        bytes += trace->layers[i].bytes_decoded;
    return bytes;
}

static void
print_captures(const EntroTrace *trace)
{
    guint attempts = trace->attempts[trace->n_captures - 1] - trace->attempts[0] + 1;
    g_autofree char *size = entro_format_bytes(bytes_decoded(trace));
    g_autofree char *input = entro_trace_input(trace);

    printf("captures     %" G_GSIZE_FORMAT ", steps %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
           ", %s of %s\n",
           trace->n_captures, trace->steps[0], trace->steps[trace->n_captures - 1], size, input);
    if (attempts > 1)
        printf("attempts     %u (the steps go back: the trainer was restarted)\n", attempts);
    printf("writer       %s\n",
           trace->complete ? "has closed the file" : "has not said that it is done");
}

static void
print_named(const EntroTrace *trace)
{
    for (guint i = 0; i < trace->n_scalars; i++) {
        g_autofree char *name = entro_printable(trace->scalars[i].name, -1);
        printf("%s%s (%" G_GSIZE_FORMAT ")", i ? ", " : "scalars      ", name, trace->scalars[i].n);
    }
    if (trace->n_scalars > 0)
        printf("\n");
    for (guint i = 0; i < trace->n_config; i++) {
        g_autofree char *key = entro_printable(trace->config[i].key, -1);
        g_autofree char *value = entro_printable(trace->config[i].value, -1);
        printf("%s%s = %s\n", i ? "             " : "config       ", key, value);
    }
}

/* What was recognised, as the options that say it. */
static void
print_pattern(const EntroTrace *trace)
{
    g_autofree char *quoted = g_shell_quote(trace->pattern);
    g_autofree char *options = g_strdup_printf("--layout %s --axes %s", quoted, trace->axes);

    print_line("", options);
}

static void
print_text(const EntroTrace *trace)
{
    g_autofree char *layout =
        g_strdup_printf("%s, recognised by %s; format version %u, opened %s", trace->layout,
                        trace->recognised, trace->format_version, trace->open_mode);

    print_line("file", trace->path);
    print_line("run", trace->run_name);
    print_line("producer", trace->producer);
    print_line("layout", layout);
    if (trace->pattern != NULL)
        print_pattern(trace);
    print_line("trace_uuid", trace->trace_uuid);
    print_captures(trace);
    print_layers(trace);
    if (trace->has_key_mask)
        printf("key mask     yes\n");
    if (trace->has_segment)
        printf("segments     yes (documents)\n");
    print_named(trace);
    for (guint i = 0; i < trace->notes->len; i++)
        print_line("note", trace->notes->pdata[i]);
}

/* ---- JSON ------------------------------------------------------------------------------------------------- */

static void
rows_json(JsonBuilder *builder, const EntroLayer *layer)
{
    json_builder_set_member_name(builder, "query_rows");
    json_builder_begin_array(builder);
    for (gsize i = 0; i < layer->n_queries; i++)
        json_builder_add_int_value(builder, layer->query_rows[i]);
    json_builder_end_array(builder);
}

static void
layer_json(JsonBuilder *builder, const EntroLayer *layer)
{
    json_builder_begin_object(builder);
    entro_json_integer(builder, "layer", layer->index);
    entro_json_integer(builder, "heads", layer->n_heads);
    entro_json_integer(builder, "samples", (gint64)layer->n_samples);
    entro_json_integer(builder, "queries", (gint64)layer->n_queries);
    entro_json_integer(builder, "keys", (gint64)layer->n_keys);
    entro_json_string(builder, "input", entro_input_name(layer->input));
    if (layer->input == ENTRO_INPUT_QUERIES) {
        entro_json_integer(builder, "key_heads", layer->n_key_heads);
        entro_json_integer(builder, "head_dim", (gint64)layer->head_dim);
        entro_json_real(builder, "scale", layer->scale);
    }
    if (layer->query_rows != NULL)
        rows_json(builder, layer);
    if (layer->window > 0)
        entro_json_integer(builder, "window", (gint64)layer->window);
    entro_json_string(builder, "element", entro_element_name(layer->element));
    entro_json_boolean(builder, "big_endian", layer->big_endian);
    json_builder_set_member_name(builder, "causal");
    if (layer->causal == ENTRO_CAUSAL_UNKNOWN)
        json_builder_add_null_value(builder);
    else
        json_builder_add_boolean_value(builder, layer->causal == ENTRO_CAUSAL_YES);
    entro_json_string(builder, "storage", layer->storage);
    entro_json_boolean(builder, "split_rows", layer->split_rows);
    g_autoptr(GPtrArray) params = param_names(layer);
    entro_json_strings(builder, "parameters", params);
    json_builder_end_object(builder);
}

static void
lists_json(JsonBuilder *builder, const EntroTrace *trace)
{
    json_builder_set_member_name(builder, "layers");
    json_builder_begin_array(builder);
    for (guint i = 0; i < trace->n_layers; i++)
        layer_json(builder, &trace->layers[i]);
    json_builder_end_array(builder);
    json_builder_set_member_name(builder, "scalars");
    json_builder_begin_object(builder);
    for (guint i = 0; i < trace->n_scalars; i++) {
        g_autofree char *name = g_utf8_make_valid(trace->scalars[i].name, -1);
        entro_json_integer(builder, name, (gint64)trace->scalars[i].n);
    }
    json_builder_end_object(builder);
    json_builder_set_member_name(builder, "config");
    json_builder_begin_object(builder);
    for (guint i = 0; i < trace->n_config; i++) {
        g_autofree char *key = g_utf8_make_valid(trace->config[i].key, -1);
        entro_json_string(builder, key, trace->config[i].value);
    }
    json_builder_end_object(builder);
}

static void
print_json(const EntroTrace *trace)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    entro_json_string(builder, "file", trace->path);
    entro_json_string(builder, "run", trace->run_name);
    entro_json_string(builder, "producer", trace->producer);
    entro_json_string(builder, "layout", trace->layout);
    entro_json_string(builder, "recognised_by", trace->recognised);
    if (trace->pattern != NULL) {
        entro_json_string(builder, "pattern", trace->pattern);
        entro_json_string(builder, "axes", trace->axes);
    }
    entro_json_integer(builder, "format_version", trace->format_version);
    entro_json_string(builder, "open_mode", trace->open_mode);
    entro_json_string(builder, "trace_uuid", trace->trace_uuid);
    entro_json_integer(builder, "captures", (gint64)trace->n_captures);
    entro_json_integer(builder, "first_step", trace->steps[0]);
    entro_json_integer(builder, "last_step", trace->steps[trace->n_captures - 1]);
    entro_json_integer(builder, "attempts",
                       trace->attempts[trace->n_captures - 1] - trace->attempts[0] + 1);
    entro_json_integer(builder, "context_length", (gint64)trace->context_length);
    entro_json_boolean(builder, "complete", trace->complete);
    entro_json_boolean(builder, "key_mask", trace->has_key_mask);
    entro_json_boolean(builder, "segment", trace->has_segment);
    entro_json_integer(builder, "bytes", (gint64)bytes_decoded(trace));
    lists_json(builder, trace);
    entro_json_strings(builder, "notes", trace->notes);
    entro_json_strings(builder, "problems", trace->problems);
    json_builder_end_object(builder);
    entro_print_json(builder);
}

/* ---- what is no trace ------------------------------------------------------------------------------------- */

static void
print_arrays(const EntroArrays *arrays)
{
    g_autofree char *pattern = entro_printable(arrays->pattern, -1);
    g_autofree char *remark = arrays->remark ? entro_printable(arrays->remark, -1) : NULL;

    printf("%-40s %6u  %-28s %s%s%s%s%s\n", pattern, arrays->n, arrays->shape ? arrays->shape : "-",
           arrays->axes ? "--axes " : "", arrays->axes ? arrays->axes : "", remark ? " (" : "",
           remark ? remark : "", remark ? ")" : "");
}

static void
arrays_json(const char *path, const GPtrArray *all)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    entro_json_string(builder, "file", path);
    json_builder_set_member_name(builder, "arrays");
    json_builder_begin_array(builder);
    for (guint i = 0; i < all->len; i++) {
        const EntroArrays *arrays = all->pdata[i];
        json_builder_begin_object(builder);
        entro_json_string(builder, "pattern", arrays->pattern);
        entro_json_integer(builder, "number", arrays->n);
        entro_json_string(builder, "shape", arrays->shape);
        entro_json_string(builder, "axes", arrays->axes);
        entro_json_string(builder, "remark", arrays->remark);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}

/* Where nothing was recognised, or several things: what there is, for the options to be written. */
static void
print_survey(const char *path, const EntroSourceOptions *options)
{
    EntroSourceOptions plain = {.limits = options->limits,
                                .bits_given = options->bits_given,
                                .bits = options->bits};
    g_autoptr(GPtrArray) all = entro_survey(path, &plain, NULL);

    if (all == NULL || all->len == 0)
        return;
    if (entro_common.json) {
        arrays_json(path, all);
        return;
    }
    printf("%-40s %6s  %-28s %s\n", "arrays (--layout)", "number", "shape", "axes");
    for (guint i = 0; i < MIN(all->len, SURVEY_MAX); i++)
        print_arrays(all->pdata[i]);
    if (all->len > SURVEY_MAX)
        printf("... and %u more\n", all->len - SURVEY_MAX);
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_inspect;
    EntroSourceOptions options;

    if (!entro_options_parse(&entro_command_inspect, entries, entro_source_entries, &argc, &argv,
                             error) ||
        !entro_source_options(&options, error))
        return FALSE;
    if (argc != 2)
        return entro_usage_error(error, "needs one trace FILE, got %d; see --help", argc - 1);
    g_autoptr(EntroSource) source = entro_source_open(argv[1], &options, error);
    if (source == NULL) {
        if (g_error_matches(*error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT) ||
            g_error_matches(*error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT))
            print_survey(argv[1], &options);
        return FALSE;
    }
    const EntroTrace *trace = entro_source_get_trace(source);
    (entro_common.json ? print_json : print_text)(trace);
    for (guint i = 0; i < trace->problems->len; i++) {
        g_autofree char *message =
            g_strdup_printf("%s: %s", argv[1], (char *)trace->problems->pdata[i]);
        entro_complain("inspect", message);
    }
    if (trace->problems->len > 0)
        *ret_exit = ENTRO_EXIT_PARTIAL;
    return TRUE;
}

const EntroCommand entro_command_inspect = {.name = "inspect",
                                            .arguments = "FILE",
                                            .about =
                                                "Shows what a trace holds and how it is stored",
                                            .run = run};
