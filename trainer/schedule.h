/* schedule.h: the learning rate of a step. */
#ifndef ENTRO_SCHEDULE_H
#define ENTRO_SCHEDULE_H

#include <glib.h>

/* Step 1 is the first.  Rises linearly to `lr` over the first warmup * n_steps, then falls linearly
 * to min_fraction * lr at the last. */
double schedule_lr(guint step, guint n_steps, double lr, double warmup, double min_fraction);

#endif
