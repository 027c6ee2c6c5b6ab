/* scale.c: the scales of a chart: the range of its data, shared or its own. */
#include "page-private.h"

void
entro_scale_add(EntroScale *scale, double value)
{
    entro_range_add(&scale->range.low, &scale->range.high, value);
}

EntroAxis
entro_scale_axis(const EntroScale *scale)
{
    EntroRange range = scale->range;

    if (scale->centred && !isnan(range.low)) {
        range.high = MAX(fabs(range.low), fabs(range.high));
        range.high = range.high > 0 ? range.high : 1; /* no difference at all: in the middle */
        range.low = -range.high;
    }
    if (scale->from_zero && range.low >= 0 && scale->kind != ENTRO_AXIS_LOG)
        range.low = 0;
    EntroAxis axis = entro_axis_new(scale->kind, range.low, range.high);
    if (scale->widen > 0)
        entro_axis_widen(&axis, scale->widen);
    return axis;
}

double
entro_scale_labels_width(const EntroScale *scale, const EntroFigure *figure)
{
    double widest = 0;

    for (double height = figure->theme.plot_min; height <= 2 * figure->theme.plot_max;
         height *= 1.4) {
        EntroAxis axis = entro_scale_axis(scale);
        axis.to = height;
        entro_axis_fit_upright(&axis, figure);
        widest = MAX(widest, entro_axis_label_width(&axis, figure));
    }
    return widest;
}

double
entro_scale_half_label(const EntroScale *scale, const EntroFigure *figure)
{
    EntroAxis axis = entro_scale_axis(scale);

    axis.to = figure->theme.plot_max;
    entro_axis_fit_across(&axis, figure, G_MAXDOUBLE);
    return entro_axis_label_width(&axis, figure) / 2;
}
