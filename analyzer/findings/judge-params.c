/* judge-params.c: learnable parameters that leave their range or are not finite. */
#include "findings-private.h"

/* A parameter at one place over the captures. */
typedef struct {
    const char *name; /* "the softmax temperature of head 3 of layer 1" */
    gint64 layer, head;
    const double *value; /* [n_steps] */
    const double *also;  /* [n_steps] must be above 0, or NULL */
    gboolean absolute;   /* the range is that of |value| */
} Parameter;

static gboolean
is_outside(const EntroJudge *judge, const Parameter *parameter, gsize position)
{
    double value = parameter->value[position];

    value = parameter->absolute ? fabs(value) : value;
    return !(value >= entro_judge_parameter(judge, "low") &&
             value <= entro_judge_parameter(judge, "high")) ||
           (parameter->also != NULL && parameter->also[position] <= 0);
}

/* NaN stands for "not in the trace", too: it is bad only after there was a value, in a capture that
 * could be read whole. */
static void
judge_values(const EntroJudge *judge, const Parameter *parameter, guint8 *verdict)
{
    gboolean seen = FALSE;

    for (gsize i = 0; i < judge->n_steps; i++) {
        gboolean missing = isnan(parameter->value[i]);

        if (missing)
            verdict[i] =
                seen && judge->run->complete[i] ? ENTRO_VERDICT_BAD : ENTRO_VERDICT_UNKNOWN;
        else
            verdict[i] = is_outside(judge, parameter, i) ? ENTRO_VERDICT_BAD : ENTRO_VERDICT_GOOD;
        seen = seen || !missing;
    }
}

static void
add_runaway(EntroJudge *judge, const Parameter *parameter, const EntroEpisode *episode)
{
    double first = parameter->value[episode->onset], last = parameter->value[episode->last];
    double low = entro_judge_parameter(judge, "low"), high = entro_judge_parameter(judge, "high");
    g_autofree char *span = entro_words_span(judge, episode);
    EntroJson json = entro_json_begin();
    GString *sentence = g_string_new(NULL);

    entro_json_add_real(&json, "value_at_onset", first);
    entro_json_add_real(&json, "value_last", last);
    if (parameter->also != NULL)
        entro_json_add_real(&json, "smallest_last", parameter->also[episode->last]);
    entro_json_add_real(&json, "low", low);
    entro_json_add_real(&json, "high", high);
    g_string_printf(sentence, "The learnable %s has run away: ", parameter->name);
    if (isnan(last))
        g_string_append(sentence, "it is not finite any more");
    else
        g_string_append_printf(sentence, "it is %.4g%s, outside of %g to %g", last,
                               parameter->also != NULL && parameter->also[episode->last] <= 0
                                   ? " on average and not above 0 for some queries"
                                   : "",
                               low, high);
    g_string_append_printf(sentence, ", %s.", span);
    entro_judge_add(judge, parameter->layer, parameter->head, episode,
                    g_string_free(sentence, FALSE), &json);
}

static void
judge_parameter(EntroJudge *judge, const Parameter *parameter)
{
    EntroHysteresis hysteresis = entro_judge_hysteresis(judge);
    g_autofree guint8 *verdict = g_malloc(judge->n_steps);

    judge_values(judge, parameter, verdict);
    g_autoptr(GArray) episodes = entro_episodes(verdict, judge->n_steps, &hysteresis);
    for (guint i = 0; i < episodes->len; i++)
        add_runaway(judge, parameter, &g_array_index(episodes, EntroEpisode, i));
}

/* ---- of heads ------------------------------------------------------------------------------------ */

static void
judge_of_heads(EntroJudge *judge, const char *word, EntroEvidenceHeadColumn column,
               const EntroEvidenceHeadColumn *also)
{
    g_autofree double *values = g_new(double, 2 * judge->n_steps);
    double *others = values + judge->n_steps;

    for (gsize head = 0; head < judge->n_heads; head++) {
        guint layer = judge->run->heads->layer[head], number = judge->run->heads->head[head];
        g_autofree char *name = g_strdup_printf("%s of head %u of layer %u", word, number, layer);
        Parameter parameter = {name, layer, number, values, also != NULL ? others : NULL, FALSE};

        for (gsize i = 0; i < judge->n_steps; i++) {
            values[i] = entro_judge_head(judge, column, i, head);
            others[i] = also != NULL ? entro_judge_head(judge, *also, i, head) : NAN;
        }
        judge_parameter(judge, &parameter);
    }
}

/* The mean over the queries: single queries, of which the trace has few, reach the trainer's guard
 * without harm.  At or below 0 attention turns round. */
void
entro_judge_temperature(EntroJudge *judge)
{
    static const EntroEvidenceHeadColumn smallest = ENTRO_EVIDENCE_TEMPERATURE_MIN;

    judge_of_heads(judge, "softmax temperature", ENTRO_EVIDENCE_TEMPERATURE, &smallest);
}

void
entro_judge_threshold(EntroJudge *judge)
{
    judge_of_heads(judge, "entropy threshold", ENTRO_EVIDENCE_THRESHOLD, NULL);
}

/* ---- of layers ----------------------------------------------------------------------------------- */

static void
judge_of_layers(EntroJudge *judge, const char *word, EntroEvidenceLayerColumn column)
{
    g_autofree double *values = g_new(double, judge->n_steps);

    for (gsize layer = 0; layer < judge->n_layers; layer++) {
        guint number = entro_judge_layer_number(judge, layer);
        g_autofree char *name = g_strdup_printf("FFN scaling %s of layer %u", word, number);
        Parameter parameter = {name, number, -1, values, NULL, TRUE};

        for (gsize i = 0; i < judge->n_steps; i++)
            values[i] = entro_judge_layer(judge, column, i, layer);
        judge_parameter(judge, &parameter);
    }
}

void
entro_judge_scaling(EntroJudge *judge)
{
    judge_of_layers(judge, "alpha", ENTRO_EVIDENCE_ALPHA);
    judge_of_layers(judge, "beta", ENTRO_EVIDENCE_BETA);
}
