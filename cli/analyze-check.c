/* analyze-check.c: captures that are stored are read again, and compared with what is stored.
 *
 * A trace may have been written anew under its old identity since it was analysed; what was computed
 * of it before would stand beside what is computed now.  A capture's digest is of every row of
 * attention (or of queries and keys, or row entropies) in its place; masks, parameters, scalars and
 * configuration are not in it. */
#include "command.h"

typedef struct {
    const EntroStoredCheck *check;
    guint attempt; /* of `run_id`; 0: none yet */
    gint64 run_id; /* 0: no run of this trace */
    guint n_differing;
    GError *first; /* conflict */
} Comparison;

static void
comparison_clear(Comparison *comparison)
{
    g_clear_error(&comparison->first);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Comparison, comparison_clear)

/* A run of another trace under this name is refused when it is begun, not here. */
static gboolean
find_run(Comparison *comparison, guint attempt, GError **error)
{
    const EntroStoredCheck *check = comparison->check;
    g_autoptr(EntroRunInfo) info = NULL;

    if (comparison->attempt == attempt)
        return TRUE;
    if (!entro_store_lookup_run(check->store, check->run_name, attempt, &info, error))
        return FALSE;
    gboolean same = info != NULL && g_strcmp0(info->fingerprint, check->fingerprint) == 0;
    comparison->attempt = attempt;
    comparison->run_id = same ? info->id : 0;
    return TRUE;
}

static gboolean
compare(Comparison *comparison, const EntroCapture *capture, GError **error)
{
    const EntroStoredCheck *check = comparison->check;
    g_autoptr(GError) failure = NULL;

    if (!find_run(comparison, capture->attempt, error))
        return FALSE;
    if (comparison->run_id == 0)
        return TRUE;
    if (capture->status != ENTRO_CAPTURE_COMPLETE) {
        g_ptr_array_add(check->problems,
                        g_strdup_printf("step %" G_GINT64_FORMAT ": was read whole before and is "
                                        "stored so; now not all of it can be read",
                                        capture->step));
        return TRUE;
    }
    if (entro_store_check_capture(check->store, comparison->run_id, capture, &failure)) {
        g_array_append_val(check->checked, capture->position);
        return TRUE;
    }
    if (!g_error_matches(failure, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (comparison->n_differing++ == 0)
        comparison->first = g_steal_pointer(&failure);
    return TRUE;
}

static gboolean
give_verdict(Comparison *comparison, GError **error)
{
    guint n = comparison->check->positions->len;

    if (comparison->first == NULL)
        return TRUE;
    if (n == 1)
        g_propagate_error(error, g_steal_pointer(&comparison->first));
    else
        g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT,
                    "%s (%u of %u captures that were read again differ)",
                    comparison->first->message, comparison->n_differing, n);
    return FALSE;
}

static gboolean
stopped(const EntroStoredCheck *check, GError **error)
{
    if (entro_signals_seen() == 0)
        return FALSE;
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                "%s: stopped by a signal while stored captures were compared", check->path);
    return TRUE;
}

gboolean
entro_check_stored(const EntroStoredCheck *check, GError **error)
{
    g_auto(Comparison) comparison = {.check = check};
    EntroRunOptions options = check->options;
    EntroCapture capture = {0};
    gboolean end = FALSE, good = TRUE;

    options.captures = (const gsize *)check->positions->data;
    options.n_captures = check->positions->len;
    options.with = 0; /* the digest is the same */
    g_autoptr(EntroRun) run = entro_run_new(check->source, &options, error);
    if (run == NULL)
        return FALSE;
    for (gsize n = 0; good && !end; n++) {
        if (options.n_captures > 1)
            entro_progress("%s: %" G_GSIZE_FORMAT " of %u stored captures compared",
                           check->run_name, n, check->positions->len);
        good = !stopped(check, error) && entro_run_next(run, &capture, &end, error) &&
               (end || compare(&comparison, &capture, error));
    }
    entro_capture_clear(&capture);
    return good && give_verdict(&comparison, error);
}
