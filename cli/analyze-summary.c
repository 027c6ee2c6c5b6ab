/* analyze-summary.c: what `analyze` tells about a run, in words and as JSON. */
#include "command.h"

#include <stdio.h>
#include <string.h>

/* ---- collecting ------------------------------------------------------------------------------------ */

void
entro_summary_free(EntroAnalyzeSummary *summary)
{
    g_free(summary->file);
    g_free(summary->run_name);
    g_free(summary->scalar);
    g_ptr_array_unref(summary->notes);
    g_ptr_array_unref(summary->problems);
    g_clear_pointer(&summary->found, g_ptr_array_unref);
    g_clear_pointer(&summary->found_before, g_ptr_array_unref);
    g_free(summary);
}

/* What the summary says of heads and layers is of the last capture in which one has a value. */
static void
see_heads(EntroAnalyzeSummary *summary, const EntroCapture *capture)
{
    summary->step = capture->step;
    summary->n_counted = summary->n_overloaded = summary->n_collapsed = summary->n_without = 0;
    for (guint i = 0; i < capture->n_heads; i++) {
        double entropy = capture->heads[i].values[ENTRO_HEAD_ENTROPY_MEAN];
        double ceiling = capture->heads[i].values[ENTRO_HEAD_ENTROPY_CEILING];

        summary->n_without += isnan(entropy);
        summary->n_counted += !isnan(entropy);
        summary->n_overloaded += ceiling > 0 && entropy >= ENTRO_HEAD_OVERLOAD * ceiling;
        summary->n_collapsed += entropy < ENTRO_HEAD_COLLAPSE * ceiling;
    }
}

static void
see_layers(EntroAnalyzeSummary *summary, const EntroCapture *capture)
{
    summary->highest.entropy = -INFINITY;
    summary->lowest.entropy = INFINITY;
    for (guint i = 0; i < capture->n_layers; i++) {
        const EntroLayerStats *layer = &capture->layers[i];
        double entropy = layer->values[ENTRO_LAYER_ENTROPY_MEAN];
        EntroLayerExtreme extreme = {layer->layer, entropy,
                                     layer->values[ENTRO_LAYER_ENTROPY_CEILING]};

        if (entropy > summary->highest.entropy)
            summary->highest = extreme;
        if (entropy < summary->lowest.entropy)
            summary->lowest = extreme;
    }
}

static gboolean
has_value(const EntroCapture *capture)
{
    for (guint i = 0; i < capture->n_heads; i++)
        if (!isnan(capture->heads[i].values[ENTRO_HEAD_ENTROPY_MEAN]))
            return TRUE;
    return FALSE;
}

/* One sentence a capture; the database has one a layer or parameter. */
static char *
describe_problem(const EntroCapture *capture)
{
    g_auto(GStrv) parts = g_strsplit(capture->detail, "\n", -1);
    guint n_parts = g_strv_length(parts);

    if (n_parts == 1)
        return g_strdup_printf("step %" G_GINT64_FORMAT ": %s", capture->step, parts[0]);
    return g_strdup_printf("step %" G_GINT64_FORMAT ": %u parts could not be read, the first: %s",
                           capture->step, n_parts, parts[0]);
}

void
entro_summary_add(EntroAnalyzeSummary *summary, const EntroCapture *capture)
{
    gint64 n_nan = summary->n_nan;

    summary->n_new++;
    summary->n_partial += capture->status == ENTRO_CAPTURE_PARTIAL;
    summary->n_rows += capture->n_rows;
    for (guint i = 0; i < capture->n_heads; i++) {
        summary->n_nan += capture->heads[i].n_nan;
        summary->n_masked += capture->heads[i].n_masked;
        summary->n_off_sum += capture->heads[i].n_off_sum;
    }
    if (has_value(capture)) {
        see_heads(summary, capture);
        see_layers(summary, capture);
    }
    if (summary->n_nan > n_nan && summary->first_nan_step == G_MININT64)
        summary->first_nan_step = capture->step;
    if (capture->detail != NULL)
        g_ptr_array_add(summary->problems, describe_problem(capture));
}

static void
join_last(EntroAnalyzeSummary *summary, const EntroAnalyzeSummary *earlier)
{
    summary->step = earlier->step;
    summary->n_counted = earlier->n_counted;
    summary->n_overloaded = earlier->n_overloaded;
    summary->n_collapsed = earlier->n_collapsed;
    summary->n_without = earlier->n_without;
    summary->highest = earlier->highest;
    summary->lowest = earlier->lowest;
}

void
entro_summary_join(EntroAnalyzeSummary *summary, const EntroAnalyzeSummary *earlier)
{
    summary->n_new += earlier->n_new;
    summary->n_known -= MIN(summary->n_known, earlier->n_new);
    summary->n_partial += earlier->n_partial;
    summary->n_rows += earlier->n_rows;
    summary->n_nan += earlier->n_nan;
    summary->n_masked += earlier->n_masked;
    summary->n_off_sum += earlier->n_off_sum;
    summary->bytes += earlier->bytes;
    summary->seconds += earlier->seconds;
    if (earlier->first_nan_step != G_MININT64)
        summary->first_nan_step = earlier->first_nan_step;
    if (summary->step == G_MININT64)
        join_last(summary, earlier);
    for (guint i = 0; i < earlier->notes->len; i++)
        if (!g_ptr_array_find_with_equal_func(summary->notes, earlier->notes->pdata[i], g_str_equal,
                                              NULL))
            g_ptr_array_add(summary->notes, g_strdup(earlier->notes->pdata[i]));
    if (summary->judged || !earlier->judged)
        return;
    summary->judged = TRUE;
    memcpy(summary->n_findings, earlier->n_findings, sizeof summary->n_findings);
    summary->found = earlier->found ? g_ptr_array_ref(earlier->found) : NULL;
}

/* ---- words ---------------------------------------------------------------------------------------- */

static gint64
bad_rows(const EntroAnalyzeSummary *summary)
{
    return summary->n_nan + summary->n_masked + summary->n_off_sum;
}

/* Weights that a mask or a dropout has changed are still weights in most of the rows. */
static gboolean
looks_like_logits(const EntroAnalyzeSummary *summary)
{
    return summary->n_off_sum > 0 && 2 * summary->n_off_sum > summary->n_rows - summary->n_masked;
}

static void
print_rows(const EntroAnalyzeSummary *summary)
{
    printf("  rows: %" G_GINT64_FORMAT, summary->n_rows);
    if (bad_rows(summary) == 0)
        printf(", all valid\n");
    else
        printf(", of these left out: %" G_GINT64_FORMAT " NaN, %" G_GINT64_FORMAT
               " masked, %" G_GINT64_FORMAT " off their sum\n",
               summary->n_nan, summary->n_masked, summary->n_off_sum);
    if (looks_like_logits(summary))
        printf("  most rows do not sum to 1: are these logits, stored before the softmax?\n");
    if (summary->first_nan_step != G_MININT64)
        printf("  NaN since step %" G_GINT64_FORMAT ": the run has diverged\n",
               summary->first_nan_step);
}

static double
percent(guint part, guint whole)
{
    return whole > 0 ? 100.0 * part / whole : 0;
}

static void
print_entropy(const EntroAnalyzeSummary *summary)
{
    guint n_heads = summary->n_counted + summary->n_without;

    if (summary->step == G_MININT64) {
        printf("  no head has a valid row in any new capture\n");
        return;
    }
    printf("  at step %" G_GINT64_FORMAT
           ": entropy is highest in layer %u (%.2f of at most %.2f nats), lowest in layer %u (%.2f "
           "of %.2f)\n",
           summary->step, summary->highest.layer, summary->highest.entropy,
           summary->highest.ceiling, summary->lowest.layer, summary->lowest.entropy,
           summary->lowest.ceiling);
    printf("  of %u heads: %u (%.0f %%) overloaded (>= %g of the ceiling), %u (%.0f %%) collapsed "
           "(< %g of it), %u without a valid row\n",
           n_heads, summary->n_overloaded, percent(summary->n_overloaded, n_heads),
           ENTRO_HEAD_OVERLOAD, summary->n_collapsed, percent(summary->n_collapsed, n_heads),
           ENTRO_HEAD_COLLAPSE, summary->n_without);
}

static void
print_findings(const EntroAnalyzeSummary *summary)
{
    g_autofree char *found = entro_format_findings(TRUE, summary->n_findings);

    if (summary->judged)
        printf("  findings: %s ('entroscope report' tells them)\n", found);
}

static const char *
plural(guint n)
{
    return n == 1 ? "" : "s";
}

void
entro_summary_print(const EntroAnalyzeSummary *summary)
{
    g_autofree char *file = entro_printable(summary->file, -1);
    g_autofree char *name = entro_printable(summary->run_name, -1);

    printf("%s: run %s (#%" G_GINT64_FORMAT "), ", file, name, summary->run_id);
    if (summary->attempt > 1)
        printf("attempt %u, ", summary->attempt);
    printf("%" G_GSIZE_FORMAT " new captures", summary->n_new);
    if (summary->n_partial > 0)
        printf(" (%" G_GSIZE_FORMAT " of them not whole)", summary->n_partial);
    if (summary->n_known > 0)
        printf(" (%" G_GSIZE_FORMAT " were stored before", summary->n_known);
    if (summary->n_known > 0 && summary->verified)
        printf(", %" G_GSIZE_FORMAT " read again and the same", summary->n_checked);
    if (summary->n_known > 0)
        putchar(')');
    printf(", steps %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ", %u layer%s, %s%u head%s each\n",
           summary->first_step, summary->last_step, summary->n_layers, plural(summary->n_layers),
           summary->even ? "" : "up to ", summary->n_heads, plural(summary->n_heads));
    if (summary->n_new == 0)
        return;
    print_rows(summary);
    print_entropy(summary);
    print_findings(summary);
    g_autofree char *size = entro_format_bytes(summary->bytes);
    if (summary->seconds > 0)
        printf("  %s in %.2f s: %.2f GB/s (%s)\n", size, summary->seconds,
               (double)summary->bytes / 1e9 / summary->seconds, entro_kernel_name());
}

static void
layer_json(JsonBuilder *builder, const char *name, guint layer, double entropy, double ceiling)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    entro_json_integer(builder, "layer", layer);
    entro_json_real(builder, "entropy", entropy);
    entro_json_real(builder, "ceiling", ceiling);
    json_builder_end_object(builder);
}

static void
last_json(const EntroAnalyzeSummary *summary, JsonBuilder *builder)
{
    json_builder_set_member_name(builder, "last");
    if (summary->step == G_MININT64) {
        json_builder_add_null_value(builder);
        return;
    }
    json_builder_begin_object(builder);
    entro_json_integer(builder, "step", summary->step);
    entro_json_integer(builder, "heads", summary->n_counted + summary->n_without);
    entro_json_integer(builder, "heads_overloaded", summary->n_overloaded);
    entro_json_integer(builder, "heads_collapsed", summary->n_collapsed);
    entro_json_integer(builder, "heads_without_valid_row", summary->n_without);
    layer_json(builder, "highest", summary->highest.layer, summary->highest.entropy,
               summary->highest.ceiling);
    layer_json(builder, "lowest", summary->lowest.layer, summary->lowest.entropy,
               summary->lowest.ceiling);
    json_builder_end_object(builder);
}

void
entro_summary_json(const EntroAnalyzeSummary *summary, JsonBuilder *builder)
{
    json_builder_begin_object(builder);
    entro_json_string(builder, "file", summary->file);
    entro_json_string(builder, "run", summary->run_name);
    entro_json_integer(builder, "run_id", summary->run_id);
    entro_json_integer(builder, "attempt", summary->attempt);
    entro_json_integer(builder, "captures_new", (gint64)summary->n_new);
    entro_json_integer(builder, "captures_known", (gint64)summary->n_known);
    entro_json_integer(builder, "captures_checked", (gint64)summary->n_checked);
    entro_json_integer(builder, "captures_partial", (gint64)summary->n_partial);
    entro_json_integer(builder, "first_step", summary->first_step);
    entro_json_integer(builder, "last_step", summary->last_step);
    entro_json_integer(builder, "layers", summary->n_layers);
    entro_json_integer(builder, "heads", summary->n_heads);
    entro_json_integer(builder, "rows", summary->n_rows);
    entro_json_integer(builder, "rows_nan", summary->n_nan);
    entro_json_integer(builder, "rows_masked", summary->n_masked);
    entro_json_integer(builder, "rows_off_sum", summary->n_off_sum);
    entro_json_boolean(builder, "looks_like_logits", looks_like_logits(summary));
    json_builder_set_member_name(builder, "first_nan_step");
    if (summary->first_nan_step == G_MININT64)
        json_builder_add_null_value(builder);
    else
        json_builder_add_int_value(builder, summary->first_nan_step);
    last_json(summary, builder);
    entro_json_findings(builder, summary->judged, summary->n_findings);
    entro_json_real(builder, "gigabytes", (double)summary->bytes / 1e9);
    entro_json_real(builder, "seconds", summary->seconds);
    entro_json_strings(builder, "notes", summary->notes);
    entro_json_strings(builder, "problems", summary->problems);
    json_builder_end_object(builder);
}

void
entro_summaries_json(const GPtrArray *summaries, JsonBuilder *builder)
{
    json_builder_set_member_name(builder, "runs");
    json_builder_begin_array(builder);
    for (guint i = 0; i < summaries->len; i++)
        entro_summary_json(summaries->pdata[i], builder);
    json_builder_end_array(builder);
}

/* ---- what stderr is told ------------------------------------------------------------------------------ */

/* So many of one run's problems are told on stderr; --json has all. */
#define TOLD_PROBLEMS 20

static void
complain_about(const EntroAnalyzeSummary *summary, const char *command)
{
    guint n = summary->problems->len;
    guint n_told = n > TOLD_PROBLEMS + 1 ? TOLD_PROBLEMS : n;

    for (guint i = 0; i < n_told; i++) {
        g_autofree char *message =
            g_strdup_printf("%s: %s", summary->file, (char *)summary->problems->pdata[i]);
        entro_complain(command, message);
    }
    if (n_told < n) {
        g_autofree char *message =
            g_strdup_printf("%s: and %u problems more", summary->file, n - n_told);
        entro_complain(command, message);
    }
}

void
entro_summaries_say(const GPtrArray *summaries, const char *command)
{
    for (guint i = 0; i < summaries->len; i++) {
        const EntroAnalyzeSummary *summary = summaries->pdata[i];
        for (guint j = 0; j < summary->notes->len; j++)
            entro_say("%s: note: %s", summary->file, (char *)summary->notes->pdata[j]);
        complain_about(summary, command);
    }
}
