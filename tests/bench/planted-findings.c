/* planted-findings.c: how often, how late and how wrongly the rules find what was planted.
 *
 *     planted-findings [RUNS [SEED [check]]]
 *
 * Makes RUNS random runs with each of the events below and as many without any: layers, heads,
 * captures, targets, noise, drift and the speed of the start are drawn anew for each.  Prints a
 * table; with "check" it fails when more than one event in twenty is missed, or a rule gives a false
 * alarm in more than one run in fifty. */
#include "entro-findings.h"

#include <stdlib.h>
#include <string.h>

#define CAPTURE_EVERY 10 /* training steps; the loss is logged at each */

typedef enum {
    NOTHING,
    COLLAPSE,
    RUN_OVERLOAD,
    LAYER_OVERLOAD,
    ATTENTION_NAN,
    LOSS_NAN,
    SPIKE,
    REDUNDANT,
    TEMPERATURE,
    DEAD_HEAD,
    MASKED_HEAD,
    N_EVENTS
} Event;

static const char *const rule_of[N_EVENTS] = {
    [COLLAPSE] = "layer-collapse",
    [RUN_OVERLOAD] = "run-overload",
    [LAYER_OVERLOAD] = "layer-overload",
    [ATTENTION_NAN] = "attention-nan",
    [LOSS_NAN] = "loss-nan",
    [SPIKE] = "loss-spike",
    [REDUNDANT] = "redundant-layer",
    [TEMPERATURE] = "temperature-runaway",
    [DEAD_HEAD] = "dead-head",
    [MASKED_HEAD] = "masked-head",
};

typedef struct {
    GRand *random;
    EntroEvidence *run;
    Event event;
    gsize n_steps, n_heads, n_layers, per_layer;
    gsize onset; /* the first capture that is changed */
    guint layer, head;
    double ceiling, noise, pace;
    double depth; /* what the event changes to */
    gsize ramp;   /* captures that it takes */
    gsize n_loss;
    double *clean; /* [n_steps][n_heads] without noise, as fraction of the ceiling */
} Plan;

/* ---- random numbers --------------------------------------------------------------------------- */

static double
uniform(Plan *plan, double least, double most)
{
    return g_rand_double_range(plan->random, least, most);
}

static double
normal(Plan *plan)
{
    double radius = sqrt(-2 * log(1 - g_rand_double(plan->random)));

    return radius * cos(2 * G_PI * g_rand_double(plan->random));
}

/* ---- a run ------------------------------------------------------------------------------------ */

static void
draw_shape(Plan *plan)
{
    g_autofree gint64 *step = NULL;
    g_autofree guint *layer = NULL, *head = NULL;
    double n_keys = 1 << g_rand_int_range(plan->random, 6, 9);

    plan->n_layers = (gsize)g_rand_int_range(plan->random, 4, 13);
    plan->per_layer = (gsize)g_rand_int_range(plan->random, 4, 13);
    plan->n_heads = plan->n_layers * plan->per_layer;
    plan->n_steps = (gsize)g_rand_int_range(plan->random, 40, 121);
    plan->ceiling = lgamma(n_keys + 1) / n_keys;
    step = g_new(gint64, plan->n_steps);
    layer = g_new(guint, plan->n_heads);
    head = g_new(guint, plan->n_heads);
    for (gsize i = 0; i < plan->n_steps; i++)
        step[i] = CAPTURE_EVERY * (gint64)i;
    for (guint i = 0; i < plan->n_heads; i++) {
        layer[i] = i / (guint)plan->per_layer;
        head[i] = i % (guint)plan->per_layer;
    }
    plan->run = entro_evidence_new(step, plan->n_steps, layer, head, plan->n_heads);
}

static void
draw_event(Plan *plan)
{
    gint32 layers = (gint32)plan->n_layers;

    plan->onset = (gsize)(uniform(plan, 0.25, 0.7) * (double)plan->n_steps);
    plan->layer = (guint)g_rand_int_range(plan->random, 0, layers);
    plan->head = (guint)g_rand_int_range(plan->random, 0, (gint32)plan->per_layer);
    plan->ramp = (gsize)g_rand_int_range(plan->random, 1, 6);
    plan->noise = uniform(plan, 0.005, 0.06);
    plan->pace = uniform(plan, 0.01, 0.08) * (double)plan->n_steps;
    if (plan->event == COLLAPSE) {
        plan->layer = (guint)g_rand_int_range(plan->random, layers / 2, layers);
        plan->depth = uniform(plan, 0.01, 0.05);
    } else if (plan->event == LAYER_OVERLOAD || plan->event == RUN_OVERLOAD) {
        plan->depth =
            plan->event == RUN_OVERLOAD ? uniform(plan, 0.82, 0.93) : uniform(plan, 0.95, 0.99);
    }
}

/* Where the event moves a head to; NaN: it does not. */
static double
event_level(const Plan *plan, gsize head, double target)
{
    gsize layer = head / plan->per_layer, number = head % plan->per_layer;

    if (plan->event == RUN_OVERLOAD)
        return (head * 7) % 10 < 6 ? plan->depth : NAN;
    if (layer != plan->layer)
        return NAN;
    if (plan->event == COLLAPSE || plan->event == LAYER_OVERLOAD)
        return plan->depth;
    if (plan->event == SPIKE) /* all heads of the layer the same way */
        return plan->n_layers >= 6 && plan->head % 2 == 0 ? fmin(target + 0.28, 0.9)
                                                          : 0.45 * target;
    return plan->event == DEAD_HEAD && number == plan->head ? 0.9998 : NAN;
}

/* From the ceiling to a target with drift; from the onset on along a ramp to the event's level. */
static void
draw_clean(Plan *plan)
{
    plan->clean = g_new(double, plan->n_steps * plan->n_heads);
    for (gsize head = 0; head < plan->n_heads; head++) {
        gboolean broad = g_rand_double(plan->random) < 0.06; /* a few such heads are healthy */
        double target = broad ? uniform(plan, 0.77, 0.85) : uniform(plan, 0.3, 0.62);
        double drift = uniform(plan, -0.06, 0.06) / (double)plan->n_steps;
        double to = event_level(plan, head, target);
        double ramp = plan->event == SPIKE ? 1 : (double)plan->ramp;

        for (gsize i = 0; i < plan->n_steps; i++) {
            double level =
                target + drift * (double)i + (0.99 - target) * exp(-(double)i / plan->pace);

            if (i >= plan->onset && !isnan(to))
                level += (to - level) * fmin(1, (double)(i - plan->onset + 1) / ramp);
            plan->clean[i * plan->n_heads + head] = level;
        }
    }
}

/* Noise that lingers: half of it is the head's own, half that of its whole layer. */
static void
fill_entropy(Plan *plan)
{
    g_autofree double *own = g_new0(double, plan->n_heads);
    g_autofree double *shared = g_new0(double, plan->n_layers);
    gsize planted = plan->layer * plan->per_layer + plan->head;

    for (gsize i = 0; i < plan->n_steps; i++) {
        for (gsize layer = 0; layer < plan->n_layers; layer++)
            shared[layer] = 0.7 * shared[layer] + 0.5 * plan->noise * normal(plan);
        for (gsize head = 0; head < plan->n_heads; head++) {
            gsize cell = i * plan->n_heads + head;
            gboolean still = plan->event == DEAD_HEAD && i >= plan->onset && head == planted;

            own[head] = 0.7 * own[head] + 0.5 * plan->noise * normal(plan);
            double wave = (own[head] + shared[head / plan->per_layer]) * (still ? 0.002 : 1);
            plan->run->heads->value[ENTRO_EVIDENCE_ENTROPY][cell] =
                plan->ceiling * CLAMP(plan->clean[cell] + wave, 0.003, 0.9999);
        }
    }
}

static void
fill_heads(Plan *plan)
{
    double **value = plan->run->heads->value;

    fill_entropy(plan);
    for (gsize cell = 0; cell < plan->n_steps * plan->n_heads; cell++) {
        double temperature = exp(0.2 * normal(plan));

        value[ENTRO_EVIDENCE_CEILING][cell] = plan->ceiling;
        value[ENTRO_EVIDENCE_ROWS][cell] = 1000;
        value[ENTRO_EVIDENCE_ROWS_NAN][cell] = 0;
        value[ENTRO_EVIDENCE_ROWS_MASKED][cell] = 0;
        value[ENTRO_EVIDENCE_TEMPERATURE][cell] = temperature;
        value[ENTRO_EVIDENCE_TEMPERATURE_MIN][cell] = 0.3 * temperature;
        value[ENTRO_EVIDENCE_THRESHOLD][cell] = CLAMP(0.4 + 0.08 * normal(plan), 0.05, 0.95);
    }
}

/* Diversity between a quarter and nine tenths of what is possible. */
static void
fill_layers(Plan *plan)
{
    for (gsize layer = 0; layer < plan->n_layers; layer++) {
        double share = uniform(plan, 0.25, 0.9), small = uniform(plan, 0.003, 0.03);

        for (gsize i = 0; i < plan->n_steps; i++) {
            gboolean same = plan->event == REDUNDANT && layer == plan->layer && i >= plan->onset;
            double mean = 0, now = same ? small : share;

            for (gsize head = 0; head < plan->per_layer; head++)
                mean += plan->run->heads->value[ENTRO_EVIDENCE_ENTROPY]
                                               [i * plan->n_heads + layer * plan->per_layer + head];
            mean /= (double)plan->per_layer;
            plan->run->layers->value[ENTRO_EVIDENCE_DIVERSITY][i * plan->n_layers + layer] =
                now * exp(0.1 * normal(plan)) *
                fmin(log((double)plan->per_layer), plan->ceiling - mean);
        }
    }
}

static void
plant_rows(Plan *plan)
{
    double **value = plan->run->heads->value;
    gsize planted = plan->layer * plan->per_layer + plan->head;

    for (gsize i = plan->onset; i < plan->n_steps; i++)
        for (gsize head = 0; head < plan->n_heads; head++) {
            gsize cell = i * plan->n_heads + head;

            if (plan->event == MASKED_HEAD && head == planted) {
                value[ENTRO_EVIDENCE_ROWS_MASKED][cell] = 1000;
                value[ENTRO_EVIDENCE_ENTROPY][cell] = NAN;
            }
            if (plan->event == TEMPERATURE && head == planted)
                value[ENTRO_EVIDENCE_TEMPERATURE][cell] *= pow(1.6, (double)(i - plan->onset + 1));
            if (plan->event == ATTENTION_NAN && (i > plan->onset || head == planted)) {
                value[ENTRO_EVIDENCE_ROWS_NAN][cell] = 1000;
                value[ENTRO_EVIDENCE_ENTROPY][cell] = NAN;
            }
        }
}

/* Falls, with noise and some outliers; the planted jump lies between two captures. */
static void
fill_loss(Plan *plan)
{
    gsize n = plan->n_steps * CAPTURE_EVERY;
    gsize spike = plan->onset * CAPTURE_EVERY - 1 - (gsize)g_rand_int_range(plan->random, 0, 10);
    double height = uniform(plan, 1.5, 3), sd = uniform(plan, 0.005, 0.04);
    g_autofree gint64 *step = g_new(gint64, n);
    g_autofree double *loss = g_new(double, n);

    for (gsize i = 0; i < n; i++) {
        gboolean outlier = g_rand_double(plan->random) < 0.003;

        step[i] = (gint64)i;
        loss[i] = (2 + 4 * exp(-(double)i / (0.1 * (double)n))) *
                  (1 + sd * normal(plan) * (outlier ? 6 : 1));
        if (plan->event == SPIKE && i >= spike && i < spike + 5)
            loss[i] *= height;
        if (plan->event == LOSS_NAN && i >= spike)
            loss[i] = NAN;
    }
    plan->n_loss = spike;
    entro_evidence_add_series(plan->run, "loss", step, loss, n);
}

static void
make_run(Plan *plan)
{
    draw_shape(plan);
    draw_event(plan);
    draw_clean(plan);
    fill_heads(plan);
    fill_layers(plan);
    plant_rows(plan);
    fill_loss(plan);
}

/* ---- the truth -------------------------------------------------------------------------------- */

static gboolean
is_bad(const Plan *plan, gsize position)
{
    const double *clean = plan->clean + position * plan->n_heads;
    double mean = 0;
    guint n_over = 0;

    for (gsize head = 0; head < plan->n_heads; head++) {
        n_over += clean[head] >= 0.75;
        if (head / plan->per_layer == plan->layer)
            mean += clean[head] / (double)plan->per_layer;
    }
    switch (plan->event) {
    case COLLAPSE:
        return mean < 0.1;
    case LAYER_OVERLOAD:
        return mean >= 0.9;
    case RUN_OVERLOAD:
        return n_over >= 0.3 * (double)plan->n_heads;
    case DEAD_HEAD:
        return clean[plan->layer * plan->per_layer + plan->head] >= 0.9995;
    case TEMPERATURE:
        return pow(1.6, (double)(position - plan->onset + 1)) > 100;
    default:
        return TRUE;
    }
}

/* The step from which on the rule's condition holds but for the noise. */
static gint64
true_onset(const Plan *plan)
{
    gsize i = plan->onset;

    if (plan->event == LOSS_NAN || plan->event == SPIKE)
        return (gint64)plan->n_loss;
    while (i + 1 < plan->n_steps && !is_bad(plan, i))
        i++;
    return CAPTURE_EVERY * (gint64)i;
}

static gboolean
is_at_place(const Plan *plan, const EntroFinding *finding)
{
    return (finding->layer < 0 || finding->layer == plan->layer) &&
           (finding->head < 0 || finding->head == plan->head);
}

/* ---- the table -------------------------------------------------------------------------------- */

typedef struct {
    guint n_planted, n_hit, n_false; /* n_false: runs with a finding that was not planted */
    double delay, most;              /* captures */
    guint n_without;                 /* runs in which it would have been false */
} Score;

static gboolean
may_follow(Event event, EntroFindingKind kind)
{
    guint rule = 0;

    return event != NOTHING && entro_rule_find(rule_of[event], NULL, &rule, NULL) &&
           entro_rule(rule)->kind == kind;
}

static void
score_rule(const Plan *plan, const GPtrArray *findings, guint rule, Score *score)
{
    gboolean planted =
        plan->event != NOTHING && g_str_equal(rule_of[plan->event], entro_rule(rule)->name);
    gboolean hit = FALSE, wrong = FALSE;
    double delay = 0;

    for (guint i = 0; i < findings->len; i++) {
        const EntroFinding *finding = findings->pdata[i];

        if (finding->severity == ENTRO_SEVERITY_INFO ||
            !g_str_equal(finding->rule, entro_rule(rule)->name))
            continue;
        if (planted && !hit && is_at_place(plan, finding)) {
            delay = (double)(finding->onset_step - true_onset(plan)) / CAPTURE_EVERY;
            hit = fabs(delay) <= 5;
        } else if (!may_follow(plan->event, finding->kind)) {
            wrong = TRUE;
        }
    }
    score->n_planted += planted;
    score->n_hit += hit;
    score->delay += hit ? delay : 0;
    score->most = hit ? fmax(score->most, fabs(delay)) : score->most;
    score->n_without += !may_follow(plan->event, entro_rule(rule)->kind);
    score->n_false += wrong;
}

static void
score_run(Event event, guint32 seed, Score *scores)
{
    const guint32 seeds[] = {seed, event};
    Plan plan = {.random = g_rand_new_with_seed_array(seeds, 2), .event = event};
    g_autoptr(EntroRules) rules = entro_rules_new();

    make_run(&plan);
    g_autoptr(GPtrArray) findings = entro_judge(plan.run, rules);
    for (guint rule = 0; rule < entro_n_rules(); rule++)
        score_rule(&plan, findings, rule, &scores[rule]);
    entro_evidence_free(plan.run);
    g_free(plan.clean);
    g_rand_free(plan.random);
}

static gboolean
print_score(const char *name, const Score *score)
{
    g_print("%-20s", name);
    if (score->n_planted > 0)
        g_print(" %8u %6.1f %% %11.2f %11.1f", score->n_planted,
                100.0 * score->n_hit / score->n_planted, score->delay / MAX(score->n_hit, 1),
                score->most);
    else
        g_print(" %8s %8s %11s %11s", "-", "-", "-", "-");
    g_print(" %7u of %u\n", score->n_false, score->n_without);
    return score->n_hit * 20 >= score->n_planted * 19 && score->n_false * 50 <= score->n_without;
}

int
main(int argc, char **argv)
{
    guint n_runs = argc > 1 ? (guint)atoi(argv[1]) : 40;
    guint32 seed = argc > 2 ? (guint32)atoi(argv[2]) : 1;
    g_autofree Score *scores = g_new0(Score, entro_n_rules());
    gboolean good = TRUE;

    for (guint i = 0; i < n_runs; i++)
        for (guint event = 1; event < N_EVENTS; event++) {
            score_run(event, seed + i, scores);
            score_run(NOTHING, seed + 1000000 + i * N_EVENTS + event, scores);
        }
    g_print("%u runs with an event, %u without; delays in captures, of the onset found behind the "
            "one planted\n",
            n_runs * (N_EVENTS - 1), n_runs * (N_EVENTS - 1));
    g_print("%-20s %8s %8s %11s %11s %s\n", "rule", "planted", "found", "mean delay", "largest",
            "false alarms");
    for (guint rule = 0; rule < entro_n_rules(); rule++)
        good = print_score(entro_rule(rule)->name, &scores[rule]) && good;
    return argc > 3 && strcmp(argv[3], "check") == 0 && !good;
}
