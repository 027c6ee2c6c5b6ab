/* test-bands.c: shares of heads per quarter, up to the published figure itself. */
#include "entro-analyzer.h"
#include "published-heads.h"

static void
assert_bands(const double *entropy, gsize n, double m, const gsize expected[ENTRO_N_BANDS])
{
    gsize count[ENTRO_N_BANDS] = {9, 9, 9, 9}, total = 0;
    gsize counted = entro_bands(entropy, n, m, count);

    for (guint band = 0; band < ENTRO_N_BANDS; band++) {
        g_assert_cmpuint(count[band], ==, expected[band]);
        total += count[band];
    }
    g_assert_cmpuint(counted, ==, total);
}

static void
edges_belong_to_the_band_above(void)
{
    const double edges[] = {0, 1, 2, 3, 4};

    assert_bands(edges, 5, 4, (gsize[]){1, 1, 1, 2}); /* M itself in the last */
}

static void
just_below_an_edge_is_the_band_below(void)
{
    const double below[] = {nextafter(1, 0), nextafter(2, 0), nextafter(3, 0), nextafter(4, 0)};

    assert_bands(below, 4, 4, (gsize[]){1, 1, 1, 1});
}

static void
what_lies_outside_counts_in_the_outer_bands(void)
{
    const double outside[] = {-1e-12, 4.0000001, 1e300, INFINITY, 2.385};

    assert_bands(outside, 5, 4, (gsize[]){1, 0, 1, 3});
}

static void
heads_without_a_valid_row_are_left_out(void)
{
    const double heads[] = {NAN, 0.5, -NAN, 3.5, NAN};

    assert_bands(heads, 5, 4, (gsize[]){1, 0, 0, 1});
    assert_bands(heads, 1, 4, (gsize[]){0, 0, 0, 0});
    assert_bands(NULL, 0, 4, (gsize[]){0, 0, 0, 0});
}

static void
without_a_scale_all_is_in_the_first_band(void)
{
    const double heads[] = {0, 0, NAN, 0};

    assert_bands(heads, 4, 0, (gsize[]){3, 0, 0, 0});
    assert_bands(heads, 4, NAN, (gsize[]){3, 0, 0, 0});
    assert_bands((double[]){1, INFINITY}, 2, INFINITY,
                 (gsize[]){1, 0, 0, 1}); /* no quarter of it */
}

static void
names_of_the_scales_go_both_ways(void)
{
    for (guint mode = ENTRO_BAND_POOLED; mode <= ENTRO_BAND_LNT; mode++) {
        EntroBandMax parsed = 17;
        g_assert_true(entro_band_max_parse(entro_band_max_name(mode), &parsed));
        g_assert_cmpint(parsed, ==, mode);
    }
    EntroBandMax untouched = ENTRO_BAND_OWN;
    g_assert_false(entro_band_max_parse("lnt", &untouched));
    g_assert_false(entro_band_max_parse("", &untouched));
    g_assert_false(entro_band_max_parse(NULL, &untouched));
    g_assert_cmpint(untouched, ==, ENTRO_BAND_OWN);
}

/* ---- the paper ------------------------------------------------------------------------------------- */

static double
largest(guint first, guint end)
{
    double most = 0;

    for (guint config = first; config < end; config++)
        for (guint head = 0; head < PUBLISHED_HEADS; head++)
            most = MAX(most, published_heads[config].entropy[head]);
    return most;
}

/* Labels of Fig. 2a, percent of the heads per band.  Cells are printed with two decimals, so one
 * head, 0.69 %, may stand on the other side of an edge; labels are rounded. */
static void
the_published_heads_give_the_published_bands(void)
{
    static const struct {
        const char *config;
        double percent[ENTRO_N_BANDS];
    } printed[] = {
        {"SM+LN+G", {4, 14, 74, 8}}, {"SM+LN+R", {6, 16, 74, 3}}, {"SM+LN", {8, 37, 48, 7}},
        {"SM+G", {1, 18, 23, 58}},   {"SM+R", {3, 20, 54, 23}},   {"SM", {33, 10, 12, 45}},
    };
    const double one_head = 100.0 / PUBLISHED_HEADS, rounding = 0.5;
    double pooled = largest(0, PUBLISHED_CONFIGS);

    g_assert_cmpfloat(pooled, ==, 3.87);
    g_assert_cmpuint(G_N_ELEMENTS(printed), ==, PUBLISHED_CONFIGS);
    for (guint config = 0; config < PUBLISHED_CONFIGS; config++) {
        gsize count[ENTRO_N_BANDS];
        g_assert_cmpstr(published_heads[config].config, ==, printed[config].config);
        entro_bands(published_heads[config].entropy, PUBLISHED_HEADS, pooled, count);
        for (guint band = 0; band < ENTRO_N_BANDS; band++)
            g_assert_cmpfloat_with_epsilon(100.0 * (double)count[band] / PUBLISHED_HEADS,
                                           printed[config].percent[band], one_head + rounding);
    }
}

static void
the_published_bands_need_the_pooled_scale(void)
{
    gsize own[ENTRO_N_BANDS], ln_t[ENTRO_N_BANDS];

    g_assert_cmpstr(published_heads[0].config, ==, "SM+LN+G");
    entro_bands(published_heads[0].entropy, PUBLISHED_HEADS, log(128), ln_t);
    g_assert_cmpuint(ln_t[3], ==, 1); /* 0.7 %, not the printed 8 */
    g_assert_cmpstr(published_heads[1].config, ==, "SM+LN+R");
    entro_bands(published_heads[1].entropy, PUBLISHED_HEADS, largest(1, 2), own);
    g_assert_cmpuint(own[3], ==, 11); /* 7.6 %, not the printed 3 */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/bands/" name, function)
    ADD("edges-belong-to-the-band-above", edges_belong_to_the_band_above);
    ADD("just-below-an-edge-is-the-band-below", just_below_an_edge_is_the_band_below);
    ADD("what-lies-outside-counts-in-the-outer-bands", what_lies_outside_counts_in_the_outer_bands);
    ADD("heads-without-a-valid-row-are-left-out", heads_without_a_valid_row_are_left_out);
    ADD("without-a-scale-all-is-in-the-first-band", without_a_scale_all_is_in_the_first_band);
    ADD("names-of-the-scales-go-both-ways", names_of_the_scales_go_both_ways);
    ADD("the-published-heads-give-the-published-bands",
        the_published_heads_give_the_published_bands);
    ADD("the-published-bands-need-the-pooled-scale", the_published_bands_need_the_pooled_scale);
    return g_test_run();
}
