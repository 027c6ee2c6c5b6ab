/* writer-options.c: whether a trace that is asked for is one that readers would take.
 *
 * Refused before a file is made: what cannot be read again is not worth a training run. */
#include "loader-private.h"

G_GNUC_PRINTF(3, 4)
static gboolean
refuse(const char *path, GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT, "%s: cannot write %s", path,
                what);
    return FALSE;
}

static gboolean
check_sizes(const char *path, const EntroWriterOptions *options, GError **error)
{
    EntroLimits limits = ENTRO_LIMITS_DEFAULT;
    guint n_heads_max = 0, n_heads_min = G_MAXUINT;

    for (guint layer = 0; layer < options->n_layers; layer++) {
        n_heads_max = MAX(n_heads_max, options->n_heads[layer]);
        n_heads_min = MIN(n_heads_min, options->n_heads[layer]);
    }
    if (options->n_layers >= 1 && options->n_layers <= limits.max_layers && n_heads_min >= 1 &&
        n_heads_max <= limits.max_heads && options->n_samples >= 1 &&
        options->n_samples <= limits.max_samples && options->n_queries >= 1 &&
        options->n_queries <= limits.max_seq && options->n_keys >= 1 &&
        options->n_keys <= limits.max_seq && options->n_queries <= options->n_keys &&
        options->deflate <= 9)
        return TRUE;
    return refuse(path, error,
                  "a trace of %u layers, up to %u heads, %" G_GSIZE_FORMAT
                  " samples, %" G_GSIZE_FORMAT " queries, %" G_GSIZE_FORMAT
                  " keys, deflate %u: each must be at least 1 and within the "
                  "limits of the format, and the queries no more than the keys",
                  options->n_layers, n_heads_max, options->n_samples, options->n_queries,
                  options->n_keys, options->deflate);
}

static gboolean
check_queries(const char *path, const EntroWriterOptions *options, GError **error)
{
    EntroLimits limits = ENTRO_LIMITS_DEFAULT;

    if (options->head_dim < 1 || options->head_dim > limits.max_seq)
        return refuse(path, error,
                      "queries of %" G_GSIZE_FORMAT " dimensions, expected 1 to %" G_GSIZE_FORMAT,
                      options->head_dim, limits.max_seq);
    if (!isfinite(options->scale))
        return refuse(path, error, "the scale %g, expected a number", options->scale);
    for (guint layer = 0; options->n_key_heads != NULL && layer < options->n_layers; layer++)
        if (options->n_key_heads[layer] < 1 ||
            options->n_heads[layer] % options->n_key_heads[layer] != 0)
            return refuse(path, error,
                          "%u heads that share %u heads of keys in layer %u, expected a divisor",
                          options->n_heads[layer], options->n_key_heads[layer], layer);
    return TRUE;
}

/* What belongs to another kind of input would be forgotten without a word. */
static gboolean
check_input(const char *path, const EntroWriterOptions *options, GError **error)
{
    switch (options->input) {
    case ENTRO_INPUT_QUERIES:
        return (!options->max_logits || refuse(path, error, "largest logits beside queries")) &&
               check_queries(path, options, error);
    case ENTRO_INPUT_ROW_ENTROPY:
    case ENTRO_INPUT_ATTENTION:
        if (options->n_key_heads != NULL || options->head_dim != 0 || options->scale != 0)
            return refuse(path, error, "heads of keys, dimensions or a scale without queries");
        return options->input == ENTRO_INPUT_ROW_ENTROPY || !options->max_logits ||
               refuse(path, error, "largest logits beside attention");
    }
    return refuse(path, error, "the kind of input %d, which is not known", (int)options->input);
}

static gboolean
check_query_rows(const char *path, const EntroWriterOptions *options, GError **error)
{
    const gint64 *rows = options->query_rows;

    for (gsize i = 0; rows != NULL && i < options->n_queries; i++)
        if (rows[i] < 0 || rows[i] >= (gint64)options->n_keys || (i > 0 && rows[i] <= rows[i - 1]))
            return refuse(path, error,
                          "row %" G_GINT64_FORMAT " as stored row %" G_GSIZE_FORMAT
                          ": expected ascending positions below %" G_GSIZE_FORMAT,
                          rows[i], i, options->n_keys);
    return TRUE;
}

gboolean
entro_writer_check(const char *path, const EntroWriterOptions *options, GError **error)
{
    return check_sizes(path, options, error) && check_input(path, options, error) &&
           check_query_rows(path, options, error);
}
