/* figure.c: the error domain of this stage. */
#include "entro-plot.h"

G_DEFINE_QUARK(entro - plot - error - quark, entro_plot_error)
