/* episodes.c: from a verdict on each capture to the episodes that last.
 *
 * One bad capture is noise, and so is one good one in between: an episode opens after `opens` bad
 * captures in a row, its onset being the first of them, and closes after `closes` good ones. */
#include "findings-private.h"

typedef struct {
    const guint8 *verdict;
    gsize n;
    const EntroHysteresis *hysteresis;
    EntroEpisode now;
    gboolean open;
    guint n_bad, n_good; /* in a row, up to here */
    gsize n_measured;    /* captures that have a verdict, up to here */
    GArray *episodes;
} Walk;

/* The start of every model looks like overload: what does not outlast it does not count. */
static gboolean
counts(const Walk *walk, const EntroEpisode *episode)
{
    double graced = ceil(walk->hysteresis->grace * (double)walk->n);

    if (!episode->from_start || walk->hysteresis->grace <= 0 || !episode->known)
        return TRUE;
    return (double)(episode->last + 1) > graced;
}

static void
finish(Walk *walk, EntroEnd end)
{
    walk->now.end = end;
    walk->now.n_good_since = walk->n_good;
    walk->now.n_measured = walk->n_measured;
    if (counts(walk, &walk->now))
        g_array_append_val(walk->episodes, walk->now);
    walk->open = FALSE;
}

static void
see_bad(Walk *walk, gsize position)
{
    if (!walk->open && walk->n_bad == 0)
        walk->now =
            (EntroEpisode){.onset = position, .from_start = walk->n_measured == 0, .known = TRUE};
    walk->n_bad++;
    walk->n_good = 0;
    walk->now.n_bad++;
    walk->now.last = position;
    walk->open = walk->open || walk->n_bad >= walk->hysteresis->opens;
}

static void
see_good(Walk *walk)
{
    walk->n_bad = 0;
    walk->n_good++;
    walk->now.was_good = TRUE;
    if (walk->open && walk->n_good >= walk->hysteresis->closes)
        finish(walk, ENTRO_END_OVER);
}

static gboolean
is_lost(const Walk *walk)
{
    return walk->n > 0 && walk->verdict[walk->n - 1] == ENTRO_VERDICT_UNKNOWN;
}

/* Bad to the end of what was measured, but for fewer captures than it takes: judged on what there is
 * when no more of them were measured, or when nothing could be measured afterwards, as in a run that
 * collapsed and then became NaN.  A start that was all there was before that is only a start. */
static void
judge_few(Walk *walk)
{
    gboolean few = walk->n_measured < walk->hysteresis->opens, lost = is_lost(walk);
    gboolean only_start = lost && walk->now.from_start && walk->hysteresis->grace > 0;

    if (walk->open || walk->n_bad == 0)
        return;
    if ((few || lost) && !only_start) {
        walk->now.known = FALSE;
        walk->open = TRUE;
    }
}

static EntroEnd
end_of_open(const Walk *walk)
{
    if (walk->n_good > 0)
        return ENTRO_END_SINCE;
    return is_lost(walk) ? ENTRO_END_LOST : ENTRO_END_STILL;
}

GArray *
entro_episodes(const guint8 *verdict, gsize n, const EntroHysteresis *hysteresis)
{
    Walk walk = {.verdict = verdict,
                 .n = n,
                 .hysteresis = hysteresis,
                 .episodes = g_array_new(FALSE, FALSE, sizeof(EntroEpisode))};

    for (gsize position = 0; position < n; position++) {
        if (verdict[position] == ENTRO_VERDICT_UNKNOWN)
            continue;
        if (verdict[position] == ENTRO_VERDICT_BAD)
            see_bad(&walk, position);
        else
            see_good(&walk);
        walk.n_measured++;
    }
    judge_few(&walk);
    if (walk.open)
        finish(&walk, end_of_open(&walk));
    return walk.episodes;
}
