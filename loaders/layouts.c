/* layouts.c: the table of ways in which attention lies in a file.
 *
 * A row is a path with {layer} and the order of the dataset's axes. */
#include "entro-loader.h"

static const EntroLayout layouts[] = {
    {"trace-v1", "layers/{layer}/attention", "SBHQK",
     "entroscope's own trace format, version 1: one dataset a layer, growing by captures"},
};

const EntroLayout *
entro_layouts(guint *ret_n)
{
    *ret_n = G_N_ELEMENTS(layouts);
    return layouts;
}
