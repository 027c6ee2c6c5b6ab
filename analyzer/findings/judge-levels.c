/* judge-levels.c: overload and collapse: mean entropies as a fraction of the ceiling.
 *
 * The ceiling is each head's own, what uniform attention would have over the keys that it may attend
 * to; never an observed maximum. */
#include "findings-private.h"

typedef struct {
    const char *what; /* a layer or head does */
    const char *side; /* of the limit that is bad */
    gboolean above;   /* bad: at or above the limit, else below it */
} Direction;

static const Direction overload = {"attends to almost everything alike (entropic overload)",
                                   "at or above", TRUE};
static const Direction collapse = {"attends to almost a single key (entropy collapse)", "below",
                                   FALSE};

/* Ceiling 0 (one key): nothing can be said. */
static EntroVerdict
judge_level(const Direction *direction, double entropy, double ceiling, double fraction)
{
    if (isnan(entropy) || !(ceiling > 0))
        return ENTRO_VERDICT_UNKNOWN;
    return (direction->above ? entropy >= fraction * ceiling : entropy < fraction * ceiling)
               ? ENTRO_VERDICT_BAD
               : ENTRO_VERDICT_GOOD;
}

/* The bad capture that is farthest beyond the limit. */
static gsize
find_worst(const double *level, const guint8 *verdict, const EntroEpisode *episode, gboolean above)
{
    gsize worst = episode->onset;

    for (gsize i = episode->onset; i <= episode->last; i++)
        if (verdict[i] == ENTRO_VERDICT_BAD &&
            (above ? level[i] > level[worst] : level[i] < level[worst]))
            worst = i;
    return worst;
}

/* ---- places: layers or heads ----------------------------------------------------------------------- */

typedef struct {
    double entropy, ceiling;
} Level;

typedef Level (*GetLevel)(const EntroJudge *judge, gsize position, gsize place);
/* `worst`: the capture that tells the most. */
typedef void (*AddLevel)(EntroJudge *judge, const Direction *direction, gsize place,
                         const EntroEpisode *episode, gsize worst);

static void
judge_places(EntroJudge *judge, const Direction *direction, gsize n_places, GetLevel get,
             AddLevel add)
{
    EntroHysteresis hysteresis = entro_judge_hysteresis(judge);
    double fraction = entro_judge_parameter(judge, "fraction");
    g_autofree double *level = g_new(double, judge->n_steps);
    g_autofree guint8 *verdict = g_malloc(judge->n_steps);

    for (gsize place = 0; place < n_places; place++) {
        for (gsize i = 0; i < judge->n_steps; i++) {
            Level at = get(judge, i, place);

            level[i] = at.entropy / at.ceiling;
            verdict[i] = judge_level(direction, at.entropy, at.ceiling, fraction);
        }
        g_autoptr(GArray) episodes = entro_episodes(verdict, judge->n_steps, &hysteresis);
        for (guint i = 0; i < episodes->len; i++) {
            const EntroEpisode *episode = &g_array_index(episodes, EntroEpisode, i);

            add(judge, direction, place, episode,
                find_worst(level, verdict, episode, direction->above));
        }
    }
}

/* ---- layers -------------------------------------------------------------------------------------- */

static Level
level_of_layer(const EntroJudge *judge, gsize position, gsize layer)
{
    EntroLayerMean mean = entro_judge_layer_mean(judge, position, layer);

    return (Level){mean.entropy, mean.ceiling};
}

static void
add_layer(EntroJudge *judge, const Direction *direction, gsize layer, const EntroEpisode *episode,
          gsize worst)
{
    Level mean = level_of_layer(judge, worst, layer);
    double fraction = entro_judge_parameter(judge, "fraction");
    guint number = entro_judge_layer_number(judge, layer);
    g_autofree char *span = entro_words_span(judge, episode);
    const char *start = entro_words_start(judge, episode);
    EntroJson json = entro_json_begin();

    entro_json_add_real(&json, "entropy", mean.entropy);
    entro_json_add_real(&json, "ceiling", mean.ceiling);
    entro_json_add_real(&json, "fraction", mean.entropy / mean.ceiling);
    entro_json_add_real(&json, "limit", fraction);
    entro_json_add_int(&json, "worst_step", entro_judge_step(judge, worst));
    entro_judge_add(judge, number, -1, episode,
                    g_strdup_printf("Layer %u%s %s: its mean entropy is %s %g of what is possible "
                                    "(%s %.2f of %.2f nats), %s%s.",
                                    number, entro_judge_part(judge, layer), direction->what,
                                    direction->side, fraction,
                                    direction->above ? "up to" : "down to", mean.entropy,
                                    mean.ceiling, span, start),
                    &json);
}

static void
judge_layers(EntroJudge *judge, const Direction *direction)
{
    judge_places(judge, direction, judge->n_layers, level_of_layer, add_layer);
}

void
entro_judge_layer_overload(EntroJudge *judge)
{
    judge_layers(judge, &overload);
}

void
entro_judge_layer_collapse(EntroJudge *judge)
{
    judge_layers(judge, &collapse);
}

/* ---- heads --------------------------------------------------------------------------------------- */

static Level
level_of_head(const EntroJudge *judge, gsize position, gsize head)
{
    return (Level){entro_judge_head(judge, ENTRO_EVIDENCE_ENTROPY, position, head),
                   entro_judge_head(judge, ENTRO_EVIDENCE_CEILING, position, head)};
}

/* Of a single head, a slow start is not even worth a note. */
static void
add_head(EntroJudge *judge, const Direction *direction, gsize head, const EntroEpisode *episode,
         gsize worst)
{
    if (entro_is_slow_start(judge, episode))
        return;
    guint layer = judge->run->heads->layer[head], number = judge->run->heads->head[head];
    Level level = level_of_head(judge, worst, head);
    double fraction = entro_judge_parameter(judge, "fraction");
    g_autofree char *span = entro_words_span(judge, episode);
    EntroJson json = entro_json_begin();

    entro_json_add_real(&json, "entropy", level.entropy);
    entro_json_add_real(&json, "ceiling", level.ceiling);
    entro_json_add_real(&json, "limit", fraction);
    entro_judge_add(judge, layer, number, episode,
                    g_strdup_printf("Head %u of layer %u %s: its entropy is %s %g of what is "
                                    "possible (%.2f of %.2f nats), %s.",
                                    number, layer, direction->what, direction->side, fraction,
                                    level.entropy, level.ceiling, span),
                    &json);
}

static void
judge_heads(EntroJudge *judge, const Direction *direction)
{
    judge_places(judge, direction, judge->n_heads, level_of_head, add_head);
}

void
entro_judge_head_overload(EntroJudge *judge)
{
    judge_heads(judge, &overload);
}

void
entro_judge_head_collapse(EntroJudge *judge)
{
    judge_heads(judge, &collapse);
}

/* ---- the run ------------------------------------------------------------------------------------- */

typedef struct {
    guint n, n_over,
        n_over_early; /* heads with a value, overloaded, and these in the first third */
} Share;

static Share
count_overloaded(const EntroJudge *judge, gsize position, double fraction)
{
    Share share = {0};

    for (gsize layer = 0; layer < judge->n_layers; layer++)
        for (gsize head = judge->first_head[layer]; head < judge->first_head[layer + 1]; head++) {
            Level level = level_of_head(judge, position, head);
            EntroVerdict verdict = judge_level(&overload, level.entropy, level.ceiling, fraction);

            share.n += verdict != ENTRO_VERDICT_UNKNOWN;
            share.n_over += verdict == ENTRO_VERDICT_BAD;
            share.n_over_early += verdict == ENTRO_VERDICT_BAD && 3 * layer < judge->n_layers;
        }
    return share;
}

/* By the last bad capture: at the first, a fresh model is overloaded everywhere. */
static void
add_run(EntroJudge *judge, const EntroEpisode *episode)
{
    double fraction = entro_judge_parameter(judge, "head_fraction");
    double limit = entro_judge_parameter(judge, "head_share");
    Share share = count_overloaded(judge, episode->last, fraction);
    const char *start = entro_words_start(judge, episode);
    g_autofree char *span = entro_words_span(judge, episode);
    gboolean early = judge->n_layers >= 3 && 2 * share.n_over_early > share.n_over;
    EntroJson json = entro_json_begin();

    entro_json_add_int(&json, "heads", share.n);
    entro_json_add_int(&json, "heads_overloaded", share.n_over);
    entro_json_add_int(&json, "heads_overloaded_early", share.n_over_early);
    entro_json_add_real(&json, "share", (double)share.n_over / share.n);
    entro_json_add_real(&json, "limit", limit);
    entro_json_add_real(&json, "head_limit", fraction);
    entro_judge_add(
        judge, -1, -1, episode,
        g_strdup_printf("Too many heads attend to almost everything alike (entropic "
                        "overload)%s: %u of %u (%.0f %%) have at "
                        "least %g of the entropy that is possible, %.0f %% are too many; "
                        "%s%s.",
                        early ? ", most of them in early layers" : "", share.n_over, share.n,
                        100.0 * share.n_over / share.n, fraction, 100 * limit, span, start),
        &json);
}

void
entro_judge_run_overload(EntroJudge *judge)
{
    double fraction = entro_judge_parameter(judge, "head_fraction");
    double limit = entro_judge_parameter(judge, "head_share");
    EntroHysteresis hysteresis = entro_judge_hysteresis(judge);
    g_autofree guint8 *verdict = g_malloc(judge->n_steps);

    for (gsize i = 0; i < judge->n_steps; i++) {
        Share share = count_overloaded(judge, i, fraction);

        verdict[i] = share.n == 0                      ? ENTRO_VERDICT_UNKNOWN
                     : share.n_over >= limit * share.n ? ENTRO_VERDICT_BAD
                                                       : ENTRO_VERDICT_GOOD;
    }
    g_autoptr(GArray) episodes = entro_episodes(verdict, judge->n_steps, &hysteresis);
    for (guint i = 0; i < episodes->len; i++)
        add_run(judge, &g_array_index(episodes, EntroEpisode, i));
}
