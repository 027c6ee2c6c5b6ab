/* entro-store.h: the results database, one SQLite file for any number of runs.
 *
 * The only stage that knows SQLite.  Writers hand in the analyzer's structs, readers get plain
 * grids and curves.  The schema documents itself: `SELECT * FROM metric`.
 *
 *     g_autoptr(EntroStore) store = entro_store_open("runs.db", ENTRO_STORE_WRITE, &error);
 *     entro_store_begin_run(store, &info, FALSE, &run_id, &error);
 *     entro_store_put_captures(store, run_id, captures, n, &error);   // one transaction
 */
#ifndef ENTRO_STORE_H
#define ENTRO_STORE_H

#include "entro-cost.h"
#include "entro-findings.h"

G_BEGIN_DECLS

#define ENTRO_STORE_ERROR (entro_store_error_quark())
ENTRO_API GQuark entro_store_error_quark(void);

typedef enum {
    ENTRO_STORE_ERROR_OPEN, /* not there (reading), not a database, not ours, a newer version */
    ENTRO_STORE_ERROR_IO,   /* full disk, read-only, busy for too long, damaged */
    ENTRO_STORE_ERROR_NOT_FOUND, /* no such run, table, column, step or scalar */
    ENTRO_STORE_ERROR_CONFLICT,  /* a run of that name holds another trace, or has the name */
    ENTRO_STORE_ERROR_ARGUMENT,  /* a name or tag that no run can have */
    ENTRO_STORE_ERROR_SOURCE,    /* what is merged cannot be read, or is no database of runs */
    ENTRO_STORE_ERROR_LIMIT,     /* a run too large to be judged or compared */
} EntroStoreError;

typedef enum { ENTRO_STORE_READ, ENTRO_STORE_WRITE /* creates, migrates */ } EntroStoreMode;

/* Of one thread at a time; several may have one each, of the same file. */
typedef struct EntroStore EntroStore;

ENTRO_API EntroStore *entro_store_open(const char *path, EntroStoreMode mode, GError **error);
ENTRO_API void entro_store_free(EntroStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroStore, entro_store_free)
/* Sentences that a person should hear of, since the last call: a backup before a migration, a
 * network file system, a journal that cannot be emptied.  Strings, freed with the array. */
ENTRO_API GPtrArray *entro_store_take_notes(EntroStore *store);

/* ---- runs ----------------------------------------------------------------------------------- */

/* One row of `runs`.  Given to entro_store_begin_run() with borrowed strings (id and the counts at
 * the end are not read); received with strings of its own: entro_run_info_free(). */
typedef struct {
    gint64 id;
    char *name;
    guint attempt;
    char *source; /* path as given */
    char *fingerprint;
    char *open_mode, *arch, *producer;
    gint64 n_layers, n_heads; /* n_heads: of the layer with most */
    gint64 context_length;
    gint causal; /* 0, 1, or -1: not known (NULL) */
    char *created_at, *tool_version;
    gint64 n_captures, first_step, last_step; /* counted when read */
    char *findings_at;                        /* when it was judged; NULL: never */
    char *trace_name; /* what its trace calls it, when it was renamed; NULL: never renamed */
    char *input;      /* what the trace holds: entro_trace_input(); NULL: of an older program */
    /* By entro_store_select_runs() alone; NULL and 0 elsewhere. */
    char **tags;
    guint n_findings[ENTRO_SEVERITY_CRITICAL + 1];
    guint n_config;
    EntroConfigEntry *config; /* by key */
} EntroRunInfo;

ENTRO_API void entro_run_info_free(EntroRunInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroRunInfo, entro_run_info_free)

/* Finds the run (name, attempt) or creates it.  Another fingerprint under the same name is a
 * CONFLICT, unless `replace`: then the old run goes first, in the same transaction, with every
 * attempt of its trace; the new one takes over its id.  With `replace`, a run of the same
 * fingerprint is emptied as well.  A run that is found keeps its row as it is. */
ENTRO_API gboolean entro_store_begin_run(EntroStore *store, const EntroRunInfo *info,
                                         gboolean replace, gint64 *ret_run_id, GError **error);

/* `ref` is a name (its latest attempt) or #ID.  NOT_FOUND lists what there is, closest first. */
ENTRO_API EntroRunInfo *entro_store_find_run(EntroStore *store, const char *ref, GError **error);
/* Exactly (name, attempt); *ret_info is NULL, without error, when there is none. */
ENTRO_API gboolean entro_store_lookup_run(EntroStore *store, const char *name, guint attempt,
                                          EntroRunInfo **ret_info, GError **error);
/* All runs by id; EntroRunInfo elements, freed with the array. */
ENTRO_API GPtrArray *entro_store_list_runs(EntroStore *store, GError **error);

/* One value of the trace's /config; *ret_value is NULL, without error, when the run has no such key. */
ENTRO_API gboolean entro_store_get_config(EntroStore *store, gint64 run_id, const char *key,
                                          char **ret_value, GError **error);
/* All of them: key -> value, texts of its own; what has no value is left out. */
ENTRO_API GHashTable *entro_store_select_config(EntroStore *store, gint64 run_id, GError **error);
/* Lists of strings that end in NULL, or NULL: a run must pass all of them. */
typedef struct {
    const char *const *names;  /* patterns of SQLite's GLOB: * ? [abc] */
    const char *const *tags;   /* has this tag */
    const char *const *archs;  /* is of this architecture */
    const char *const *config; /* "key=value": numbers are compared as numbers */
} EntroRunFilter;

/* The same of some runs, with tags, config and findings counted; filter NULL: of all. */
ENTRO_API GPtrArray *entro_store_select_runs(EntroStore *store, const EntroRunFilter *filter,
                                             GError **error);

/* ---- changing runs -------------------------------------------------------------------------- */

/* What `ref` means where runs are changed: a name is all its attempts, #ID that run alone.  By id. */
ENTRO_API GPtrArray *entro_store_find_runs(EntroStore *store, const char *ref, GError **error);
/* All attempts of `ref` get the name, which no run may have: CONFLICT.  The trace's own name is kept
 * in EntroRunInfo.trace_name. */
ENTRO_API gboolean entro_store_rename_run(EntroStore *store, const char *ref, const char *name,
                                          GError **error);
/* One transaction: all of these tags on all of these runs, or none.  A tag that is there already is
 * none too many; to take off what is not there is NOT_FOUND. */
ENTRO_API gboolean entro_store_tag_runs(EntroStore *store, const char *ref, const char *const *tags,
                                        GError **error);
ENTRO_API gboolean entro_store_untag_runs(EntroStore *store, const char *ref,
                                          const char *const *tags, GError **error);
/* One transaction: all of these runs with all that belongs to them, or none; NOT_FOUND if one is
 * not there, CONFLICT if another run (name, attempt, fingerprint) has its id by now. */
ENTRO_API gboolean entro_store_delete_runs(EntroStore *store, const EntroRunInfo *const *runs,
                                           gsize n, GError **error);
/* Gives the space of what was deleted back to the file system; *ret_bytes: so much. */
ENTRO_API gboolean entro_store_shrink(EntroStore *store, guint64 *ret_bytes, GError **error);
/* A run that its trace calls `name`, and that was renamed; *ret_info is NULL when there is none.
 * Fingerprint NULL: of whatever trace. */
ENTRO_API gboolean entro_store_lookup_renamed(EntroStore *store, const char *name,
                                              const char *fingerprint, EntroRunInfo **ret_info,
                                              GError **error);

/* ---- checking and backing up ----------------------------------------------------------------- */

typedef struct {
    char *check;    /* "quick_check", "foreign_keys", "heads", ... */
    char *sentence; /* may hold names from the database */
} EntroStoreProblem;

/* What the database has, and what is wrong with it. */
typedef struct {
    gint64 version;
    gint64 n_runs, n_captures; /* -1: could not be counted */
    gint64 bytes;
    GPtrArray *problems; /* EntroStoreProblem elements */
} EntroStoreHealth;

ENTRO_API void entro_store_health_free(EntroStoreHealth *health);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroStoreHealth, entro_store_health_free)
/* The file, its references and what the program keeps true of its rows, at one moment.  NULL with an
 * error for what is no database of this program, or cannot be opened at all. */
ENTRO_API EntroStoreHealth *entro_store_check(const char *path, GError **error);

/* FALSE: stop. */
typedef gboolean (*EntroStoreGoOn)(gpointer data);
/* A copy of one moment, whatever is written meanwhile.  `to` appears, or is replaced, when the whole
 * copy is on the disk and sound; never the database itself (ARGUMENT), nor a file that is not a
 * database, or is one in use (OPEN).  `go_on` (may be NULL) is asked now and then; when it says no,
 * nothing is left, and *ret_done is FALSE. */
ENTRO_API gboolean entro_store_backup(const char *path, const char *to, EntroStoreGoOn go_on,
                                      gpointer data, gboolean *ret_done, GError **error);

/* Steps of the captures stored as complete, ascending; gint64 elements. */
ENTRO_API GArray *entro_store_stored_steps(EntroStore *store, gint64 run_id, GError **error);

/* ---- merging -------------------------------------------------------------------------------- */

typedef struct {
    gboolean replace;          /* captures that differ are taken from the source */
    const char *rename_suffix; /* for a run whose name another trace has; NULL: it is refused */
    gboolean dry_run;          /* the target is a shadow: only what decides is taken */
} EntroMergeOptions;

typedef enum {
    ENTRO_MERGE_ADDED,
    ENTRO_MERGE_EXTENDED, /* the run was there: captures or what else it lacked came in */
    ENTRO_MERGE_UNCHANGED,
    ENTRO_MERGE_REFUSED, /* see `reason`; nothing of it was taken */
} EntroMergeOutcome;

typedef struct {
    EntroMergeOutcome outcome;
    gint64 run_id;                      /* in the target; 0: refused */
    char *name;                         /* there; NULL: refused */
    gsize n_added, n_known, n_replaced; /* captures */
    char *reason;                       /* a sentence, NULL unless refused */
} EntroMergeResult;

ENTRO_API void entro_merge_result_clear(EntroMergeResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroMergeResult, entro_merge_result_clear)

/* For reading; every failure has the code SOURCE.  Views and virtual tables that call themselves as
 * the tables do are refused. */
ENTRO_API EntroStore *entro_store_open_source(const char *path, GError **error);
/* A run of another database comes into this one: one transaction.  The same
 * fingerprint and attempt is the same run, also under another name.  Every table that refers to runs
 * is taken, with the columns that either side has.  A failure of the source has the code SOURCE. */
ENTRO_API gboolean entro_store_merge_run(EntroStore *target, EntroStore *source, gint64 run_id,
                                         const EntroMergeOptions *options,
                                         EntroMergeResult *ret_result, GError **error);
/* Runs and captures of the database in memory, to try a merge on; of none there: empty. */
ENTRO_API EntroStore *entro_store_open_shadow(const char *path, GError **error);

/* ---- writing -------------------------------------------------------------------------------- */

/* One transaction: rows of head_stats, layer_stats, head_params, layer_params and captures; those of
 * the same (run, step) are replaced where they differ.  What is stored whole stays: another digest is
 * a CONFLICT, and a capture that could be read only in part changes nothing. */
ENTRO_API gboolean entro_store_put_captures(EntroStore *store, gint64 run_id,
                                            const EntroCapture *captures, gsize n, GError **error);
/* CONFLICT if this capture is stored, both are complete, and their digests differ: the trace was
 * changed after it was analysed. */
ENTRO_API gboolean entro_store_check_capture(EntroStore *store, gint64 run_id,
                                             const EntroCapture *capture, GError **error);
/* One transaction: /config and /scalars of the trace; afterwards the run's scalars of these names
 * are those of the trace's `attempt`.  A scalar's step <= its predecessor begins the next attempt,
 * as with captures; restarts beyond the attempt of the last capture belong to that one, and what
 * was trained again there counts once, as it was last. */
ENTRO_API gboolean entro_store_put_trace(EntroStore *store, gint64 run_id, const EntroTrace *trace,
                                         guint attempt, GError **error);

/* ---- reading at one moment ------------------------------------------------------------------- */

/* From here to the release every call that reads sees the database as it is now, whatever other
 * processes write meanwhile.  Not for stores that write; freeing the store releases it too. */
ENTRO_API gboolean entro_store_hold(EntroStore *store, GError **error);
ENTRO_API void entro_store_release(EntroStore *store);

/* ---- selecting ------------------------------------------------------------------------------ */

#define ENTRO_STEP_LAST G_MAXINT64 /* the last capture that is stored */

typedef enum {
    ENTRO_CELL_ABSENT, /* the model has no such head, or its layer could not be read */
    ENTRO_CELL_VALUE,
    ENTRO_CELL_UNDEFINED /* NULL: no valid row (a diverged head), or not defined */
} EntroCellState;

/* One statistic of the heads at one step: layers x heads. */
typedef struct {
    char *run, *column;
    gint64 step;
    gsize n_rows, n_columns; /* layers in ascending order, heads 0 .. n_columns - 1 */
    gint64 *row_layer;       /* [n_rows] the layer's number */
    double *value;           /* [n_rows][n_columns] */
    guint8 *state;           /* [n_rows][n_columns] EntroCellState */
} EntroGrid;

/* y over training step; y is NaN where it is not finite or not measured. */
typedef struct {
    char *label;   /* "layer 3", or the name of the run */
    gint64 number; /* the layer's number, -1 if it has none */
    gsize n;
    double *x, *y;
} EntroCurve;

ENTRO_API void entro_grid_free(EntroGrid *grid);
ENTRO_API void entro_curve_free(EntroCurve *curve);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroGrid, entro_grid_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroCurve, entro_curve_free)

/* `column` must be a statistic of head_stats or head_params (checked against the schema).  `step`
 * must be stored. */
ENTRO_API EntroGrid *entro_store_select_grid(EntroStore *store, gint64 run_id, const char *column,
                                             gint64 step, GError **error);
/* Mean over the heads of each layer (heads without value left out), one EntroCurve a layer, by
 * layer; statistics that only layer_stats or layer_params has stand as they are.  Every curve has all captures:
 * NaN where the layer could not be read. */
ENTRO_API GPtrArray *entro_store_select_layer_curves(EntroStore *store, gint64 run_id,
                                                     const char *column, GError **error);
/* These columns of all heads at all captures; each a statistic, a count or a parameter of heads.
 * LIMIT: the run is too large. */
ENTRO_API EntroHistory *entro_store_select_history(EntroStore *store, gint64 run_id,
                                                   const char *const *columns, guint n_columns,
                                                   GError **error);
/* Whether select_layer_curves() takes a mean over heads of this column, or it is the layer's own. */
ENTRO_API gboolean entro_store_is_of_heads(EntroStore *store, const char *column,
                                           gboolean *ret_of_heads, GError **error);
ENTRO_API EntroCurve *entro_store_select_scalar(EntroStore *store, gint64 run_id, const char *name,
                                                GError **error);
ENTRO_API char **entro_store_list_scalars(EntroStore *store, gint64 run_id, GError **error);
/* Title and unit of a statistics column, from `metric`; NULL if unknown.  Of a name that head_stats
 * and layer_stats share, the head's. */
ENTRO_API gboolean entro_store_describe(EntroStore *store, const char *column, char **ret_title,
                                        char **ret_unit, GError **error);

/* ---- findings ------------------------------------------------------------------------------- */

/* One transaction: these findings in place of those that the run has; it is judged now. */
ENTRO_API gboolean entro_store_put_findings(EntroStore *store, gint64 run_id,
                                            const EntroFinding *const *findings, gsize n,
                                            GError **error);
/* As they were put; EntroFinding elements, freed with the array.  Of a run that was never judged
 * (EntroRunInfo.findings_at), or in a database of before findings, there are none. */
ENTRO_API GPtrArray *entro_store_list_findings(EntroStore *store, gint64 run_id, GError **error);

/* Those; of a run that was never judged, what the stored rules find now.  LIMIT: it is too large. */
ENTRO_API GPtrArray *entro_store_find_findings(EntroStore *store, const EntroRunInfo *run,
                                               GError **error);

/* The rules as they are stored (tables rules and rule_parameters), defaults for what is not there;
 * rules and parameters that this program does not know are ignored.  IO: a value out of range. */
ENTRO_API EntroRules *entro_store_load_rules(EntroStore *store, GError **error);
/* Judges the run by the stored rules and stores what was found, unless that stands there already; of
 * one moment, although others may write meanwhile.  A run too large for that, or large while others
 * keep writing, stays one that was not judged.
 * *ret_found (may be NULL): the findings; NULL of a run that was not judged. */
ENTRO_API gboolean entro_store_judge(EntroStore *store, gint64 run_id, GPtrArray **ret_found,
                                     GError **error);

/* All that is said of one run, of one moment. */
typedef struct {
    EntroRunInfo *run;
    EntroEvidence *evidence;
    EntroRules *rules;   /* as stored now */
    GPtrArray *findings; /* EntroFinding elements as stored; NULL: it was never judged */
} EntroCase;

ENTRO_API void entro_case_free(EntroCase *one);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroCase, entro_case_free)

/* `ref` as in entro_store_find_run().  LIMIT: the run is too large. */
ENTRO_API EntroCase *entro_store_load_case(EntroStore *store, const char *ref, GError **error);

/* ---- private-inference cost of a run ---------------------------------------------------------- */

enum { ENTRO_COST_N_SIZES = 6 };
/* Sizes of a model that were asked for: layers, heads, dim, context, vocabulary, ffn_layers. */
#define ENTRO_COST_NOT_GIVEN ((gint64)G_MININT32)
#define ENTRO_COST_NO_SIZES                                                                        \
    {                                                                                              \
        ENTRO_COST_NOT_GIVEN, ENTRO_COST_NOT_GIVEN, ENTRO_COST_NOT_GIVEN, ENTRO_COST_NOT_GIVEN,    \
            ENTRO_COST_NOT_GIVEN, ENTRO_COST_NOT_GIVEN                                             \
    }

/* What a cost is computed of. */
typedef struct {
    char *run;       /* NULL: no run of a database */
    char *arch_name; /* what arch.name points to */
    EntroCostArch arch;
    EntroCostSizes sizes;
    /* Sizes of GPT-2 small, because nobody said them; ended by NULL. */
    const char *assumed[ENTRO_COST_N_SIZES + 1];
    EntroCost cost, baseline; /* the caller's */
} EntroCostCase;

ENTRO_API void entro_cost_case_free(EntroCostCase *one);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroCostCase, entro_cost_case_free)

/* `given`: [ENTRO_COST_N_SIZES], each ENTRO_COST_NOT_GIVEN or in its range; else ARGUMENT. */
ENTRO_API gboolean entro_cost_check_sizes(const gint64 *given, GError **error);
/* ARGUMENT: there is none of that name; `whose` begins the sentence. */
ENTRO_API gboolean entro_cost_find_arch(const char *name, const char *whose,
                                        EntroCostArch *ret_arch, GError **error);
ENTRO_API EntroCostCase *entro_cost_case_of_arch(const char *name, const gint64 *given,
                                                 GError **error);
/* What is given replaces what the run has.  ARGUMENT: it does not say what is needed. */
ENTRO_API EntroCostCase *entro_cost_case_of_run(EntroStore *store, const EntroRunInfo *info,
                                                const gint64 *given, GError **error);

/* ---- export --------------------------------------------------------------------------------- */

typedef enum { ENTRO_EXPORT_CSV, ENTRO_EXPORT_JSON /* one array of objects */ } EntroExportFormat;

typedef struct {
    EntroExportFormat format;
    const gint64 *run_ids; /* only rows of these runs; n_runs 0: all */
    guint n_runs;
    gboolean csv_raw; /* do not guard text cells that a spreadsheet would run as a formula */
} EntroExportOptions;

/* Appends a table or view of the schema to `out` in primary-key order; numbers in %.17g, NULL is an
 * empty CSV field and null in JSON.  Lines end in \n; bytes that are not UTF-8 become U+FFFD, except
 * with csv_raw. */
ENTRO_API gboolean entro_store_export(EntroStore *store, const char *table,
                                      const EntroExportOptions *options, GString *out,
                                      GError **error);

/* The same for tables of any size: the text comes in pieces.  `write` fails with an error. */
typedef gboolean (*EntroExportWrite)(const char *bytes, gsize n, gpointer data, GError **error);
ENTRO_API gboolean entro_store_export_to(EntroStore *store, const char *table,
                                         const EntroExportOptions *options, EntroExportWrite write,
                                         gpointer data, GError **error);
ENTRO_API char **entro_store_list_tables(EntroStore *store, GError **error); /* exportable */

/* ---- names in sentences --------------------------------------------------------------------- */

/* A name from a file, in quotes, safe on a terminal: what is not printable becomes \xNN, long names
 * are cut. */
ENTRO_API char *entro_quote_name(const char *name);
/* 'a', 'b' and 3 more: the names in `names` closest to `wanted` first; reorders `names`. */
ENTRO_API char *entro_quote_closest(const char *wanted, GPtrArray *names);

G_END_DECLS

#endif
