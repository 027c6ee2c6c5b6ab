/* watch.h: what the files of `watch` share: cmd-watch.c has the loop, watch-file.c knows the file and
 * who writes it, watch-tell.c what is told, watch-commands.c what is run on a finding. */
#ifndef ENTRO_WATCH_H
#define ENTRO_WATCH_H

#include "command.h"

/* ---- the file (watch-file.c) ------------------------------------------------------------------------ */

/* A file from outside: what changes when it is written to. */
typedef struct {
    gboolean there;
    guint64 device, inode;
    gint64 size;
    gint64 changed; /* us of the real time */
} EntroLook;

EntroLook entro_look(const char *path);
gboolean entro_look_same(const EntroLook *a, const EntroLook *b);
/* It was replaced by another, or begun again. */
gboolean entro_look_replaced(const EntroLook *before, const EntroLook *now);
/* Two writes may share a tick of the file system's clock, of which the first was seen. */
gboolean entro_look_may_hide(const EntroLook *look);

/* The process that has the file open for writing, as far as one may look. */
typedef struct {
    gint64 pid; /* 0: none is known */
    char *link; /* its descriptor */
} EntroFileWriter;

void entro_file_writer_clear(EntroFileWriter *writer);
/* Whether the one that is known still has the file open. */
gboolean entro_file_writer_alive(const EntroFileWriter *writer, const EntroLook *look);
/* Looks through all processes. */
gboolean entro_file_writer_find(EntroFileWriter *writer, const EntroLook *look);

/* ---- what is run on a finding (watch-commands.c) ------------------------------------------------------ */

typedef struct {
    const char *run, *file, *db;
    const EntroFinding *finding;
} EntroTold;

typedef struct EntroCommands EntroCommands;

/* text NULL: nothing is ever run. */
EntroCommands *entro_commands_new(const char *text);
/* Those that still run go on alone. */
void entro_commands_free(EntroCommands *commands);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroCommands, entro_commands_free)
void entro_commands_add(EntroCommands *commands, const EntroTold *told);
/* Begins the next one when the last has ended; whether there is any left. */
gboolean entro_commands_tick(EntroCommands *commands);

/* ---- what is told (watch-tell.c) ---------------------------------------------------------------------- */

/* A change of state: a sentence for a person, one word for a program. */
void entro_tell_state(const char *state, const char *format, ...) G_GNUC_PRINTF(2, 3);
void entro_tell_capture(const EntroAnalyzeSummary *summary, const EntroCapture *capture);
void entro_tell_finding(const EntroAnalyzeSummary *summary, const EntroFinding *finding);
void entro_tell_summaries(const GPtrArray *summaries);
/* "loss 2.31, layer 3 is lowest (0.42 of 3.10 nats), 2 findings"; to be freed. */
char *entro_tell_line(const EntroAnalyzeSummary *summary);

#endif
