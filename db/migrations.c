/* migrations.c: the schema, as the list of steps that made it.
 *
 * Append only: entry v brings a database from user_version v to v + 1, and files of every version
 * are out there.  The statistics columns are not here: they are the analyzer's, and
 * metric-columns.c adds them.
 *
 * Conventions of the schema: NULL is "not finite or not measured"; times are ISO 8601 in UTC;
 * entropies are in nats; what belongs to a run goes with it (ON DELETE CASCADE). */
#include "db-private.h"

#include <string.h>

static const char *const migrations[] = {
    /* 1: runs and what is measured on them.
     *
     * digest is 16 hex digits, not an INTEGER, which would be negative for half of them.
     * run_latest has one row a name: its latest attempt. */
    "CREATE TABLE runs ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  attempt INTEGER NOT NULL,"  /* a trainer that was restarted from a checkpoint: 2, ... */
    "  source TEXT,"               /* path of the trace, as given */
    "  fingerprint TEXT NOT NULL," /* of the trace; the same for all its attempts */
    "  open_mode TEXT,"            /* how the file had to be opened */
    "  created_at TEXT NOT NULL,"
    "  tool_version TEXT,"
    "  arch TEXT,"
    "  producer TEXT,"
    "  n_layers INTEGER,"
    "  n_heads INTEGER," /* of the layer with most */
    "  context_length INTEGER,"
    "  causal INTEGER CHECK (causal IN (0, 1)),"
    "  UNIQUE (name, attempt)"
    ") STRICT;"
    "CREATE TABLE run_config ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  key TEXT NOT NULL,"
    "  value TEXT,"
    "  PRIMARY KEY (run_id, key)"
    ") STRICT;"
    "CREATE TABLE scalars ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  name TEXT NOT NULL,"
    "  step INTEGER NOT NULL,"
    "  value REAL," /* NULL unless state is finite */
    "  state TEXT NOT NULL CHECK (state IN ('finite', 'nan', 'inf', '-inf')),"
    "  PRIMARY KEY (run_id, name, step)"
    ") STRICT;"
    "CREATE TABLE captures ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  step INTEGER NOT NULL,"
    "  position INTEGER NOT NULL," /* along /step of the trace */
    "  n_rows INTEGER NOT NULL,"
    "  digest TEXT NOT NULL," /* of the decoded values */
    "  status TEXT NOT NULL CHECK (status IN ('complete', 'partial')),"
    "  detail TEXT," /* what could not be read */
    "  PRIMARY KEY (run_id, step)"
    ") STRICT;"
    "CREATE TABLE head_stats ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  step INTEGER NOT NULL,"
    "  layer INTEGER NOT NULL,"
    "  head INTEGER NOT NULL,"
    "  PRIMARY KEY (run_id, step, layer, head)"
    ") STRICT;"
    "CREATE TABLE layer_stats ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  step INTEGER NOT NULL,"
    "  layer INTEGER NOT NULL,"
    "  PRIMARY KEY (run_id, step, layer)"
    ") STRICT;"
    "CREATE TABLE metric ("
    "  table_name TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  title TEXT NOT NULL,"
    "  unit TEXT,"
    "  definition TEXT,"
    "  PRIMARY KEY (table_name, name)"
    ") STRICT;"
    "CREATE VIEW layer_entropy AS"
    "  SELECT run_id, step, layer, count(*) AS n_heads, count(entropy_mean) AS n_valid_heads,"
    "    avg(entropy_mean) AS entropy_mean, min(entropy_mean) AS lowest_head,"
    "    max(entropy_mean) AS highest_head, avg(entropy_norm) AS entropy_norm,"
    "    avg(entropy_ceiling) AS entropy_ceiling, avg(effective_keys) AS effective_keys,"
    "    avg(max_weight) AS max_weight, avg(sink_mass) AS sink_mass, avg(distance) AS distance"
    "  FROM head_stats GROUP BY run_id, step, layer;"
    "CREATE VIEW run_latest AS"
    "  SELECT id AS run_id, name, attempt, arch, n_layers, n_heads, context_length,"
    "    (SELECT count(*) FROM captures WHERE run_id = r.id) AS n_captures,"
    "    (SELECT min(step) FROM captures WHERE run_id = r.id) AS first_step,"
    "    (SELECT max(step) FROM captures WHERE run_id = r.id) AS last_step"
    "  FROM runs AS r"
    "  WHERE attempt = (SELECT max(attempt) FROM runs WHERE name = r.name);",
    /* 2: learnable parameters, of traces that have them. */
    "CREATE TABLE head_params ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  step INTEGER NOT NULL,"
    "  layer INTEGER NOT NULL,"
    "  head INTEGER NOT NULL,"
    "  PRIMARY KEY (run_id, step, layer, head)"
    ") STRICT;"
    "CREATE TABLE layer_params ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  step INTEGER NOT NULL,"
    "  layer INTEGER NOT NULL,"
    "  PRIMARY KEY (run_id, step, layer)"
    ") STRICT;",
    /* 3: findings, the rules that make them, tags.
     *
     * findings_at: when the run was judged; NULL is "never", which is not "nothing found".  layer or
     * head NULL: of the whole run or layer; last_step NULL: still so at the last capture.
     * trace_name: of a run that was renamed, what its trace calls it. */
    "ALTER TABLE runs ADD COLUMN findings_at TEXT;"
    "ALTER TABLE runs ADD COLUMN trace_name TEXT;"
    "CREATE INDEX runs_of_trace ON runs (fingerprint, attempt);"
    "CREATE TABLE rules ("
    "  name TEXT PRIMARY KEY,"
    "  kind TEXT NOT NULL,"
    "  scope TEXT NOT NULL CHECK (scope IN ('run', 'layer', 'head')),"
    "  severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),"
    "  about TEXT"
    ") STRICT;"
    "CREATE TABLE rule_parameters ("
    "  rule TEXT NOT NULL REFERENCES rules (name) ON DELETE CASCADE,"
    "  name TEXT NOT NULL,"
    "  value REAL NOT NULL,"
    "  about TEXT,"
    "  PRIMARY KEY (rule, name)"
    ") STRICT;"
    "CREATE TABLE findings ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  number INTEGER NOT NULL," /* 1 is the most severe */
    "  kind TEXT NOT NULL,"
    "  severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),"
    "  layer INTEGER,"
    "  head INTEGER,"
    "  onset_step INTEGER NOT NULL,"
    "  last_step INTEGER,"
    "  n_captures INTEGER NOT NULL," /* for so many it held */
    "  rule TEXT NOT NULL,"
    "  sentence TEXT NOT NULL,"
    "  evidence TEXT NOT NULL," /* the numbers: a JSON object */
    "  PRIMARY KEY (run_id, number)"
    ") STRICT;"
    "CREATE TABLE run_tags ("
    "  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    "  tag TEXT NOT NULL,"
    "  PRIMARY KEY (run_id, tag)"
    ") STRICT;"
    "CREATE VIEW capture_rows AS"
    "  SELECT run_id, step, count(*) AS n_heads, count(entropy_mean) AS n_valid_heads,"
    "    sum(n_rows) AS n_rows, sum(n_nan) AS n_nan, sum(n_masked) AS n_masked,"
    "    sum(n_off_sum) AS n_off_sum"
    "  FROM head_stats GROUP BY run_id, step;",
    /* 4: what the statistics were made from: attention, row_entropy, queries (EntroRunInfo.input). */
    "ALTER TABLE runs ADD COLUMN input TEXT;",
};

gint64
entro_schema_version(void)
{
    return G_N_ELEMENTS(migrations);
}

/* ---- what is ours ----------------------------------------------------------------------------- */

/* One space wherever there is any: a dump that somebody read in again may be laid out otherwise. */
static char *
squeeze(const char *text)
{
    GString *squeezed = g_string_new(NULL);

    for (; *text != '\0'; text++)
        if (!g_ascii_isspace(*text))
            g_string_append_c(squeezed, *text);
        else if (squeezed->len > 0 && squeezed->str[squeezed->len - 1] != ' ')
            g_string_append_c(squeezed, ' ');
    return g_string_free(squeezed, FALSE);
}

static gboolean
find_in_migrations(const char *text)
{
    g_autofree char *wanted = squeeze(text);

    for (gsize j = 0; j < G_N_ELEMENTS(migrations); j++) {
        g_autofree char *sql = squeeze(migrations[j]);
        if (strstr(sql, wanted) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Names compare as SQLite compares them. */
gboolean
entro_schema_has_name(const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    g_autofree char *table = g_strconcat("CREATE TABLE ", lower, " (", NULL);
    g_autofree char *view = g_strconcat("CREATE VIEW ", lower, " AS ", NULL);

    return find_in_migrations(table) || find_in_migrations(view);
}

/* SQLite keeps the text of a view as it was given.  The end belongs to it: a part of one of ours is
 * another view. */
gboolean
entro_schema_has_view(const char *sql)
{
    g_autofree char *whole = g_strconcat(sql, ";", NULL);

    return g_str_has_prefix(sql, "CREATE VIEW ") && find_in_migrations(whole);
}

/* ---- versions --------------------------------------------------------------------------------- */

static gboolean
read_version(EntroStore *store, gint64 *ret_version, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, "PRAGMA user_version", error);

    return stmt != NULL && entro_sql_get_int(store, stmt, 0, ret_version, error);
}

/* Pragmas take no bound values; these are numbers of the program's own. */
static gboolean
write_version(EntroStore *store, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %" G_GINT64_FORMAT,
                        ENTRO_APPLICATION_ID, entro_schema_version());

    return entro_sql_exec(store, sql, error);
}

static gboolean
is_current(EntroStore *store, gboolean *ret_current, GError **error)
{
    gint64 version = 0;
    guint n_missing = 0;

    if (!read_version(store, &version, error))
        return FALSE;
    if (version == entro_schema_version() &&
        (!entro_columns_sync(store, FALSE, &n_missing, error) ||
         !entro_rules_sync(store, FALSE, &n_missing, error)))
        return FALSE;
    *ret_current = version == entro_schema_version() && n_missing == 0;
    return TRUE;
}

/* As it was, beside it; under the lock, so that of several programs one does it. */
static gboolean
keep_old(EntroStore *store, gint64 version, GError **error)
{
    g_autofree char *to = g_strdup_printf("%s.v%" G_GINT64_FORMAT ".bak", store->path, version);
    gboolean done = FALSE;

    /* through a connection of its own: SQLite copies none that is about to write */
    if (!entro_store_backup(store->path, to, NULL, NULL, &done, error)) {
        g_prefix_error(error, "cannot keep the database as it is before its migration: ");
        return FALSE;
    }
    entro_store_note(store, g_strdup_printf("%s: is now of version %" G_GINT64_FORMAT
                                            " of the database; %s is as it was before (version "
                                            "%" G_GINT64_FORMAT ")",
                                            store->path, entro_schema_version(), to, version));
    return TRUE;
}

gboolean
entro_schema_migrate(EntroStore *store, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};
    gboolean current = FALSE;
    gint64 version = 0;
    guint n_missing = 0;

    if (!is_current(store, &current, error))
        return FALSE;
    if (current)
        return TRUE;

    /* Another process may have come first: what is missing is asked again under the lock. */
    if (!entro_transaction_begin(&transaction, store, error) ||
        !read_version(store, &version, error))
        return FALSE;
    if (version > 0 && version < entro_schema_version() && !keep_old(store, version, error))
        return FALSE;
    for (gint64 step = version; step < entro_schema_version(); step++)
        if (!entro_sql_exec(store, migrations[step], error))
            return FALSE;
    if (version < entro_schema_version() && !write_version(store, error))
        return FALSE;
    return entro_columns_sync(store, TRUE, &n_missing, error) &&
           entro_rules_sync(store, TRUE, &n_missing, error) &&
           entro_transaction_commit(&transaction, error);
}
