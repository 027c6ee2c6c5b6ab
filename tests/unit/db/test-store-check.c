/* test-store-check.c: every check of a database, by what it is there to find. */
#include "store-fixture.h"

#include <string.h>

#define UNCHECKED "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; "
#define FINDING(SEVERITY, LAYER, HEAD)                                                             \
    "INSERT INTO findings (run_id, number, kind, severity, layer, head, onset_step, n_captures,"   \
    " rule, sentence, evidence) VALUES (1, 1, 'x', '" SEVERITY "', " LAYER ", " HEAD               \
    ", 10, 1, 'x', 'x', '{}')"

static const struct {
    const char *sql, *check, *sentence;
} breaks[] = {
    {"INSERT INTO run_config VALUES (7, 'a', 'b')", "foreign_keys",
     "row 1 of run_config refers to a row of runs that is not there"},
    {"DELETE FROM layer_stats WHERE step = 20 AND layer = 1", "layers",
     "run 'a' (#1), step 20: 1 of 2 layers are there"},
    {"DELETE FROM head_stats WHERE step = 20 AND layer = 1 AND head = 0", "heads",
     "run 'a' (#1), step 20, layer 1: 2 of 3 heads are there"},
    {"DELETE FROM layer_stats WHERE step = 20 AND layer = 1", "head_layers",
     "run #1, step 20, layer 1: has heads, and is not in layer_stats"},
    {"UPDATE captures SET n_rows = n_rows + 1 WHERE step = 10", "rows",
     "run 'a' (#1), step 10: 193 rows, but its heads have 192"},
    {"UPDATE head_stats SET n_nan = 20, n_masked = 13 WHERE step = 10 AND layer = 0 AND head = 2",
     "counts",
     "run #1, step 10, layer 0, head 2: of 32 rows 20 are NaN, 13 masked and 0 off their sum"},
    {"UPDATE head_stats SET n_nan = -1 WHERE step = 10 AND layer = 0 AND head = 2", "counts",
     "run #1, step 10, layer 0, head 2: of 32 rows -1 are NaN, 0 masked and 0 off their sum"},
    {"DELETE FROM captures WHERE step = 10", "orphans",
     "run #1, step 10: is in layer_stats, and not in captures"},
    {"INSERT INTO layer_params (run_id, step, layer) VALUES (1, 30, 0)", "orphans",
     "run #1, step 30: is in layer_params, and not in captures"},
    {"UPDATE captures SET digest = '0123456789abcdeF' WHERE step = 10", "digests",
     "run #1, step 10: its digest is no 16 hexadecimal digits"},
    {"UPDATE captures SET digest = '0' WHERE step = 10", "digests",
     "run #1, step 10: its digest is no 16 hexadecimal digits"},
    {"INSERT INTO scalars VALUES (1, 'loss', 10, NULL, 'finite')", "scalars",
     "run #1, scalar 'loss', step 10: is finite, and has no value"},
    {"INSERT INTO scalars VALUES (1, 'loss', 10, 1.5, 'nan')", "scalars",
     "run #1, scalar 'loss', step 10: is nan, and has a value"},
    {"UPDATE runs SET causal = 7", "words", "run 'a' (#1): causal is 7, expected 0 or 1"},
    {"UPDATE captures SET status = 'x' WHERE step = 10", "words",
     "run #1, step 10: its status is 'x', expected complete or partial"},
    {"INSERT INTO scalars VALUES (1, 'loss', 10, NULL, 'odd')", "words",
     "run #1, scalar 'loss', step 10: its state is 'odd', expected finite, nan, inf or -inf"},
    {FINDING("grave", "0", "0"), "words",
     "run #1, finding 1: its severity is 'grave', expected info, warning or critical"},
    {"INSERT INTO rules VALUES ('r', 'x', 'row', 'info', '')", "words",
     "rule 'r': its scope is 'row' and its severity 'info', expected run, layer or head, and info,"
     " warning or critical"},
    {FINDING("info", "2", "NULL"), "findings",
     "run 'a' (#1): finding 1 is of layer 2, which the run has not"},
    {FINDING("info", "1", "3"), "findings",
     "run 'a' (#1): finding 1 is of layer 1, head 3, which the run has not"},
    {"UPDATE head_stats SET entropy_mean = 9e999 WHERE step = 10 AND layer = 1 AND head = 0",
     "numbers", "run #1, step 10, layer 1: a number of head_stats is not finite"},
    {"UPDATE layer_stats SET entropy_mean = -9e999 WHERE step = 10 AND layer = 1", "numbers",
     "run #1, step 10, layer 1: a number of layer_stats is not finite"},
    {"DROP TABLE run_tags", "tables",
     "there is no table run_tags, expected in version 4 of the database"},
    {"DROP TABLE scalars", "scalars", "could not be checked: "},
};

static gboolean
has_problem(const EntroStoreHealth *health, const char *check, const char *sentence)
{
    for (guint i = 0; i < health->problems->len; i++) {
        const EntroStoreProblem *problem = health->problems->pdata[i];
        if (g_str_equal(problem->check, check) && strstr(problem->sentence, sentence) != NULL)
            return TRUE;
    }
    return FALSE;
}

static void
every_break_is_found(Fixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(breaks); i++) {
        g_autofree char *path = g_strdup_printf("%s/%u.db", fixture->folder, i);
        g_autofree char *sql = g_strconcat(UNCHECKED, breaks[i].sql, NULL);
        g_autoptr(GError) error = NULL;

        make_sound_database(path);
        g_autoptr(EntroStoreHealth) sound = entro_store_check(path, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(sound->problems->len, ==, 0);
        run_sql(path, sql);
        g_autoptr(EntroStoreHealth) health = entro_store_check(path, &error);
        g_assert_no_error(error);
        if (has_problem(health, breaks[i].check, breaks[i].sentence))
            continue;
        for (guint j = 0; j < health->problems->len; j++) {
            const EntroStoreProblem *problem = health->problems->pdata[j];
            g_test_message("found %s: %s", problem->check, problem->sentence);
        }
        g_error("\"%s\" was not found by \"%s\": %s", breaks[i].sql, breaks[i].check,
                breaks[i].sentence);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/check/every-break-is-found", every_break_is_found);
    return g_test_run();
}
