/* evidence.c: what a run is judged by, made and freed. */
#include "entro-findings.h"

static const char *const head_columns[] = {
    [ENTRO_EVIDENCE_ENTROPY] = "entropy_mean",
    [ENTRO_EVIDENCE_CEILING] = "entropy_ceiling",
    [ENTRO_EVIDENCE_ROWS] = "n_rows",
    [ENTRO_EVIDENCE_ROWS_NAN] = "n_nan",
    [ENTRO_EVIDENCE_ROWS_MASKED] = "n_masked",
    [ENTRO_EVIDENCE_THRESHOLD] = "threshold",
    [ENTRO_EVIDENCE_TEMPERATURE] = "temperature_mean",
    [ENTRO_EVIDENCE_TEMPERATURE_MIN] = "temperature_min",
};

static const char *const layer_columns[] = {
    [ENTRO_EVIDENCE_DIVERSITY] = "diversity",
    [ENTRO_EVIDENCE_ALPHA] = "alpha",
    [ENTRO_EVIDENCE_BETA] = "beta",
};

G_STATIC_ASSERT(G_N_ELEMENTS(head_columns) == ENTRO_EVIDENCE_N_HEAD_COLUMNS);
G_STATIC_ASSERT(G_N_ELEMENTS(layer_columns) == ENTRO_EVIDENCE_N_LAYER_COLUMNS);

const char *const *
entro_evidence_head_columns(void)
{
    return head_columns;
}

const char *const *
entro_evidence_layer_columns(void)
{
    return layer_columns;
}

/* ---- making ------------------------------------------------------------------------------------ */

static EntroHistory *
new_history(const gint64 *step, gsize n_steps, const guint *layer, const guint *head, gsize n_heads,
            guint n_columns)
{
    EntroHistory *history = g_new0(EntroHistory, 1);

    history->n_steps = n_steps;
    history->step = g_memdup2(step, n_steps * sizeof *step);
    history->n_heads = n_heads;
    history->layer = g_memdup2(layer, n_heads * sizeof *layer);
    history->head = g_memdup2(head, n_heads * sizeof *head);
    history->n_columns = n_columns;
    history->value = g_new0(double *, n_columns);
    for (guint column = 0; column < n_columns; column++) {
        history->value[column] = g_new(double, n_steps *n_heads);
        for (gsize cell = 0; cell < n_steps * n_heads; cell++)
            history->value[column][cell] = NAN;
    }
    return history;
}

static gsize
find_layers(const guint *layer, gsize n_heads, guint *ret_layer)
{
    gsize n = 0;

    for (gsize i = 0; i < n_heads; i++)
        if (n == 0 || ret_layer[n - 1] != layer[i])
            ret_layer[n++] = layer[i];
    return n;
}

EntroEvidence *
entro_evidence_take(EntroHistory *heads)
{
    EntroEvidence *evidence = g_new0(EntroEvidence, 1);
    g_autofree guint *layers = g_new(guint, heads->n_heads);
    g_autofree guint *zeros = g_new0(guint, heads->n_heads);
    gsize n_layers = find_layers(heads->layer, heads->n_heads, layers);

    evidence->heads = heads;
    evidence->layers = new_history(heads->step, heads->n_steps, layers, zeros, n_layers,
                                   ENTRO_EVIDENCE_N_LAYER_COLUMNS);
    evidence->complete = g_malloc(MAX(heads->n_steps, 1));
    memset(evidence->complete, 1, heads->n_steps);
    return evidence;
}

EntroEvidence *
entro_evidence_new(const gint64 *step, gsize n_steps, const guint *layer, const guint *head,
                   gsize n_heads)
{
    return entro_evidence_take(
        new_history(step, n_steps, layer, head, n_heads, ENTRO_EVIDENCE_N_HEAD_COLUMNS));
}

void
entro_evidence_add_series(EntroEvidence *evidence, const char *name, const gint64 *step,
                          const double *value, gsize n)
{
    EntroScalarSeries series = {g_strdup(name), n, g_memdup2(step, n * sizeof *step),
                                g_memdup2(value, n * sizeof *value)};

    evidence->series = g_renew(EntroScalarSeries, evidence->series, evidence->n_series + 1);
    evidence->series[evidence->n_series++] = series;
}

void
entro_evidence_free(EntroEvidence *evidence)
{
    if (evidence == NULL)
        return;
    entro_history_free(evidence->heads);
    entro_history_free(evidence->layers);
    g_free(evidence->complete);
    for (guint i = 0; i < evidence->n_series; i++) {
        g_free(evidence->series[i].name);
        g_free(evidence->series[i].step);
        g_free(evidence->series[i].value);
    }
    g_free(evidence->series);
    g_free(evidence);
}
