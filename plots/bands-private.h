/* bands-private.h: the scale of the bands, and the words about it. */
#ifndef ENTRO_BANDS_PRIVATE_H
#define ENTRO_BANDS_PRIVATE_H

#include "view-private.h"

typedef struct {
    EntroBandMax mode;
    double fixed; /* NaN: by mode */
    double *m;    /* [n_runs] */
    gboolean one; /* the same for all runs */
} EntroBandScale;

char **entro_band_names(guint n_groups);
char **entro_band_ranges(guint n_groups, double m);
/* Which M, which heads are in no band, which steps: sentences, char *. */
GPtrArray *entro_band_notes(const EntroBandsInput *input, const EntroBandScale *scale);

#endif
