/* command.h: what a subcommand is, and what all of them share. */
#ifndef ENTRO_COMMAND_H
#define ENTRO_COMMAND_H

#include "entro-compare.h"
#include "entro-cost.h"
#include "entro-plot.h"
#include "entro-trainer.h"

#include <json-glib/json-glib.h>
#include <stdio.h>

/* Exit codes; 128 + n on signal n. */
typedef enum {
    ENTRO_EXIT_DONE = 0,
    ENTRO_EXIT_FINDINGS = 1,
    ENTRO_EXIT_USAGE = 2,
    ENTRO_EXIT_PARTIAL = 3,
    ENTRO_EXIT_INPUT = 4,
    ENTRO_EXIT_REFUSED = 5,
    ENTRO_EXIT_OUTPUT = 6,
    ENTRO_EXIT_INTERNAL = 7,
} EntroExit;

/* cmd-<name>.c defines entro_command_<name>; the list of names is in meson.build. */
typedef struct {
    const char *name;
    const char *arguments; /* "FILE... --db DB" */
    const char *about;     /* one line of the overview */
    const char *details;   /* below the options of --help; may be NULL */
    /* argv[0] is the command's name.  Prints results to stdout; an error is printed by main. */
    gboolean (*run)(int argc, char **argv, int *ret_exit, GError **error);
} EntroCommand;

/* ---- errors (exit-codes.c) ------------------------------------------------------------------------ */

#define ENTRO_CLI_ERROR (entro_cli_error_quark())
GQuark entro_cli_error_quark(void);
typedef enum {
    ENTRO_CLI_ERROR_USAGE,
    ENTRO_CLI_ERROR_OUTPUT,
    ENTRO_CLI_ERROR_REFUSED, /* by a policy; the message names the option */
    ENTRO_CLI_ERROR_SIGNAL   /* the message says what was kept */
} EntroCliError;

int entro_exit_code(const GError *error);
/* "entroscope <command>: <message>" on stderr, made fit for a terminal. */
void entro_complain(const char *command, const char *message);

/* ---- options (options.c) --------------------------------------------------------------------------- */

/* Options of every command; set by entro_options_parse(). */
typedef struct {
    gboolean quiet, json;
} EntroCommonOptions;
extern EntroCommonOptions entro_common;

/* Parses argv in place; leaves argv[1 ..] as the arguments.  `group`: more entries, may be NULL. */
gboolean entro_options_parse(const EntroCommand *command, const GOptionEntry *entries,
                             const GOptionEntry *more, int *argc, char ***argv, GError **error);
/* The command as it was typed, quoted for a shell; before entro_options_parse() takes it to pieces,
 * with the same tables.  `output`, the long name of an option or NULL, is left out wherever it
 * stands, and "-o FILE" from its entry ends the options.  To be freed. */
char *entro_quote_command(int argc, char *const *argv, const GOptionEntry *entries,
                          const GOptionEntry *more, const char *output);
/* A USAGE error.  The name of a run is an option of type FILENAME: it may be no UTF-8. */
gboolean entro_usage_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* FALSE (USAGE) if the option is missing. */
gboolean entro_require(const char *value, const char *option, GError **error);
/* FALSE (USAGE) unless least <= value <= most; NaN is outside. */
gboolean entro_check_range(double value, double least, double most, const char *option,
                           GError **error);
/* FALSE (USAGE) for names that could not be asked for again; NULL is fine. */
gboolean entro_check_run_name(const char *name, GError **error);
/* GOption has no "not given" for whole numbers: the value that such an option starts with. */
#define ENTRO_NOT_GIVEN G_MININT
/* A number as text: "0.5", refused if trailing text; NaN if text is NULL. */
gboolean entro_parse_real(const char *text, const char *option, double *ret_value, GError **error);

/* Limits on what is read, and the layout: for the commands that open traces. */
extern const GOptionEntry entro_source_entries[];
gboolean entro_source_options(EntroSourceOptions *ret_options, GError **error);

/* ---- output (output.c) ------------------------------------------------------------------------------ */

/* A note on stderr, unless --quiet. */
void entro_say(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* What the store has to tell: entro_store_take_notes(). */
void entro_say_store_notes(EntroStore *store);
/* Prints and frees the builder's root, ended by a newline. */
void entro_print_json(JsonBuilder *builder);
void entro_print_json_line(JsonBuilder *builder);                                  /* in one line */
void entro_json_string(JsonBuilder *builder, const char *name, const char *value); /* NULL: null */
void entro_json_integer(JsonBuilder *builder, const char *name, gint64 value);
/* null where the value is `none`, which stands for no place: -1 of layers, ENTRO_STILL_SO of steps. */
void entro_json_place(JsonBuilder *builder, const char *name, gint64 value, gint64 none);
void entro_json_real(JsonBuilder *builder, const char *name, double value); /* not finite: null */
void entro_json_boolean(JsonBuilder *builder, const char *name, gboolean value);
void entro_json_strings(JsonBuilder *builder, const char *name, const GPtrArray *values);
/* FALSE when something that was printed did not arrive (a full disk). */
gboolean entro_flush_stdout(GError **error);
/* The text, if longer than `most` characters cut and ended by "..."; to be freed. */
char *entro_shorten(const char *text, glong most);
/* Findings by severity: "8 critical, 2 info", or "none"; "-" (null) is "never judged", which is not
 * "none".  To be freed. */
char *entro_format_findings(gboolean judged, const guint n_findings[ENTRO_SEVERITY_CRITICAL + 1]);
void entro_json_findings(JsonBuilder *builder, gboolean judged,
                         const guint n_findings[ENTRO_SEVERITY_CRITICAL + 1]);
/* "12.3 MB", powers of 1000; to be freed. */
char *entro_format_bytes(guint64 bytes);
/* Whether both paths lead to the same file that exists. */
gboolean entro_same_file(const char *path, const char *other);

/* A file that appears whole or not at all (output-file.c). */
typedef struct {
    const char *path;  /* NULL: stdout */
    EntroDraft *draft; /* NULL: stdout */
} EntroOutput;

/* Path NULL: stdout.  What is there and no regular file (/dev/stdout, a pipe) is written to. */
gboolean entro_output_open(EntroOutput *output, const char *path, GError **error);
gboolean entro_output_write(EntroOutput *output, const char *bytes, gsize n, GError **error);
gboolean entro_output_commit(EntroOutput *output, GError **error);
/* Without a commit before it, the old file stays and nothing else does. */
void entro_output_clear(EntroOutput *output);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroOutput, entro_output_clear)

/* A line that is drawn again and again on a terminal; nothing elsewhere or with --quiet. */
void entro_progress(const char *format, ...) G_GNUC_PRINTF(1, 2);
void entro_progress_end(void);
/* The same in a signal handler. */
void entro_progress_wipe(void);

/* ---- listing runs (list-runs.c) ---------------------------------------------------------------------- */

/* Of entro_store_select_runs(). */
void entro_runs_print(const GPtrArray *runs);
void entro_runs_print_json(const GPtrArray *runs);

/* ---- signals (signals.c) ----------------------------------------------------------------------------- */

/* The first SIGINT, SIGTERM or SIGHUP is noted, for the program to come to a clean end.  The second,
 * or `patience` seconds later (0: however long it takes), ends it where it is. */
void entro_signals_watch(guint patience);
#define ENTRO_PATIENCE 1
/* A pipe that nobody reads any more is noted as well; from the beginning, in every command. */
void entro_signals_watch_pipe(void);
/* As the signal itself would have ended the program. */
void entro_signals_leave(int number) G_GNUC_NORETURN;
int entro_signals_seen(void); /* 0 if none */

/* ---- --fail-on (fail-on.c) ---------------------------------------------------------------------------- */

typedef struct {
    gboolean kinds[ENTRO_N_FINDING_KINDS];
    gboolean gate; /* some were named */
} EntroFailOn;

/* `texts`: kinds with commas, or "any"; ended by NULL, or NULL. */
gboolean entro_fail_on_parse(EntroFailOn *fail_on, char **texts, GError **error);
/* Whether one above info is of these kinds. */
gboolean entro_fail_on_trips(const EntroFailOn *fail_on, const GPtrArray *findings);

/* ---- analysing one file (analyze-file.c) ------------------------------------------------------------- */

typedef struct {
    const char *db_path;
    const char *run_name; /* NULL: from the trace */
    gboolean replace;
    gboolean verify; /* all stored captures are read again, not the last alone */
    EntroRunOptions run;
    EntroSourceOptions source;
    const struct EntroFollow *follow; /* of `watch`; NULL otherwise */
} EntroAnalyzeOptions;

typedef struct {
    guint layer;
    double entropy, ceiling;
} EntroLayerExtreme;

/* What `analyze` says about one run afterwards. */
typedef struct {
    char *file, *run_name;
    gint64 run_id;
    guint attempt, n_layers, n_heads; /* n_heads: of the layer with most */
    gboolean even;                    /* every layer has so many */
    gsize n_new, n_known, n_partial;
    gsize n_checked;              /* of n_known: read again, and the same */
    gboolean verified;            /* that was asked for */
    gint64 first_step, last_step; /* of the trace */
    gint64 n_rows, n_nan, n_masked, n_off_sum;
    gint64 first_nan_step; /* G_MININT64: none */
    /* of the last new capture in which a head has a value; G_MININT64: there is none */
    gint64 step;
    guint n_counted, n_overloaded, n_collapsed, n_without;
    EntroLayerExtreme highest, lowest;
    guint64 bytes;
    double seconds;
    gboolean judged;
    guint n_findings[ENTRO_SEVERITY_CRITICAL + 1];
    GPtrArray *notes, *problems;
    /* Of `watch`; NULL otherwise, or where the run was not judged. */
    GPtrArray *found, *found_before; /* EntroFinding: now, and stored before this call */
    double judging;                  /* seconds that it took */
    gboolean complete;               /* the writer has said that nothing will follow */
    char *scalar;                    /* "loss", or the first that there is; NULL: there is none */
    double scalar_value;             /* its last */
} EntroAnalyzeSummary;

/* A trace that is analysed again and again while it grows. */
typedef struct EntroFollow {
    gboolean more;  /* will come: captures read in part may become whole, and are not counted yet */
    gboolean judge; /* FALSE: another time */
    /* Every capture, once it is stored. */
    void (*stored)(const EntroAnalyzeSummary *summary, const EntroCapture *capture, gpointer data);
    gpointer data;
} EntroFollow;

/* Stored captures of a trace that are to be read again (analyze-check.c). */
typedef struct {
    const char *path, *run_name, *fingerprint;
    EntroSource *source;
    EntroStore *store;
    EntroRunOptions options;
    const GArray *positions; /* gsize, ascending */
    GArray *checked;         /* gsize: those that are the same are added */
    GPtrArray *problems;     /* sentences: those that cannot be read any more */
} EntroStoredCheck;

/* CONFLICT when one has other values now. */
gboolean entro_check_stored(const EntroStoredCheck *check, GError **error);

void entro_summary_free(EntroAnalyzeSummary *summary);
void entro_summary_add(EntroAnalyzeSummary *summary, const EntroCapture *capture);
/* What an earlier call counted of the same run is counted too. */
void entro_summary_join(EntroAnalyzeSummary *summary, const EntroAnalyzeSummary *earlier);
/* Adds one summary a run (attempt) to `summaries`.  FALSE with an error when nothing more could be
 * done; what was stored stays, and summaries tell of it.  *store is opened here if it is NULL, when
 * there is a trace to put into it, and stays the caller's. */
gboolean entro_analyze_file(const char *path, EntroStore **store,
                            const EntroAnalyzeOptions *options, GPtrArray *summaries,
                            GError **error);
void entro_summary_print(const EntroAnalyzeSummary *summary);
void entro_summary_json(const EntroAnalyzeSummary *summary, JsonBuilder *builder);
/* The notes and problems of all of them, on stderr; `command`: who says it. */
void entro_summaries_say(const GPtrArray *summaries, const char *command);
/* The member "runs". */
void entro_summaries_json(const GPtrArray *summaries, JsonBuilder *builder);

/* ---- options of analyze and watch (analyze-options.c) ---------------------------------------------------- */

/* Parses `own` and what both commands have; --db is there. */
gboolean entro_analyze_options(const EntroCommand *command, const GOptionEntry *own, int *argc,
                               char ***argv, EntroAnalyzeOptions *ret_options, GError **error);
/* Whether --with, --without or --tolerance were given. */
gboolean entro_analyze_options_statistics(void);

/* ---- private-inference cost (cmd-cost.c, cost-table.c) ------------------------------------------------ */

/* `cases` of EntroCostCase; bandwidth NaN: as it was measured. */
void entro_cost_print(const GPtrArray *cases, const char *baseline, double bandwidth);
void entro_cost_print_json(const GPtrArray *cases, const char *baseline, double bandwidth);

#endif
