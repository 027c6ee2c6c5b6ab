/* compare-json.c: a comparison as one JSON object, with every number of it (README, "Comparing
 * runs").  null: no value, and beside intervals and tests `refused` says why. */
#include "compare.h"
#include "report.h"

static void
begin_object(JsonBuilder *builder, const char *name)
{
    if (name != NULL)
        json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
}

static void
begin_array(JsonBuilder *builder, const char *name)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_array(builder);
}

static void
add_real(JsonBuilder *builder, double value)
{
    if (isfinite(value))
        json_builder_add_double_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

static void
add_reals(JsonBuilder *builder, const char *name, const double *values, gsize n)
{
    begin_array(builder, name);
    for (gsize i = 0; i < n; i++)
        add_real(builder, values[i]);
    json_builder_end_array(builder);
}

static void
add_texts(JsonBuilder *builder, const char *name, const GPtrArray *texts)
{
    begin_array(builder, name);
    for (guint i = 0; i < texts->len; i++) {
        g_autofree char *valid = g_utf8_make_valid(texts->pdata[i], -1);
        json_builder_add_string_value(builder, valid);
    }
    json_builder_end_array(builder);
}

static const EntroRunGroup *
get_group(const CompareReport *report, guint group)
{
    return report->selection->groups->pdata[group];
}

/* ---- what was compared ------------------------------------------------------------------------------- */

static void
add_differences(JsonBuilder *builder, const char *name, const GPtrArray *differences)
{
    static const char *const kinds[] = {[ENTRO_DIFFERENCE_VALUE] = "value",
                                        [ENTRO_DIFFERENCE_PATH] = "path",
                                        [ENTRO_DIFFERENCE_UNRECORDED] = "unrecorded"};

    begin_array(builder, name);
    for (guint i = 0; i < differences->len; i++) {
        const EntroConfigDifference *difference = differences->pdata[i];
        begin_object(builder, NULL);
        entro_json_string(builder, "key", difference->key);
        entro_json_string(builder, "kind", kinds[difference->kind]);
        add_texts(builder, "values", difference->values);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

static void
add_findings(JsonBuilder *builder, const GPtrArray *findings)
{
    json_builder_set_member_name(builder, "findings");
    if (findings == NULL) {
        json_builder_add_null_value(builder);
        return;
    }
    json_builder_begin_array(builder);
    for (guint i = 0; i < findings->len; i++) {
        const EntroFinding *finding = findings->pdata[i];
        begin_object(builder, NULL);
        entro_json_finding(builder, finding);
        entro_json_string(builder, "sentence", finding->sentence);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

static void
add_final(JsonBuilder *builder, const EntroCompareRun *run, EntroCompareScalar scalar)
{
    const EntroFinal *final = &run->final[scalar];

    begin_object(builder, entro_compare_scalar_name(scalar));
    entro_json_boolean(builder, "recorded", final->recorded);
    if (final->recorded) {
        entro_json_integer(builder, "step", final->step);
        entro_json_real(builder, "value", final->value);
    }
    json_builder_end_object(builder);
}

static void
add_bands(JsonBuilder *builder, const EntroComparedRun *compared)
{
    begin_array(builder, "bands");
    for (guint band = 0; band < ENTRO_N_BANDS; band++)
        json_builder_add_int_value(builder, (gint64)compared->band[band]);
    json_builder_end_array(builder);
    entro_json_real(builder, "band_max", compared->m);
}

static void
add_run(JsonBuilder *builder, const CompareRecord *record, const EntroComparedRun *compared)
{
    begin_object(builder, NULL);
    entro_json_integer(builder, "id", record->info->id);
    entro_json_string(builder, "name", record->info->name);
    entro_json_integer(builder, "attempt", record->info->attempt);
    entro_json_string(builder, "seed", entro_compare_config(&record->run, "seed"));
    entro_json_boolean(builder, "diverged", compared->diverged);
    entro_json_integer(builder, "captures", (gint64)compared->n_captures);
    json_builder_set_member_name(builder, "step");
    if (compared->has_step)
        json_builder_add_int_value(builder, compared->step);
    else
        json_builder_add_null_value(builder);
    entro_json_integer(builder, "heads", (gint64)compared->n_heads);
    entro_json_integer(builder, "heads_without_value", (gint64)compared->n_without);
    for (guint s = 0; s < ENTRO_COMPARE_N_SCALARS; s++)
        add_final(builder, &record->run, s);
    add_bands(builder, compared);
    add_findings(builder, record->findings);
    json_builder_end_object(builder);
}

static void
add_pairs(JsonBuilder *builder, const EntroComparedGroup *group)
{
    g_autoptr(GPtrArray) paired = g_ptr_array_new();

    for (guint i = 0; i < group->pair->len; i++)
        g_ptr_array_add(paired, (gpointer)g_array_index(group->pair, EntroSeedPair, i).seed);
    add_texts(builder, "paired_seeds", paired);
    add_texts(builder, "unpaired_seeds", group->unpaired);
    add_texts(builder, "repeated_seeds", group->repeated);
}

static void
add_group(JsonBuilder *builder, const CompareReport *report, guint g)
{
    const EntroComparedGroup *compared = &report->comparison->group[g];
    const EntroRunGroup *group = get_group(report, g);

    begin_object(builder, NULL);
    entro_json_string(builder, "label", group->label);
    entro_json_integer(builder, "n", group->runs->len);
    entro_json_integer(builder, "n_diverged", compared->n_diverged);
    entro_json_integer(builder, "n_layers", (gint64)compared->n_layers);
    entro_json_integer(builder, "n_heads", (gint64)compared->n_heads);
    add_pairs(builder, compared);
    for (guint i = 0; i < report->selection->mixed->len; i++) {
        const CompareMixed *mixed = report->selection->mixed->pdata[i];
        if (mixed->group == group)
            add_differences(builder, "differences", mixed->differences);
    }
    begin_array(builder, "runs");
    for (guint i = 0; i < group->runs->len; i++)
        add_run(builder, compare_get_record(report, g, i), &compared->run[i]);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
}

static void
add_left_out(JsonBuilder *builder, const CompareSelection *selection)
{
    begin_array(builder, "left_out");
    for (guint i = 0; i < selection->left_out->len; i++) {
        const CompareMixed *mixed = selection->left_out->pdata[i];
        begin_object(builder, NULL);
        entro_json_string(builder, "label", mixed->group->label);
        entro_json_integer(builder, "n", mixed->group->runs->len);
        add_differences(builder, "differences", mixed->differences);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

static void
add_interval(JsonBuilder *builder, const EntroInterval *interval)
{
    begin_object(builder, "interval");
    entro_json_real(builder, "low", interval->low);
    entro_json_real(builder, "high", interval->high);
    entro_json_string(builder, "refused", entro_refusal_text(interval->refusal));
    json_builder_end_object(builder);
}

static void
add_summary(JsonBuilder *builder, const CompareReport *report, const EntroGroupSummary *summary,
            guint g)
{
    begin_object(builder, NULL);
    entro_json_integer(builder, "n_runs", (gint64)summary->n_runs);
    entro_json_integer(builder, "n", (gint64)summary->n);
    entro_json_real(builder, "mean", summary->mean);
    entro_json_real(builder, "sd", summary->sd);
    add_interval(builder, &summary->interval);
    add_reals(builder, "values", summary->value, get_group(report, g)->runs->len);
    if (summary->mean_over_steps != NULL) {
        add_reals(builder, "mean_over_steps", summary->mean_over_steps,
                  report->comparison->n_common);
        begin_array(builder, "n_over_steps");
        for (gsize s = 0; s < report->comparison->n_common; s++)
            json_builder_add_int_value(builder, (gint64)summary->n_over_steps[s]);
        json_builder_end_array(builder);
    }
    json_builder_end_object(builder);
}

static void
add_test(JsonBuilder *builder, const EntroContrast *contrast)
{
    begin_object(builder, "test");
    entro_json_integer(builder, "n", (gint64)contrast->test.n_a);
    entro_json_integer(builder, "n_baseline", (gint64)contrast->test.n_b);
    entro_json_real(builder, "statistic", contrast->test.statistic);
    entro_json_boolean(builder, "exact", contrast->test.exact);
    entro_json_real(builder, "p", contrast->test.p);
    entro_json_real(builder, "q", contrast->q);
    entro_json_boolean(builder, "significant", contrast->significant);
    entro_json_string(builder, "refused", entro_refusal_text(contrast->test.refusal));
    json_builder_end_object(builder);
}

static void
add_contrast(JsonBuilder *builder, const CompareReport *report, const EntroContrast *contrast,
             guint g)
{
    begin_object(builder, NULL);
    entro_json_string(builder, "group", get_group(report, g)->label);
    entro_json_real(builder, "difference", contrast->difference);
    add_interval(builder, &contrast->interval);
    entro_json_real(builder, "hedges_g", contrast->hedges_g);
    entro_json_real(builder, "cliffs_delta", contrast->cliffs_delta);
    add_test(builder, contrast);
    add_reals(builder, "seed_differences", contrast->pair_difference,
              report->comparison->group[g].pair->len);
    json_builder_end_object(builder);
}

static void
add_row(JsonBuilder *builder, const CompareReport *report, const EntroComparedRow *row)
{
    begin_object(builder, NULL);
    if (row->name != NULL)
        entro_json_string(builder, "name", row->name);
    else
        entro_json_integer(builder, "layer", row->layer);
    if (row->head >= 0)
        entro_json_integer(builder, "head", row->head);
    begin_array(builder, "groups");
    for (guint g = 0; g < report->comparison->n_groups; g++)
        add_summary(builder, report, &row->group[g], g);
    json_builder_end_array(builder);
    begin_array(builder, "contrasts");
    for (guint g = 1; g < report->comparison->n_groups; g++)
        add_contrast(builder, report, &row->contrast[g], g);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
}

static void
add_rows(JsonBuilder *builder, const CompareReport *report, const char *name,
         const EntroComparedRow *rows, gsize n)
{
    begin_array(builder, name);
    for (gsize i = 0; i < n; i++)
        add_row(builder, report, &rows[i]);
    json_builder_end_array(builder);
}

/* ---- the whole --------------------------------------------------------------------------------------------- */

static void
add_settings(JsonBuilder *builder, const CompareReport *report)
{
    const EntroCompareOptions *options = report->options;

    entro_json_string(builder, "by", report->request->by);
    entro_json_string(builder, "baseline", get_group(report, 0)->label);
    entro_json_string(builder, "test", options->test == ENTRO_TEST_WELCH ? "welch" : "rank-sum");
    entro_json_real(builder, "alpha", options->alpha);
    entro_json_integer(builder, "n_tests", (gint64)report->comparison->n_tests);
    entro_json_real(builder, "level", options->bootstrap.level);
    entro_json_integer(builder, "resamples", options->bootstrap.n_resamples);
    entro_json_string(builder, "band_max", entro_band_max_name(options->band_max));
}

static void
add_steps(JsonBuilder *builder, const EntroComparison *comparison)
{
    entro_json_boolean(builder, "aligned", comparison->aligned);
    json_builder_set_member_name(builder, "step");
    if (comparison->aligned)
        json_builder_add_int_value(builder, comparison->step);
    else
        json_builder_add_null_value(builder);
    begin_array(builder, "common_steps");
    for (gsize s = 0; s < comparison->n_common; s++)
        json_builder_add_int_value(builder, comparison->common_step[s]);
    json_builder_end_array(builder);
}

void
compare_json(const CompareReport *report)
{
    const EntroComparison *comparison = report->comparison;
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(GPtrArray) notes = compare_notes(report);

    json_builder_begin_object(builder);
    add_settings(builder, report);
    add_texts(builder, "notes", notes);
    begin_array(builder, "groups");
    for (guint g = 0; g < comparison->n_groups; g++)
        add_group(builder, report, g);
    json_builder_end_array(builder);
    add_left_out(builder, report->selection);
    add_differences(builder, "differences", report->selection->between);
    add_steps(builder, comparison);
    add_rows(builder, report, "scalars", comparison->scalar, comparison->n_scalars);
    add_rows(builder, report, "layers", comparison->layer, comparison->n_layers);
    add_rows(builder, report, "heads", comparison->head, comparison->n_heads);
    json_builder_end_object(builder);
    entro_print_json(builder);
}
