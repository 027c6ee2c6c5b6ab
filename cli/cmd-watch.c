/* cmd-watch.c: a trace into the database while it is being written.
 *
 * One loop: look at the file from outside; when it has changed, open it anew and analyse what the
 * database does not have, as `analyze` would.  To open costs milliseconds, so that a file under SWMR, one
 * without and one that was begun again are all read in one way, and nothing is held meanwhile. */
#include "watch.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define INTERVAL       1.0   /* s between two looks; each that finds something costs some 30 ms */
#define IDLE           60.0  /* s without a flush before one asks what became of the writer */
#define IDLE_AFAR      600.0 /* the same where it may be on another machine */
#define PATIENCE       2.0   /* s of silence after a writer that was known has gone */
#define CLOSE_AFTER    5.0   /* the same where it has closed the file, and might open it again */
#define SEARCH_EVERY   10.0  /* s between two looks through /proc for a writer that is not known */
#define NETWORK_EVERY  5.0   /* s: what stat() says of a network file system may be late */
#define SETTLED        0.2   /* s without a write, before a file without SWMR is read */
#define SETTLE_AT_MOST 0.5   /* s: a writer that never rests is read nevertheless */
#define SAY_AFTER      1.5   /* s: every file is without SWMR while it is being created */
#define JUDGE_SHARE    5.0 /* at most a fifth of the time goes into judging what was judged before */
#define COMMANDS_WAIT  5.0  /* s at the end for the command of the last findings */
#define NAP            0.05 /* s that a signal may wait */
#define RATE_WINDOW    10.0 /* s */
#define SURE_CAPTURES  2    /* captures that a finding must hold for, before it is told */
#define FRESH_CAPTURES 20   /* the same of overload from the first capture on */
#define NICER          10   /* the processor is the trainer's first */

static struct {
    char *interval, *idle, *on_finding;
    char **fail_on;
    gboolean wait, all;
} chosen;

static const GOptionEntry entries[] = {
    {"interval", 0, 0, G_OPTION_ARG_STRING, &chosen.interval,
     "Seconds between two looks at the file (default 1)", "S"},
    {"idle", 0, 0, G_OPTION_ARG_STRING, &chosen.idle,
     "Seconds without a write after which a writer that cannot be found is taken for gone "
     "(default 60; 600 on a network file system)",
     "S"},
    {"wait", 0, 0, G_OPTION_ARG_NONE, &chosen.wait,
     "Wait for a file that is not there yet, and for a writer that is gone to come back", NULL},
    {"on-finding", 0, 0, G_OPTION_ARG_STRING, &chosen.on_finding,
     "Run this by /bin/sh when a finding begins (see below)", "CMD"},
    {"all", 0, 0, G_OPTION_ARG_NONE, &chosen.all, "Tell findings of severity info, too", NULL},
    {"fail-on", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.fail_on,
     "Exit 1 at the end if something of these kinds, above info, was found: as of report", "KINDS"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print one JSON object a line", NULL},
    {NULL}};

/* What is said once. */
typedef enum {
    SAID_ALONE = 1 << 0,
    SAID_QUIET = 1 << 1,
    SAID_GONE = 1 << 2, /* the file */
    SAID_KILLED = 1 << 3,
    SAID_WAITING = 1 << 4,
    SAID_UNREADABLE = 1 << 5,
    SAID_WHERE = 1 << 6,
} Said;

typedef struct {
    const char *path;
    EntroAnalyzeOptions options;
    EntroFollow follow;
    EntroFailOn fail_on;
    double interval, idle;
    const char *network; /* that it lies on, or NULL */
    EntroStore *store;
    EntroCommands *commands;
    GPtrArray *totals; /* EntroAnalyzeSummary: a run each */
    GHashTable *told;  /* findings, by what makes them the same */
    GHashTable *met;   /* runs whose findings of before are known */
    GError *failure;   /* why the file could not be read the last time; or NULL */
    EntroLook seen;    /* what was read */
    EntroLook last;    /* what was there at the last look */
    EntroFileWriter writer;
    EntroWriting writing;
    gboolean had_writer, had_swmr, ended, unjudged;
    guint said;
    double changed_at, pending_since, alone_since, read_at, took, next_judge, next_search;
    double rate_since;
    gsize n_stored, n_stored_before;
} Watch;

static void
watch_clear(Watch *watch)
{
    g_clear_pointer(&watch->store, entro_store_free);
    g_clear_pointer(&watch->commands, entro_commands_free);
    g_clear_pointer(&watch->totals, g_ptr_array_unref);
    g_clear_pointer(&watch->told, g_hash_table_unref);
    g_clear_pointer(&watch->met, g_hash_table_unref);
    g_clear_error(&watch->failure);
    entro_file_writer_clear(&watch->writer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Watch, watch_clear)

static double
now(void)
{
    return (double)g_get_monotonic_time() / G_USEC_PER_SEC;
}

/* Whether this is the first time. */
static gboolean
say_once(Watch *watch, Said what)
{
    gboolean first = (watch->said & what) == 0;

    watch->said |= what;
    return first;
}

/* ---- findings ----------------------------------------------------------------------------------------- */

static char *
finding_key(gint64 run_id, const EntroFinding *finding)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                           " %" G_GINT64_FORMAT " %s",
                           run_id, finding->layer, finding->head, finding->onset_step,
                           finding->rule);
}

/* What was found before this program began was told by another. */
static void
meet_run(Watch *watch, const EntroAnalyzeSummary *summary)
{
    if (!g_hash_table_add(watch->met, g_memdup2(&summary->run_id, sizeof summary->run_id)))
        return;
    for (guint i = 0; i < summary->found_before->len; i++)
        g_hash_table_add(watch->told,
                         finding_key(summary->run_id, summary->found_before->pdata[i]));
}

/* On a trace that grows: what one bad capture suggests, and how every fresh model looks. */
static gboolean
is_too_early(const Watch *watch, const EntroAnalyzeSummary *summary, const EntroFinding *finding)
{
    gboolean at_start =
        finding->kind == ENTRO_FINDING_OVERLOAD && finding->onset_step == summary->first_step;

    if (!watch->follow.more || finding->kind == ENTRO_FINDING_NAN)
        return FALSE;
    return finding->n_captures < (at_start ? FRESH_CAPTURES : SURE_CAPTURES);
}

static void
tell_new_findings(Watch *watch, const EntroAnalyzeSummary *summary)
{
    meet_run(watch, summary);
    for (guint i = 0; summary->found != NULL && i < summary->found->len; i++) {
        const EntroFinding *finding = summary->found->pdata[i];
        const EntroTold told = {summary->run_name, watch->path, watch->options.db_path, finding};

        if ((finding->severity == ENTRO_SEVERITY_INFO && !chosen.all) ||
            is_too_early(watch, summary, finding) ||
            !g_hash_table_add(watch->told, finding_key(summary->run_id, finding)))
            continue;
        entro_tell_finding(summary, finding);
        entro_commands_add(watch->commands, &told);
    }
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static void
see_stored(const EntroAnalyzeSummary *summary, const EntroCapture *capture, gpointer data)
{
    Watch *watch = data;

    watch->n_stored++;
    if (watch->network != NULL)
        watch->changed_at = now(); /* stat() may not say so */
    entro_tell_capture(summary, capture);
}

/* Takes the summary over. */
static void
add_to_totals(Watch *watch, EntroAnalyzeSummary *summary)
{
    for (guint i = 0; i < watch->totals->len; i++) {
        EntroAnalyzeSummary *earlier = watch->totals->pdata[i];
        if (earlier->run_id != summary->run_id)
            continue;
        entro_summary_join(summary, earlier);
        entro_summary_free(earlier);
        watch->totals->pdata[i] = summary;
        return;
    }
    g_ptr_array_add(watch->totals, summary);
}

static void
take_summaries(Watch *watch, GPtrArray *summaries)
{
    double judging = 0;

    for (guint i = 0; i < summaries->len; i++) {
        EntroAnalyzeSummary *summary = summaries->pdata[i];
        tell_new_findings(watch, summary);
        judging += summary->judging;
        if (i + 1 == summaries->len)
            watch->unjudged = !summary->judged;
        add_to_totals(watch, summary);
    }
    if (judging > 0)
        watch->next_judge = now() + JUDGE_SHARE * judging;
}

/* A file that is being made, or read between two of its writer's writes, is none yet. */
static gboolean
may_pass(const Watch *watch, const GError *failure)
{
    return failure->domain == ENTRO_LOADER_ERROR &&
           (watch->writing == ENTRO_WRITING_ALONE || failure->code == ENTRO_LOADER_ERROR_OPEN ||
            failure->code == ENTRO_LOADER_ERROR_FORMAT ||
            failure->code == ENTRO_LOADER_ERROR_SHAPE || failure->code == ENTRO_LOADER_ERROR_EMPTY);
}

/* One call of what `analyze` does. */
static gboolean
analyze(Watch *watch, gboolean more, GError **error)
{
    g_autoptr(GPtrArray) summaries = g_ptr_array_new();

    watch->follow.more = more;
    watch->follow.judge = !more || now() >= watch->next_judge;
    gboolean good =
        entro_analyze_file(watch->path, &watch->store, &watch->options, summaries, error);
    if (watch->store != NULL)
        entro_say_store_notes(watch->store);
    watch->ended =
        good && ((const EntroAnalyzeSummary *)summaries->pdata[summaries->len - 1])->complete;
    watch->options.replace = watch->options.replace && !good;
    take_summaries(watch, summaries);
    return good;
}

static gboolean
read_file(Watch *watch, const EntroLook *look, GError **error)
{
    gboolean may_hide = entro_look_may_hide(look);
    double started = now();
    g_autoptr(GError) failure = NULL;

    analyze(watch, TRUE, &failure);
    watch->seen = *look;
    if (may_hide)
        watch->seen.changed--; /* so that it looks changed the next time */
    watch->pending_since = 0;
    watch->read_at = now();
    watch->took = watch->read_at - started;
    g_clear_error(&watch->failure);
    if (failure != NULL && !may_pass(watch, failure)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    watch->failure = g_steal_pointer(&failure);
    return TRUE;
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void
wait_for_commands(Watch *watch)
{
    double until = now() + COMMANDS_WAIT;

    while (entro_commands_tick(watch->commands) && now() < until && entro_signals_seen() == 0)
        g_usleep((gulong)(NAP * G_USEC_PER_SEC));
}

static void
decide_exit(const Watch *watch, int *ret_exit)
{
    for (guint i = 0; i < watch->totals->len; i++) {
        const EntroAnalyzeSummary *summary = watch->totals->pdata[i];
        if (*ret_exit == ENTRO_EXIT_DONE && summary->problems->len > 0)
            *ret_exit = ENTRO_EXIT_PARTIAL;
    }
    for (guint i = 0; i < watch->totals->len; i++) {
        const EntroAnalyzeSummary *summary = watch->totals->pdata[i];
        if (*ret_exit == ENTRO_EXIT_DONE && summary->found != NULL &&
            entro_fail_on_trips(&watch->fail_on, summary->found))
            *ret_exit = ENTRO_EXIT_FINDINGS;
    }
}

/* What was only read in part, or came while the last was read, is read now; and all of it judged. */
static gboolean
finish(Watch *watch, int *ret_exit, GError **error)
{
    if (watch->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&watch->failure));
        return FALSE;
    }
    gboolean good = !watch->last.there || analyze(watch, FALSE, error);
    watch->ended = TRUE;
    if (!good)
        return FALSE;
    entro_tell_summaries(watch->totals);
    entro_summaries_say(watch->totals, "watch");
    decide_exit(watch, ret_exit);
    wait_for_commands(watch);
    return TRUE;
}

static gboolean
end_as_killed(Watch *watch, int *ret_exit, GError **error)
{
    const char *after = chosen.wait ? "; waiting for another" : "; what it flushed is stored";

    entro_progress_end();
    if (say_once(watch, SAID_KILLED))
        entro_tell_state("killed",
                         "%s: the writer was killed%s: the file is marked as being written, and no "
                         "process that can be seen from here has it open%s",
                         watch->path,
                         watch->network != NULL && !watch->had_writer
                             ? ", or is on another machine and says nothing"
                             : "",
                         after);
    if (chosen.wait)
        return TRUE;
    *ret_exit = ENTRO_EXIT_PARTIAL;
    return finish(watch, ret_exit, error);
}

static gboolean
end_as_closed(Watch *watch, int *ret_exit, GError **error)
{
    if (say_once(watch, SAID_KILLED) && watch->failure == NULL)
        entro_tell_state("closed",
                         "%s: the writer has closed the file, without saying that the trace is "
                         "complete (/complete)%s",
                         watch->path, chosen.wait ? "; waiting for another" : "");
    return chosen.wait || finish(watch, ret_exit, error);
}

/* ---- silence ------------------------------------------------------------------------------------------ */

static void
follow_writer(Watch *watch, const EntroLook *look)
{
    if (watch->writer.pid != 0 && !entro_file_writer_alive(&watch->writer, look)) {
        entro_file_writer_clear(&watch->writer);
        watch->next_search = 0; /* a child of it may have the file now */
    }
    if (watch->writer.pid == 0 && now() >= watch->next_search) {
        entro_file_writer_find(&watch->writer, look);
        watch->next_search = now() + SEARCH_EVERY;
    }
    watch->had_writer |= watch->writer.pid != 0;
    watch->writing = ENTRO_WRITING_NO;
    entro_file_writing(watch->path, &watch->writing, NULL);
    watch->had_swmr |= watch->writing == ENTRO_WRITING_SWMR;
}

static gboolean
is_written_alone(const Watch *watch)
{
    return watch->writing == ENTRO_WRITING_ALONE ||
           (watch->writing == ENTRO_WRITING_NO && watch->writer.pid != 0 && !watch->had_swmr);
}

static void
say_how_it_is_written(Watch *watch)
{
    if (!is_written_alone(watch)) {
        watch->alone_since = 0;
        return;
    }
    if (watch->alone_since == 0)
        watch->alone_since = now();
    if (now() - watch->alone_since >= SAY_AFTER && say_once(watch, SAID_ALONE))
        entro_tell_state("not-swmr",
                         "%s: not SWMR: its writer does not expect readers; opened anew every %g s "
                         "when it has changed, and what is half written is read again",
                         watch->path, watch->interval);
}

static void
say_that_it_is_quiet(Watch *watch)
{
    if (say_once(watch, SAID_QUIET))
        entro_tell_state("quiet",
                         "%s: no flush seen for %.0f s; process %" G_GINT64_FORMAT
                         " has the file open for writing",
                         watch->path, watch->idle, watch->writer.pid);
}

/* What has no capture yet is no trouble. */
static void
say_why_it_cannot_be_read(Watch *watch)
{
    if (watch->failure != NULL &&
        !g_error_matches(watch->failure, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_EMPTY) &&
        say_once(watch, SAID_UNREADABLE))
        entro_tell_state("unreadable", "cannot be read yet: %s", watch->failure->message);
}

/* No news: the trainer may be busy, done, or dead. */
static gboolean
think_of_the_writer(Watch *watch, int *ret_exit, GError **error)
{
    gboolean left = watch->had_writer && watch->writer.pid == 0; /* that is known */
    double quiet = now() - watch->changed_at;

    if (quiet >= PATIENCE && quiet < watch->idle)
        say_why_it_cannot_be_read(watch);
    if (watch->writer.pid != 0) {
        if (quiet >= watch->idle)
            say_that_it_is_quiet(watch);
        return TRUE;
    }
    if (watch->writing != ENTRO_WRITING_NO)
        return quiet < (left ? MIN(PATIENCE, watch->idle) : watch->idle) ||
               end_as_killed(watch, ret_exit, error);
    return quiet < (left && watch->had_swmr ? MIN(CLOSE_AFTER, watch->idle) : watch->idle) ||
           end_as_closed(watch, ret_exit, error);
}

/* ---- the loop ----------------------------------------------------------------------------------------- */

static gboolean
wait_for_file(Watch *watch, int *ret_exit, GError **error)
{
    gboolean was_there = watch->changed_at > 0;

    if (!was_there && !chosen.wait) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN,
                    "%s: is not there (--wait waits for it)", watch->path);
        return FALSE;
    }
    if (!was_there && say_once(watch, SAID_WAITING))
        entro_tell_state("waiting", "%s: is not there yet; waiting for it", watch->path);
    if (was_there && say_once(watch, SAID_GONE))
        entro_tell_state("gone", "%s: the file is gone; what was read of it is stored",
                         watch->path);
    if (!was_there || chosen.wait || now() - watch->changed_at < watch->idle)
        return TRUE;
    g_clear_error(&watch->failure);
    *ret_exit = ENTRO_EXIT_PARTIAL;
    return finish(watch, ret_exit, error);
}

/* How long ago it changed, also before this program looked for the first time. */
static double
time_of_change(const EntroLook *look)
{
    double age = (double)(g_get_real_time() - look->changed) / G_USEC_PER_SEC;

    return MAX(now() - MAX(age, 0), 1e-9);
}

static void
begin_anew(Watch *watch)
{
    entro_tell_state("replaced", "%s: file replaced: its writer has begun again", watch->path);
    watch->seen = (EntroLook){0};
    entro_file_writer_clear(&watch->writer);
    watch->had_writer = watch->had_swmr = FALSE;
    watch->next_search = 0;
    g_clear_error(&watch->failure);
}

static void
note_change(Watch *watch, const EntroLook *look)
{
    if (entro_look_replaced(&watch->last, look))
        begin_anew(watch);
    if (!look->there) {
        watch->changed_at = watch->last.there ? now() : watch->changed_at;
    } else if (!entro_look_same(&watch->last, look)) {
        watch->changed_at = watch->changed_at == 0 ? time_of_change(look) : now();
        watch->said &= ~(guint)(SAID_QUIET | SAID_GONE | SAID_KILLED);
    }
    if (look->there)
        watch->last = *look; /* a file that is gone and comes back is compared with that */
    watch->last.there = look->there;
}

static gboolean
is_due(Watch *watch, const EntroLook *look)
{
    double since_read = now() - watch->read_at;
    double age = (double)(g_get_real_time() - look->changed) / G_USEC_PER_SEC;

    if (watch->pending_since == 0 &&
        (!entro_look_same(&watch->seen, look) || (watch->unjudged && now() >= watch->next_judge) ||
         (watch->network != NULL && since_read >= NETWORK_EVERY)))
        watch->pending_since = now();
    if (watch->pending_since == 0 || since_read < watch->took)
        return FALSE;
    return watch->writing == ENTRO_WRITING_SWMR || watch->had_swmr || fabs(age) >= SETTLED ||
           now() - watch->pending_since >= SETTLE_AT_MOST;
}

static void
see_where_it_lies(Watch *watch)
{
    watch->network = entro_network_name(watch->path);
    if (watch->network == NULL)
        return;
    if (chosen.idle == NULL)
        watch->idle = IDLE_AFAR;
    entro_tell_state("network",
                     "%s: lies on a network file system (%s), which may show late or by halves "
                     "what another machine writes",
                     watch->path, watch->network);
}

static gboolean
look_once(Watch *watch, int *ret_exit, GError **error)
{
    EntroLook look = entro_look(watch->path);

    note_change(watch, &look);
    entro_commands_tick(watch->commands);
    if (!look.there)
        return wait_for_file(watch, ret_exit, error);
    if (say_once(watch, SAID_WHERE))
        see_where_it_lies(watch);
    follow_writer(watch, &look);
    say_how_it_is_written(watch);
    if (is_due(watch, &look)) {
        if (!read_file(watch, &look, error))
            return FALSE;
        return !watch->ended || finish(watch, ret_exit, error);
    }
    return watch->pending_since > 0 || think_of_the_writer(watch, ret_exit, error);
}

static void
draw_line(Watch *watch)
{
    double seconds = now() - watch->rate_since;

    if (watch->totals->len == 0) {
        entro_progress("%s: no capture yet", watch->path);
        return;
    }
    g_autofree char *line = entro_tell_line(watch->totals->pdata[watch->totals->len - 1]);
    double rate = (double)(watch->n_stored - watch->n_stored_before) / MAX(seconds, 1);
    entro_progress("%s, %.1f captures/s", line, rate);
    if (seconds < RATE_WINDOW)
        return;
    watch->rate_since += seconds / 2;
    watch->n_stored_before += (watch->n_stored - watch->n_stored_before) / 2;
}

static void
nap(double seconds)
{
    for (double until = now() + seconds; now() < until && entro_signals_seen() == 0;) {
        double left = MIN(until - now(), NAP);
        struct timespec length = {.tv_nsec = (long)(MAX(left, 0) * 1e9)};
        nanosleep(&length, NULL);
    }
}

static gboolean
follow_file(Watch *watch, int *ret_exit, GError **error)
{
    for (watch->rate_since = now(); !watch->ended;) {
        if (!look_once(watch, ret_exit, error) || !entro_flush_stdout(error))
            return FALSE;
        if (watch->ended)
            return TRUE;
        draw_line(watch);
        nap(watch->pending_since > 0 ? MIN(NAP, watch->interval) : watch->interval);
        if (entro_signals_seen() != 0) {
            g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                        "%s: stopped by a signal; the captures so far are stored, the same "
                        "command goes on from there",
                        watch->path);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- the command -------------------------------------------------------------------------------------- */

static gboolean
parse_seconds(const char *text, double otherwise, const char *option, double *ret_value,
              GError **error)
{
    *ret_value = otherwise;
    return text == NULL || (entro_parse_real(text, option, ret_value, error) &&
                            entro_check_range(*ret_value, 0.01, 1e9, option, error));
}

/* SQLite's locks vanish when another descriptor of the same file is closed: never open it. */
static gboolean
check_not_database(const char *path, const char *db_path, GError **error)
{
    if (!entro_same_file(path, db_path) && !g_str_equal(path, db_path))
        return TRUE;
    return entro_usage_error(error, "%s: is the database (--db) itself, expected a trace (HDF5)",
                             path);
}

static void
begin(Watch *watch, const char *path)
{
    watch->path = path;
    watch->commands = entro_commands_new(chosen.on_finding);
    watch->totals = g_ptr_array_new_with_free_func((GDestroyNotify)entro_summary_free);
    watch->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    watch->met = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    watch->follow = (EntroFollow){.stored = see_stored, .data = watch};
    watch->options.follow = &watch->follow;
    if (watch->options.run.n_threads == 0)
        watch->options.run.n_threads = 1;
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_watch;
    g_auto(Watch) watch = {0};

    if (!entro_analyze_options(&entro_command_watch, entries, &argc, &argv, &watch.options,
                               error) ||
        !parse_seconds(chosen.interval, INTERVAL, "--interval", &watch.interval, error) ||
        !parse_seconds(chosen.idle, IDLE, "--idle", &watch.idle, error) ||
        !entro_fail_on_parse(&watch.fail_on, chosen.fail_on, error))
        return FALSE;
    if (argc != 2)
        return entro_usage_error(error, "needs one trace FILE; see --help");
    if (!check_not_database(argv[1], watch.options.db_path, error))
        return FALSE;
    entro_signals_watch(ENTRO_PATIENCE);
    begin(&watch, argv[1]);
    gboolean good = follow_file(&watch, ret_exit, error);
    if (!good)
        entro_tell_summaries(watch.totals);
    return good;
}

const EntroCommand entro_command_watch = {
    .name = "watch",
    .arguments = "FILE --db DB",
    .about = "Analyses a trace while it is being written, and tells findings as they begin",
    .details =
        "Each new capture is in the database within two seconds, as `analyze` would have put it\n"
        "there; findings are printed as they begin: once they hold for two captures, overload that "
        "is\n"
        "there from the first capture on (so looks every fresh model) for 20.  It ends when the "
        "writer has closed the trace\n"
        "(/complete), with what `analyze` prints and its exit code, and with 3 when the writer "
        "was\n"
        "killed.  Ctrl-C ends it at any time; the same command goes on, and so does `analyze`.\n\n"
        "It opens the file anew whenever it has changed, takes no lock and keeps nothing open in\n"
        "between; it runs with one worker and a lower priority (nice), after the trainer.\n\n"
        "While it runs, `plot` and `report --html` on the same database show what is there:\n"
        "  while sleep 10; do entroscope report RUN --db DB --html RUN.html; done\n\n"
        "--on-finding: CMD goes to /bin/sh as it is, one at a time, its output to stderr.  What "
        "was\n"
        "found stands in its environment alone: ENTROSCOPE_RUN, _KIND, _SEVERITY, _RULE, _LAYER\n"
        "and _HEAD (empty: all), _STEP (where it began), _MESSAGE, _FILE, _DB.\n\n"
        "--json prints an object a line; \"event\" says which it is: capture, finding, state,\n"
        "summary.\n",
    .run = run};
