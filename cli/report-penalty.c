/* report-penalty.c: the regularizer of the paper on stored head means: whom it would penalise. */
#include "report.h"

/* ---- computing -------------------------------------------------------------------------------------- */

static gboolean
find_step(const EntroCase *one, gint64 wanted, gsize *ret_position, GError **error)
{
    const EntroHistory *heads = one->evidence->heads;

    if (heads->n_steps == 0)
        return entro_usage_error(error, "--penalty: run \"%s\" has no captures", one->run->name);
    *ret_position = heads->n_steps - 1;
    if (wanted == ENTRO_STEP_LAST)
        return TRUE;
    for (gsize i = 0; i < heads->n_steps; i++)
        if (heads->step[i] == wanted) {
            *ret_position = i;
            return TRUE;
        }
    return entro_usage_error(error,
                             "--step: run \"%s\" has no capture at step %" G_GINT64_FORMAT
                             "; its %" G_GSIZE_FORMAT " captures lie between %" G_GINT64_FORMAT
                             " and %" G_GINT64_FORMAT,
                             one->run->name, wanted, heads->n_steps, heads->step[0],
                             heads->step[heads->n_steps - 1]);
}

static EntroHeadPenalty *
collect_heads(const EntroHistory *heads, gsize position, const EntroPenaltyOptions *options,
              gboolean *ret_any_theta)
{
    EntroHeadPenalty *penalties = g_new0(EntroHeadPenalty, MAX(heads->n_heads, 1));

    *ret_any_theta = FALSE;
    for (gsize i = 0; i < heads->n_heads; i++) {
        gsize cell = position * heads->n_heads + i;

        penalties[i].layer = heads->layer[i];
        penalties[i].head = heads->head[i];
        penalties[i].entropy = heads->value[ENTRO_EVIDENCE_ENTROPY][cell];
        penalties[i].theta =
            options->learned ? heads->value[ENTRO_EVIDENCE_THRESHOLD][cell] : options->theta;
        *ret_any_theta = *ret_any_theta || !isnan(penalties[i].theta);
    }
    return penalties;
}

gboolean
entro_penalty_report(const EntroCase *one, const EntroPenaltyOptions *options,
                     EntroPenaltyReport *ret_report, GError **error)
{
    gboolean any_theta = FALSE;
    gsize position = 0;

    if (!find_step(one, options->step, &position, error))
        return FALSE;
    if (one->run->context_length < 2)
        return entro_usage_error(error,
                                 "--penalty: run \"%s\" has a context length of %" G_GINT64_FORMAT
                                 ", expected at least 2 keys: the scale is ln T",
                                 one->run->name, one->run->context_length);
    ret_report->options = *options;
    ret_report->step = one->evidence->heads->step[position];
    ret_report->ln_t = log((double)one->run->context_length);
    ret_report->n_heads = one->evidence->heads->n_heads;
    ret_report->heads = collect_heads(one->evidence->heads, position, options, &any_theta);
    if (!any_theta && ret_report->n_heads > 0)
        return entro_usage_error(error,
                                 "--theta learned: run \"%s\" has no learned thresholds at step "
                                 "%" G_GINT64_FORMAT "; give a number",
                                 one->run->name, ret_report->step);
    ret_report->total =
        entro_penalty(ret_report->heads, ret_report->n_heads, ret_report->ln_t, options->gamma);
    return TRUE;
}

void
entro_penalty_clear(EntroPenaltyReport *report)
{
    g_clear_pointer(&report->heads, g_free);
}

/* ---- saying ----------------------------------------------------------------------------------------- */

static guint
count_penalised(const EntroPenaltyReport *report)
{
    guint n = 0;

    for (gsize i = 0; i < report->n_heads; i++)
        n += report->heads[i].penalty > 0;
    return n;
}

static void
append_heads(const EntroPenaltyReport *report, GString *out)
{
    gboolean any = FALSE;

    for (gsize i = 0; i < report->n_heads; i++) {
        const EntroHeadPenalty *head = &report->heads[i];

        if (i == 0 || head->layer != report->heads[i - 1].layer)
            any = FALSE;
        if (!(head->penalty > 0))
            continue;
        if (!any)
            g_string_append_printf(out, "%s  layer %u:", out->len > 0 ? "\n" : "", head->layer);
        g_string_append_printf(out, " %u (%.3f)", head->head, copysign(head->penalty, head->delta));
        any = TRUE;
    }
}

void
entro_penalty_text(const EntroPenaltyReport *report, GString *out)
{
    g_autoptr(GString) heads = g_string_new(NULL);
    guint n = count_penalised(report);

    append_heads(report, heads);
    g_string_append(out, "Entropy regularizer (Algorithm 1 of arXiv 2501.03489), ");
    if (report->options.learned)
        g_string_append(out, "learned thresholds");
    else
        g_string_append_printf(out, "theta %g", report->options.theta);
    g_string_append_printf(out, ", gamma %g, ln T = %.3f, step %" G_GINT64_FORMAT ":\n",
                           report->options.gamma, report->ln_t, report->step);
    if (isnan(report->total)) {
        g_string_append(out, "  no head has a value\n");
        return;
    }
    g_string_append_printf(out,
                           "  %u of %" G_GSIZE_FORMAT " heads penalised, L_ent = %.6g nats^2%s\n",
                           n, report->n_heads, report->total,
                           n > 0 ? "; by head, delta^2, with - where the entropy is too low:" : "");
    if (n > 0)
        g_string_append_printf(out, "%s\n", heads->str);
}

void
entro_penalty_json(const EntroPenaltyReport *report, JsonBuilder *builder)
{
    json_builder_set_member_name(builder, "penalty");
    json_builder_begin_object(builder);
    entro_json_integer(builder, "step", report->step);
    entro_json_real(builder, "theta", report->options.learned ? NAN : report->options.theta);
    entro_json_boolean(builder, "learned", report->options.learned);
    entro_json_real(builder, "gamma", report->options.gamma);
    entro_json_real(builder, "ln_t", report->ln_t);
    entro_json_integer(builder, "heads_penalised", count_penalised(report));
    entro_json_real(builder, "total", report->total);
    json_builder_set_member_name(builder, "heads");
    json_builder_begin_array(builder);
    for (gsize i = 0; i < report->n_heads; i++) {
        const EntroHeadPenalty *head = &report->heads[i];

        json_builder_begin_object(builder);
        entro_json_integer(builder, "layer", head->layer);
        entro_json_integer(builder, "head", head->head);
        entro_json_real(builder, "entropy", head->entropy);
        entro_json_real(builder, "theta", head->theta);
        entro_json_real(builder, "delta", head->delta);
        entro_json_real(builder, "penalty", head->penalty);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
}
