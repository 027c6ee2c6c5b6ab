/* merge.c: runs of another database come into this one, each in a transaction of its own.
 *
 * The same trace and attempt is the same run: captures that are missing are added, equal ones passed
 * over, and one that differs keeps the whole run out.  So a merge may be repeated, and one that was
 * killed goes on. */
#include "merge-private.h"

#include <string.h>

/* ---- captures on both sides --------------------------------------------------------------------- */

typedef struct {
    char *digest;
    gboolean complete;
} Capture;

static void
capture_free(gpointer data)
{
    g_free(((Capture *)data)->digest);
    g_free(data);
}

/* step -> Capture */
static GHashTable *
read_captures(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(GHashTable) captures =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, capture_free);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store, "SELECT step, digest, status FROM captures WHERE run_id = ?1 ORDER BY step", run_id,
        error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        Capture *capture = g_new0(Capture, 1);
        gint64 step = sqlite3_column_int64(stmt, 0);

        capture->digest = g_strdup((const char *)sqlite3_column_text(stmt, 1));
        capture->complete = g_strcmp0((const char *)sqlite3_column_text(stmt, 2), "complete") == 0;
        g_hash_table_insert(captures, g_memdup2(&step, sizeof step), capture);
    }
    return row ? NULL : g_steal_pointer(&captures);
}

/* What is to be done with the captures of a run. */
typedef struct {
    GArray *added;    /* gint64 steps: of the source alone */
    GArray *improved; /* could not be read whole here, and was there */
    GArray *differing;
    guint n_known;       /* equal, or worse there */
    guint n_only_here;   /* and not in the source */
    guint n_better_here; /* of n_known: could not be read whole there */
} Plan;

static void
plan_clear(Plan *plan)
{
    g_clear_pointer(&plan->added, g_array_unref);
    g_clear_pointer(&plan->improved, g_array_unref);
    g_clear_pointer(&plan->differing, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

static void
plan_capture(Plan *plan, gint64 step, const Capture *here, const Capture *there)
{
    if (here == NULL) {
        g_array_append_val(plan->added, step);
    } else if (here->complete != there->complete) {
        plan->n_known += here->complete;
        plan->n_better_here += here->complete;
        if (there->complete)
            g_array_append_val(plan->improved, step);
    } else if (g_strcmp0(here->digest, there->digest) != 0) {
        g_array_append_val(plan->differing, step);
    } else {
        plan->n_known++;
    }
}

static int
compare_steps(gconstpointer a, gconstpointer b)
{
    const gint64 step_a = *(const gint64 *)a, step_b = *(const gint64 *)b;

    return step_a < step_b ? -1 : step_a > step_b;
}

static void
make_plan(Plan *plan, GHashTable *here, GHashTable *there)
{
    GHashTableIter iter;
    gpointer step, capture;

    plan_clear(plan);
    *plan = (Plan){.added = g_array_new(FALSE, FALSE, sizeof(gint64)),
                   .improved = g_array_new(FALSE, FALSE, sizeof(gint64)),
                   .differing = g_array_new(FALSE, FALSE, sizeof(gint64))};
    g_hash_table_iter_init(&iter, there);
    while (g_hash_table_iter_next(&iter, &step, &capture))
        plan_capture(plan, *(gint64 *)step, g_hash_table_lookup(here, step), capture);
    plan->n_only_here = g_hash_table_size(here) + plan->added->len - g_hash_table_size(there);
    g_array_sort(plan->added, compare_steps);
    g_array_sort(plan->improved, compare_steps);
    g_array_sort(plan->differing, compare_steps);
}

/* ---- which run it is ---------------------------------------------------------------------------- */

typedef struct {
    EntroStore *target, *source;
    const EntroMergeOptions *options;
    EntroRunInfo *run;   /* of the source */
    EntroRunInfo *match; /* of the target; NULL: a new one */
    GHashTable *there;   /* captures of `run` */
    Plan plan;
    EntroMergeResult *result;
} Merge;

static void
merge_clear(Merge *merge)
{
    entro_run_info_free(merge->run);
    entro_run_info_free(merge->match);
    g_clear_pointer(&merge->there, g_hash_table_unref);
    plan_clear(&merge->plan);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Merge, merge_clear)

static const char *
original_name(const EntroRunInfo *run)
{
    return run->trace_name != NULL ? run->trace_name : run->name;
}

/* A fingerprint that was computed (SHA-256) knows the first capture alone: two trainings from one
 * seed share it.  An identifier from the trainer is the trace's own. */
static gboolean
is_identifier(const char *fingerprint)
{
    return strlen(fingerprint) != 64 || strspn(fingerprint, "0123456789abcdef") != 64;
}

/* Under another name, a computed fingerprint is believed only if captures beyond the first agree. */
static gboolean
is_same_run(const Merge *merge, const EntroRunInfo *candidate, const Plan *plan)
{
    return g_str_equal(original_name(candidate), original_name(merge->run)) ||
           is_identifier(candidate->fingerprint) ||
           (plan->differing->len == 0 && plan->n_known + plan->improved->len >= 2);
}

/* Runs of the target with this fingerprint and attempt, those of the same name first. */
static GPtrArray *
list_candidates(const Merge *merge, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_runs_prepare(merge->target,
                           "WHERE fingerprint = ?1 AND attempt = ?2"
                           " ORDER BY coalesce(r.trace_name, name) = ?3 DESC, name = ?4 DESC, id",
                           error);

    if (stmt == NULL)
        return NULL;
    EntroBinder bind = entro_bind(merge->target, stmt);
    entro_bind_text(&bind, merge->run->fingerprint);
    entro_bind_int(&bind, merge->run->attempt);
    entro_bind_text(&bind, original_name(merge->run));
    entro_bind_text(&bind, merge->run->name);
    return entro_bind_ready(&bind, error) ? entro_runs_read_all(merge->target, stmt, error) : NULL;
}

static gboolean
find_match(Merge *merge, GError **error)
{
    g_autoptr(GPtrArray) candidates = list_candidates(merge, error);

    for (guint j = 0; candidates != NULL && j < candidates->len; j++) {
        const EntroRunInfo *candidate = candidates->pdata[j];
        g_autoptr(GHashTable) here = read_captures(merge->target, candidate->id, error);
        if (here == NULL)
            return FALSE;
        make_plan(&merge->plan, here, merge->there);
        if (is_same_run(merge, candidate, &merge->plan)) {
            merge->match = g_ptr_array_steal_index(candidates, j);
            return TRUE;
        }
    }
    if (candidates != NULL) {
        g_autoptr(GHashTable) nothing = g_hash_table_new(g_int64_hash, g_int64_equal);
        make_plan(&merge->plan, nothing, merge->there);
    }
    return candidates != NULL;
}

/* ---- the name of a new run ---------------------------------------------------------------------- */

/* The first run of `sql`, whose ?1 is `first` and ?2 `second`. */
static gboolean
look_up(EntroStore *store, const char *tail, const char *first, const char *second,
        EntroRunInfo **ret_info, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_runs_prepare(store, tail, error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, first);
    entro_bind_text(&bind, second);
    return entro_runs_read_first(&bind, ret_info, error);
}

/* Another trace that has the name, or the very attempt. */
static gboolean
find_owner(const Merge *merge, const char *name, EntroRunInfo **ret_owner, GError **error)
{
    if (!look_up(merge->target, "WHERE name = ?1 AND fingerprint <> ?2 LIMIT 1", name,
                 merge->run->fingerprint, ret_owner, error))
        return FALSE;
    return *ret_owner != NULL ||
           entro_store_lookup_run(merge->target, name, merge->run->attempt, ret_owner, error);
}

static void
refuse_name(const Merge *merge, const EntroRunInfo *owner)
{
    g_autofree char *name = entro_quote_name(merge->run->name);
    const char *suffix = merge->options->rename_suffix;

    merge->result->outcome = ENTRO_MERGE_REFUSED;
    merge->result->reason =
        suffix == NULL
            ? g_strdup_printf("run #%" G_GINT64_FORMAT " there has the name %s and holds another "
                              "trace; --rename SUFFIX takes this one under a name with the suffix",
                              owner->id, name)
            : g_strdup_printf("the name %s is taken there, and so is the one with the suffix (run "
                              "#%" G_GINT64_FORMAT "); choose another --rename",
                              name, owner->id);
}

/* Its other attempts' name if they are there, else its own, else with the suffix; *ret_name NULL:
 * refused. */
static gboolean
choose_name(const Merge *merge, char **ret_name, GError **error)
{
    g_autoptr(EntroRunInfo) sibling = NULL;
    g_autoptr(EntroRunInfo) owner = NULL;
    g_autoptr(EntroRunInfo) second_owner = NULL;
    const char *suffix = merge->options->rename_suffix;

    *ret_name = NULL;
    if (!look_up(merge->target,
                 "WHERE fingerprint = ?1 AND coalesce(r.trace_name, name) = ?2 ORDER BY id LIMIT 1",
                 merge->run->fingerprint, original_name(merge->run), &sibling, error))
        return FALSE;
    const char *wanted = sibling != NULL ? sibling->name : merge->run->name;
    if (!find_owner(merge, wanted, &owner, error))
        return FALSE;
    g_autofree char *name = g_strconcat(wanted, owner != NULL ? suffix : NULL, NULL);
    if (owner != NULL && suffix != NULL && !find_owner(merge, name, &second_owner, error))
        return FALSE;
    if (second_owner != NULL || (owner != NULL && suffix == NULL))
        refuse_name(merge, second_owner != NULL ? second_owner : owner);
    else
        *ret_name = g_steal_pointer(&name);
    return TRUE;
}

/* ---- taking it ---------------------------------------------------------------------------------- */

static gboolean
execute_for(EntroStore *store, const char *sql, gint64 run_id, gint64 step, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_int(&bind, run_id);
    if (sqlite3_bind_parameter_count(stmt) > 1)
        entro_bind_int(&bind, step);
    return entro_bind_execute(&bind, error);
}

static gboolean
remove_steps(EntroStore *target, const EntroMergeTable *table, gint64 run_id, const GArray *steps,
             GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("DELETE FROM \"%s\" WHERE run_id = ?1 AND step = ?2", table->name);

    for (guint j = 0; j < steps->len; j++)
        if (!execute_for(target, sql, run_id, g_array_index(steps, gint64, j), error))
            return FALSE;
    return TRUE;
}

static gboolean
write_findings_at(const Merge *merge, const char *findings_at, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(merge->target, "UPDATE runs SET findings_at = ?2 WHERE id = ?1", error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(merge->target, stmt);
    entro_bind_int(&bind, merge->match->id);
    entro_bind_text(&bind, findings_at);
    return entro_bind_execute(&bind, error);
}

/* Whether the run has nothing of its own beyond the source; statistics follow from the captures. */
static gboolean
has_become_source(const Merge *merge, const GPtrArray *tables, gboolean *ret_same, GError **error)
{
    *ret_same = merge->plan.n_only_here == 0 && merge->plan.n_better_here == 0;
    for (guint j = 0; *ret_same && j < tables->len; j++) {
        const EntroMergeTable *table = tables->pdata[j];

        if (table->judged && !table->by_step &&
            !entro_merge_same_rows(merge->target, merge->source, table, merge->run->id,
                                   merge->match->id, ret_same, error))
            return FALSE;
    }
    return TRUE;
}

/* `take`: the source's rows; else none. */
static gboolean
replace_as_one(const Merge *merge, const EntroMergeTable *table, gboolean take, gint64 *n_rows,
               GError **error)
{
    g_autofree char *sql = g_strdup_printf("DELETE FROM \"%s\" WHERE run_id = ?1", table->name);

    return execute_for(merge->target, sql, merge->match->id, 0, error) &&
           (!take || entro_merge_copy(merge->target, merge->source, table, merge->run->id,
                                      merge->match->id, NULL, n_rows, error));
}

/* Findings speak of all captures and scalars of a run: they are taken when the run has become that of
 * the source, and go when it is neither the one nor the other. */
static gboolean
merge_findings(const Merge *merge, const GPtrArray *tables, gboolean changed, gint64 *n_rows,
               GError **error)
{
    gboolean same = FALSE;

    if (!changed && (merge->match->findings_at != NULL || merge->run->findings_at == NULL))
        return TRUE;
    if (!has_become_source(merge, tables, &same, error))
        return FALSE;
    if (!changed && !same)
        return TRUE;
    gboolean take = same && merge->run->findings_at != NULL;
    /* also of a source that is too old to have findings */
    if (!entro_findings_forget(merge->target, merge->match->id, error))
        return FALSE;
    for (guint j = 0; j < tables->len; j++)
        if (((const EntroMergeTable *)tables->pdata[j])->as_one &&
            !replace_as_one(merge, tables->pdata[j], take, n_rows, error))
            return FALSE;
    return !take || write_findings_at(merge, merge->run->findings_at, error);
}

/* *changed: something that is judged came or was replaced. */
static gboolean
extend_table(const Merge *merge, const EntroMergeTable *table, const GArray *taken,
             const GArray *replaced, gint64 *n_rows, gboolean *changed, GError **error)
{
    gint64 n_before = *n_rows;

    if (table->as_one)
        return TRUE; /* after all others */
    if ((table->by_step &&
         !remove_steps(merge->target, table, merge->match->id, replaced, error)) ||
        !entro_merge_copy(merge->target, merge->source, table, merge->run->id, merge->match->id,
                          taken, n_rows, error))
        return FALSE;
    *changed = *changed || (table->judged && *n_rows > n_before);
    return TRUE;
}

static void
append_steps(GArray *steps, const GArray *more)
{
    g_array_append_vals(steps, more->data, more->len);
}

static void
refuse_captures(Merge *merge)
{
    const GArray *steps = merge->plan.differing;
    g_autofree char *name = entro_quote_name(merge->match->name);

    merge->result->outcome = ENTRO_MERGE_REFUSED;
    merge->result->reason =
        g_strdup_printf("run #%" G_GINT64_FORMAT
                        " there, %s, has the same trace with other values at %u of its "
                        "captures, first at step %" G_GINT64_FORMAT
                        "; --replace takes those of this one",
                        merge->match->id, name, steps->len, g_array_index(steps, gint64, 0));
}

static gboolean
extend_run(Merge *merge, const GPtrArray *tables, GError **error)
{
    g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) replaced = g_array_new(FALSE, FALSE, sizeof(gint64));
    gboolean changed = FALSE;
    gint64 n_rows = 0;

    append_steps(replaced, merge->plan.improved);
    append_steps(replaced, merge->plan.differing);
    append_steps(taken, merge->plan.added);
    append_steps(taken, replaced);
    g_array_sort(taken, compare_steps);
    for (guint j = 0; j < tables->len; j++)
        if (!extend_table(merge, tables->pdata[j], taken, replaced, &n_rows, &changed, error))
            return FALSE;
    if (!merge_findings(merge, tables, changed, &n_rows, error))
        return FALSE;
    merge->result->outcome = n_rows > 0 ? ENTRO_MERGE_EXTENDED : ENTRO_MERGE_UNCHANGED;
    merge->result->run_id = merge->match->id;
    merge->result->name = g_strdup(merge->match->name);
    merge->result->n_added = merge->plan.added->len;
    merge->result->n_known = merge->plan.n_known;
    merge->result->n_replaced = replaced->len;
    return TRUE;
}

static gboolean
add_run(Merge *merge, const GPtrArray *tables, GError **error)
{
    const char *original = original_name(merge->run);
    char *name = NULL;
    gint64 n_rows = 0;

    if (!choose_name(merge, &name, error))
        return FALSE;
    if (name == NULL)
        return TRUE; /* refused */
    merge->result->name = name;
    if (!entro_merge_copy_run(merge->target, merge->source, merge->run->id, 0, name,
                              g_str_equal(name, original) ? NULL : original, error))
        return FALSE;
    merge->result->run_id = sqlite3_last_insert_rowid(merge->target->db);
    for (guint j = 0; j < tables->len; j++)
        if (!entro_merge_copy(merge->target, merge->source, tables->pdata[j], merge->run->id,
                              merge->result->run_id, NULL, &n_rows, error))
            return FALSE;
    merge->result->outcome = ENTRO_MERGE_ADDED;
    merge->result->n_added = merge->plan.added->len;
    return TRUE;
}

/* All, or those that a dry run needs to say what would be done: the rows of heads and layers decide
 * nothing. */
static GPtrArray *
list_tables(EntroStore *target, EntroStore *source, gboolean dry_run, GError **error)
{
    GPtrArray *tables = entro_merge_tables(target, source, error);

    for (guint j = tables != NULL && dry_run ? tables->len : 0; j-- > 0;) {
        const EntroMergeTable *table = tables->pdata[j];
        if (table->by_step && !g_str_equal(table->name, "captures"))
            g_ptr_array_remove_index(tables, j);
    }
    return tables;
}

static gboolean
take_run(Merge *merge, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};

    if (!entro_transaction_begin(&transaction, merge->target, error))
        return FALSE;
    g_autoptr(GPtrArray) tables =
        list_tables(merge->target, merge->source, merge->options->dry_run, error);
    if (tables == NULL || !find_match(merge, error))
        return FALSE;
    if (merge->match != NULL && merge->plan.differing->len > 0 && !merge->options->replace) {
        refuse_captures(merge);
        return TRUE;
    }
    if (!(merge->match != NULL ? extend_run(merge, tables, error) : add_run(merge, tables, error)))
        return FALSE;
    return merge->result->outcome == ENTRO_MERGE_REFUSED ||
           merge->result->outcome == ENTRO_MERGE_UNCHANGED ||
           entro_transaction_commit(&transaction, error);
}

gboolean
entro_store_merge_run(EntroStore *target, EntroStore *source, gint64 run_id,
                      const EntroMergeOptions *options, EntroMergeResult *ret_result,
                      GError **error)
{
    g_auto(EntroTransaction) view = {NULL};
    g_auto(Merge) merge = {.target = target,
                           .source = source,
                           .options = options,
                           .result = ret_result};

    *ret_result = (EntroMergeResult){0};
    if (!entro_transaction_begin_read(&view, source, error))
        return entro_merge_blame_source(error);
    merge.run = entro_store_get_run(source, run_id, error);
    merge.there = merge.run != NULL ? read_captures(source, run_id, error) : NULL;
    if (merge.there == NULL)
        return entro_merge_blame_source(error);
    if (take_run(&merge, error))
        return TRUE;
    entro_merge_result_clear(ret_result);
    return FALSE;
}

void
entro_merge_result_clear(EntroMergeResult *result)
{
    g_free(result->name);
    g_free(result->reason);
    *result = (EntroMergeResult){0};
}

/* ---- trying ------------------------------------------------------------------------------------- */

static gboolean
copy_to_shadow(EntroStore *shadow, EntroStore *store, const EntroRunInfo *run,
               const GPtrArray *tables, GError **error)
{
    gint64 n_rows = 0;

    if (!entro_merge_copy_run(shadow, store, run->id, run->id, run->name, run->trace_name, error))
        return FALSE;
    for (guint j = 0; j < tables->len; j++)
        if (!entro_merge_copy(shadow, store, tables->pdata[j], run->id, run->id, NULL, &n_rows,
                              error))
            return FALSE;
    return TRUE;
}

static gboolean
fill_shadow(EntroStore *shadow, EntroStore *store, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};

    if (!entro_transaction_begin(&transaction, shadow, error))
        return FALSE;
    g_autoptr(GPtrArray) runs = entro_store_list_runs(store, error);
    g_autoptr(GPtrArray) tables = runs != NULL ? list_tables(shadow, store, TRUE, error) : NULL;
    if (tables == NULL)
        return FALSE;
    for (guint j = 0; j < runs->len; j++)
        if (!copy_to_shadow(shadow, store, runs->pdata[j], tables, error))
            return FALSE;
    return entro_transaction_commit(&transaction, error);
}

EntroStore *
entro_store_open_shadow(const char *path, GError **error)
{
    g_autoptr(EntroStore) shadow = entro_store_open_memory(path, error);

    if (shadow == NULL)
        return NULL;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&shadow);
    g_autoptr(EntroStore) store = entro_store_open(path, ENTRO_STORE_READ, error);
    return store != NULL && fill_shadow(shadow, store, error) ? g_steal_pointer(&shadow) : NULL;
}
