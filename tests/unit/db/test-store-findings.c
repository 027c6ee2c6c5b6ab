/* test-store-findings.c: rules as data, evidence as it was stored, findings that are of what is stored. */
#include "store-fixture.h"

#include <math.h>
#include <string.h>

/* A capture of 3 layers x 2 heads; the last layer's entropy is `level` of the ceiling, others' 0.5. */
static void
put_level(EntroStore *store, gint64 run_id, gint64 step, double level)
{
    g_autoptr(GError) error = NULL;
    EntroCapture capture = make_capture(step, 3, 2);

    for (guint i = 0; i < capture.n_heads; i++) {
        capture.heads[i].values[ENTRO_HEAD_ENTROPY_CEILING] = 3;
        capture.heads[i].values[ENTRO_HEAD_ENTROPY_MEAN] =
            3 * (capture.heads[i].layer == 2 ? level : 0.5);
    }
    entro_store_put_captures(store, run_id, &capture, 1, &error);
    g_assert_no_error(error);
    free_capture(&capture);
}

/* Collapsed in its last two of four captures. */
static gint64
put_collapse(EntroStore *store)
{
    gint64 run_id = begin_run(store, "a", 1);

    for (gint64 step = 0; step < 4; step++)
        put_level(store, run_id, 10 * step, step < 2 ? 0.4 : 0.08);
    return run_id;
}

static void
judge(EntroStore *store, gint64 run_id)
{
    g_autoptr(GError) error = NULL;

    entro_store_judge(store, run_id, NULL, &error);
    g_assert_no_error(error);
}

static char *
stored(const char *path)
{
    return query_text(path, "SELECT ifnull(group_concat(number || rule || onset_step, ' '), '')"
                            " FROM findings ORDER BY number");
}

/* ---- rules ------------------------------------------------------------------------------------ */

static void
the_defaults_are_written_once(Fixture *fixture, gconstpointer data)
{
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_WRITE);

    (void)data;
    entro_store_free(store);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM rules"), ==, entro_n_rules());
    g_autofree char *value = query_text(fixture->path, "SELECT value FROM rule_parameters"
                                                       " WHERE rule = 'run-overload'"
                                                       " AND name = 'head_share'");
    g_assert_cmpfloat(g_ascii_strtod(value, NULL), ==, 0.30);
    run_sql(fixture->path,
            "UPDATE rule_parameters SET value = 0.25 WHERE name = 'head_share';"
            "UPDATE rules SET severity = 'info', about = 'old' WHERE name = 'run-overload';"
            "DELETE FROM rules WHERE name = 'layer-collapse';"
            "DELETE FROM rule_parameters WHERE rule = 'layer-collapse';"
            "INSERT INTO rules VALUES ('later', 'collapse', 'run', 'info', NULL);"
            "INSERT INTO rule_parameters VALUES ('later', 'x', 1, NULL),"
            " ('run-overload', 'later', 2, NULL)");
    store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autoptr(EntroRules) rules = entro_store_load_rules(store, NULL);
    guint i = 0, j = 0;
    g_assert_true(entro_rule_find("run-overload", "head_share", &i, &j));
    g_assert_cmpfloat(rules->setting[i].value[j], ==, 0.25);
    g_assert_cmpint(rules->setting[i].severity, ==, ENTRO_SEVERITY_INFO);
    entro_store_free(store);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM rules"), ==,
                    entro_n_rules() + 1); /* what is unknown stays */
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM rule_parameters"
                                             " WHERE rule = 'layer-collapse'"),
                    ==, 3);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM rules WHERE about = 'old'"), ==,
                    0);
}

static void
a_value_out_of_range_is_a_sentence(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "UPDATE rule_parameters SET value = 12"
                           " WHERE rule = 'layer-collapse' AND name = 'fraction'");
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_assert_null(entro_store_load_rules(store, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_true(g_str_has_suffix(error->message, ": table rule_parameters: rule layer-collapse: "
                                                   "fraction is 12, expected 0 to 1"));
}

/* ---- judging ---------------------------------------------------------------------------------- */

static void
a_run_is_judged_by_what_is_stored(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = put_collapse(store);

    (void)data;
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 0);
    judge(store, run_id);
    g_autofree char *first = stored(fixture->path);
    g_assert_cmpstr(first, ==, "1layer-collapse20");
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 1);
    run_sql(fixture->path, "UPDATE rule_parameters SET value = 0.45 WHERE name = 'fraction'"
                           " AND rule = 'layer-collapse'");
    judge(store, run_id);
    g_autofree char *second = stored(fixture->path);
    g_assert_cmpstr(second, ==, "1layer-collapse0");
}

static void
judging_again_writes_nothing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = put_collapse(store);

    (void)data;
    judge(store, run_id);
    run_sql(fixture->path, "UPDATE runs SET findings_at = 'then'");
    judge(store, run_id);
    g_assert_cmpint(query_int(fixture->path, "SELECT findings_at = 'then' FROM runs"), ==, 1);
    run_sql(fixture->path, "UPDATE findings SET sentence = 'another'");
    judge(store, run_id);
    g_assert_cmpint(query_int(fixture->path, "SELECT findings_at = 'then' FROM runs"), ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT sentence = 'another' FROM findings"), ==, 0);
}

/* Between the last capture and the judgement a program may be killed. */
static void
new_numbers_make_old_findings_go(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = put_collapse(store), other = begin_run(store, "b", 1);

    (void)data;
    put_level(store, other, 0, 0.01);
    judge(store, other);
    judge(store, run_id);
    put_level(store, run_id, 30, 0.08); /* as it was */
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 2);
    put_level(store, run_id, 40, 0.08);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 1);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM findings WHERE run_id = 1"), ==,
                    0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM findings WHERE run_id = 2"), >,
                    0);
    judge(store, run_id);
    put_level(store, run_id, 40, 0.4); /* read otherwise now */
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM findings WHERE run_id = 1"), ==,
                    0);
}

static void
findings_come_back_as_they_were_put(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autoptr(GError) error = NULL;
    gint64 run_id = put_collapse(store);

    (void)data;
    judge(store, run_id);
    g_autoptr(EntroCase) one = entro_store_load_case(store, "a", &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) now = entro_judge(one->evidence, one->rules);
    g_assert_true(entro_findings_equal(now, one->findings));
    g_assert_cmpuint(now->len, >, 0);
    g_assert_null(entro_store_load_case(store, "nosuch", &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
}

static void
a_run_too_large_is_not_judged(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autoptr(GError) error = NULL;
    gint64 run_id = put_collapse(store);

    (void)data;
    store->max_evidence = 24; /* 4 captures of 6 heads */
    judge(store, run_id);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM findings"), ==, 1);
    store->max_evidence = 23;
    judge(store, run_id);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM findings"), ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 0);
    g_assert_null(entro_store_load_case(store, "a", &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT);
    g_assert_true(g_str_has_suffix(error->message,
                                   ": run #1 has 6 heads and 4 captures, expected a product "
                                   "of at most 23: too many to be judged or compared"));
}

/* Heads that are in one capture alone take their place in all: few rows, many numbers. */
static void
the_limit_is_of_captures_times_heads(Fixture *fixture, gconstpointer data)
{
    static const char *const columns[] = {"entropy_mean"};
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autoptr(GError) error = NULL;
    gint64 run_id = put_collapse(store);
    EntroCapture capture = make_capture(40, 3, 20);

    (void)data;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"), ==, 84);
    store->max_evidence = 299; /* 5 captures times 60 heads are 300 */
    g_assert_null(entro_store_select_history(store, run_id, columns, 1, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT);
    judge(store, run_id);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 0);
    store->max_evidence = 300;
    g_autoptr(EntroHistory) history = entro_store_select_history(store, run_id, columns, 1, NULL);
    g_assert_cmpuint(history->n_heads, ==, 60);
    judge(store, run_id);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 1);
}

/* ---- others write meanwhile --------------------------------------------------------------------- */

/* Writes through another connection, which does not wait, whenever heads are read. */
typedef struct {
    EntroStore *store;
    gint64 run_id;
    guint n_left;    /* so often, at most */
    guint n_refused; /* somebody had the lock */
    guint n_written;
} Writer;

static int
write_beside(unsigned type, void *data, void *stmt, void *text)
{
    Writer *writer = data;
    EntroCapture capture = make_capture(40 + 10 * (gint64)writer->n_written, 3, 2);

    (void)type;
    (void)stmt;
    if (writer->n_left > 0 && strstr(text, "FROM head_stats") != NULL) {
        writer->n_left--;
        if (entro_store_put_captures(writer->store, writer->run_id, &capture, 1, NULL))
            writer->n_written++;
        else
            writer->n_refused++;
    }
    free_capture(&capture);
    return 0;
}

static Writer
judge_beside_writer(const Fixture *fixture, EntroStore *store, gint64 run_id, guint n)
{
    g_autoptr(EntroStore) other = open_store(fixture->path, ENTRO_STORE_WRITE);
    Writer writer = {.store = other, .run_id = run_id, .n_left = n};

    sqlite3_busy_timeout(other->db, 0);
    sqlite3_trace_v2(store->db, SQLITE_TRACE_STMT, write_beside, &writer);
    judge(store, run_id);
    sqlite3_trace_v2(store->db, 0, NULL, NULL);
    writer.store = NULL;
    return writer;
}

/* At step 40 the layer is good: what was found before that stands no more. */
static void
judging_waits_for_nobody_and_is_of_what_is_stored(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = put_collapse(store);
    Writer writer = judge_beside_writer(fixture, store, run_id, 1);

    (void)data;
    g_assert_cmpuint(writer.n_written, ==, 1);
    g_assert_cmpuint(writer.n_refused, ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT last_step FROM findings"
                                             " WHERE rule = 'layer-collapse'"),
                    ==, 30);
}

/* In the end it takes the lock. */
static void
a_writer_that_never_rests_is_made_to_wait(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = put_collapse(store);
    Writer writer = judge_beside_writer(fixture, store, run_id, 1000);

    (void)data;
    g_assert_cmpuint(writer.n_written, >=, 3);
    g_assert_cmpuint(writer.n_refused, >, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 1);
    g_autoptr(EntroCase) one = entro_store_load_case(store, "a", NULL);
    g_autoptr(GPtrArray) now = entro_judge(one->evidence, one->rules);
    g_assert_true(entro_findings_equal(now, one->findings));
}

/* The lock is not held for long: rather has the run no findings. */
static void
a_large_run_is_not_judged_while_others_wait(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = put_collapse(store);

    (void)data;
    store->max_evidence_locked = 4 * 6;
    judge_beside_writer(fixture, store, run_id, 1000);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 0);
    judge(store, run_id); /* nobody writes: any size */
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 1);
}

/* ---- evidence ----------------------------------------------------------------------------------- */

static void
evidence_is_what_was_stored(Fixture *fixture, gconstpointer data)
{
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    add_params(&capture, 2, 3);
    capture.heads[4].values[ENTRO_HEAD_ENTROPY_MEAN] = NAN;
    capture.heads[4].n_nan = 7;
    capture.layer_params[1].values[ENTRO_LAYER_PARAM_ALPHA] = INFINITY;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    capture.step = 20;
    capture.status = ENTRO_CAPTURE_PARTIAL;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
    entro_store_free(store);
    run_sql(fixture->path, "INSERT INTO scalars VALUES (1, 'loss', 5, 2.5, 'finite'),"
                           " (1, 'loss', 6, NULL, 'inf'), (1, 'loss', 7, NULL, 'nan'),"
                           " (1, 'lr', 5, 1, 'finite'), (1, 'eval_loss', 5, 3, 'finite')");
    store = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(EntroEvidence) evidence = entro_evidence_load(store, run_id, NULL);
    entro_store_free(store);
    g_assert_cmpuint(evidence->heads->n_steps, ==, 2);
    g_assert_cmpuint(evidence->heads->n_heads, ==, 6);
    g_assert_cmpuint(evidence->layers->n_heads, ==, 2);
    g_assert_cmpint(evidence->complete[0], ==, 1);
    g_assert_cmpint(evidence->complete[1], ==, 0);
    g_assert_cmpfloat(evidence->heads->value[ENTRO_EVIDENCE_ENTROPY][5], ==,
                      expected_entropy(10, 1, 2));
    g_assert_true(isnan(evidence->heads->value[ENTRO_EVIDENCE_ENTROPY][4]));
    g_assert_cmpfloat(evidence->heads->value[ENTRO_EVIDENCE_ROWS_NAN][4], ==, 7);
    g_assert_cmpfloat(evidence->heads->value[ENTRO_EVIDENCE_THRESHOLD][6 + 5], ==,
                      expected_param(10, 1, 2, ENTRO_HEAD_PARAM_THRESHOLD));
    g_assert_cmpfloat(evidence->layers->value[ENTRO_EVIDENCE_BETA][1], ==,
                      expected_param(10, 1, 0, ENTRO_LAYER_PARAM_BETA));
    g_assert_true(isnan(evidence->layers->value[ENTRO_EVIDENCE_ALPHA][1]));
    g_assert_cmpuint(evidence->n_series, ==, 2);
    g_assert_cmpstr(evidence->series[1].name, ==, "loss");
    g_assert_cmpuint(evidence->series[1].n, ==, 3);
    g_assert_cmpfloat(evidence->series[1].value[1], ==, INFINITY);
    g_assert_true(isnan(evidence->series[1].value[2]));
}

/* Of before rules, findings, parameters: read as it is, judged by the defaults. */
static void
version_1_is_judged_as_it_is(Fixture *fixture, gconstpointer data)
{
    g_autofree char *sql = NULL;
    g_autofree char *file = g_test_build_filename(G_TEST_DIST, "version-1.sql", NULL);
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_true(g_file_get_contents(file, &sql, NULL, NULL));
    run_sql(fixture->path, sql);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(EntroCase) one = entro_store_load_case(store, "#1", &error);
    g_assert_no_error(error);
    g_assert_null(one->findings);
    g_assert_cmpuint(one->evidence->heads->n_steps, ==, 3);
    g_assert_true(isnan(one->evidence->heads->value[ENTRO_EVIDENCE_THRESHOLD][0]));
    g_autoptr(GPtrArray) now = entro_judge(one->evidence, one->rules);
    g_assert_nonnull(now);
    g_assert_cmpint(query_int(fixture->path, "PRAGMA user_version"), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) FIXTURE_TEST("/store-findings/" name, function)
    ADD("the-defaults-are-written-once", the_defaults_are_written_once);
    ADD("a-value-out-of-range-is-a-sentence", a_value_out_of_range_is_a_sentence);
    ADD("a-run-is-judged-by-what-is-stored", a_run_is_judged_by_what_is_stored);
    ADD("judging-again-writes-nothing", judging_again_writes_nothing);
    ADD("new-numbers-make-old-findings-go", new_numbers_make_old_findings_go);
    ADD("findings-come-back-as-they-were-put", findings_come_back_as_they_were_put);
    ADD("a-run-too-large-is-not-judged", a_run_too_large_is_not_judged);
    ADD("the-limit-is-of-captures-times-heads", the_limit_is_of_captures_times_heads);
    ADD("judging-waits-for-nobody", judging_waits_for_nobody_and_is_of_what_is_stored);
    ADD("a-writer-that-never-rests-is-made-to-wait", a_writer_that_never_rests_is_made_to_wait);
    ADD("a-large-run-is-not-judged-while-others-wait", a_large_run_is_not_judged_while_others_wait);
    ADD("evidence-is-what-was-stored", evidence_is_what_was_stored);
    ADD("version-1-is-judged-as-it-is", version_1_is_judged_as_it_is);
    return g_test_run();
}
