/* compare.h: what the files of `compare` share: the runs that were chosen, and how they are told. */
#ifndef ENTRO_CLI_COMPARE_H
#define ENTRO_CLI_COMPARE_H

#include "command.h"

/* What the command line asks for. */
typedef struct {
    char **names;  /* RUN...; NULL-terminated, may be empty */
    char **groups; /* --group; NULL: none */
    const char *by, *baseline;
    char **where, **ignore;
    gboolean allow_differences;
} CompareRequest;

/* One run with all that is read of it; `run` borrows from the rest. */
typedef struct {
    EntroRunInfo *info;
    GHashTable *config;
    EntroHistory *history;
    GPtrArray *findings; /* EntroFinding; NULL: too large to be judged */
    EntroCompareRun run;
} CompareRecord;

/* A group in which more than the seed differs. */
typedef struct {
    const EntroRunGroup *group; /* borrowed */
    GPtrArray *differences;     /* EntroConfigDifference */
} CompareMixed;

typedef struct {
    GPtrArray *records;  /* CompareRecord */
    GPtrArray *all;      /* EntroRunGroup, as they were asked for */
    GPtrArray *groups;   /* those compared, borrowed; the first is what the others stand against */
    GPtrArray *left_out; /* CompareMixed */
    GPtrArray *mixed;    /* CompareMixed that are compared all the same */
    GPtrArray *without;  /* EntroCompareRun without the key of --by */
    GPtrArray *between;  /* EntroConfigDifference among all runs compared */
    gboolean single;     /* every RUN by itself */
} CompareSelection;

/* Reads runs and configurations, groups them, and reads the rest of those that are compared. */
gboolean compare_select(EntroStore *store, const CompareRequest *request,
                        CompareSelection *selection, GError **error);
/* The second part of it: from selection->records, with their configurations, to groups. */
gboolean compare_group(CompareSelection *selection, const CompareRequest *request, GError **error);
void compare_selection_clear(CompareSelection *selection);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CompareSelection, compare_selection_clear)

/* Everything that is told of one comparison. */
typedef struct {
    const CompareRequest *request;
    const CompareSelection *selection;
    const EntroCompareOptions *options;
    const EntroComparison *comparison;
    gboolean all_heads;
} CompareReport;

const CompareRecord *compare_get_record(const CompareReport *report, guint group, guint run);
guint compare_count_runs(const CompareReport *report, guint group);
/* What a reader must know to believe the numbers: sentences. */
GPtrArray *compare_notes(const CompareReport *report);
/* "arch (SM, SM+LN+G), lr (0.001, 0.02)", fit for a terminal. */
char *compare_list_differences(const GPtrArray *differences, guint kinds);
/* What `runs` says of every run, where the configuration does not say it itself. */
void compare_add_known(GHashTable *config, const EntroRunInfo *info);
/* A value of a configuration as a person would write it. */
char *compare_format_value(const char *value);
void compare_print(const CompareReport *report);
void compare_json(const CompareReport *report);

#endif
