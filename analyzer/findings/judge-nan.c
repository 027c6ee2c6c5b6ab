/* judge-nan.c: divergence: attention or a loss that is not a number any more.
 *
 * One capture suffices here: a number is never NaN by chance, and such a run seldom lives on. */
#include "findings-private.h"

typedef struct {
    gsize first_layer;
    guint n_layers, n_heads; /* with NaN rows */
    double n_nan, n_rows;
} NanCount;

static NanCount
count_nan(const EntroJudge *judge, gsize position)
{
    NanCount count = {.first_layer = G_MAXSIZE};

    for (gsize layer = 0; layer < judge->n_layers; layer++) {
        guint n_heads = 0;

        for (gsize head = judge->first_head[layer]; head < judge->first_head[layer + 1]; head++) {
            double n_nan = entro_judge_head(judge, ENTRO_EVIDENCE_ROWS_NAN, position, head);
            double n_rows = entro_judge_head(judge, ENTRO_EVIDENCE_ROWS, position, head);

            count.n_nan += n_nan > 0 ? n_nan : 0;
            count.n_rows += n_rows > 0 ? n_rows : 0;
            n_heads += n_nan > 0;
        }
        count.n_heads += n_heads;
        count.n_layers += n_heads > 0;
        if (n_heads > 0 && count.first_layer == G_MAXSIZE)
            count.first_layer = layer;
    }
    return count;
}

static void
add_attention(EntroJudge *judge, const EntroEpisode *episode)
{
    NanCount first = count_nan(judge, episode->onset), last = count_nan(judge, episode->last);
    guint layer = entro_judge_layer_number(judge, first.first_layer);
    g_autofree char *span = entro_words_span(judge, episode);
    EntroJson json = entro_json_begin();

    entro_json_add_int(&json, "first_layer", layer);
    entro_json_add_real(&json, "rows_nan", first.n_nan);
    entro_json_add_real(&json, "rows", first.n_rows);
    entro_json_add_int(&json, "layers_nan", last.n_layers);
    entro_json_add_int(&json, "layers", (gint64)judge->n_layers);
    entro_json_add_int(&json, "heads_nan", last.n_heads);
    entro_judge_add(judge, -1, -1, episode,
                    g_strdup_printf("The attention is not a number any more (NaN or Inf): at step "
                                    "%" G_GINT64_FORMAT " in %.0f of %.0f rows, layer %u being the "
                                    "lowest; in the end %u of %u layers are hit, %s.",
                                    entro_judge_step(judge, episode->onset), first.n_nan,
                                    first.n_rows, layer, last.n_layers, (guint)judge->n_layers,
                                    span),
                    &json);
}

void
entro_judge_attention_nan(EntroJudge *judge)
{
    EntroHysteresis hysteresis = entro_judge_hysteresis(judge);
    double least = entro_judge_parameter(judge, "rows");
    g_autofree guint8 *verdict = g_malloc(judge->n_steps);

    for (gsize i = 0; i < judge->n_steps; i++) {
        NanCount count = count_nan(judge, i);

        verdict[i] = count.n_rows == 0      ? ENTRO_VERDICT_UNKNOWN
                     : count.n_nan >= least ? ENTRO_VERDICT_BAD
                                            : ENTRO_VERDICT_GOOD;
    }
    g_autoptr(GArray) episodes = entro_episodes(verdict, judge->n_steps, &hysteresis);
    for (guint i = 0; i < episodes->len; i++)
        add_attention(judge, &g_array_index(episodes, EntroEpisode, i));
}

/* ---- the loss ------------------------------------------------------------------------------------ */

/* loss, eval_loss, reg_loss, ... */
static gboolean
is_loss(const char *name)
{
    return g_str_has_suffix(name, "loss");
}

static void
add_loss(EntroJudge *judge, const EntroScalarSeries *series, gsize first)
{
    EntroEpisode episode = {.known = TRUE};
    EntroJson json = entro_json_begin();
    GString *sentence = g_string_new(NULL);
    g_autofree char *name = entro_printable(series->name, -1);
    gsize last = first, n_bad = 0;

    for (gsize i = first; i < series->n; i++)
        if (!isfinite(series->value[i])) {
            last = i;
            n_bad++;
        }
    episode.end = last + 1 == series->n ? ENTRO_END_STILL : ENTRO_END_OVER;
    entro_json_add_text(&json, "scalar", series->name);
    entro_json_add_int(&json, "values_not_finite", (gint64)n_bad);
    entro_json_add_real(&json, "value_before", first > 0 ? series->value[first - 1] : NAN);
    g_string_printf(sentence, "The scalar %s is not a number any more at step %" G_GINT64_FORMAT,
                    name, series->step[first]);
    if (first > 0)
        g_string_append_printf(sentence, " (it was %.3g at step %" G_GINT64_FORMAT ")",
                               series->value[first - 1], series->step[first - 1]);
    g_string_append(sentence, episode.end == ENTRO_END_STILL ? ": training has diverged."
                                                             : "; later it was one again.");
    EntroFinding place = {.layer = -1,
                          .head = -1,
                          .onset_step = series->step[first],
                          .last_step =
                              episode.end == ENTRO_END_STILL ? ENTRO_STILL_SO : series->step[last],
                          .n_captures = n_bad};
    entro_judge_add_steps(judge, &place, &episode, g_string_free(sentence, FALSE), &json);
}

void
entro_judge_loss_nan(EntroJudge *judge)
{
    guint opens = (guint)entro_judge_parameter(judge, "opens");

    for (guint k = 0; k < judge->run->n_series; k++) {
        const EntroScalarSeries *series = &judge->run->series[k];
        guint n_bad = 0;

        for (gsize i = 0; is_loss(series->name) && i < series->n; i++) {
            n_bad = isfinite(series->value[i]) ? 0 : n_bad + 1;
            if (n_bad == opens) {
                add_loss(judge, series, i + 1 - opens);
                break;
            }
        }
    }
}
