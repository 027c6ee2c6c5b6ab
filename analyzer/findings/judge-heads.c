/* judge-heads.c: heads that are of no use: dead ones, blind ones, ones that do what others do. */
#include "findings-private.h"

/* ---- dead ---------------------------------------------------------------------------------------- */

typedef struct {
    double tolerance, edge; /* fractions of the ceiling */
    double lowest, highest; /* so far */
} Stillness;

/* At the ceiling or at 0, and no farther than the tolerance from the captures after it. */
static gboolean
is_still(Stillness *still, double level)
{
    double lowest = fmin(still->lowest, level), highest = fmax(still->highest, level);

    if (!(level >= 1 - still->edge || level <= still->edge) || highest - lowest > still->tolerance)
        return FALSE;
    still->lowest = lowest;
    still->highest = highest;
    return TRUE;
}

/* Walks back from the last capture with a value: what moved again later was not dead.  Returns how
 * many captures it stood still for. */
static gsize
find_death(const EntroJudge *judge, gsize head, Stillness *still, EntroEpisode *ret_episode)
{
    gsize n = 0;

    *ret_episode = (EntroEpisode){.known = TRUE};
    for (gsize i = judge->n_steps; i-- > 0;) {
        double ceiling = entro_judge_head(judge, ENTRO_EVIDENCE_CEILING, i, head);
        double level = entro_judge_head(judge, ENTRO_EVIDENCE_ENTROPY, i, head) / ceiling;

        if (!isfinite(level))
            continue;
        if (!is_still(still, level))
            break;
        if (n == 0)
            ret_episode->last = i;
        ret_episode->onset = i;
        n++;
    }
    ret_episode->n_bad = n;
    ret_episode->end = ret_episode->last + 1 == judge->n_steps ? ENTRO_END_STILL : ENTRO_END_LOST;
    return n;
}

static void
add_dead(EntroJudge *judge, gsize head, const EntroEpisode *episode, const Stillness *still)
{
    guint layer = judge->run->heads->layer[head], number = judge->run->heads->head[head];
    double entropy = entro_judge_head(judge, ENTRO_EVIDENCE_ENTROPY, episode->last, head);
    double ceiling = entro_judge_head(judge, ENTRO_EVIDENCE_CEILING, episode->last, head);
    gboolean full = entropy >= 0.5 * ceiling;
    g_autofree char *span = entro_words_span(judge, episode);
    EntroJson json = entro_json_begin();

    entro_json_add_text(&json, "stays_at", full ? "ceiling" : "0");
    entro_json_add_real(&json, "entropy", entropy);
    entro_json_add_real(&json, "ceiling", ceiling);
    entro_json_add_real(&json, "moved", still->highest - still->lowest);
    entro_json_add_real(&json, "limit", still->tolerance);
    entro_judge_add(judge, layer, number, episode,
                    g_strdup_printf("Head %u of layer %u is dead: %s, and its entropy (%.3f of "
                                    "%.3f nats) moves by no more than %g of its ceiling, %s.",
                                    number, layer,
                                    full ? "it attends to everything alike"
                                         : "it attends to one key alone",
                                    entropy, ceiling, still->tolerance, span),
                    &json);
}

void
entro_judge_dead_head(EntroJudge *judge)
{
    double least = entro_judge_parameter(judge, "captures");
    double grace = entro_judge_parameter(judge, "grace");

    least = fmax(least, ceil(grace * (double)judge->n_steps) + 1);
    for (gsize head = 0; head < judge->n_heads; head++) {
        EntroEpisode episode;
        Stillness still = {.tolerance = entro_judge_parameter(judge, "tolerance"),
                           .edge = entro_judge_parameter(judge, "edge"),
                           .lowest = INFINITY,
                           .highest = -INFINITY};

        if ((double)find_death(judge, head, &still, &episode) >= least)
            add_dead(judge, head, &episode, &still);
    }
}

/* ---- masked -------------------------------------------------------------------------------------- */

static void
add_masked(EntroJudge *judge, gsize head, const EntroEpisode *episode)
{
    guint layer = judge->run->heads->layer[head], number = judge->run->heads->head[head];
    g_autofree char *span = entro_words_span(judge, episode);
    EntroJson json = entro_json_begin();

    entro_json_add_real(&json, "rows",
                        entro_judge_head(judge, ENTRO_EVIDENCE_ROWS, episode->last, head));
    entro_judge_add(judge, layer, number, episode,
                    g_strdup_printf("Head %u of layer %u attends to nothing: every row of it is "
                                    "masked or has no weight at all, %s.",
                                    number, layer, span),
                    &json);
}

void
entro_judge_masked_head(EntroJudge *judge)
{
    EntroHysteresis hysteresis = entro_judge_hysteresis(judge);
    g_autofree guint8 *verdict = g_malloc(judge->n_steps);

    for (gsize head = 0; head < judge->n_heads; head++) {
        for (gsize i = 0; i < judge->n_steps; i++) {
            double n_rows = entro_judge_head(judge, ENTRO_EVIDENCE_ROWS, i, head);
            double n_masked = entro_judge_head(judge, ENTRO_EVIDENCE_ROWS_MASKED, i, head);

            verdict[i] = !(n_rows > 0)        ? ENTRO_VERDICT_UNKNOWN
                         : n_masked >= n_rows ? ENTRO_VERDICT_BAD
                                              : ENTRO_VERDICT_GOOD;
        }
        g_autoptr(GArray) episodes = entro_episodes(verdict, judge->n_steps, &hysteresis);
        for (guint i = 0; i < episodes->len; i++)
            add_masked(judge, head, &g_array_index(episodes, EntroEpisode, i));
    }
}

/* ---- redundant ----------------------------------------------------------------------------------- */

/* Diversity as a share of what it could be: heads cannot differ by more than ln H, nor by more than
 * their mean entropy lies below the ceiling (H(mean of p) <= ceiling).  Near the ceiling all heads
 * are alike because all are uniform: that is overload, not redundancy, and its share is 1. */
static double
diversity_share(const EntroJudge *judge, gsize position, gsize layer, double *ret_possible)
{
    double diversity = entro_judge_layer(judge, ENTRO_EVIDENCE_DIVERSITY, position, layer);
    EntroLayerMean mean = entro_judge_layer_mean(judge, position, layer);

    if (mean.n < 2 || !(mean.ceiling > 0) || isnan(diversity))
        return NAN;
    if (mean.entropy >= entro_judge_parameter(judge, "uniform") * mean.ceiling)
        return 1;
    *ret_possible = fmin(log(mean.n), mean.ceiling - mean.entropy);
    return fmax(diversity, 0) / *ret_possible; /* rounding may leave it below 0 */
}

static void
add_redundant(EntroJudge *judge, gsize layer, const EntroEpisode *episode)
{
    double possible = NAN, share = diversity_share(judge, episode->last, layer, &possible);
    double limit = entro_judge_parameter(judge, "share");
    guint number = entro_judge_layer_number(judge, layer);
    g_autofree char *span = entro_words_span(judge, episode);
    EntroJson json = entro_json_begin();

    entro_json_add_real(&json, "diversity", share * possible);
    entro_json_add_real(&json, "possible", possible);
    entro_json_add_real(&json, "share", share);
    entro_json_add_real(&json, "limit", limit);
    entro_judge_add(
        judge, number, -1, episode,
        g_strdup_printf("The heads of layer %u%s all do nearly the same: they differ by "
                        "%.2g nats where %.2f were possible, less than %g of it, %s.",
                        number, entro_judge_part(judge, layer), share * possible, possible, limit,
                        span),
        &json);
}

void
entro_judge_redundant_layer(EntroJudge *judge)
{
    EntroHysteresis hysteresis = entro_judge_hysteresis(judge);
    double limit = entro_judge_parameter(judge, "share");
    g_autofree guint8 *verdict = g_malloc(judge->n_steps);

    for (gsize layer = 0; layer < judge->n_layers; layer++) {
        for (gsize i = 0; i < judge->n_steps; i++) {
            double possible = NAN, share = diversity_share(judge, i, layer, &possible);

            verdict[i] = isnan(share)    ? ENTRO_VERDICT_UNKNOWN
                         : share < limit ? ENTRO_VERDICT_BAD
                                         : ENTRO_VERDICT_GOOD;
        }
        g_autoptr(GArray) episodes = entro_episodes(verdict, judge->n_steps, &hysteresis);
        for (guint i = 0; i < episodes->len; i++)
            add_redundant(judge, layer, &g_array_index(episodes, EntroEpisode, i));
    }
}
