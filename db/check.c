/* check.c: whether a database is what this program made: the file, its references, its rows.
 *
 * A check is a query with a sentence for everything that is wrong; none means sound.  One that cannot
 * be done is a problem itself, and does not stop the others. */
#include "db-private.h"

/* So many sentences a check; the others are counted. */
#define MAX_SENTENCES 20

typedef struct {
    const char *name;
    gint64 since; /* version of the database */
    const char *sql;
} Check;

/* Names are long or hostile at will; who prints a sentence makes it fit for a terminal. */
#define RUN "'run ''%s'' (#%d)"

static const Check checks[] = {
    {"quick_check", 1, "SELECT quick_check FROM pragma_quick_check(20) WHERE quick_check <> 'ok'"},
    {"foreign_keys", 1,
     "SELECT printf('row %d of %s refers to a row of %s that is not there', rowid, \"table\","
     " parent) FROM pragma_foreign_key_check"},
    {"layers", 1,
     "SELECT printf(" RUN
     ", step %d: %d of %d layers are there', substr(r.name, 1, 80), r.id, c.step,"
     "  c.n, r.n_layers)"
     " FROM (SELECT run_id, step, (SELECT count(*) FROM layer_stats AS l"
     "   WHERE l.run_id = c.run_id AND l.step = c.step) AS n"
     "  FROM captures AS c WHERE status = 'complete') AS c"
     " JOIN runs AS r ON r.id = c.run_id WHERE c.n <> r.n_layers"},
    {"heads", 1,
     "SELECT printf(" RUN ", step %d, layer %d: %d of %d heads are there',"
     "  substr(r.name, 1, 80), r.id, l.step, l.layer, l.n, l.n_heads)"
     " FROM (SELECT run_id, step, layer, n_heads, (SELECT count(*) FROM head_stats AS h"
     "   WHERE h.run_id = l.run_id AND h.step = l.step AND h.layer = l.layer) AS n"
     "  FROM layer_stats AS l) AS l"
     " JOIN runs AS r ON r.id = l.run_id WHERE l.n <> l.n_heads"},
    {"head_layers", 1,
     "SELECT printf('run #%d, step %d, layer %d: has heads, and is not in layer_stats', run_id,"
     "  step, layer)"
     " FROM (SELECT DISTINCT run_id, step, layer FROM head_stats) AS h"
     " WHERE NOT EXISTS (SELECT 1 FROM layer_stats AS l WHERE l.run_id = h.run_id"
     "  AND l.step = h.step AND l.layer = h.layer)"},
    {"rows", 1,
     "SELECT printf(" RUN ", step %d: %d rows, but its heads have %d', substr(r.name, 1, 80), r.id,"
     "  c.step, c.n_rows, c.n)"
     " FROM (SELECT run_id, step, n_rows, (SELECT coalesce(sum(n_rows), 0) FROM head_stats AS h"
     "   WHERE h.run_id = c.run_id AND h.step = c.step) AS n FROM captures AS c) AS c"
     " JOIN runs AS r ON r.id = c.run_id WHERE c.n <> c.n_rows"},
    {"counts", 1,
     "SELECT printf('run #%d, step %d, layer %d, head %d: of %d rows %d are NaN, %d masked and %d"
     " off their sum', run_id, step, layer, head, n_rows, n_nan, n_masked, n_off_sum)"
     " FROM head_stats WHERE n_nan < 0 OR n_masked < 0 OR n_off_sum < 0"
     "  OR n_nan + n_masked + n_off_sum > n_rows"},
    {"orphans", 1,
     "SELECT printf('run #%d, step %d: is in %s, and not in captures', run_id, step, name)"
     " FROM (SELECT DISTINCT 'head_stats' AS name, run_id, step FROM head_stats UNION ALL"
     "  SELECT DISTINCT 'layer_stats', run_id, step FROM layer_stats) AS t"
     " WHERE NOT EXISTS (SELECT 1 FROM captures AS c WHERE c.run_id = t.run_id"
     "  AND c.step = t.step)"},
    {"orphans", 2,
     "SELECT printf('run #%d, step %d: is in %s, and not in captures', run_id, step, name)"
     " FROM (SELECT DISTINCT 'head_params' AS name, run_id, step FROM head_params UNION ALL"
     "  SELECT DISTINCT 'layer_params', run_id, step FROM layer_params) AS t"
     " WHERE NOT EXISTS (SELECT 1 FROM captures AS c WHERE c.run_id = t.run_id"
     "  AND c.step = t.step)"},
    {"digests", 1,
     "SELECT printf('run #%d, step %d: its digest is no 16 hexadecimal digits', run_id, step)"
     " FROM captures WHERE length(digest) <> 16 OR digest GLOB '*[^0-9a-f]*'"},
    {"scalars", 1,
     "SELECT printf('run #%d, scalar ''%s'', step %d: is %s, and has %s', run_id,"
     "  substr(name, 1, 80), step, state, iif(value IS NULL, 'no value', 'a value'))"
     " FROM scalars WHERE (state = 'finite') <> (value IS NOT NULL)"},
    /* What CHECKs promise, which SQLite forgets where a database can only be read. */
    {"words", 1,
     "SELECT printf(" RUN ": causal is %s, expected 0 or 1', substr(r.name, 1, 80), r.id,"
     "  r.causal) FROM runs AS r WHERE r.causal NOT IN (0, 1)"},
    {"words", 1,
     "SELECT printf('run #%d, step %d: its status is ''%s'', expected complete or partial', "
     "run_id, step, substr(status, 1, 80)) FROM captures"
     " WHERE status NOT IN ('complete', 'partial')"},
    {"words", 1,
     "SELECT printf('run #%d, scalar ''%s'', step %d: its state is ''%s'', expected finite, nan,"
     " inf or -inf', run_id, substr(name, 1, 80), step, substr(state, 1, 80)) FROM scalars"
     " WHERE state NOT IN ('finite', 'nan', 'inf', '-inf')"},
    {"words", 3,
     "SELECT printf('run #%d, finding %d: its severity is ''%s'', expected info, warning or"
     " critical', run_id, number, substr(severity, 1, 80)) FROM findings"
     " WHERE severity NOT IN ('info', 'warning', 'critical')"},
    {"words", 3,
     "SELECT printf('rule ''%s'': its scope is ''%s'' and its severity ''%s'', expected run, layer"
     " or head, and info, warning or critical', substr(name, 1, 80), substr(scope, 1, 80),"
     "  substr(severity, 1, 80)) FROM rules WHERE scope NOT IN ('run', 'layer', 'head')"
     "  OR severity NOT IN ('info', 'warning', 'critical')"},
    {"findings", 3,
     "SELECT printf(" RUN ": finding %d is of layer %d%s, which the run has not',"
     "  substr(r.name, 1, 80), r.id, f.number, f.layer,"
     "  iif(f.head IS NULL, '', printf(', head %d', f.head)))"
     " FROM findings AS f JOIN runs AS r ON r.id = f.run_id WHERE f.layer IS NOT NULL"
     "  AND NOT EXISTS (SELECT 1 FROM captures AS c JOIN head_stats AS h"
     "   ON h.run_id = c.run_id AND h.step = c.step AND h.layer = f.layer"
     "   AND h.head = coalesce(f.head, h.head) WHERE c.run_id = f.run_id)"
     "  AND NOT EXISTS (SELECT 1 FROM captures AS c JOIN layer_params AS p"
     "   ON p.run_id = c.run_id AND p.step = c.step AND p.layer = f.layer"
     "   WHERE c.run_id = f.run_id AND f.head IS NULL)"},
};

typedef struct {
    const char *name;
    gint64 since;
} Table;

static const Table tables[] = {
    {"runs", 1},         {"run_config", 1},  {"scalars", 1},         {"captures", 1},
    {"head_stats", 1},   {"layer_stats", 1}, {"metric", 1},          {"head_params", 2},
    {"layer_params", 2}, {"rules", 3},       {"rule_parameters", 3}, {"findings", 3},
    {"run_tags", 3},
};

/* ---- problems --------------------------------------------------------------------------------- */

static void
problem_free(gpointer data)
{
    EntroStoreProblem *problem = data;

    g_free(problem->check);
    g_free(problem->sentence);
    g_free(problem);
}

void
entro_store_health_free(EntroStoreHealth *health)
{
    if (health == NULL)
        return;
    g_ptr_array_unref(health->problems);
    g_free(health);
}

/* Takes the sentence over. */
static void
add_problem(EntroStoreHealth *health, const char *check, char *sentence)
{
    EntroStoreProblem *problem = g_new(EntroStoreProblem, 1);

    *problem = (EntroStoreProblem){g_strdup(check), sentence};
    g_ptr_array_add(health->problems, problem);
}

static gboolean
read_sentences(EntroStore *store, EntroStoreHealth *health, const char *check, const char *sql,
               GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);
    gboolean row = TRUE;
    guint n = 0;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row)
        if (n++ < MAX_SENTENCES) {
            const char *sentence = (const char *)sqlite3_column_text(stmt, 0);
            add_problem(health, check, g_strdup(sentence != NULL ? sentence : "?"));
        }
    if (n > MAX_SENTENCES)
        add_problem(health, check, g_strdup_printf("and %u more like these", n - MAX_SENTENCES));
    return !row;
}

/* Takes the failure over. */
static void
add_failure(EntroStoreHealth *health, const char *check, GError *failure)
{
    add_problem(health, check, g_strdup_printf("could not be checked: %s", failure->message));
    g_error_free(failure);
}

static void
do_check(EntroStore *store, EntroStoreHealth *health, const char *check, const char *sql)
{
    GError *failure = NULL;

    if (!read_sentences(store, health, check, sql, &failure))
        add_failure(health, check, failure);
}

/* ---- what no constant query says ---------------------------------------------------------------- */

static void
check_tables(EntroStore *store, EntroStoreHealth *health)
{
    for (guint j = 0; j < G_N_ELEMENTS(tables); j++) {
        g_autoptr(GError) failure = NULL;
        gboolean has = TRUE;

        if (tables[j].since > health->version)
            continue;
        if (!entro_sql_has_table(store, tables[j].name, &has, &failure))
            add_problem(health, "tables", g_strdup(failure->message));
        else if (!has)
            add_problem(
                health, "tables",
                g_strdup_printf("there is no table %s, expected in version %" G_GINT64_FORMAT
                                " of the database",
                                tables[j].name, health->version));
    }
}

/* NaN cannot be stored: SQLite makes it NULL.  An infinity can, and 9e999 is one; the largest double would be
 * another number where long double has no more bits than double. */
static void
check_numbers(EntroStore *store, EntroStoreHealth *health)
{
    EntroColumnSet sets[ENTRO_N_COLUMN_SETS];

    entro_column_sets(sets);
    for (guint j = 0; j < ENTRO_N_COLUMN_SETS; j++) {
        g_autoptr(GString) sql = g_string_new(NULL);
        gboolean has = FALSE, any = FALSE;

        g_string_append_printf(sql,
                               "SELECT printf('run #%%d, step %%d, layer %%d: a number of %s is "
                               "not finite', run_id, step, layer) FROM %s WHERE 0",
                               sets[j].table, sets[j].table);
        for (guint k = 0; k < sets[j].n; k++) {
            GError *failure = NULL;
            if (!entro_columns_has(store, sets[j].table, sets[j].columns[k].name, &has, &failure))
                add_failure(health, "numbers", failure);
            else if (has) {
                g_string_append_printf(sql, " OR abs(\"%s\") = 9e999", sets[j].columns[k].name);
                any = TRUE;
            }
        }
        if (any)
            do_check(store, health, "numbers", sql->str);
    }
}

/* -1 if it cannot be told, which is a problem: without the version hardly anything would be checked. */
static gint64
ask(EntroStore *store, EntroStoreHealth *health, const char *sql)
{
    GError *failure = NULL;
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, &failure);
    gint64 value = -1;

    if (stmt == NULL || !entro_sql_get_int(store, stmt, -1, &value, &failure))
        add_failure(health, "facts", failure);
    return value;
}

/* Of a table that there is; that there is none is said elsewhere. */
static gint64
count(EntroStore *store, EntroStoreHealth *health, const char *table)
{
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM %s", table);
    GError *failure = NULL;
    gboolean has = FALSE;

    if (!entro_sql_has_table(store, table, &has, &failure))
        add_failure(health, "facts", failure);
    return has ? ask(store, health, sql) : -1;
}

EntroStoreHealth *
entro_store_check(const char *path, GError **error)
{
    g_autoptr(EntroStoreHealth) health = g_new0(EntroStoreHealth, 1);
    g_autoptr(EntroStore) store = entro_store_open_unchecked(path, error);
    g_auto(EntroTransaction) view = {NULL};

    health->problems = g_ptr_array_new_with_free_func(problem_free);
    if (store == NULL || !entro_transaction_begin_read(&view, store, error))
        return NULL;
    health->version = ask(store, health, "PRAGMA user_version");
    health->n_runs = count(store, health, "runs");
    health->n_captures = count(store, health, "captures");
    health->bytes =
        ask(store, health, "PRAGMA page_count") * ask(store, health, "PRAGMA page_size");
    check_tables(store, health);
    for (guint j = 0; j < G_N_ELEMENTS(checks); j++)
        if (checks[j].since <= health->version)
            do_check(store, health, checks[j].name, checks[j].sql);
    check_numbers(store, health);
    return g_steal_pointer(&health);
}
