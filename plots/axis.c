/* axis.c: an axis maps values to places and finds ticks at nice numbers.
 *
 * Steps between ticks are 1, 2 or 5 times a power of ten.  Of those, the finest is taken whose
 * labels, as measured, keep apart. */
#include "layout-private.h"

static const double label_gap = 0.6;   /* of the font size, between labels in a row */
static const double row_gap = 0.35;    /* the same for labels one above the other */
static const double sparse_across = 4; /* of the font size, for each tick: pleases the eye */
static const double sparse_upright = 2.6;
static const double hair = 0.005; /* points: 0.2 as an f32 lies a little beside the tick at 0.2 */
static const guint usual_ticks = 10;      /* and no more, however long the axis */
static const double narrowest = 1e-9;     /* length of an axis by its largest value */
static const double exponent_above = 1e6; /* from here, and below the next, a power of ten */
static const double exponent_below = 1e-3;

void
entro_range_add(double *low, double *high, double value)
{
    if (!isfinite(value))
        return;
    *low = isnan(*low) ? value : MIN(*low, value);
    *high = isnan(*high) ? value : MAX(*high, value);
}

static gboolean
is_whole(EntroAxisKind kind)
{
    return kind == ENTRO_AXIS_WHOLE || kind == ENTRO_AXIS_STEP || kind == ENTRO_AXIS_LAYER;
}

EntroAxis
entro_axis_new(EntroAxisKind kind, double low, double high)
{
    const double limit = 1e300; /* so that differences stay finite */
    EntroAxis axis = {.kind = kind, .low = 0, .high = 1, .from = 0, .to = 1};

    if (kind == ENTRO_AXIS_LOG && !(low > 0))
        axis.low = 0.1;
    if (isnan(low) || isnan(high) || (kind == ENTRO_AXIS_LOG && !(low > 0)))
        return axis;
    axis.low = CLAMP(low, -limit, limit);
    axis.high = CLAMP(high, -limit, limit);

    const double size = MAX(fabs(axis.low), fabs(axis.high));
    if (kind == ENTRO_AXIS_LOG && axis.high / axis.low < 1.1) {
        axis.low /= 2;
        axis.high *= 2;
    } else if (kind != ENTRO_AXIS_LOG && axis.high - axis.low <= size * narrowest) {
        const double room = is_whole(kind) ? MAX(0.5, size * narrowest) : size == 0 ? 1 : size / 10;
        axis.low -= size == 0 && !is_whole(kind) ? 0 : room;
        axis.high += room;
    }
    return axis;
}

static double
scaled(const EntroAxis *axis, double value)
{
    return axis->kind == ENTRO_AXIS_LOG ? log10(value) : value;
}

void
entro_axis_widen(EntroAxis *axis, double part)
{
    const double low = scaled(axis, axis->low), high = scaled(axis, axis->high);
    const double room = part * (high - low);

    axis->low = axis->kind == ENTRO_AXIS_LOG ? pow(10, low - room) : low - room;
    axis->high = axis->kind == ENTRO_AXIS_LOG ? pow(10, high + room) : high + room;
}

double
entro_axis_place(const EntroAxis *axis, double value)
{
    const double low = scaled(axis, axis->low), high = scaled(axis, axis->high);

    return axis->from + (scaled(axis, value) - low) / (high - low) * (axis->to - axis->from);
}

/* ---- labels --------------------------------------------------------------------------------- */

static int
decimals_for(double step)
{
    const double digits = step > 0 ? -floor(log10(step) + 1e-9) : 0;

    return (int)CLAMP(digits, 0, 15);
}

static char *
superscript(int number)
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    g_autofree char *plain = g_strdup_printf("%d", number);
    GString *raised = g_string_new(NULL);

    for (const char *c = plain; *c; c++)
        g_string_append(raised, *c == '-' ? "⁻" : digits[*c - '0']);
    return g_string_free(raised, FALSE);
}

char *
entro_axis_factor(const EntroAxis *axis)
{
    g_autofree char *power = superscript(axis->exponent);

    return axis->exponent == 0 ? g_strdup("") : g_strdup_printf("×10%s", power);
}

static void
label_numbers(EntroAxis *axis, double step)
{
    const double size = MAX(fabs(axis->low), fabs(axis->high));
    const gboolean plain =
        axis->kind == ENTRO_AXIS_WHOLE || (size < exponent_above && size >= exponent_below);
    axis->exponent = plain ? 0 : (int)floor(log10(size));
    const double unit = pow(10, axis->exponent);
    const int decimals = decimals_for(step / unit);

    for (guint i = 0; i < axis->n_ticks; i++)
        g_snprintf(axis->label[i], ENTRO_TICK_CHARS, "%.*f", decimals, axis->tick[i] / unit);
}

/* A unit is used from `least` times it, and while the ticks need at most two decimals of it. */
static void
label_steps(EntroAxis *axis, double step)
{
    static const struct {
        double unit, least;
        const char *suffix;
    } units[] = {{1e12, 2, "T"}, {1e9, 2, "B"}, {1e6, 2, "M"}, {1e3, 10, "K"}, {1, 0, ""}};
    guint u = 0;

    while (units[u].unit > 1 &&
           (axis->high < units[u].unit * units[u].least || step < units[u].unit / 100))
        u++;
    const int decimals = decimals_for(step / units[u].unit);
    for (guint i = 0; i < axis->n_ticks; i++)
        g_snprintf(axis->label[i], ENTRO_TICK_CHARS, "%.*f%s", axis->tick[i] == 0 ? 0 : decimals,
                   axis->tick[i] / units[u].unit, axis->tick[i] == 0 ? "" : units[u].suffix);
}

static void
label_layers(EntroAxis *axis)
{
    for (guint i = 0; i < axis->n_ticks; i++)
        g_snprintf(axis->label[i], ENTRO_TICK_CHARS, "L%.0f", axis->tick[i]);
}

static void
label_logs(EntroAxis *axis)
{
    const gboolean plain = axis->low >= exponent_below && axis->high < exponent_above;

    for (guint i = 0; i < axis->n_ticks; i++) {
        const double exponent = floor(log10(axis->tick[i]) + 1e-9);
        const double mantissa = axis->tick[i] / pow(10, exponent);
        g_autofree char *power = superscript((int)exponent);
        if (plain)
            g_snprintf(axis->label[i], ENTRO_TICK_CHARS, "%g", axis->tick[i]);
        else if (fabs(mantissa - 1) < 1e-6)
            g_snprintf(axis->label[i], ENTRO_TICK_CHARS, "10%s", power);
        else
            g_snprintf(axis->label[i], ENTRO_TICK_CHARS, "%.3g×10%s", mantissa, power);
    }
}

/* ---- ticks ---------------------------------------------------------------------------------- */

/* The smallest of 1, 2, 5 times a power of ten that is not below `least`. */
static double
nice_step(double least)
{
    const double power = pow(10, floor(log10(least)));
    const double part = least / power * (1 - 1e-9);

    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* Multiples of the step within the axis; counted, not added up, so that errors do not grow. */
static double
place_evenly(EntroAxis *axis, guint most)
{
    const double slack = 1e-6;
    double step = nice_step((axis->high - axis->low) / most);
    if (is_whole(axis->kind))
        step = MAX(step, 1);

    axis->n_ticks = 0;
    for (double k = ceil(axis->low / step - slack);
         k <= axis->high / step + slack && axis->n_ticks < ENTRO_MAX_TICKS; k++)
        axis->tick[axis->n_ticks++] = k * step + 0.0; /* + 0.0: no "-0" */
    return step;
}

/* Decades, every `every`-th; with 2 and 5 between them if `every` is 0. */
static void
place_decades(EntroAxis *axis, guint every)
{
    static const double between[] = {1, 2, 5};
    const int stride = MAX((int)every, 1);
    const int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));

    axis->n_ticks = 0;
    for (int decade = first; decade <= last; decade++)
        for (guint m = 0; m < (every ? 1 : G_N_ELEMENTS(between)); m++) {
            const double tick = between[m] * pow(10, decade);
            const gboolean shown = tick >= axis->low * (1 - 1e-9) &&
                                   tick <= axis->high * (1 + 1e-9) && decade % stride == 0;
            if (shown && axis->n_ticks < ENTRO_MAX_TICKS)
                axis->tick[axis->n_ticks++] = tick;
        }
}

static void
make_log_ticks(EntroAxis *axis, guint most)
{
    const double decades = log10(axis->high / axis->low);

    if (decades < 1) { /* 1, 2 and 5 would be too few */
        place_evenly(axis, most);
    } else if (decades * 3 <= most)
        place_decades(axis, 0);
    else
        place_decades(axis, (guint)ceil(decades / most));
    label_logs(axis);
}

static void
make_ticks(EntroAxis *axis, guint most)
{
    if (axis->kind == ENTRO_AXIS_LOG) {
        make_log_ticks(axis, most);
        return;
    }
    const double step = place_evenly(axis, most);
    if (axis->kind == ENTRO_AXIS_STEP)
        label_steps(axis, step);
    else if (axis->kind == ENTRO_AXIS_LAYER)
        label_layers(axis);
    else
        label_numbers(axis, step);
}

/* Whether the labels keep apart and within `room` of the ends. */
static gboolean
labels_fit(const EntroAxis *axis, const EntroFigure *figure, gboolean upright, double room)
{
    const EntroTextStyle style = entro_style_tick(figure);
    const double gap = style.size * (upright ? row_gap : label_gap);
    const double first = MIN(axis->from, axis->to) - room, last = MAX(axis->from, axis->to) + room;
    double before = -INFINITY; /* end of the label before, in the order of places */

    for (guint k = 0; k < axis->n_ticks; k++) {
        const guint i = axis->from <= axis->to ? k : axis->n_ticks - 1 - k;
        double width = 0, height = 0;
        entro_text_measure(figure->text, axis->label[i], &style, &width, &height);
        const double half = (upright ? height : width) / 2;
        const double place = entro_axis_place(axis, axis->tick[i]);
        if (place - half < before + gap || place - half < first - hair ||
            place + half > last + hair)
            return FALSE;
        before = place + half;
    }
    return TRUE;
}

/* Leaves out the labels at the ends that reach too far. */
static void
drop_outer_labels(EntroAxis *axis, const EntroFigure *figure, gboolean upright, double room)
{
    while (axis->n_ticks > 0 && !labels_fit(axis, figure, upright, room)) {
        axis->n_ticks--;
        if (axis->n_ticks > 0 && !labels_fit(axis, figure, upright, room)) {
            memmove(axis->tick, axis->tick + 1, axis->n_ticks * sizeof axis->tick[0]);
            memmove(axis->label, axis->label + 1, axis->n_ticks * sizeof axis->label[0]);
        }
    }
}

static void
fit(EntroAxis *axis, const EntroFigure *figure, gboolean upright, double room)
{
    const double size = entro_style_tick(figure).size;
    const gboolean layers = axis->kind == ENTRO_AXIS_LAYER;
    const double per_tick = size * (upright || layers ? sparse_upright : sparse_across);
    const guint wanted = layers ? ENTRO_MAX_TICKS : usual_ticks;
    const guint most = (guint)CLAMP(fabs(axis->to - axis->from) / per_tick, 2, wanted);

    for (guint n = most; n >= 1; n--) {
        make_ticks(axis, n);
        if (axis->n_ticks > 0 && labels_fit(axis, figure, upright, room))
            return;
    }
    make_ticks(axis, 2);
    drop_outer_labels(axis, figure, upright, room);
}

void
entro_axis_fit_upright(EntroAxis *axis, const EntroFigure *figure)
{
    const double line = entro_text_height(figure->text, entro_style_tick(figure).size);

    fit(axis, figure, TRUE, line / 2); /* a label in the middle of its tick, also of the last one */
}

void
entro_axis_fit_across(EntroAxis *axis, const EntroFigure *figure, double room)
{
    fit(axis, figure, FALSE, room);
}

double
entro_axis_label_width(const EntroAxis *axis, const EntroFigure *figure)
{
    const EntroTextStyle style = entro_style_tick(figure);
    double widest = 0;

    for (guint i = 0; i < axis->n_ticks; i++) {
        double width = 0, height = 0;
        entro_text_measure(figure->text, axis->label[i], &style, &width, &height);
        widest = MAX(widest, width);
    }
    return widest;
}

guint
entro_axis_stride(double cell, double label_size, double gap)
{
    const double cells = (label_size + gap) / cell;

    return cells <= 1 ? 1 : (guint)lround(nice_step(cells));
}
