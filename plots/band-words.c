/* band-words.c: what the figure of the bands says: names, ranges, which M, which heads are missing. */
#include "bands-private.h"

char **
entro_band_names(guint n_groups)
{
    static const char *const names[] = {"[0, M/4)", "[M/4, M/2)", "[M/2, 3M/4)", "[3M/4, M]",
                                        "NaN"};
    char **copy = g_new0(char *, n_groups + 1);

    for (guint group = 0; group < n_groups; group++)
        copy[group] = g_strdup(names[group]);
    return copy;
}

/* Two decimals, more for a small M. */
static int
decimals_for(double m)
{
    return m > 0 ? (int)CLAMP(2 - floor(log10(m)), 2, 15) : 2;
}

char **
entro_band_ranges(guint n_groups, double m)
{
    char **ranges = g_new0(char *, n_groups + 1);
    const int decimals = decimals_for(m);

    for (guint band = 0; band < n_groups; band++)
        ranges[band] = band < ENTRO_N_BANDS
                           ? g_strdup_printf("%.*f–%.*f", decimals, band * m / ENTRO_N_BANDS,
                                             decimals, (band + 1) * m / ENTRO_N_BANDS)
                           : g_strdup("no valid row");
    return ranges;
}

static const char *
scale_in_words(const EntroBandScale *scale, guint n_runs)
{
    static const char *const words[] = {
        [ENTRO_BAND_POOLED] = "the largest head entropy of all runs shown",
        [ENTRO_BAND_OWN] = "the largest head entropy of each run itself",
        [ENTRO_BAND_CEILING] = "the entropy of uniform attention (the ceiling)",
        [ENTRO_BAND_LNT] = "ln T, T the number of keys",
    };

    if (!isnan(scale->fixed))
        return "as given";
    return scale->mode == ENTRO_BAND_POOLED && n_runs == 1 ? "the largest head entropy"
                                                           : words[scale->mode];
}

static void
describe_scale(const EntroBandScale *scale, const EntroBandsInput *input, GPtrArray *notes)
{
    const GPtrArray *grids = input->grids;
    GString *note = g_string_new(NULL);

    if (isnan(scale->m[0]))
        g_string_append(note, "M is not known: no head has a valid row.");
    else if (scale->one)
        g_string_printf(note, "M = %.*f%s%s: %s.", decimals_for(scale->m[0]), scale->m[0],
                        *input->unit ? " " : "", input->unit, scale_in_words(scale, grids->len));
    else {
        g_string_printf(note, "M: %s. ", scale_in_words(scale, grids->len));
        for (guint run = 0; run < grids->len; run++)
            g_string_append_printf(note, "%s%s %.*f", run ? ", " : "", input->names[run],
                                   decimals_for(scale->m[run]), scale->m[run]);
        g_string_append_printf(note, "%s%s.", *input->unit ? " " : "", input->unit);
    }
    g_ptr_array_add(notes, g_string_free(note, FALSE));
}

static void
describe_undefined(const EntroBandsInput *input, GPtrArray *notes)
{
    const GPtrArray *grids = input->grids;
    GString *counts = g_string_new(NULL);

    for (guint run = 0; run < grids->len; run++) {
        const EntroGrid *grid = grids->pdata[run];
        const gsize undefined = entro_count_cells(grid, ENTRO_CELL_UNDEFINED);
        if (undefined > 0)
            g_string_append_printf(counts, "%s%s %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT,
                                   counts->len > 0 ? ", " : "", input->names[run], undefined,
                                   undefined + entro_count_cells(grid, ENTRO_CELL_VALUE));
    }
    if (counts->len > 0)
        g_ptr_array_add(notes,
                        g_strdup_printf("Heads without a valid row (NaN) are in no band: %s.",
                                        counts->str));
    g_string_free(counts, TRUE);
}

static void
describe_steps(const EntroBandsInput *input, GPtrArray *notes)
{
    const GPtrArray *grids = input->grids;
    GString *note = g_string_new(NULL);

    for (guint run = 0; run < grids->len; run++)
        entro_steps_append(note, input->names[run], ((const EntroGrid *)grids->pdata[run])->step);
    g_string_append_c(note, '.');
    g_ptr_array_add(notes, g_string_free(note, FALSE));
}

GPtrArray *
entro_band_notes(const EntroBandsInput *input, const EntroBandScale *scale)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);

    describe_scale(scale, input, notes);
    describe_undefined(input, notes);
    if (!entro_grids_same_step(input->grids))
        describe_steps(input, notes);
    return notes;
}
