/* test-findings.c: episodes exactly, each rule on runs whose numbers are set, and the published six. */
#include "findings/findings-private.h"
#include "published-heads.h"

#include <string.h>

#define CEILING 3.2

/* ---- episodes: ? unknown, . good, x bad --------------------------------------------------------- */

static GArray *
episodes_of(const char *verdicts, guint opens, guint closes, double grace)
{
    gsize n = strlen(verdicts);
    g_autofree guint8 *verdict = g_malloc(n + 1);
    EntroHysteresis hysteresis = {opens, closes, grace};

    for (gsize i = 0; i < n; i++)
        verdict[i] = verdicts[i] == 'x'   ? ENTRO_VERDICT_BAD
                     : verdicts[i] == '.' ? ENTRO_VERDICT_GOOD
                                          : ENTRO_VERDICT_UNKNOWN;
    return entro_episodes(verdict, n, &hysteresis);
}

/* "onset-last*bad end" of each, joined: ends are = still, ~ good since, / over, ? lost; ! persistence unknown. */
static void
assert_episodes(const char *verdicts, guint opens, guint closes, double grace, const char *expected)
{
    g_autoptr(GArray) episodes = episodes_of(verdicts, opens, closes, grace);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < episodes->len; i++) {
        const EntroEpisode *one = &g_array_index(episodes, EntroEpisode, i);

        g_string_append_printf(text, "%s%d-%d*%d%c%s", i > 0 ? " " : "", (int)one->onset,
                               (int)one->last, (int)one->n_bad, "=~/?"[one->end],
                               one -> known ? "" : "!");
    }
    g_assert_cmpstr(text->str, ==, expected);
}

static void
one_bad_capture_opens_nothing(void)
{
    assert_episodes("..x...", 2, 2, 0, "");
    assert_episodes("x.x.x.x", 2, 2, 0, "");
    assert_episodes("......x", 2, 2, 0, "");
    assert_episodes("", 2, 2, 0, "");
    assert_episodes("??", 2, 2, 0, "");
}

static void
two_open_and_the_onset_is_the_first(void)
{
    assert_episodes("..xx", 2, 2, 0, "2-3*2=");
    assert_episodes("..xxx..", 2, 2, 0, "2-4*3/");
    assert_episodes("..xxx.", 2, 2, 0, "2-4*3~"); /* one good capture closes nothing */
    assert_episodes("xx......", 2, 2, 0, "0-1*2/");
    assert_episodes("..xxx", 3, 2, 0, "2-4*3=");
    assert_episodes("..xx.", 3, 2, 0, "");
}

static void
gaps_and_opening_again(void)
{
    assert_episodes("xx.xx", 2, 2, 0, "0-4*4=");
    assert_episodes("xx.x.x..", 2, 2, 0, "0-5*4/");
    assert_episodes("xx..xx..", 2, 2, 0, "0-1*2/ 4-5*2/");
    assert_episodes("xx..x..xx", 2, 2, 0, "0-1*2/ 7-8*2=");
    assert_episodes("xx.xx", 2, 1, 0, "0-1*2/ 3-4*2=");
}

static void
what_was_not_measured_is_as_if_not_captured(void)
{
    assert_episodes("..x?x..", 2, 2, 0, "2-4*2/");
    assert_episodes("xx.?.x", 2, 2, 0, "0-1*2/");
    assert_episodes("xx???xx", 2, 2, 0, "0-6*4=");
    assert_episodes("..xx??", 2, 2, 0, "2-3*2?");
    assert_episodes("..xx.?", 2, 2, 0, "2-3*2~"); /* it was measured, and good */
}

static void
fewer_captures_are_judged_on_what_there_is(void)
{
    assert_episodes("x", 2, 2, 0, "0-0*1=!");
    assert_episodes("x", 2, 2, 0.1, "0-0*1=!");
    assert_episodes(".", 2, 2, 0, "");
    assert_episodes("xx", 3, 2, 0, "0-1*2=!");
    assert_episodes("x.", 3, 2, 0, "");
    assert_episodes(".x", 2, 2, 0, ""); /* two captures can show two bad ones */
    assert_episodes("x", 1, 1, 0, "0-0*1=");
    assert_episodes("??x", 2, 2, 0, "2-2*1=!"); /* what was not measured is not there */
    assert_episodes("??x", 2, 2, 0.1, "2-2*1=!");
    assert_episodes("?.x", 2, 2, 0, "");
    assert_episodes("x?x?", 3, 2, 0, "0-2*2?!");
}

static void
bad_to_the_end_of_what_was_measured(void)
{
    assert_episodes("...x??", 2, 2, 0, "3-3*1?!");
    assert_episodes("..x.??", 2, 2, 0, "");
    assert_episodes("x?????", 2, 2, 0, "0-0*1?!");
    assert_episodes("x?????", 2, 2, 0.1, ""); /* a start that was all there was */
}

static void
the_start_must_be_outlasted(void)
{
    assert_episodes("xx..................", 2, 2, 0.1, "");
    assert_episodes("xxx.................", 2, 2, 0.1, "0-2*3/");
    assert_episodes("xx..................", 2, 2, 0, "0-1*2/");
    assert_episodes(".xx.................", 2, 2, 0.1, "1-2*2/"); /* not from the first on */
    assert_episodes("??xx................", 2, 2, 0.3, ""); /* from the first that was measured */
    assert_episodes("xx.xx...............", 2, 2, 0.1, "0-4*4/");
    assert_episodes("xx", 2, 2, 0.1, "0-1*2=");
    assert_episodes("xxxxxxxxx.", 2, 2, 0.1, "0-8*9~");
    assert_episodes("x?????", 7, 2, 0.1, "");
}

/* ---- runs --------------------------------------------------------------------------------------- */

static EntroEvidence *
make_run(guint n_layers, guint n_heads, gsize n_steps, double level)
{
    g_autofree gint64 *step = g_new(gint64, n_steps);
    g_autofree guint *layer = g_new(guint, n_layers * n_heads);
    g_autofree guint *head = g_new(guint, n_layers * n_heads);

    for (gsize i = 0; i < n_steps; i++)
        step[i] = 10 * (gint64)i;
    for (guint i = 0; i < n_layers * n_heads; i++) {
        layer[i] = i / n_heads;
        head[i] = i % n_heads;
    }
    EntroEvidence *run = entro_evidence_new(step, n_steps, layer, head, n_layers * n_heads);
    for (gsize cell = 0; cell < n_steps * n_layers * n_heads; cell++) {
        run->heads->value[ENTRO_EVIDENCE_ENTROPY][cell] = level * CEILING;
        run->heads->value[ENTRO_EVIDENCE_CEILING][cell] = CEILING;
        run->heads->value[ENTRO_EVIDENCE_ROWS][cell] = 100;
        run->heads->value[ENTRO_EVIDENCE_ROWS_NAN][cell] = 0;
        run->heads->value[ENTRO_EVIDENCE_ROWS_MASKED][cell] = 0;
    }
    return run;
}

/* head -1: the whole layer; layer -1: all. */
static void
set_heads(EntroEvidence *run, EntroEvidenceHeadColumn column, int layer, int head, gsize first,
          gsize end, double value)
{
    EntroHistory *heads = run->heads;

    for (gsize i = first; i < end; i++)
        for (gsize j = 0; j < heads->n_heads; j++)
            if ((layer < 0 || (int)heads->layer[j] == layer) &&
                (head < 0 || (int)heads->head[j] == head))
                heads->value[column][i * heads->n_heads + j] = value;
}

static void
set_level(EntroEvidence *run, int layer, int head, gsize first, gsize end, double level)
{
    set_heads(run, ENTRO_EVIDENCE_ENTROPY, layer, head, first, end, level * CEILING);
}

static void
set_layer(EntroEvidence *run, EntroEvidenceLayerColumn column, guint layer, gsize first, gsize end,
          double value)
{
    for (gsize i = first; i < end; i++)
        run->layers->value[column][i * run->layers->n_heads + layer] = value;
}

static GPtrArray *
judge(EntroEvidence *run)
{
    g_autoptr(EntroRules) rules = entro_rules_new();

    return entro_judge(run, rules);
}

/* "rule layer.head onset-last*captures" of those of the rules that begin with `prefix`. */
static char *
tell(const GPtrArray *findings, const char *prefix)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < findings->len; i++) {
        const EntroFinding *one = findings->pdata[i];

        if (!g_str_has_prefix(one->rule, prefix))
            continue;
        g_string_append_printf(text, "%s%s", text->len > 0 ? " | " : "", one->rule);
        if (one->layer >= 0)
            g_string_append_printf(text, " %d", (int)one->layer);
        if (one->head >= 0)
            g_string_append_printf(text, ".%d", (int)one->head);
        g_string_append_printf(text, " %d-", (int)one->onset_step);
        if (one->last_step != ENTRO_STILL_SO)
            g_string_append_printf(text, "%d", (int)one->last_step);
        g_string_append_printf(text, "*%d", (int)one->n_captures);
        if (one->severity == ENTRO_SEVERITY_INFO)
            g_string_append(text, " info");
    }
    return g_string_free(text, FALSE);
}

static void
assert_found(EntroEvidence *run, const char *prefix, const char *expected)
{
    g_autoptr(GPtrArray) findings = judge(run);
    g_autofree char *found = tell(findings, prefix);

    g_assert_cmpstr(found, ==, expected);
}

static const EntroFinding *
find_one(const GPtrArray *findings, const char *rule)
{
    for (guint i = 0; i < findings->len; i++)
        if (g_str_equal(((const EntroFinding *)findings->pdata[i])->rule, rule))
            return findings->pdata[i];
    g_assert_not_reached();
}

static void
assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        g_error("\"%s\" is not in \"%s\"", part, text);
}

/* ---- levels --------------------------------------------------------------------------------------- */

static void
a_run_between_the_limits_has_no_findings(void)
{
    const double levels[] = {0.1, 0.3, 0.5, 0.7499};

    for (guint i = 0; i < G_N_ELEMENTS(levels); i++) {
        g_autoptr(EntroEvidence) run = make_run(6, 4, 30, levels[i]);
        assert_found(run, "", "");
    }
}

static void
collapse_is_below_its_limit(void)
{
    g_autoptr(EntroEvidence) run = make_run(6, 4, 30, 0.5);

    set_level(run, 5, -1, 14, 30, nextafter(0.1, 0));
    assert_found(run, "layer-collapse", "layer-collapse 5 140-*16");
    set_level(run, 5, -1, 14, 30, 0.1 + 1e-12);
    assert_found(run, "layer-collapse", "");
    set_level(run, 5, -1, 14, 23, 0.02);
    assert_found(run, "",
                 "layer-collapse 5 140-220*9 | head-collapse 5.0 140-220*9 info | "
                 "head-collapse 5.1 140-220*9 info | head-collapse 5.2 140-220*9 info | "
                 "head-collapse 5.3 140-220*9 info");
}

static void
a_collapse_is_told_with_its_numbers(void)
{
    g_autoptr(EntroEvidence) run = make_run(6, 4, 30, 0.5);

    set_level(run, 5, -1, 14, 30, 0.00625);
    g_autoptr(GPtrArray) findings = judge(run);
    const EntroFinding *one = find_one(findings, "layer-collapse");
    g_assert_cmpstr(one->sentence, ==,
                    "Layer 5 (deep) attends to almost a single key (entropy collapse): its mean "
                    "entropy is below 0.1 of what is possible (down to 0.02 of 3.20 nats), from "
                    "step 140 to the last capture, step 290 (16 captures).");
    g_assert_cmpstr(one->evidence, ==,
                    "{\"entropy\": 0.02, \"ceiling\": 3.2, \"fraction\": 0.00625, \"limit\": 0.1, "
                    "\"worst_step\": 140, \"persistence\": \"known\", \"end\": \"still so\", "
                    "\"captures_of_run\": 30}");
    g_assert_cmpint(one->severity, ==, ENTRO_SEVERITY_CRITICAL);
}

static void
overload_of_a_layer_begins_at_its_limit(void)
{
    g_autoptr(EntroEvidence) run = make_run(6, 4, 30, 0.5);

    set_level(run, 0, -1, 5, 30, 0.9 + 1e-12);
    assert_found(run, "layer-overload", "layer-overload 0 50-*25");
    set_level(run, 0, -1, 5, 30, 0.9 - 1e-12);
    assert_found(run, "layer-overload", "");
}

static void
overload_of_the_run_is_a_share_of_its_heads(void)
{
    g_autoptr(EntroEvidence) run = make_run(5, 2, 30, 0.5);

    set_level(run, 0, -1, 5, 30, 0.8);
    assert_found(run, "run-overload", ""); /* 2 of 10 */
    set_level(run, 3, 1, 5, 30, 0.8);      /* 3 of 10 */
    assert_found(run, "run-overload", "run-overload 50-*25");
    g_autoptr(GPtrArray) findings = judge(run);
    const EntroFinding *one = find_one(findings, "run-overload");
    assert_has(one->sentence, "most of them in early layers: 3 of 10 (30 %)");
    /* heads without a value count neither way: 2 of 6 */
    set_level(run, 3, -1, 5, 30, NAN);
    set_level(run, 4, -1, 5, 30, NAN);
    assert_found(run, "run-overload", "run-overload 50-*25");
}

static void
a_fresh_model_is_given_time(void)
{
    g_autoptr(EntroEvidence) run = make_run(4, 4, 60, 0.5);

    set_level(run, -1, -1, 0, 6, 0.99);
    assert_found(run, "", "");
    set_level(run, -1, -1, 0, 7, 0.99); /* a slow start is a note */
    assert_found(run, "run", "run-overload 0-60*7 info");
    assert_found(run, "head", "");
    set_level(run, -1, -1, 0, 60, 0.99);
    assert_found(run, "run", "run-overload 0-*60");
}

static void
a_single_capture_is_judged(void)
{
    g_autoptr(EntroEvidence) run = make_run(4, 4, 1, 0.5);

    set_level(run, 3, -1, 0, 1, 0.01);
    g_autoptr(GPtrArray) findings = judge(run);
    const EntroFinding *one = find_one(findings, "layer-collapse");
    assert_has(one->sentence, "its persistence is unknown");
    assert_has(one->evidence, "\"persistence\": \"unknown\"");
}

/* What is judged few is what was measured. */
static void
a_single_value_after_nan_is_judged(void)
{
    g_autoptr(EntroEvidence) run = make_run(4, 4, 3, NAN);

    set_level(run, -1, -1, 2, 3, 0.5);
    set_level(run, 3, -1, 2, 3, 0.01);
    g_autoptr(GPtrArray) findings = judge(run);
    const EntroFinding *one = find_one(findings, "layer-collapse");
    assert_has(one->sentence,
               "at step 20; with so few captures that could be measured (1 of 3) its "
               "persistence is unknown.");
}

/* One good capture ends nothing, but what it shows is not "still so". */
static void
good_at_the_last_capture_is_said(void)
{
    g_autoptr(EntroEvidence) start = make_run(3, 2, 11, 0.5), collapse = make_run(3, 2, 11, 0.5),
                             nan = make_run(3, 2, 3, 0.5);

    set_level(start, -1, -1, 0, 10, 0.99);
    assert_found(start, "run", "run-overload 0-90*10"); /* it outlasted the start */
    g_autoptr(GPtrArray) findings = judge(start);
    g_assert_true(g_str_has_suffix(find_one(findings, "run-overload")->sentence,
                                   "; from step 0 to step 90 (10 captures); good once since."));
    assert_has(find_one(findings, "run-overload")->evidence, "\"end\": \"good since\"");
    set_level(collapse, 2, -1, 7, 10, 0.01);
    assert_found(collapse, "layer-collapse", "layer-collapse 2 70-90*3");
    set_heads(nan, ENTRO_EVIDENCE_ROWS_NAN, -1, -1, 0, 2, 100);
    assert_found(nan, "attention-nan", "attention-nan 0-10*2");
}

static void
a_start_that_was_left_and_came_back_is_not_said_to_have_stayed(void)
{
    g_autoptr(EntroEvidence) run = make_run(3, 2, 11, 0.99);
    g_autoptr(GPtrArray) stayed = judge(run);

    assert_has(find_one(stayed, "run-overload")->sentence, "; it never left the state");
    set_level(run, -1, -1, 5, 6, 0.5);
    g_autoptr(GPtrArray) left = judge(run);
    g_assert_true(g_str_has_suffix(find_one(left, "run-overload")->sentence,
                                   "to the last capture, step 100 (10 captures)."));
}

static void
no_ceiling_no_verdict(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 2, 5, 0);

    set_heads(run, ENTRO_EVIDENCE_CEILING, -1, -1, 0, 5, 0); /* one token */
    assert_found(run, "", "");
    set_heads(run, ENTRO_EVIDENCE_ENTROPY, -1, -1, 0, 5, NAN);
    assert_found(run, "", "");
}

static void
nothing_at_all_is_nothing(void)
{
    g_autoptr(EntroEvidence) no_steps = make_run(2, 2, 0, 0.5);
    g_autoptr(EntroEvidence) no_heads = make_run(0, 0, 4, 0.5);

    assert_found(no_steps, "", "");
    assert_found(no_heads, "", "");
    entro_evidence_add_series(no_steps, "loss", (gint64[]){7}, (double[]){NAN}, 1);
    assert_found(no_steps, "", "loss-nan 7-*1"); /* before the first capture */
}

/* ---- divergence ------------------------------------------------------------------------------------ */

static void
nan_rows_tell_layer_and_step(void)
{
    g_autoptr(EntroEvidence) run = make_run(4, 2, 10, 0.5);

    set_heads(run, ENTRO_EVIDENCE_ROWS_NAN, 2, 1, 7, 8, 5);
    assert_found(run, "", "attention-nan 70-70*1"); /* one is enough */
    set_heads(run, ENTRO_EVIDENCE_ROWS_NAN, -1, -1, 8, 10, 100);
    set_level(run, -1, -1, 8, 10, NAN);
    g_autoptr(GPtrArray) findings = judge(run);
    const EntroFinding *one = find_one(findings, "attention-nan");
    g_assert_cmpuint(findings->len, ==, 1);
    g_assert_cmpint(one->last_step, ==, ENTRO_STILL_SO);
    assert_has(one->sentence, "at step 70 in 5 of 800 rows, layer 2 being the lowest; in the end 4 "
                              "of 4 layers");
    assert_has(one->evidence, "\"first_layer\": 2");
}

static void
a_loss_that_is_no_number_is_found(void)
{
    const gint64 step[] = {1, 2, 3, 4, 5};
    const double ends[] = {3, 2.5, INFINITY, NAN, NAN}, passes[] = {3, NAN, 2, 2, 2};
    g_autoptr(EntroEvidence) run = make_run(2, 2, 3, 0.5);

    entro_evidence_add_series(run, "lr", step, ends, 5);
    assert_found(run, "", "");
    entro_evidence_add_series(run, "eval_loss", step, passes, 5);
    entro_evidence_add_series(run, "loss", step, ends, 5);
    assert_found(run, "", "loss-nan 2-2*1 | loss-nan 3-*3");
    g_autoptr(GPtrArray) findings = judge(run);
    assert_has(((const EntroFinding *)findings->pdata[1])->sentence, "(it was 2.5 at step 2)");
}

/* ---- heads ----------------------------------------------------------------------------------------- */

static void
a_dead_head_stands_still_at_an_end(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 3, 40, 0.5);

    set_level(run, 1, 2, 20, 40, 0.9995);
    assert_found(run, "dead", "dead-head 1.2 200-*20");
    set_level(run, 1, 2, 20, 40, 0.9985); /* not near enough */
    assert_found(run, "dead", "");
    set_level(run, 1, 2, 20, 40, 0.0002);
    assert_found(run, "dead", "dead-head 1.2 200-*20");
    set_level(run, 1, 2, 20, 31, 0.5); /* 9 captures are too few, 10 are enough */
    assert_found(run, "dead", "");
    set_level(run, 1, 2, 30, 31, 0.0002);
    assert_found(run, "dead", "dead-head 1.2 300-*10");
    set_level(run, 1, 2, 39, 40, 0.3); /* it moves again */
    assert_found(run, "dead", "");
    set_level(run, 1, 2, 20, 40, 0.3); /* still, but in between */
    assert_found(run, "dead", "");
}

static void
a_head_that_moves_at_its_ceiling_lives(void)
{
    g_autoptr(EntroEvidence) run = make_run(1, 2, 40, 0.5);
    g_autoptr(EntroRules) rules = entro_rules_new();

    g_assert_true(entro_rules_set(rules, "dead-head", "edge", 0.02, NULL));
    for (gsize i = 0; i < 40; i++)
        set_level(run, 0, 0, i, i + 1, i % 2 == 0 ? 0.999 : 0.985);
    g_autoptr(GPtrArray) findings = entro_judge(run, rules);
    g_autofree char *found = tell(findings, "dead");
    g_assert_cmpstr(found, ==, "");
}

static void
a_masked_head_sees_nothing(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 3, 10, 0.5);

    set_heads(run, ENTRO_EVIDENCE_ROWS_MASKED, 1, 0, 4, 10, 99);
    assert_found(run, "masked", "");
    set_heads(run, ENTRO_EVIDENCE_ROWS_MASKED, 1, 0, 4, 10, 100);
    assert_found(run, "masked", "masked-head 1.0 40-*6");
}

static void
heads_that_do_the_same_are_redundant(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 4, 20, 0.5);
    double possible = log(4); /* less than 3.2 - 1.6 */

    for (guint layer = 0; layer < 2; layer++)
        set_layer(run, ENTRO_EVIDENCE_DIVERSITY, layer, 0, 20, 0.5);
    assert_found(run, "", "");
    set_layer(run, ENTRO_EVIDENCE_DIVERSITY, 1, 8, 20, 0.0499 * possible);
    assert_found(run, "", "redundant-layer 1 80-*12");
    set_layer(run, ENTRO_EVIDENCE_DIVERSITY, 1, 8, 20, 0.0501 * possible);
    assert_found(run, "", "");
}

/* Near the ceiling there is no room for heads to differ, and no finding. */
static void
uniform_heads_are_not_redundant(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 4, 20, 0.5);

    for (guint layer = 0; layer < 2; layer++)
        set_layer(run, ENTRO_EVIDENCE_DIVERSITY, layer, 0, 20, 0.5);
    set_level(run, 1, -1, 8, 20, 0.95);
    set_layer(run, ENTRO_EVIDENCE_DIVERSITY, 1, 8, 20, 1e-5);
    assert_found(run, "redundant", "");
    /* at 0.85 of the ceiling, 0.15 * 3.2 = 0.48 nats are possible */
    set_level(run, 1, -1, 8, 20, 0.85);
    set_layer(run, ENTRO_EVIDENCE_DIVERSITY, 1, 8, 20, 0.03);
    assert_found(run, "redundant", "");
    set_layer(run, ENTRO_EVIDENCE_DIVERSITY, 1, 8, 20, 0.02);
    assert_found(run, "redundant", "redundant-layer 1 80-*12");
}

/* ---- parameters -------------------------------------------------------------------------------------- */

static void
parameters_run_away(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 2, 10, 0.5);

    set_heads(run, ENTRO_EVIDENCE_TEMPERATURE, -1, -1, 0, 10, 1);
    set_heads(run, ENTRO_EVIDENCE_TEMPERATURE_MIN, -1, -1, 0, 10, 0.5);
    set_heads(run, ENTRO_EVIDENCE_THRESHOLD, -1, -1, 0, 10, 0.5);
    set_layer(run, ENTRO_EVIDENCE_ALPHA, 1, 0, 10, -1);
    assert_found(run, "", "");
    set_heads(run, ENTRO_EVIDENCE_TEMPERATURE, 0, 1, 3, 10, 100.5);
    set_heads(run, ENTRO_EVIDENCE_TEMPERATURE_MIN, 1, 0, 4, 10, -0.01);
    set_heads(run, ENTRO_EVIDENCE_THRESHOLD, 1, 1, 5, 10, 1.01);
    set_layer(run, ENTRO_EVIDENCE_ALPHA, 1, 6, 10, -0.009);
    assert_found(run, "",
                 "scaling-runaway 1 60-*4 | temperature-runaway 0.1 30-*7 | "
                 "temperature-runaway 1.0 40-*6 | threshold-runaway 1.1 50-*5");
}

static void
a_parameter_that_is_no_number_any_more(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 2, 10, 0.5);

    set_heads(run, ENTRO_EVIDENCE_THRESHOLD, 1, 1, 0, 4, 0.5); /* later NaN, others always */
    g_autoptr(GPtrArray) findings = judge(run);
    g_autofree char *found = tell(findings, "");
    g_assert_cmpstr(found, ==, "threshold-runaway 1.1 40-*6");
    assert_has(find_one(findings, "threshold-runaway")->sentence, "not finite any more");
    memset(run->complete + 4, 0, 6); /* those captures could not be read whole */
    assert_found(run, "", "");
}

/* ---- spikes ------------------------------------------------------------------------------------------ */

enum { N_LOSS = 200 };

/* Every other step has a loss, 3 with a ripple of 0.02. */
static void
add_loss(EntroEvidence *run, guint spike_at, double height)
{
    gint64 step[N_LOSS];
    double value[N_LOSS];

    for (guint i = 0; i < N_LOSS; i++) {
        step[i] = 2 * i;
        value[i] = 3 + 0.02 * (i % 3) + (i >= spike_at && i < spike_at + 4 ? height : 0);
    }
    entro_evidence_add_series(run, "loss", step, value, N_LOSS);
}

static void
a_spike_needs_an_event_beside_it(void)
{
    g_autoptr(EntroEvidence) run = make_run(3, 2, 40, 0.5);
    g_autoptr(EntroEvidence) quiet = make_run(3, 2, 40, 0.5);

    add_loss(quiet, 102, 5);
    assert_found(quiet, "loss-spike", "");
    add_loss(run, 102, 5); /* at step 204 */
    set_level(run, 2, -1, 20, 40, 0.25);
    g_autoptr(GPtrArray) findings = judge(run);
    g_autofree char *found = tell(findings, "");
    g_assert_cmpstr(found, ==, "loss-spike 204-210*4");
    assert_has(find_one(findings, "loss-spike")->sentence,
               "a change of the entropy of layer 2 from 0.50 to 0.25 of its ceiling by step 200; "
               "the entropy changed first.");
}

static void
which_came_first_is_said_or_not_known(void)
{
    const struct {
        gsize change_at;
        const char *order;
    } rows[] = {{19, "the entropy changed first"},
                {20, "the entropy changed first"},
                {21, "too far apart to say which came first"},
                {22, "the loss jumped first"},
                {23, "the loss jumped first"}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(EntroEvidence) run = make_run(3, 2, 40, 0.5);

        add_loss(run, 102, 5);
        set_level(run, 1, -1, rows[i].change_at, 40, 0.25);
        g_autoptr(GPtrArray) findings = judge(run);
        assert_has(find_one(findings, "loss-spike")->sentence, rows[i].order);
        assert_has(find_one(findings, "loss-spike")->evidence, rows[i].order);
    }
    g_autoptr(EntroEvidence) far = make_run(3, 2, 40, 0.5);
    add_loss(far, 102, 5);
    set_level(far, 1, -1, 24, 40, 0.25);
    assert_found(far, "loss-spike", "");
}

static void
a_spike_beside_a_collapse_names_it(void)
{
    g_autoptr(EntroEvidence) run = make_run(3, 2, 40, 0.2);

    add_loss(run, 102, 5);
    set_level(run, 2, -1, 20, 40, 0.05); /* no large change, but the onset of a collapse */
    g_autoptr(GPtrArray) findings = judge(run);
    assert_has(find_one(findings, "loss-spike")->sentence,
               "beside the onset of entropy collapse in layer 2 by step 200");
}

static void
a_small_rise_is_no_spike(void)
{
    g_autoptr(EntroEvidence) run = make_run(3, 2, 40, 0.5);

    add_loss(run, 102, 0.25); /* z is 8, but it is not a tenth of 3 */
    set_level(run, 2, -1, 20, 40, 0.25);
    assert_found(run, "loss-spike", "");
}

/* ---- anything ----------------------------------------------------------------------------------------- */

static double
draw_any(void)
{
    static const double odd[] = {NAN,  INFINITY, -INFINITY, 0,   -0.0, 1e300, -1e300,
                                 -0.5, 1e-300,   0.3,       1.5, 3.2,  100};

    return g_test_rand_bit() ? g_test_rand_double() * CEILING
                             : odd[g_test_rand_int_range(0, G_N_ELEMENTS(odd))];
}

static void
fill_any(EntroHistory *history)
{
    for (guint column = 0; column < history->n_columns; column++)
        for (gsize cell = 0; cell < history->n_steps * history->n_heads; cell++)
            history->value[column][cell] = draw_any();
}

static EntroRules *
draw_rules(void)
{
    EntroRules *rules = entro_rules_new();

    for (guint i = 0; i < entro_n_rules(); i++)
        for (guint j = 0; entro_rule(i)->parameters[j].name != NULL; j++) {
            const EntroRuleParameter *parameter = &entro_rule(i)->parameters[j];

            if (g_test_rand_int_range(0, 3) == 0)
                rules->setting[i].value[j] = g_test_rand_bit() ? parameter->least : parameter->most;
        }
    return rules;
}

/* What a damaged database may hold does no harm, and findings are whole whatever they say. */
static void
any_numbers_do_no_harm(void)
{
    for (guint i = 0; i < 400; i++) {
        gsize n_steps = (gsize)g_test_rand_int_range(0, 12);
        g_autoptr(EntroEvidence) run = make_run((guint)g_test_rand_int_range(0, 5),
                                                (guint)g_test_rand_int_range(1, 4), n_steps, 0.5);
        g_autoptr(EntroRules) rules = draw_rules();
        gint64 step[40];
        double loss[40];

        fill_any(run->heads);
        fill_any(run->layers);
        if (n_steps > 1 && g_test_rand_bit()) {
            run->heads->step[0] = G_MININT64;
            run->heads->step[n_steps - 1] = G_MAXINT64 - 1;
        }
        for (guint j = 0; j < 40; j++) {
            step[j] = 3 * (gint64)j;
            loss[j] = g_test_rand_int_range(0, 4) == 0 ? draw_any() : 3;
        }
        entro_evidence_add_series(run, "loss", step, loss, 40);
        g_autoptr(GPtrArray) findings = entro_judge(run, rules);
        for (guint j = 0; j < findings->len; j++) {
            const EntroFinding *one = findings->pdata[j];

            g_assert_true(g_str_has_suffix(one->sentence, "."));
            g_assert_true(g_str_has_prefix(one->evidence, "{\"") &&
                          g_str_has_suffix(one->evidence, "}"));
            g_assert_null(strstr(one->evidence, ": nan"));
            g_assert_null(strstr(one->evidence, ": inf"));
            g_assert_cmpuint(one->n_captures, >, 0);
            g_assert_cmpint(one->onset_step, <=, one->last_step);
        }
    }
}

/* ---- order, rules, the paper --------------------------------------------------------------------------- */

static void
the_most_severe_comes_first(void)
{
    g_autoptr(EntroEvidence) run = make_run(6, 4, 30, 0.5);

    set_level(run, 0, -1, 3, 30, 0.95);
    set_level(run, 4, -1, 20, 30, 0.01);
    set_level(run, 5, -1, 10, 30, 0.01);
    set_heads(run, ENTRO_EVIDENCE_ROWS_NAN, 1, 1, 29, 30, 1);
    g_autoptr(GPtrArray) findings = judge(run);
    g_autofree char *found = tell(findings, "");
    if (!g_str_has_prefix(found, "attention-nan 290-*1 | layer-collapse 5 100-*20 | "
                                 "layer-collapse 4 200-*10 | layer-overload 0 30-*27 | head-"))
        g_error("%s", found);
    g_autoptr(GPtrArray) again = judge(run);
    g_assert_true(entro_findings_equal(findings, again));
    ((EntroFinding *)again->pdata[1])->n_captures++;
    g_assert_false(entro_findings_equal(findings, again));
    g_ptr_array_set_size(again, 1);
    g_assert_false(entro_findings_equal(findings, again));
}

static void
a_rule_can_be_changed(void)
{
    g_autoptr(EntroEvidence) run = make_run(2, 2, 10, 0.2);
    g_autoptr(EntroRules) rules = entro_rules_new();
    g_autoptr(GError) error = NULL;

    g_assert_true(entro_rules_set(rules, "layer-collapse", "fraction", 0.25, &error));
    g_autoptr(GPtrArray) findings = entro_judge(run, rules);
    g_autofree char *found = tell(findings, "");
    g_assert_cmpstr(found, ==, "layer-collapse 0 0-*10 | layer-collapse 1 0-*10");
    g_assert_false(entro_rules_set(rules, "layer-colapse", "fraction", 0.25, &error));
    assert_has(error->message, "there is no rule \"layer-colapse\"; there are attention-nan");
    g_clear_error(&error);
    g_assert_false(entro_rules_set(rules, "layer-collapse", "fractions", 0.25, &error));
    assert_has(error->message, "it has fraction, opens, closes");
    g_clear_error(&error);
    g_assert_false(entro_rules_set(rules, "layer-collapse", "fraction", 1.5, &error));
    g_assert_cmpstr(error->message, ==, "rule layer-collapse: fraction is 1.5, expected 0 to 1");
    g_clear_error(&error);
    g_assert_false(entro_rules_set(rules, "layer-collapse", "fraction", NAN, NULL));
}

static void
every_rule_is_in_order(void)
{
    for (guint i = 0; i < entro_n_rules(); i++) {
        const EntroRule *rule = entro_rule(i);
        guint n = 0, found = 0;

        g_assert_true(entro_rule_find(rule->name, NULL, &found, NULL));
        g_assert_cmpuint(found, ==, i); /* names are distinct */
        for (; rule->parameters[n].name != NULL; n++) {
            g_assert_cmpfloat(rule->parameters[n].value, >=, rule->parameters[n].least);
            g_assert_cmpfloat(rule->parameters[n].value, <=, rule->parameters[n].most);
            g_assert_nonnull(rule->parameters[n].about);
        }
        g_assert_cmpuint(n, >, 0);
        g_assert_cmpuint(n, <=, ENTRO_RULE_MOST_PARAMETERS);
    }
}

/* Fig. 3 of the paper as runs of one capture; the ceiling is that of 128 causal tokens. */
static void
the_published_configurations_come_apart(void)
{
    static const struct {
        const char *config, *above_info;
    } rows[] = {
        {"SM+LN+G", ""},
        {"SM+LN+R", ""},
        {"SM+LN", ""},
        {"SM+G", "run-overload 0-*1 | layer-overload 4 0-*1 | layer-overload 5 0-*1"},
        {"SM+R", ""},
        {"SM", "layer-collapse 9 0-*1 | layer-collapse 10 0-*1 | layer-collapse 11 0-*1 | "
               "run-overload 0-*1 | layer-overload 0 0-*1 | layer-overload 1 0-*1 | "
               "layer-overload 2 0-*1 | layer-overload 3 0-*1 | layer-overload 4 0-*1"},
    };

    for (guint i = 0; i < PUBLISHED_CONFIGS; i++) {
        g_autoptr(EntroEvidence) run = make_run(12, 12, 1, 0);

        g_assert_cmpstr(rows[i].config, ==, published_heads[i].config);
        for (guint j = 0; j < PUBLISHED_HEADS; j++)
            run->heads->value[ENTRO_EVIDENCE_ENTROPY][j] = published_heads[i].entropy[j];
        set_heads(run, ENTRO_EVIDENCE_CEILING, -1, -1, 0, 1, lgamma(129) / 128);
        g_autoptr(GPtrArray) findings = judge(run);
        for (guint j = findings->len; j-- > 0;)
            if (((EntroFinding *)findings->pdata[j])->severity == ENTRO_SEVERITY_INFO)
                g_ptr_array_remove_index(findings, j);
        g_autofree char *found = tell(findings, "");
        g_assert_cmpstr(found, ==, rows[i].above_info);
    }
}

static void
evidence_is_quoted(void)
{
    EntroJson json = entro_json_begin();

    entro_json_add_text(&json, "a\"b", "x\\\n\x1b\"\xff");
    entro_json_add_real(&json, "r", NAN);
    entro_json_add_real(&json, "s", 0.1);
    entro_json_add_int(&json, "i", G_MININT64);
    g_autofree char *text = entro_json_end(&json);
    g_assert_cmpstr(
        text, ==,
        "{\"a\\\"b\": \"x\\\\\\u000a\\u001b\\\"\xef\xbf\xbd\", \"r\": null, \"s\": 0.1, "
        "\"i\": -9223372036854775808}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(group, test) g_test_add_func("/" group "/" #test, test)
    ADD("episodes", one_bad_capture_opens_nothing);
    ADD("episodes", two_open_and_the_onset_is_the_first);
    ADD("episodes", gaps_and_opening_again);
    ADD("episodes", what_was_not_measured_is_as_if_not_captured);
    ADD("episodes", fewer_captures_are_judged_on_what_there_is);
    ADD("episodes", bad_to_the_end_of_what_was_measured);
    ADD("episodes", the_start_must_be_outlasted);
    ADD("levels", a_run_between_the_limits_has_no_findings);
    ADD("levels", collapse_is_below_its_limit);
    ADD("levels", a_collapse_is_told_with_its_numbers);
    ADD("levels", overload_of_a_layer_begins_at_its_limit);
    ADD("levels", overload_of_the_run_is_a_share_of_its_heads);
    ADD("levels", a_fresh_model_is_given_time);
    ADD("levels", a_single_capture_is_judged);
    ADD("levels", a_single_value_after_nan_is_judged);
    ADD("levels", good_at_the_last_capture_is_said);
    ADD("levels", a_start_that_was_left_and_came_back_is_not_said_to_have_stayed);
    ADD("levels", no_ceiling_no_verdict);
    ADD("levels", nothing_at_all_is_nothing);
    ADD("nan", nan_rows_tell_layer_and_step);
    ADD("nan", a_loss_that_is_no_number_is_found);
    ADD("heads", a_dead_head_stands_still_at_an_end);
    ADD("heads", a_head_that_moves_at_its_ceiling_lives);
    ADD("heads", a_masked_head_sees_nothing);
    ADD("heads", heads_that_do_the_same_are_redundant);
    ADD("heads", uniform_heads_are_not_redundant);
    ADD("params", parameters_run_away);
    ADD("params", a_parameter_that_is_no_number_any_more);
    ADD("spike", a_spike_needs_an_event_beside_it);
    ADD("spike", which_came_first_is_said_or_not_known);
    ADD("spike", a_spike_beside_a_collapse_names_it);
    ADD("spike", a_small_rise_is_no_spike);
    ADD("rules", any_numbers_do_no_harm);
    ADD("rules", the_most_severe_comes_first);
    ADD("rules", a_rule_can_be_changed);
    ADD("rules", every_rule_is_in_order);
    ADD("rules", the_published_configurations_come_apart);
    ADD("rules", evidence_is_quoted);
    return g_test_run();
}
