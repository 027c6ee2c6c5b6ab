/* test-store-merge.c: runs of one database come into another, once. */
#include "store-fixture.h"

#include <math.h>
#include <string.h>

/* A fixture's folder with two databases. */
typedef struct {
    EntroStore *target, *source;
    char *source_path;
} Pair;

static void
open_pair(Pair *pair, Fixture *fixture)
{
    pair->source_path = g_strdup_printf("%s/source.db", fixture->folder);
    pair->target = open_store(fixture->path, ENTRO_STORE_WRITE);
    pair->source = open_store(pair->source_path, ENTRO_STORE_WRITE);
}

static void
pair_clear(Pair *pair)
{
    entro_store_free(pair->target);
    entro_store_free(pair->source);
    g_free(pair->source_path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

static gint64
begin_trace(EntroStore *store, const char *name, guint attempt, const char *fingerprint)
{
    EntroRunInfo info = {.name = (char *)name,
                         .attempt = attempt,
                         .fingerprint = (char *)fingerprint,
                         .arch = (char *)"SM",
                         .causal = 1};
    gint64 run_id = 0;

    g_assert_true(entro_store_begin_run(store, &info, FALSE, &run_id, NULL));
    return run_id;
}

static void
put(EntroStore *store, gint64 run_id, gint64 step, guint64 digest, gboolean whole)
{
    EntroCapture capture = make_capture(step, 2, 3);
    g_autoptr(sqlite3_stmt) forget =
        entro_sql_prepare_run(store, "DELETE FROM captures WHERE run_id = ?1 AND step = ?2", run_id,
                              NULL);

    /* another digest would be refused */
    g_assert_cmpint(sqlite3_bind_int64(forget, 2, step), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(forget), ==, SQLITE_DONE);
    capture.digest = digest;
    capture.status = whole ? ENTRO_CAPTURE_COMPLETE : ENTRO_CAPTURE_PARTIAL;
    add_params(&capture, 2, 3);
    if (!whole)
        capture.n_heads = 3; /* of the first layer alone */
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    capture.n_heads = 6;
    free_capture(&capture);
}

/* Captures of these steps, whose digests are the steps. */
static gint64
put_run(EntroStore *store, const char *name, const char *fingerprint, gint64 first, gint64 last)
{
    gint64 run_id = begin_trace(store, name, 1, fingerprint);

    for (gint64 step = first; step <= last; step += 10)
        put(store, run_id, step, (guint64)step, TRUE);
    return run_id;
}

static void
merge_as(Pair *pair, gint64 run_id, const EntroMergeOptions *options, EntroMergeResult *result)
{
    g_autoptr(GError) error = NULL;

    entro_merge_result_clear(result);
    entro_store_merge_run(pair->target, pair->source, run_id, options, result, &error);
    g_assert_no_error(error);
}

static void
assert_merges(Pair *pair, gint64 run_id, const EntroMergeOptions *options,
              EntroMergeOutcome outcome, const char *name, gsize n_added, gsize n_known)
{
    g_auto(EntroMergeResult) result = {0};

    merge_as(pair, run_id, options, &result);
    g_assert_cmpint(result.outcome, ==, outcome);
    g_assert_cmpstr(result.name, ==, name);
    g_assert_true((result.reason != NULL) == (outcome == ENTRO_MERGE_REFUSED));
    g_assert_cmpuint(result.n_added, ==, n_added);
    g_assert_cmpuint(result.n_known, ==, n_known);
}

static const EntroMergeOptions plain, with_suffix = {.rename_suffix = "-2"},
                                      replacing = {.replace = TRUE};

static void
put_rest(EntroStore *store, gint64 run_id)
{
    const char *const tags[] = {"x'\n\x1b", NULL};
    double value[] = {1.5, G_MAXDOUBLE, -0.0};
    gint64 step[] = {1, 2, 3};
    EntroConfigEntry entry = {(char *)"k'\n", (char *)"v\xff"};
    EntroScalar loss = {.name = (char *)"loss", .n = 3, .step = step, .value = value};
    EntroTrace trace = {
        .attempt = 1, .n_config = 1, .config = &entry, .n_scalars = 1, .scalars = &loss};
    const EntroFinding finding = {.severity = ENTRO_SEVERITY_CRITICAL,
                                  .layer = -1,
                                  .head = -1,
                                  .rule = (char *)"r",
                                  .sentence = (char *)"s",
                                  .evidence = (char *)"{}"};
    const EntroFinding *const findings[] = {&finding};
    g_autofree char *ref = g_strdup_printf("#%" G_GINT64_FORMAT, run_id);

    g_assert_true(entro_store_put_trace(store, run_id, &trace, 1, NULL));
    g_assert_true(entro_store_put_findings(store, run_id, findings, 1, NULL));
    g_assert_true(entro_store_tag_runs(store, ref, tags, NULL));
}

/* Every row of every table, whatever tables there are. */
static char *
dump_all(const char *path)
{
    g_autofree char *tables = query_text(path, "SELECT group_concat(name) FROM sqlite_schema"
                                               " WHERE type = 'table' ORDER BY name");
    g_auto(GStrv) names = g_strsplit(tables, ",", -1);
    GString *dump = g_string_new(NULL);

    for (char **name = names; *name != NULL; name++) {
        g_autofree char *columns_sql = g_strdup_printf(
            "SELECT group_concat('quote(\"' || name || '\")', '||') FROM pragma_table_info('%s')",
            *name);
        g_autofree char *columns = query_text(path, columns_sql);
        g_autofree char *sql = g_strdup_printf(
            "SELECT group_concat(line, char(10)) FROM (SELECT %s AS line FROM \"%s\" ORDER BY 1)",
            columns, *name);
        g_autofree char *rows = query_text(path, sql);
        g_string_append_printf(dump, "%s\n%s\n", *name, rows != NULL ? rows : "");
    }
    return g_string_free(dump, FALSE);
}

/* ---- what comes along --------------------------------------------------------------------------- */

static void
a_new_run_comes_with_every_row(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_rest(pair.source, put_run(pair.source, "a", "uuid-a", 0, 30));
    put_rest(pair.source, put_run(pair.source, "b'\n", "uuid-b", 0, 10));
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_ADDED, "a", 4, 0);
    assert_merges(&pair, 2, &plain, ENTRO_MERGE_ADDED, "b'\n", 2, 0);
    g_autofree char *merged = dump_all(fixture->path);
    g_autofree char *source = dump_all(pair.source_path);
    g_assert_cmpstr(merged, ==, source);
    g_assert_nonnull(strstr(merged, "head_params\n1"));
    /* again: nothing */
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_UNCHANGED, "a", 0, 4);
    assert_merges(&pair, 2, &replacing, ENTRO_MERGE_UNCHANGED, "b'\n", 0, 2);
    g_autofree char *again = dump_all(fixture->path);
    g_assert_cmpstr(again, ==, source);
}

static void
captures_that_are_missing_are_added(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.target, "other", "uuid-o", 0, 0);
    put_rest(pair.target, put_run(pair.target, "a", "uuid-a", 0, 20));
    put_rest(pair.source, put_run(pair.source, "a", "uuid-a", 10, 40));
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_EXTENDED, "a", 2, 2);
    g_autoptr(GArray) steps = entro_store_stored_steps(pair.target, 2, NULL);
    g_assert_cmpuint(steps->len, ==, 5);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats WHERE run_id = 2"),
                    ==, 5 * 6);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM layer_params WHERE run_id = 2"),
                    ==, 5 * 2);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM scalars"), ==, 3);
}

/* They speak of all captures of a run: neither side's hold for both together. */
static void
findings_are_those_of_the_captures(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_rest(pair.target, put_run(pair.target, "within", "uuid-1", 0, 10));
    put_rest(pair.target, put_run(pair.target, "beside", "uuid-2", 0, 10));
    put_rest(pair.target, put_run(pair.target, "more", "uuid-3", 0, 30));
    put_run(pair.target, "unjudged", "uuid-4", 0, 10);
    run_sql(fixture->path, "UPDATE findings SET sentence = 'old'");
    put_rest(pair.source, put_run(pair.source, "within", "uuid-1", 0, 30));
    put_rest(pair.source, put_run(pair.source, "beside", "uuid-2", 10, 30));
    put_rest(pair.source, put_run(pair.source, "more", "uuid-3", 0, 10));
    put_rest(pair.source, put_run(pair.source, "unjudged", "uuid-4", 0, 10));
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_EXTENDED, "within", 2, 2);
    assert_merges(&pair, 2, &plain, ENTRO_MERGE_EXTENDED, "beside", 2, 1);
    assert_merges(&pair, 3, &plain, ENTRO_MERGE_UNCHANGED, "more", 0, 2);
    assert_merges(&pair, 4, &plain, ENTRO_MERGE_EXTENDED, "unjudged", 0, 2);
    g_autofree char *found =
        query_text(fixture->path,
                   "SELECT group_concat(name || ' ' || (findings_at IS NOT NULL) || ' ' ||"
                   " coalesce((SELECT sentence FROM findings WHERE run_id = runs.id), '-'), ';')"
                   " FROM runs ORDER BY id");
    g_assert_cmpstr(found, ==, "within 1 s;beside 0 -;more 1 old;unjudged 1 s");
}

static void
put_losses(EntroStore *store, gint64 run_id, gsize n, const double *value)
{
    gint64 step[] = {0, 10, 20, 30};
    EntroScalar loss = {.name = (char *)"loss", .n = n, .step = step, .value = (double *)value};
    EntroTrace trace = {.attempt = 1, .n_scalars = 1, .scalars = &loss};

    g_assert_true(entro_store_put_trace(store, run_id, &trace, 1, NULL));
}

static void
put_judged(EntroStore *store, const char *name, gint64 last, gsize n_losses, gboolean nan,
           const char *sentence)
{
    const double value[] = {4, 3, nan ? NAN : 2, 1};
    gint64 run_id = put_run(store, name, name, 0, last);
    const EntroFinding finding = {.layer = -1,
                                  .head = -1,
                                  .rule = (char *)"r",
                                  .sentence = (char *)sentence,
                                  .evidence = (char *)"{}"};
    const EntroFinding *const findings[] = {&finding};

    put_losses(store, run_id, n_losses, value);
    g_assert_true(entro_store_put_findings(store, run_id, findings, 1, NULL));
}

static void
findings_are_those_of_the_scalars_too(Fixture *fixture, gconstpointer data)
{
    static const char *const tags[] = {"x", NULL};

    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_judged(pair.target, "losses come", 10, 2, FALSE, "old");
    put_judged(pair.target, "more losses here", 10, 4, TRUE, "old");
    put_judged(pair.target, "other losses here", 10, 4, TRUE, "old");
    put_judged(pair.target, "a tag here, one there", 10, 4, TRUE, "old");
    put_judged(pair.target, "a tag here", 10, 2, TRUE, "old");
    put_judged(pair.target, "nothing new", 10, 4, TRUE, "old");
    put_judged(pair.source, "losses come", 10, 4, TRUE, "new");
    put_judged(pair.source, "more losses here", 30, 2, FALSE, "new");
    put_judged(pair.source, "other losses here", 30, 4, FALSE, "new");
    put_judged(pair.source, "a tag here, one there", 10, 4, TRUE, "new");
    put_judged(pair.source, "a tag here", 30, 4, TRUE, "new");
    put_judged(pair.source, "nothing new", 10, 2, FALSE, "new");
    g_assert_true(entro_store_tag_runs(pair.target, "#4", tags, NULL));
    g_assert_true(entro_store_tag_runs(pair.target, "#5", tags, NULL));
    g_assert_true(entro_store_tag_runs(pair.source, "#4", (const char *const[]){"y", NULL}, NULL));
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_EXTENDED, "losses come", 0, 2);
    assert_merges(&pair, 2, &plain, ENTRO_MERGE_EXTENDED, "more losses here", 2, 2);
    assert_merges(&pair, 3, &plain, ENTRO_MERGE_EXTENDED, "other losses here", 2, 2);
    assert_merges(&pair, 4, &plain, ENTRO_MERGE_EXTENDED, "a tag here, one there", 0, 2);
    assert_merges(&pair, 5, &plain, ENTRO_MERGE_EXTENDED, "a tag here", 2, 2);
    assert_merges(&pair, 6, &plain, ENTRO_MERGE_UNCHANGED, "nothing new", 0, 2);
    g_autofree char *found =
        query_text(fixture->path,
                   "SELECT group_concat((findings_at IS NOT NULL) || ' ' ||"
                   " coalesce((SELECT sentence FROM findings WHERE run_id = runs.id), '-'), ';')"
                   " FROM runs ORDER BY id");
    g_assert_cmpstr(found, ==, "1 new;0 -;0 -;1 old;1 new;1 old");
}

/* Of before there were findings. */
static void
findings_go_when_an_older_source_adds_captures(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_judged(pair.target, "a", 10, 2, FALSE, "old");
    put_run(pair.source, "a", "a", 0, 30);
    entro_store_free(g_steal_pointer(&pair.source));
    run_sql(pair.source_path, "DROP TABLE findings; ALTER TABLE runs DROP COLUMN findings_at");
    pair.source = open_store(pair.source_path, ENTRO_STORE_READ);
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_EXTENDED, "a", 2, 2);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM findings"), ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(findings_at) FROM runs"), ==, 0);
}

/* ---- what differs ------------------------------------------------------------------------------- */

static void
a_capture_that_differs_keeps_the_run_out(Fixture *fixture, gconstpointer data)
{
    g_auto(EntroMergeResult) result = {0};

    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.target, "a", "uuid-a", 0, 20);
    gint64 from = put_run(pair.source, "a", "uuid-a", 0, 40);
    put(pair.source, from, 20, 999, TRUE);
    g_autofree char *before = dump_all(fixture->path);
    merge_as(&pair, from, &plain, &result);
    g_assert_cmpint(result.outcome, ==, ENTRO_MERGE_REFUSED);
    g_assert_nonnull(strstr(result.reason, "first at step 20; --replace"));
    g_autofree char *after = dump_all(fixture->path);
    g_assert_cmpstr(after, ==, before);
    merge_as(&pair, from, &replacing, &result);
    g_assert_cmpint(result.outcome, ==, ENTRO_MERGE_EXTENDED);
    g_assert_cmpuint(result.n_replaced, ==, 1);
    g_assert_cmpuint(result.n_added, ==, 2);
    g_assert_cmpint(query_int(fixture->path, "SELECT digest = printf('%016x', 999) FROM captures"
                                             " WHERE step = 20"),
                    ==, 1);
}

/* What could not be read whole gives way to what could, on either side. */
static void
a_whole_capture_is_better_than_a_part(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    gint64 to = begin_trace(pair.target, "a", 1, "uuid-a");
    gint64 from = begin_trace(pair.source, "a", 1, "uuid-a");
    put(pair.target, to, 0, 1, FALSE);
    put(pair.target, to, 10, 2, TRUE);
    put(pair.source, from, 0, 3, TRUE);
    put(pair.source, from, 10, 4, FALSE);
    assert_merges(&pair, from, &plain, ENTRO_MERGE_EXTENDED, "a", 0, 1);
    g_autoptr(GArray) steps = entro_store_stored_steps(pair.target, to, NULL);
    g_assert_cmpuint(steps->len, ==, 2);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"), ==, 12);
    assert_merges(&pair, from, &plain, ENTRO_MERGE_UNCHANGED, "a", 0, 2);
}

static void
a_name_of_another_trace_is_not_taken(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.target, "a", "uuid-1", 0, 20);
    put_run(pair.source, "a", "uuid-2", 0, 20);
    put(pair.source, begin_trace(pair.source, "a", 2, "uuid-2"), 0, 7, TRUE);
    g_autofree char *before = dump_all(fixture->path);
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_REFUSED, NULL, 0, 0);
    assert_merges(&pair, 1, &replacing, ENTRO_MERGE_REFUSED, NULL, 0, 0);
    g_autofree char *after = dump_all(fixture->path);
    g_assert_cmpstr(after, ==, before);
    assert_merges(&pair, 1, &with_suffix, ENTRO_MERGE_ADDED, "a-2", 3, 0);
    /* known by its trace from now on: also its other attempt, also without the option */
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_UNCHANGED, "a-2", 0, 3);
    assert_merges(&pair, 2, &plain, ENTRO_MERGE_ADDED, "a-2", 1, 0);
    g_autoptr(EntroRunInfo) info = entro_store_find_run(pair.target, "a-2", NULL);
    g_assert_cmpuint(info->attempt, ==, 2);
    g_assert_cmpstr(info->trace_name, ==, "a");
    /* and the name with the suffix may be taken, too */
    put_run(pair.target, "b", "uuid-3", 0, 0);
    put_run(pair.target, "b-2", "uuid-4", 0, 0);
    gint64 third = put_run(pair.source, "b", "uuid-5", 0, 0);
    assert_merges(&pair, third, &with_suffix, ENTRO_MERGE_REFUSED, NULL, 0, 0);
}

static void
a_renamed_run_is_the_same_run(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.target, "a", "uuid-1", 0, 20);
    put_run(pair.source, "a", "uuid-1", 0, 30);
    g_assert_true(entro_store_rename_run(pair.target, "a", "mine", NULL));
    g_assert_true(entro_store_rename_run(pair.source, "a", "theirs", NULL));
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_EXTENDED, "mine", 1, 3);
}

/* Two trainings from one seed, traces without an identifier: alike at step 0 and nowhere else. */
static void
a_computed_fingerprint_is_no_proof(Fixture *fixture, gconstpointer data)
{
    g_autofree char *computed = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "x", 1);

    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.target, "lr1", computed, 0, 20);
    gint64 other = put_run(pair.source, "lr2", computed, 0, 0);
    put(pair.source, other, 10, 777, TRUE);
    gint64 same = put_run(pair.source, "lr1 under another name", computed, 0, 30);
    gint64 begun = put_run(pair.source, "lr3", computed, 0, 0);
    assert_merges(&pair, other, &plain, ENTRO_MERGE_ADDED, "lr2", 2, 0);
    assert_merges(&pair, same, &plain, ENTRO_MERGE_EXTENDED, "lr1", 1, 3);
    assert_merges(&pair, begun, &plain, ENTRO_MERGE_ADDED, "lr3", 1, 0);
    assert_merges(&pair, other, &plain, ENTRO_MERGE_UNCHANGED, "lr2", 0, 2);
}

/* ---- other schemas ------------------------------------------------------------------------------ */

static void
columns_of_either_side_are_kept(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.target, "here", "uuid-1", 0, 0);
    put_run(pair.source, "there", "uuid-2", 0, 0);
    entro_store_free(g_steal_pointer(&pair.source));
    run_sql(pair.source_path,
            "ALTER TABLE head_stats DROP COLUMN entropy_p05;"
            "ALTER TABLE head_stats ADD COLUMN novelty REAL;"
            "ALTER TABLE head_stats ADD COLUMN \"bad\"\" name\" REAL;"
            "ALTER TABLE layer_stats ADD COLUMN odd BLOB;"
            "INSERT INTO metric VALUES ('head_stats', 'novelty', 'Novelty', 'nats', 'New.');"
            "UPDATE head_stats SET novelty = layer + head, entropy_sd = 9e999");
    pair.source = open_store(pair.source_path, ENTRO_STORE_READ);
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_ADDED, "there", 1, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats WHERE run_id = 2 AND"
                                             " novelty = layer + head AND entropy_p05 IS NULL"),
                    ==, 6);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats WHERE run_id = 1 AND"
                                             " novelty IS NULL AND entropy_p05 IS NOT NULL"),
                    ==, 6);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(entropy_sd) FROM head_stats"), ==, 6);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM pragma_table_info('head_stats')"
                                             " WHERE name LIKE 'bad%'"),
                    ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM metric WHERE name = 'novelty'"),
                    ==, 1);
}

static void
an_older_database_is_a_source(Fixture *fixture, gconstpointer data)
{
    g_autofree char *file = g_test_build_filename(G_TEST_DIST, "version-1.sql", NULL);
    g_autofree char *sql = read_file(file, NULL);
    gsize size = 0;

    (void)data;
    g_auto(Pair) pair = {0};
    pair.source_path = g_strdup_printf("%s/source.db", fixture->folder);
    pair.target = open_store(fixture->path, ENTRO_STORE_WRITE);
    run_sql(pair.source_path, sql);
    g_autofree char *before = read_file(pair.source_path, &size);
    pair.source = open_store(pair.source_path, ENTRO_STORE_READ);
    g_autoptr(GPtrArray) runs = entro_store_list_runs(pair.source, NULL);
    for (guint j = 0; j < runs->len; j++) {
        const EntroRunInfo *run = runs->pdata[j];
        assert_merges(&pair, run->id, &plain, ENTRO_MERGE_ADDED, run->name, (gsize)run->n_captures,
                      0);
    }
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"), ==,
                    query_int(pair.source_path, "SELECT count(*) FROM head_stats"));
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"), >, 0);
    entro_store_free(g_steal_pointer(&pair.source));
    g_autofree char *after = read_file(pair.source_path, NULL);
    g_assert_cmpmem(before, size, after, size);
}

/* ---- sources that lie --------------------------------------------------------------------------- */

static void
a_source_that_lies_changes_nothing(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *sql, *sentence;
    } cases[] = {
        {"DROP VIEW layer_entropy; DROP VIEW capture_rows;"
         " ALTER TABLE head_stats RENAME COLUMN step TO stop",
         "head_stats: lacks the column step"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE captures SET status = 'fine'", "CHECK"},
        {"DROP TABLE run_tags; CREATE TABLE run_tags (run_id, tag); INSERT INTO run_tags VALUES"
         " (1, x'00ff')",
         "cannot store BLOB"},
        {"DROP TABLE runs", "no such table: runs"},
    };

    (void)data;
    for (gsize j = 0; j < G_N_ELEMENTS(cases); j++) {
        g_autoptr(GError) error = NULL;
        g_auto(EntroMergeResult) result = {0};
        g_auto(Pair) pair = {0};
        g_autofree char *source_path =
            g_strdup_printf("%s/%" G_GSIZE_FORMAT ".db", fixture->folder, j);
        pair.target = open_store(fixture->path, ENTRO_STORE_WRITE);
        pair.source = open_store(source_path, ENTRO_STORE_WRITE);
        put_run(pair.source, "a", "uuid-a", 0, 10);
        entro_store_free(g_steal_pointer(&pair.source));
        run_sql(source_path, "PRAGMA foreign_keys = OFF");
        run_sql(source_path, cases[j].sql);
        pair.source = open_store(source_path, ENTRO_STORE_READ);
        g_autofree char *before = dump_all(fixture->path);
        g_assert_false(entro_store_merge_run(pair.target, pair.source, 1, &plain, &result, &error));
        g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_SOURCE);
        if (strstr(error->message, cases[j].sentence) == NULL)
            g_error("'%s' lacks '%s'", error->message, cases[j].sentence);
        g_assert_nonnull(strstr(error->message, source_path));
        g_autofree char *after = dump_all(fixture->path);
        g_assert_cmpstr(after, ==, before);
    }
}

/* A view that never ends is found before it is asked. */
static void
a_source_without_tables_is_not_opened(Fixture *fixture, gconstpointer data)
{
    static const char *const spoiled[] = {
        "DROP TABLE captures; CREATE VIEW captures AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
        " SELECT i + 1 FROM n) SELECT 1 AS run_id, i AS step FROM n",
        "DROP TABLE captures; CREATE VIEW captures AS SELECT 1 AS run_id, 0 AS step, 0 AS position,"
        " 1 AS n_rows, 'x' AS digest, 'complete' AS status, NULL AS detail",
        "DROP TABLE scalars; CREATE VIRTUAL TABLE scalars USING fts5(run_id, name, step, value)",
        "PRAGMA foreign_keys = OFF; DROP TABLE runs",
    };

    (void)data;
    for (gsize j = 0; j < G_N_ELEMENTS(spoiled); j++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("%s/%" G_GSIZE_FORMAT ".db", fixture->folder, j);
        make_database(path);
        run_sql(path, spoiled[j]);
        g_assert_null(entro_store_open_source(path, &error));
        g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_SOURCE);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(entro_store_open_source(fixture->path, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_SOURCE);
}

static void
triggers_of_the_source_do_not_run(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.source, "a", "uuid-a", 0, 10);
    entro_store_free(g_steal_pointer(&pair.source));
    run_sql(pair.source_path, "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END");
    pair.source = open_store(pair.source_path, ENTRO_STORE_READ);
    assert_merges(&pair, 1, &plain, ENTRO_MERGE_ADDED, "a", 2, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM sqlite_schema WHERE type ="
                                             " 'trigger'"),
                    ==, 0);
    g_assert_cmpint(query_int(pair.source_path, "SELECT count(*) FROM runs"), ==, 1);
}

/* ---- trying --------------------------------------------------------------------------------------- */

static void
a_dry_run_says_what_a_merge_does(Fixture *fixture, gconstpointer data)
{
    static const EntroMergeOptions dry = {.dry_run = TRUE};

    (void)data;
    g_auto(Pair) pair = {0};
    open_pair(&pair, fixture);
    put_run(pair.target, "a", "uuid-1", 0, 10);
    put_run(pair.target, "b", "uuid-2", 0, 10);
    put_run(pair.source, "a", "uuid-1", 0, 30);
    put_run(pair.source, "b", "uuid-3", 0, 10);
    put_run(pair.source, "c", "uuid-4", 0, 10);
    put_rest(pair.source, put_run(pair.source, "d", "uuid-2", 0, 10));
    g_autofree char *before = dump_all(fixture->path);
    EntroStore *target = pair.target;
    pair.target = entro_store_open_shadow(fixture->path, NULL);
    for (guint round = 0; round < 2; round++) {
        const EntroMergeOptions *options = round == 0 ? &dry : &plain;
        assert_merges(&pair, 1, options, ENTRO_MERGE_EXTENDED, "a", 2, 2);
        assert_merges(&pair, 2, options, ENTRO_MERGE_REFUSED, NULL, 0, 0);
        assert_merges(&pair, 3, options, ENTRO_MERGE_ADDED, "c", 2, 0);
        assert_merges(&pair, 3, options, ENTRO_MERGE_UNCHANGED, "c", 0, 2);
        assert_merges(&pair, 4, options, ENTRO_MERGE_EXTENDED, "b", 0, 2); /* its tag */
        if (round == 0) {
            g_autofree char *after = dump_all(fixture->path);
            g_assert_cmpstr(after, ==, before);
            entro_store_free(pair.target);
            pair.target = target;
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/merge/a-new-run-comes-with-every-row", a_new_run_comes_with_every_row);
    FIXTURE_TEST("/db/merge/captures-that-are-missing-are-added",
                 captures_that_are_missing_are_added);
    FIXTURE_TEST("/db/merge/findings-are-those-of-the-captures",
                 findings_are_those_of_the_captures);
    FIXTURE_TEST("/db/merge/findings-are-those-of-the-scalars-too",
                 findings_are_those_of_the_scalars_too);
    FIXTURE_TEST("/db/merge/findings-go-when-an-older-source-adds-captures",
                 findings_go_when_an_older_source_adds_captures);
    FIXTURE_TEST("/db/merge/a-capture-that-differs-keeps-the-run-out",
                 a_capture_that_differs_keeps_the_run_out);
    FIXTURE_TEST("/db/merge/a-whole-capture-is-better-than-a-part",
                 a_whole_capture_is_better_than_a_part);
    FIXTURE_TEST("/db/merge/a-name-of-another-trace-is-not-taken",
                 a_name_of_another_trace_is_not_taken);
    FIXTURE_TEST("/db/merge/a-renamed-run-is-the-same-run", a_renamed_run_is_the_same_run);
    FIXTURE_TEST("/db/merge/a-computed-fingerprint-is-no-proof",
                 a_computed_fingerprint_is_no_proof);
    FIXTURE_TEST("/db/merge/columns-of-either-side-are-kept", columns_of_either_side_are_kept);
    FIXTURE_TEST("/db/merge/an-older-database-is-a-source", an_older_database_is_a_source);
    FIXTURE_TEST("/db/merge/a-source-that-lies-changes-nothing",
                 a_source_that_lies_changes_nothing);
    FIXTURE_TEST("/db/merge/a-source-without-tables-is-not-opened",
                 a_source_without_tables_is_not_opened);
    FIXTURE_TEST("/db/merge/triggers-of-the-source-do-not-run", triggers_of_the_source_do_not_run);
    FIXTURE_TEST("/db/merge/a-dry-run-says-what-a-merge-does", a_dry_run_says_what_a_merge_does);
    return g_test_run();
}
