/* db-private.h: what the files of this stage share.
 *
 * SQLite is met through a few calls that turn every return code into a GError: prepare, bind, step,
 * transactions.  SQL is never made from data: its texts are constants or are joined from the
 * program's own tables of columns, and everything else is bound. */
#ifndef ENTRO_DB_PRIVATE_H
#define ENTRO_DB_PRIVATE_H

#include <sqlite3.h>
#include "entro-store.h"

G_BEGIN_DECLS

struct EntroStore {
    sqlite3 *db;
    char *path;                 /* as given, for messages */
    gint64 max_evidence;        /* heads times captures that a run may have to be read whole */
    gint64 max_evidence_locked; /* and to be judged while others wait to write */
    gint64 page_size;
    gint64 max_wal; /* bytes of journal that cannot be emptied before it is said */
    gboolean warned_of_wal;
    GPtrArray *notes; /* strings, for entro_store_take_notes(); NULL: none */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite3_finalize)

/* How long others may keep the database from us; a variable for tests. */
extern int entro_store_patience_ms;
/* A run is judged and compared in memory, at 64 bytes each at most: a gigabyte. */
#define ENTRO_MAX_EVIDENCE (1 << 24)
/* A few seconds, well within the busy timeout of others. */
#define ENTRO_MAX_EVIDENCE_LOCKED (1 << 21)
#define ENTRO_MAX_WAL             (G_GINT64_CONSTANT(64) << 20)

/* ---- statement.c ---------------------------------------------------------------------------- */

/* Sets the error from the connection's last failure and returns FALSE.  The message begins with the
 * path, so that callers may prefix "cannot do this in ". */
gboolean entro_sql_fail(EntroStore *store, GError **error);
/* Runs constant SQL without result. */
gboolean entro_sql_exec(EntroStore *store, const char *sql, GError **error);
sqlite3_stmt *entro_sql_prepare(EntroStore *store, const char *sql, GError **error);
/* prepare, and bind run_id to ?1 */
sqlite3_stmt *entro_sql_prepare_run(EntroStore *store, const char *sql, gint64 run_id,
                                    GError **error);
/* Leaves *ret_row alone on failure, so that a loop over all rows reads
 *     gboolean row = TRUE;
 *     while (entro_sql_step(store, stmt, &row, error) && row)
 *         ...;
 *     return !row;          still TRUE: a step failed */
gboolean entro_sql_step(EntroStore *store, sqlite3_stmt *stmt, gboolean *ret_row, GError **error);
/* The single integer of a query, `fallback` when there is no row or it is NULL. */
gboolean entro_sql_get_int(EntroStore *store, sqlite3_stmt *stmt, gint64 fallback,
                           gint64 *ret_value, GError **error);

/* Whether the file has this table or view: an older database, which may be read as it is, lacks some tables. */
gboolean entro_sql_has_table(EntroStore *store, const char *table, gboolean *ret_has,
                             GError **error);

/* Binds ?1, ?2, ... in turn; the first failure sticks until execute or ready reports it. */
typedef struct {
    EntroStore *store;
    sqlite3_stmt *stmt;
    int n;
    int rc;
} EntroBinder;

EntroBinder entro_bind(EntroStore *store, sqlite3_stmt *stmt); /* resets the statement */
void entro_bind_int(EntroBinder *binder, gint64 value);
void entro_bind_double(EntroBinder *binder, double value);    /* not finite: NULL */
void entro_bind_text(EntroBinder *binder, const char *value); /* borrowed; NULL: NULL */
void entro_bind_null(EntroBinder *binder);
gboolean entro_bind_ready(const EntroBinder *binder, GError **error);
gboolean entro_bind_execute(const EntroBinder *binder, GError **error); /* expects no row */

/* INSERT of `columns` (NULL-terminated; the first n_keys are the key) that updates an existing row
 * only if it differs: what is stored already is not written again. */
char *entro_sql_upsert(const char *table, const char *const *columns, guint n_keys);

/* A transaction that is rolled back at the end of the scope unless committed.  Declare it before
 * the statements that run in it: they must be finalized first. */
typedef struct {
    EntroStore *store; /* NULL: none */
} EntroTransaction;

gboolean entro_transaction_begin(EntroTransaction *transaction, EntroStore *store, GError **error);
/* One view of the database for several queries; within a transaction, it is that one. */
gboolean entro_transaction_begin_read(EntroTransaction *transaction, EntroStore *store,
                                      GError **error);
gboolean entro_transaction_commit(EntroTransaction *transaction, GError **error);
void entro_transaction_clear(EntroTransaction *transaction);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroTransaction, entro_transaction_clear)

/* ---- migrations.c, metric-columns.c --------------------------------------------------------- */

#define ENTRO_APPLICATION_ID 0x454e5452 /* "ENTR" */

gint64 entro_schema_version(void); /* user_version that this program writes */
/* Brings the schema up to date in one transaction; writes nothing when it is. */
gboolean entro_schema_migrate(EntroStore *store, GError **error);

/* Whether a table or view of this program has the name; whether `sql` makes one of its views. */
gboolean entro_schema_has_name(const char *name);
gboolean entro_schema_has_view(const char *sql);

/* A list of columns that the analyzer names and one of the tables holds. */
typedef struct {
    const char *table;
    const EntroColumn *columns;
    guint n;
    const char *type;
} EntroColumnSet;

enum { ENTRO_N_COLUMN_SETS = 6, ENTRO_N_COUNT_COLUMNS = 4 };
void entro_column_sets(EntroColumnSet ret_sets[ENTRO_N_COLUMN_SETS]);
/* Columns that are missing, or not described in `metric` as they are now: counted, and if `apply`
 * added. */
gboolean entro_columns_sync(EntroStore *store, gboolean apply, guint *ret_n_missing,
                            GError **error);
/* Whether `column` is one of the table's statistics, here and in the file. */
gboolean entro_columns_has(EntroStore *store, const char *table, const char *column,
                           gboolean *ret_has, GError **error);
/* The table of heads, or of layers, that has this statistic; *ret_table NULL when none has. */
gboolean entro_columns_find(EntroStore *store, gboolean of_heads, const char *column,
                            const char **ret_table, GError **error);

/* store.c: an empty database in memory; `path` is for messages. */
EntroStore *entro_store_open_memory(const char *path, GError **error);
/* For reading, without a look at what a writer that died has left: for those who look themselves. */
EntroStore *entro_store_open_unchecked(const char *path, GError **error);
/* As a URI, because SQLite as Debian builds it would take a plain name that begins with "file:" for
 * one. */
char *entro_store_make_uri(const char *path, const char *query);
gboolean entro_store_is_empty_or_missing(const char *path, const char *suffix);

/* ---- guard.c -------------------------------------------------------------------------------- */

/* Takes the note over. */
void entro_store_note(EntroStore *store, char *note);
/* Refuses (OPEN) views and virtual tables in the place of ours, and for writing any trigger. */
gboolean entro_guard_schema(EntroStore *store, EntroStoreMode mode, GError **error);
/* Around the opening: a database whose journal a dead writer left is checked whole, once. */
void entro_guard_begin(const char *path);
gboolean entro_guard_recovered(EntroStore *store, GError **error);
/* What SQLite finds in the pages and against the constraints, up to the first damage; `when` ends "is damaged". */
gboolean entro_guard_check_pages(EntroStore *store, const char *when, GError **error);
/* Whether the file's folder is on a network file system; a variable for tests. */
extern gboolean (*entro_guard_is_network)(const char *folder);
/* Checkpoints after commits, with a note when they come to nothing. */
gboolean entro_guard_journal(EntroStore *store, GError **error);

/* ---- rules.c, findings.c, evidence.c ---------------------------------------------------------- */

/* Rules and parameters that are missing, or described otherwise than now: counted into *n_missing,
 * and if `apply` added with their defaults.  Values that are there stay. */
gboolean entro_rules_sync(EntroStore *store, gboolean apply, guint *n_missing, GError **error);
/* What was found goes, and the run is one that was never judged: its numbers have changed. */
gboolean entro_findings_forget(EntroStore *store, gint64 run_id, GError **error);
/* select-history.c: columns of the heads, or of the layers, into a history that has places for them;
 * one that an older database has not stays as it is. */
gboolean entro_history_read(EntroStore *store, EntroHistory *history, gboolean of_heads,
                            const char *const *columns, gint64 run_id, GError **error);
/* Within a transaction of the caller's.  LIMIT: more than store->max_evidence. */
EntroEvidence *entro_evidence_load(EntroStore *store, gint64 run_id, GError **error);

/* ---- runs.c --------------------------------------------------------------------------------- */

/* The time, or SOURCE_DATE_EPOCH; to be freed. */
char *entro_now_iso8601(void);
/* Rows of `runs`: `tail` is constant SQL behind the FROM, where the table is `r`. */
sqlite3_stmt *entro_runs_prepare(EntroStore *store, const char *tail, GError **error);
/* First row of a bound query, NULL when there is none. */
gboolean entro_runs_read_first(const EntroBinder *bind, EntroRunInfo **ret_info, GError **error);
/* The rows that are left; EntroRunInfo elements. */
GPtrArray *entro_runs_read_all(EntroStore *store, sqlite3_stmt *stmt, GError **error);
/* tags.c; strings */
#define ENTRO_SQL_ADD_TAG "INSERT OR IGNORE INTO run_tags (run_id, tag) VALUES (?, ?)"
GPtrArray *entro_runs_list_tags(EntroStore *store, gint64 run_id, GError **error);
gboolean entro_runs_put_tags(EntroStore *store, gint64 run_id, const GPtrArray *tags,
                             GError **error);
/* NOT_FOUND when there is no such run. */
EntroRunInfo *entro_store_get_run(EntroStore *store, gint64 run_id, GError **error);

/* ---- export-cell.c -------------------------------------------------------------------------- */

void entro_csv_append_text(GString *out, const char *text, gsize length, gboolean raw);
void entro_json_append_text(GString *out, const char *text, gsize length);

G_END_DECLS

#endif
