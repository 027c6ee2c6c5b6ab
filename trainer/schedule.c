/* schedule.c: linear warm-up, linear decay. */
#include "schedule.h"

double
schedule_lr(guint step, guint n_steps, double lr, double warmup, double min_fraction)
{
    const double rise = warmup * n_steps; /* steps, not rounded */

    if (step < rise)
        return lr * step / rise;
    if (n_steps <= rise)
        return lr;
    return lr * (min_fraction + (1 - min_fraction) * (n_steps - step) / (n_steps - rise));
}
