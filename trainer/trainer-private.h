/* trainer-private.h: the trainer's state, and the files that work on it.
 *
 *     train-config.c  is the configuration possible?      train-memory.c  does it fit?
 *     emit.c          the trace                           model-file.c  the checkpoint
 *     trainer.c       the step */
#ifndef ENTRO_TRAINER_PRIVATE_H
#define ENTRO_TRAINER_PRIVATE_H

#include "adamw.h"
#include "corpus-private.h"
#include "matrix-norms.h"
#include "team-private.h"

/* A batch with memory of its own. */
typedef struct {
    Batch batch;
    guint8 *inputs, *targets; /* [n_samples][T], what batch points to */
} OwnBatch;

/* Steps and the seconds they took, captures included; the past fades. */
typedef struct {
    gint64 last; /* monotonic time, microseconds */
    double steps, seconds;
} Clock;

struct EntroTrainer {
    EntroTrainConfig config; /* strings and data are copies */
    EntroArch arch;          /* what config means; its name is arch_name() of it */
    GptShape shape;
    TensorTable *table;
    Gpt gpt;
    Team *team;
    real *weights, *moment1, *moment2; /* arenas */
    real *model; /* the arena that the forward reads: weights, or these with matrices normalised */
    Corpus *corpus;
    OwnBatch training, capture, evaluation;
    EntroWriter *writer; /* NULL: no trace, or closed */
    float *attention;    /* [capture_samples][H][T][T] one layer on its way to the writer */
    Clock clock;
    guint step;  /* done */
    guint saved; /* the step of the checkpoint, 0: none yet */
    gboolean finished, diverged;
    double loss, reg_loss, eval_loss; /* the last of each; NaN: none yet */
    /* of the trace, NULL without; what it held at the checkpoint that was resumed from */
    char *trace_uuid;
    guint64 trace_captures, trace_scalars;
};

/* configs.c: "EReg(SM(t)+ScFuFFN)"; caller frees */
char *arch_name(const EntroArch *arch);

/* train-config.c */
/* Sets an ERROR_CONFIG of that text; FALSE. */
gboolean train_refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
gboolean train_config_check(const EntroTrainConfig *config, GError **error);
/* Strings become copies, zeros that stand for a default become it. */
void train_config_copy(EntroTrainConfig *copy, const EntroTrainConfig *config);
void train_config_clear(EntroTrainConfig *config);

/* train-memory.c: the formula of entro-trainer.h */
double train_memory(const EntroTrainConfig *config, const EntroArch *arch);
gboolean train_memory_check(const EntroTrainConfig *config, const EntroArch *arch, GError **error);

/* emit.c */
/* What the numbers of a run depend on, EntroAttribute: /config of the trace, and the attributes that
 * a checkpoint must share with the run that resumes from it. */
GArray *emit_config(const EntroTrainer *trainer);
gboolean emit_open(EntroTrainer *trainer, GError **error);
gboolean emit_scalar(EntroTrainer *trainer, const char *name, double value, GError **error);
gboolean emit_capture(EntroTrainer *trainer, GError **error);
/* What it holds so far is then safe. */
gboolean emit_flush(EntroTrainer *trainer, GError **error);
gboolean emit_close(EntroTrainer *trainer, GError **error);

/* model-file.c */
gboolean model_file_write(EntroTrainer *trainer, const char *path, GError **error);
/* The weights alone. */
gboolean model_file_read(EntroTrainer *trainer, const char *path, GError **error);
/* All that a run goes on with. */
gboolean model_file_resume(EntroTrainer *trainer, const char *path, GError **error);

#endif
