/* bands.c: shares of heads per quarter of M, and which M (paper section 3, Fig. 2a).
 *
 * The paper's M is the largest head entropy over all runs compared, not ln T: recomputing its
 * Fig. 2a from its Fig. 3 gives the printed labels only with the pooled maximum. */
#include "entro-analyzer.h"

static const char *const band_max_names[] = {
    [ENTRO_BAND_POOLED] = "pooled",
    [ENTRO_BAND_OWN] = "own",
    [ENTRO_BAND_CEILING] = "ceiling",
    [ENTRO_BAND_LNT] = "lnT",
};

gsize
entro_bands(const double *entropy, gsize n, double m, gsize ret_count[ENTRO_N_BANDS])
{
    gsize counted = 0;

    for (guint band = 0; band < ENTRO_N_BANDS; band++)
        ret_count[band] = 0;
    for (gsize head = 0; head < n; head++) {
        if (isnan(entropy[head]))
            continue;
        double quarter = m > 0 ? floor(ENTRO_N_BANDS * entropy[head] / m) : 0;
        ret_count[quarter < ENTRO_N_BANDS - 1 ? (guint)MAX(quarter, 0) : ENTRO_N_BANDS - 1]++;
        counted++;
    }
    return counted;
}

const char *
entro_band_max_name(EntroBandMax mode)
{
    return band_max_names[mode];
}

gboolean
entro_band_max_parse(const char *name, EntroBandMax *ret_mode)
{
    for (guint mode = 0; mode < G_N_ELEMENTS(band_max_names); mode++)
        if (g_strcmp0(name, band_max_names[mode]) == 0) {
            *ret_mode = mode;
            return TRUE;
        }
    return FALSE;
}
