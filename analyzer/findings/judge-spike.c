/* judge-spike.c: a loss that jumps beside an event of the entropy.
 *
 * A value jumps when it lies far above the values just before it: z = (x - median) / s, with s =
 * 1.4826 times their median absolute deviation, the standard deviation if they are normal.  What
 * stands beside it is told with its order in time; one is not said to cause the other. */
#include "findings-private.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

/* ---- jumps --------------------------------------------------------------------------------------- */

typedef struct {
    gsize first, last; /* points of the series */
    double before, peak, z;
} Jump;

typedef struct {
    const EntroScalarSeries *series;
    gsize window;
    double z, rise;
    double *work; /* [window] */
} JumpSearch;

/* Median and robust deviation of the finite values before `end`; FALSE: too few. */
static gboolean
measure_before(const JumpSearch *search, gsize end, double *ret_median, double *ret_deviation)
{
    gsize n = 0;

    for (gsize i = end; i-- > 0 && n < search->window;)
        if (isfinite(search->series->value[i]))
            search->work[n++] = search->series->value[i];
    if (n < search->window)
        return FALSE;
    gsl_sort(search->work, 1, n);
    *ret_median = gsl_stats_median_from_sorted_data(search->work, 1, n);
    for (gsize i = 0; i < n; i++)
        search->work[i] = fabs(search->work[i] - *ret_median);
    gsl_sort(search->work, 1, n);
    *ret_deviation = 1.4826 * gsl_stats_median_from_sorted_data(search->work, 1, n);
    return TRUE;
}

/* From `first` on as long as it is halfway up; at most a window, then it is the new level. */
static gsize
find_end(const JumpSearch *search, gsize first, double median, double *ret_peak)
{
    const double *value = search->series->value;
    double half = 0.5 * (value[first] + median);
    gsize last = first;

    *ret_peak = value[first];
    for (gsize i = first; i < search->series->n && i < first + search->window; i++) {
        if (!(value[i] > half))
            break;
        *ret_peak = isfinite(value[i]) ? fmax(*ret_peak, value[i]) : *ret_peak;
        last = i;
    }
    return last;
}

/* Jump elements.  A rise must also be one to the eye: a fraction of the level itself. */
static GArray *
find_jumps(const JumpSearch *search)
{
    GArray *jumps = g_array_new(FALSE, FALSE, sizeof(Jump));

    for (gsize i = 1; i < search->series->n; i++) {
        double median, deviation, value = search->series->value[i];

        if (!isfinite(value) || !measure_before(search, i, &median, &deviation))
            continue;
        if (value - median <= search->rise * fabs(median) ||
            value - median <= search->z * deviation)
            continue;
        Jump jump = {.first = i, .before = median, .z = (value - median) / deviation};
        jump.last = find_end(search, i, median, &jump.peak);
        g_array_append_val(jumps, jump);
        i = jump.last;
    }
    return jumps;
}

/* ---- events of the entropy ------------------------------------------------------------------------ */

/* Between captures position - 1 and position. */
typedef struct {
    gsize position, layer;
    double from, to; /* mean entropy as fraction of the ceiling */
} Change;

/* Position of the first capture at or after `step`; n_steps if there is none. */
static gsize
capture_at(const EntroJudge *judge, gint64 step)
{
    gsize low = 0, high = judge->n_steps;

    while (low < high) {
        gsize middle = low + (high - low) / 2;

        if (entro_judge_step(judge, middle) < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The largest change of a layer's entropy near a capture, if it is one. */
static gboolean
find_change(const EntroJudge *judge, gsize centre, gsize near, double least, Change *ret_change)
{
    gsize first = centre > near ? centre - near : 1;
    double most = 0;

    for (gsize i = MAX(first, 1); i < judge->n_steps && i <= centre + near; i++)
        for (gsize layer = 0; layer < judge->n_layers; layer++) {
            EntroLayerMean before = entro_judge_layer_mean(judge, i - 1, layer);
            EntroLayerMean after = entro_judge_layer_mean(judge, i, layer);
            double from = before.entropy / before.ceiling, to = after.entropy / after.ceiling;

            if (isfinite(from) && isfinite(to) && fabs(to - from) > most) {
                most = fabs(to - from);
                *ret_change = (Change){i, layer, from, to};
            }
        }
    return most > 0 && most >= least;
}

static gboolean
is_entropy_event(const EntroFinding *finding)
{
    return finding->severity > ENTRO_SEVERITY_INFO &&
           (finding->kind == ENTRO_FINDING_COLLAPSE || finding->kind == ENTRO_FINDING_OVERLOAD);
}

/* The collapse or overload whose onset is nearest, within `near` captures; NULL: none. */
static const EntroFinding *
find_finding(const EntroJudge *judge, gsize centre, gsize near)
{
    const EntroFinding *nearest = NULL;
    gsize least = near + 1;

    for (guint i = 0; i < judge->findings->len; i++) {
        const EntroFinding *finding = judge->findings->pdata[i];

        if (!is_entropy_event(finding))
            continue;
        gsize position = capture_at(judge, finding->onset_step);
        gsize distance = position > centre ? position - centre : centre - position;
        /* what the first capture shows has no onset */
        if (position > 0 && distance < least) {
            nearest = finding;
            least = distance;
        }
    }
    return nearest;
}

/* ---- words ---------------------------------------------------------------------------------------- */

/* What happened between two captures is known no better than that. */
static const char *
tell_order(gint64 spike, gint64 from, gint64 to)
{
    if (to <= spike)
        return "the entropy changed first";
    return spike <= from ? "the loss jumped first"
                         : "captures are too far apart to say which came first";
}

/* What stands beside the jump: the onset of a finding, or else a change. */
typedef struct {
    const EntroFinding *finding; /* NULL: a change */
    Change change;
} Event;

static void
tell_event(const EntroJudge *judge, const Event *event, GString *text, EntroJson *json)
{
    const EntroFinding *finding = event->finding;
    const Change *change = &event->change;

    if (finding == NULL) {
        guint layer = entro_judge_layer_number(judge, change->layer);

        entro_json_add_int(json, "entropy_layer", layer);
        entro_json_add_real(json, "entropy_from", change->from);
        entro_json_add_real(json, "entropy_to", change->to);
        g_string_append_printf(
            text, "a change of the entropy of layer %u from %.2f to %.2f of its ceiling", layer,
            change->from, change->to);
        return;
    }
    entro_json_add_text(json, "beside", finding->rule);
    g_string_append_printf(text, "the onset of %s",
                           finding->kind == ENTRO_FINDING_COLLAPSE ? "entropy collapse"
                                                                   : "entropic overload");
    if (finding->layer < 0)
        return;
    entro_json_add_int(json, "entropy_layer", finding->layer);
    g_string_append_printf(text, " in layer %" G_GINT64_FORMAT, finding->layer);
}

static void
add_spike(EntroJudge *judge, const EntroScalarSeries *series, const Jump *jump, const Event *event)
{
    gint64 step = series->step[jump->first];
    gsize position = event->finding != NULL ? capture_at(judge, event->finding->onset_step)
                                            : event->change.position;
    gint64 to = entro_judge_step(judge, position), from = entro_judge_step(judge, position - 1);
    const char *order = tell_order(step, from, to);
    EntroEpisode episode = {.known = TRUE, .end = ENTRO_END_OVER};
    EntroJson json = entro_json_begin();
    GString *text = g_string_new(NULL);

    entro_json_add_text(&json, "scalar", series->name);
    entro_json_add_real(&json, "before", jump->before);
    entro_json_add_real(&json, "peak", jump->peak);
    entro_json_add_real(&json, "z", jump->z);
    entro_json_add_real(&json, "limit", entro_judge_parameter(judge, "z"));
    entro_json_add_int(&json, "entropy_step", to);
    entro_json_add_text(&json, "order", order);
    g_string_printf(text, "The loss jumped from %.3g to %.3g at step %" G_GINT64_FORMAT ", beside ",
                    jump->before, jump->peak, step);
    tell_event(judge, event, text, &json);
    g_string_append_printf(text, " by step %" G_GINT64_FORMAT "; %s.", to, order);
    EntroFinding place = {.layer = -1,
                          .head = -1,
                          .onset_step = step,
                          .last_step = jump->last + 1 == series->n ? ENTRO_STILL_SO
                                                                   : series->step[jump->last],
                          .n_captures = jump->last - jump->first + 1};
    entro_judge_add_steps(judge, &place, &episode, g_string_free(text, FALSE), &json);
}

static void
judge_series(EntroJudge *judge, const EntroScalarSeries *series)
{
    gsize window = (gsize)entro_judge_parameter(judge, "window");
    gsize near = (gsize)entro_judge_parameter(judge, "near");
    g_autofree double *work = g_new(double, window);
    JumpSearch search = {series, window, entro_judge_parameter(judge, "z"),
                         entro_judge_parameter(judge, "rise"), work};
    g_autoptr(GArray) jumps = find_jumps(&search);

    for (guint i = 0; i < jumps->len; i++) {
        const Jump *jump = &g_array_index(jumps, Jump, i);
        gsize centre = capture_at(judge, series->step[jump->first]);
        Event event = {.finding = find_finding(judge, centre, near)};

        if (event.finding != NULL ||
            find_change(judge, centre, near, entro_judge_parameter(judge, "change"), &event.change))
            add_spike(judge, series, jump, &event);
    }
}

void
entro_judge_loss_spike(EntroJudge *judge)
{
    for (guint k = 0; k < judge->run->n_series; k++)
        if (g_str_equal(judge->run->series[k].name, "loss"))
            judge_series(judge, &judge->run->series[k]);
}
