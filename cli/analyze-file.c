/* analyze-file.c: one trace into the database: what is there already is not done again.
 *
 * A trace may hold several attempts (its steps go back); each is a run of its own.  Captures go to
 * the database in file order, a transaction for each batch; killed anywhere, the next call goes on. */
#include "command.h"

#include <string.h>

/* A batch is stored when it has so many captures, or has waited so long. */
#define BATCH_CAPTURES 64
#define BATCH_SECONDS  1.0

typedef struct {
    const char *path;
    EntroStore *store;
    const EntroAnalyzeOptions *options;
    EntroSource *source;
    const EntroTrace *trace;
    const char *run_name;
    char *renamed;        /* the run's name, when it is not the trace's; NULL otherwise */
    char *lookalike;      /* a renamed run that may be this one, and is not taken for it; or NULL */
    char *fingerprint;    /* NULL until it is known */
    char *input;          /* kinds of what the trace holds */
    gboolean replace;     /* still to be done */
    GArray *wanted;       /* gsize: positions of the captures to be read, ascending */
    GArray *checked;      /* gsize: of those that are stored and were compared */
    GPtrArray *lost;      /* sentences: stored, and not to be read any more */
    GPtrArray *summaries; /* the caller's */
    guint first_summary;  /* of this file */
    GArray *pending;      /* EntroCapture: of the last summary's run */
    gint64 pending_since;
} Job;

static void
job_clear(Job *job)
{
    g_clear_pointer(&job->source, entro_source_free);
    g_clear_pointer(&job->fingerprint, g_free);
    g_clear_pointer(&job->input, g_free);
    g_clear_pointer(&job->renamed, g_free);
    g_clear_pointer(&job->lookalike, g_free);
    g_clear_pointer(&job->pending, g_array_unref);
    g_clear_pointer(&job->wanted, g_array_unref);
    g_clear_pointer(&job->checked, g_array_unref);
    g_clear_pointer(&job->lost, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)

/* ---- runs ---------------------------------------------------------------------------------------------- */

static const char *
config_value(const EntroTrace *trace, const char *key)
{
    for (guint i = 0; i < trace->n_config; i++)
        if (g_str_equal(trace->config[i].key, key))
            return trace->config[i].value;
    return NULL;
}

static guint
most_heads(const EntroTrace *trace)
{
    guint most = 0;

    for (guint i = 0; i < trace->n_layers; i++)
        most = MAX(most, trace->layers[i].n_heads);
    return most;
}

static EntroRunInfo
describe_run(const Job *job, guint attempt)
{
    const EntroTrace *trace = job->trace;

    return (EntroRunInfo){.name = (char *)job->run_name,
                          .attempt = attempt,
                          .source = (char *)job->path,
                          .fingerprint = job->fingerprint,
                          .open_mode = trace->open_mode,
                          .input = job->input,
                          .arch = (char *)config_value(trace, "arch"),
                          .producer = trace->producer,
                          .n_layers = trace->n_layers,
                          .n_heads = most_heads(trace),
                          .context_length = (gint64)trace->context_length,
                          .causal = trace->causal,
                          .tool_version = (char *)ENTRO_VERSION};
}

/* How its trainer fares: of the trace as a whole. */
static void
describe_trainer(EntroAnalyzeSummary *summary, const EntroTrace *trace)
{
    const EntroScalar *scalar = NULL;

    summary->complete = trace->complete;
    for (guint i = 0; i < trace->n_scalars; i++)
        if (trace->scalars[i].n > 0 &&
            (scalar == NULL || g_str_equal(trace->scalars[i].name, "loss")))
            scalar = &trace->scalars[i];
    if (scalar == NULL)
        return;
    summary->scalar = g_strdup(scalar->name);
    summary->scalar_value = scalar->value[scalar->n - 1];
}

static EntroAnalyzeSummary *
new_summary(const Job *job, guint attempt, gint64 run_id)
{
    EntroAnalyzeSummary *summary = g_new0(EntroAnalyzeSummary, 1);

    summary->file = g_strdup(job->path);
    summary->run_name = g_strdup(job->run_name);
    summary->run_id = run_id;
    summary->attempt = attempt;
    summary->n_layers = job->trace->n_layers;
    summary->n_heads = most_heads(job->trace);
    summary->even = TRUE;
    for (guint i = 0; i < job->trace->n_layers; i++)
        summary->even &= job->trace->layers[i].n_heads == summary->n_heads;
    summary->first_nan_step = summary->step = G_MININT64;
    summary->notes = g_ptr_array_new_with_free_func(g_free);
    summary->problems = g_ptr_array_new_with_free_func(g_free);
    if (job->options->follow != NULL)
        describe_trainer(summary, job->trace);
    summary->first_step = G_MAXINT64;
    for (gsize i = 0; i < job->trace->n_captures; i++)
        if (job->trace->attempts[i] == attempt) {
            summary->first_step = MIN(summary->first_step, job->trace->steps[i]);
            summary->last_step = job->trace->steps[i];
        }
    return summary;
}

static EntroAnalyzeSummary *
current(const Job *job)
{
    return job->summaries->len > job->first_summary ? job->summaries->pdata[job->summaries->len - 1]
                                                    : NULL;
}

static gsize
count_captures(const EntroTrace *trace, guint attempt)
{
    gsize n = 0;

    for (gsize i = 0; i < trace->n_captures; i++)
        n += trace->attempts[i] == attempt;
    return n;
}

/* Those of the positions that are of the attempt. */
static gsize
count_positions(const Job *job, const GArray *positions, guint attempt)
{
    gsize n = 0;

    for (guint i = 0; i < positions->len; i++)
        n += job->trace->attempts[g_array_index(positions, gsize, i)] == attempt;
    return n;
}

/* Makes the run row of an attempt and its summary; needs the fingerprint. */
static gboolean
begin_run(Job *job, guint attempt, GError **error)
{
    EntroRunInfo info = describe_run(job, attempt);
    gint64 run_id;

    g_autoptr(GPtrArray) before = NULL;

    if (!entro_store_begin_run(job->store, &info, job->replace, &run_id, error))
        return FALSE;
    /* whatever changes the run makes the database forget what was found on it */
    if (job->options->follow != NULL)
        before = entro_store_list_findings(job->store, run_id, error);
    if ((job->options->follow != NULL && before == NULL) ||
        !entro_store_put_trace(job->store, run_id, job->trace, attempt, error))
        return FALSE;
    job->replace = FALSE; /* the old run went with all its attempts */
    EntroAnalyzeSummary *summary = new_summary(job, attempt, run_id);
    summary->n_known =
        count_captures(job->trace, attempt) - count_positions(job, job->wanted, attempt);
    summary->n_checked = count_positions(job, job->checked, attempt);
    summary->verified = job->options->verify;
    summary->found_before = g_steal_pointer(&before);
    g_ptr_array_add(job->summaries, summary);
    return TRUE;
}

/* Begins every attempt up to this one: also one where nothing is new has its row and summary. */
static gboolean
begin_runs_to(Job *job, guint attempt, GError **error)
{
    const EntroAnalyzeSummary *summary = current(job);
    guint next = summary ? summary->attempt + 1 : job->trace->attempts[0];

    for (; next <= attempt; next++)
        if (!begin_run(job, next, error))
            return FALSE;
    return TRUE;
}

/* ---- what is to be done ------------------------------------------------------------------------------- */

static int
compare_steps(gconstpointer a, gconstpointer b)
{
    const gint64 step_a = *(const gint64 *)a, step_b = *(const gint64 *)b;

    return step_a < step_b ? -1 : step_a > step_b;
}

/* Steps that the database has of one attempt; empty when there is no such run yet. */
static GArray *
stored_steps(const Job *job, guint attempt, gboolean *ret_exists, GError **error)
{
    g_autoptr(EntroRunInfo) info = NULL;

    *ret_exists = FALSE;
    if (job->replace)
        return g_array_new(FALSE, FALSE, sizeof(gint64));
    if (!entro_store_lookup_run(job->store, job->run_name, attempt, &info, error))
        return NULL;
    if (info == NULL)
        return g_array_new(FALSE, FALSE, sizeof(gint64));
    *ret_exists = TRUE;
    return entro_store_stored_steps(job->store, info->id, error);
}

/* Positions that are not stored yet, ascending; *ret_exists: the first attempt has a run. */
static GArray *
find_wanted(const Job *job, gboolean *ret_exists, GError **error)
{
    const EntroTrace *trace = job->trace;
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(gsize));
    g_autoptr(GArray) steps = NULL;
    gboolean exists;

    *ret_exists = FALSE;
    for (gsize i = 0; i < trace->n_captures; i++) {
        if (i == 0 || trace->attempts[i] != trace->attempts[i - 1]) {
            g_clear_pointer(&steps, g_array_unref);
            steps = stored_steps(job, trace->attempts[i], &exists, error);
            if (steps == NULL)
                return NULL;
            *ret_exists = *ret_exists || exists;
        }
        if (!g_array_binary_search(steps, &trace->steps[i], compare_steps, NULL))
            g_array_append_val(wanted, i);
    }
    return g_steal_pointer(&wanted);
}

/* A trace without uuid is known by its first capture. */
static gboolean
fingerprint_by_first(Job *job, GError **error)
{
    const gsize first = 0;
    EntroRunOptions options = job->options->run;
    EntroCapture capture = {0};
    gboolean end = FALSE;

    options.captures = &first;
    options.n_captures = 1;
    g_autoptr(EntroRun) run = entro_run_new(job->source, &options, error);
    if (run == NULL || !entro_run_next(run, &capture, &end, error))
        return FALSE;
    job->fingerprint = entro_fingerprint(job->trace, (guint64)capture.digest);
    entro_capture_clear(&capture);
    return TRUE;
}

/* Positions that are stored: all of them, or the last alone. */
static GArray *
choose_stored(const Job *job)
{
    GArray *stored = g_array_new(FALSE, FALSE, sizeof(gsize));
    guint next = 0;

    for (gsize i = 0; i < job->trace->n_captures; i++) {
        if (next < job->wanted->len && g_array_index(job->wanted, gsize, next) == i) {
            next++;
            continue;
        }
        if (!job->options->verify)
            g_array_set_size(stored, 0);
        g_array_append_val(stored, i);
    }
    return stored;
}

/* To read everything again costs as much as to analyse it: that is for --verify.  The last capture
 * that is stored is what a trace that was written anew from a checkpoint has otherwise. */
static gboolean
check_stored(Job *job, GError **error)
{
    g_autoptr(GArray) stored = choose_stored(job);
    const EntroStoredCheck check = {.path = job->path,
                                    .run_name = job->run_name,
                                    .fingerprint = job->fingerprint,
                                    .source = job->source,
                                    .store = job->store,
                                    .options = job->options->run,
                                    .positions = stored,
                                    .checked = job->checked,
                                    .problems = job->lost};

    return stored->len == 0 || entro_check_stored(&check, error);
}

/* A run that was renamed goes on under its new name, unless --run gives one.  A computed fingerprint
 * knows the first capture alone, which two trainings from one seed share: it is not believed. */
static gboolean
follow_rename(Job *job, GError **error)
{
    g_autoptr(EntroRunInfo) any = NULL, info = NULL;

    if (job->options->run_name != NULL ||
        !entro_store_lookup_renamed(job->store, job->run_name, NULL, &any, error))
        return job->options->run_name != NULL;
    if (any == NULL)
        return TRUE;
    if ((job->fingerprint == NULL && !fingerprint_by_first(job, error)) ||
        !entro_store_lookup_renamed(job->store, job->run_name, job->fingerprint, &info, error))
        return FALSE;
    if (info != NULL && job->trace->trace_uuid != NULL)
        job->run_name = job->renamed = g_steal_pointer(&info->name);
    else if (info != NULL)
        job->lookalike = g_steal_pointer(&info->name);
    return TRUE;
}

static void
note_rename(Job *job)
{
    if (job->renamed != NULL)
        g_ptr_array_add(
            current(job)->notes,
            g_strdup_printf("run %s was renamed to %s in the database and goes on there",
                            job->trace->run_name, job->renamed));
    const EntroAnalyzeSummary *first = job->summaries->pdata[job->first_summary];
    if (job->lookalike != NULL && first->n_known == 0)
        g_ptr_array_add(
            current(job)->notes,
            g_strdup_printf("run %s was renamed to %s in the database and begins alike, but the "
                            "trace has no identifier (trace_uuid) to know it by: this is a new "
                            "run; --run goes on with the other",
                            job->trace->run_name, job->lookalike));
}

/* ---- storing ------------------------------------------------------------------------------------------- */

static gboolean
store_pending(Job *job, GError **error)
{
    const EntroAnalyzeSummary *summary = current(job);

    if (job->pending->len == 0)
        return TRUE;
    gboolean good = entro_store_put_captures(job->store, summary->run_id,
                                             (const EntroCapture *)job->pending->data,
                                             job->pending->len, error);
    const EntroFollow *follow = job->options->follow;
    for (guint i = 0; good && follow != NULL && i < job->pending->len; i++)
        follow->stored(summary, &g_array_index(job->pending, EntroCapture, i), follow->data);
    g_array_set_size(job->pending, 0);
    return good;
}

static gboolean
more_follows(const Job *job)
{
    return job->options->follow != NULL && job->options->follow->more;
}

/* Takes the capture over. */
static gboolean
take_capture(Job *job, EntroCapture *capture, GError **error)
{
    EntroAnalyzeSummary *summary = current(job);

    if (job->fingerprint == NULL)
        job->fingerprint = entro_fingerprint(job->trace, (guint64)capture->digest);
    if (summary == NULL || summary->attempt != capture->attempt) {
        if (!store_pending(job, error) || !begin_runs_to(job, capture->attempt, error))
            return FALSE;
        summary = current(job);
    }
    if (!more_follows(job) || capture->status == ENTRO_CAPTURE_COMPLETE)
        entro_summary_add(summary, capture);
    if (job->pending->len == 0)
        job->pending_since = g_get_monotonic_time();
    g_array_append_val(job->pending, *capture);
    *capture = (EntroCapture){0};
    double waited = (double)(g_get_monotonic_time() - job->pending_since) / G_USEC_PER_SEC;
    return (job->pending->len < BATCH_CAPTURES && waited < BATCH_SECONDS) ||
           store_pending(job, error);
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

static void
show_progress(const Job *job, gsize done, gsize n, guint64 bytes, gint64 started)
{
    double seconds = (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC;

    /* `watch` has a line of its own */
    if (job->options->follow != NULL && n <= BATCH_CAPTURES)
        return;
    entro_progress("%s: %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                   " captures, %.1f GB/s, %.0f s left",
                   job->run_name, done, n, (double)bytes / 1e9 / MAX(seconds, 1e-3),
                   seconds / (double)MAX(done, 1) * (double)(n - done));
}

static gboolean
interrupted(Job *job, GError **error)
{
    if (entro_signals_seen() == 0)
        return FALSE;
    if (store_pending(job, error))
        g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                    "%s: stopped by a signal; the captures so far are stored, the same command "
                    "goes on from there",
                    job->path);
    return TRUE;
}

static gboolean
analyze_wanted(Job *job, GError **error)
{
    EntroRunOptions options = job->options->run;
    EntroCapture capture = {0};
    gboolean end = FALSE, good = TRUE;
    gint64 started = g_get_monotonic_time();
    gsize done = 0;

    options.captures = (const gsize *)job->wanted->data;
    options.n_captures = job->wanted->len;
    g_autoptr(EntroRun) run = entro_run_new(job->source, &options, error);
    if (run == NULL)
        return FALSE;
    while (good && !end) {
        if (interrupted(job, error))
            good = FALSE;
        else
            good = entro_run_next(run, &capture, &end, error) &&
                   (end || take_capture(job, &capture, error));
        show_progress(job, ++done, job->wanted->len, entro_run_get_bytes(run), started);
    }
    entro_capture_clear(&capture);
    /* what was computed before a failure is kept */
    if (!store_pending(job, good ? error : NULL))
        good = FALSE;
    EntroAnalyzeSummary *summary = current(job);
    if (summary != NULL) {
        summary->bytes = entro_run_get_bytes(run);
        summary->seconds = (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC;
        if (entro_run_get_causal_note(run) != NULL)
            g_ptr_array_add(summary->notes, g_strdup(entro_run_get_causal_note(run)));
    }
    return good;
}

static void
clear_capture(gpointer capture)
{
    entro_capture_clear(capture);
}

/* SQLite's locks vanish when another descriptor of the same file is closed: never open it. */
static gboolean
check_not_database(const char *path, const char *db_path, GError **error)
{
    if (!entro_same_file(path, db_path))
        return TRUE;
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_USAGE,
                "%s: is the database (--db) itself, expected a trace (HDF5) and another file for "
                "the database",
                path);
    return FALSE;
}

static gboolean
open_job(Job *job, GError **error)
{
    if (!check_not_database(job->path, job->options->db_path, error))
        return FALSE;
    job->source = entro_source_open(job->path, &job->options->source, error);
    if (job->source == NULL)
        return FALSE;
    job->trace = entro_source_get_trace(job->source);
    job->run_name = job->options->run_name ? job->options->run_name : job->trace->run_name;
    job->fingerprint = g_strdup(job->trace->trace_uuid);
    job->input = entro_trace_input(job->trace);
    job->replace = job->options->replace;
    job->first_summary = job->summaries->len;
    job->pending = g_array_new(FALSE, FALSE, sizeof(EntroCapture));
    g_array_set_clear_func(job->pending, clear_capture);
    job->checked = g_array_new(FALSE, FALSE, sizeof(gsize));
    job->lost = g_ptr_array_new_with_free_func(g_free);
    return TRUE;
}

/* Before what is told of each capture: of many problems only the first are told. */
static void
note_truncation(const Job *job)
{
    gsize n_kept = 0;

    if (!g_str_equal(job->trace->open_mode, "truncated") || job->options->follow != NULL)
        return;
    for (guint i = job->first_summary; i < job->summaries->len; i++) {
        const EntroAnalyzeSummary *summary = job->summaries->pdata[i];
        n_kept += summary->n_known + summary->n_new - summary->n_partial;
    }
    g_ptr_array_insert(current(job)->problems, 0,
                       g_strdup_printf("truncated: %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                                       " captures are whole and kept",
                                       n_kept,
                                       MAX(job->trace->n_announced, job->trace->n_captures)));
}

static void
add_texts(GPtrArray *to, const GPtrArray *texts)
{
    for (guint i = 0; i < texts->len; i++)
        g_ptr_array_add(to, g_strdup(texts->pdata[i]));
}

static gboolean
judge_run(const Job *job, EntroAnalyzeSummary *summary, GError **error)
{
    g_autoptr(GPtrArray) found = NULL;
    gint64 started = g_get_monotonic_time();

    if (!entro_store_judge(job->store, summary->run_id, &found, error))
        return FALSE;
    summary->judging = (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC;
    summary->judged = found != NULL;
    for (guint i = 0; found != NULL && i < found->len; i++)
        summary->n_findings[((const EntroFinding *)found->pdata[i])->severity]++;
    if (job->options->follow != NULL)
        summary->found = g_steal_pointer(&found);
    return TRUE;
}

/* The findings of every attempt, once all its captures are there.  After a failure there are none:
 * what is stored is not all that there is. */
static gboolean
judge_runs(const Job *job, GError **error)
{
    const EntroFollow *follow = job->options->follow;

    if (follow != NULL && !follow->judge)
        return TRUE;
    for (guint i = job->first_summary; i < job->summaries->len; i++) {
        EntroAnalyzeSummary *summary = job->summaries->pdata[i];
        gboolean over = summary != current(job) && summary->n_new == 0; /* an attempt before */

        if (!(more_follows(job) && over) && !judge_run(job, summary, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
entro_analyze_file(const char *path, EntroStore **store, const EntroAnalyzeOptions *options,
                   GPtrArray *summaries, GError **error)
{
    g_auto(Job) job = {.path = path, .options = options, .summaries = summaries};
    gboolean exists = FALSE, good;

    if (!open_job(&job, error))
        return FALSE;
    if (*store == NULL)
        *store = entro_store_open(options->db_path, ENTRO_STORE_WRITE, error);
    if (*store == NULL)
        return FALSE;
    job.store = *store;
    if (!follow_rename(&job, error))
        return FALSE;
    job.wanted = find_wanted(&job, &exists, error);
    if (job.wanted == NULL ||
        (exists && job.fingerprint == NULL && !fingerprint_by_first(&job, error)) ||
        !check_stored(&job, error))
        return FALSE;
    good = (job.wanted->len == 0 || analyze_wanted(&job, error)) &&
           begin_runs_to(&job, job.trace->attempts[job.trace->n_captures - 1], error) &&
           judge_runs(&job, error);
    if (current(&job) != NULL) {
        note_rename(&job);
        note_truncation(&job);
        add_texts(current(&job)->notes, job.trace->notes);
        add_texts(current(&job)->problems, job.trace->problems);
        add_texts(current(&job)->problems, job.lost);
    }
    return good;
}
