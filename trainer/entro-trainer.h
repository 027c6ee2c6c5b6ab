/* entro-trainer.h: a decoder-only GPT-2 that emits its attention.
 *
 * Pre-norm with residuals, learned positions, tied output head, byte tokens; the architectures of
 * arXiv 2501.03489 as rows of a table, their parts combinable.  Hand-written forward and backward
 * over OpenBLAS, AdamW.  Pull interface: the caller owns the loop.
 *
 *     g_autoptr(EntroTrainer) trainer = entro_trainer_new(&config, &error);
 *     EntroTrainReport report;
 *     while (entro_trainer_step(trainer, &report, &error) && !report.finished)
 *         ...print report.step, report.loss...
 *
 * Divergence (NaN or Inf in loss or gradient) is a result, not an error: report.diverged; the step
 * is applied, the weights that come of it are captured, and the trace is closed well.
 *
 * Trace: capture step s is the attention of the same held-out sequences after s updates (0: the
 * untrained model), beside it the learnable temperatures, thresholds, alpha and beta that an
 * architecture has; scalars of step s belong to update s, loss and grad_norm before it is applied.
 * loss is the cross-entropy, reg_loss what the regulariser adds to it.
 * Same configuration, data and number of threads: the same numbers, bit by bit, on one machine.
 *
 * Entropy regulariser, from the row entropies E of the softmax, with E_max = ln T and a learnable
 * threshold theta for each layer and head (Algorithm 1; the released code computes it on rows):
 *     delta = E - theta E_max;  penalty = delta^2 if |delta| > gamma E_max, else 0
 *     reg_loss = lambda * mean of the penalty over layers, heads, sequences and rows
 * The released code adds up the rows of a batch instead of taking their mean, so its 1e-5 at 128
 * sequences of 128 tokens is lambda = 1e-5 * 128 * 128 = 0.164 here.
 *
 * Memory in bytes, for D width, T context, L layers, H heads, n threads:
 *     4 P (3 + n) + 4 S (T D (c L + 8) + 256 T + L H T^2) + 4 capture_samples H T^2
 *     P parameters, about 12 L D^2 + (256 + T) D; 5 L D^2 instead of 12 where the FFN is fused
 *     S = batch or capture_samples, whichever is larger, rounded up to a multiple of n
 *     c = 10, + 2 with LayerNorm, + 4 with GELU or ReLU; 6, + 2 with LayerNorm, where it is fused
 *     4 P more where matrices are normalised, 4 S L H T more where entropy is regularised
 * and the text itself, twice while it is read, and 36 P while a checkpoint is read or written.
 *
 * Checkpoint (HDF5, root attribute format = "entroscope-checkpoint", format_version = 1): float32
 * datasets, each with its CRC-32 (attribute crc32), matrices row-major (in, out), used as y = x w:
 *     wte (256, D)   byte embedding, and transposed the output head      wpe (T, D)   positions
 *     blocks/<layer>/attn/w_qk (D, 2D)   columns: queries of head 0, 1 ..., then keys of head 0 ...
 *     blocks/<layer>/attn/b_qk (2D), w_v (D, D), w_o (D, D)
 *     blocks/<layer>/ffn/w_in (D, 4D), ffn/w_out (4D, D)                  or, where it is fused,
 *     blocks/<layer>/ffn/w_fused (D, D)
 *     blocks/<layer>/norm1/gain, norm1/bias, norm2/gain, norm2/bias (D)   with LayerNorm only
 *     blocks/<layer>/attn/temperature (H, T)   p = softmax(q k / (t sqrt(D / H)))
 *     blocks/<layer>/attn/threshold (H)        of the regulariser
 *     blocks/<layer>/ffn/alpha, ffn/beta (1)   out = beta x + ffn(x) / alpha
 *     final_norm/gain, final_norm/bias (D)     with final_norm only
 *     capture/tokens (capture_samples, T + 1)  the bytes of the captures, the last is target only
 *     adam/m/<name>, adam/v/<name>   AdamW's moments of each tensor <name> above
 * A normalised matrix stands there raw, and beside it, for the matrix w (in, out),
 *     w_gain (out)            weight normalisation: what is used is w_gain w / |w|, by column
 *     w_sn_v (in), w_sn_u (out)   spectral normalisation: what is used is w / (w_sn_v w w_sn_u)
 * Attributes: every value of the configuration that the numbers depend on (as in /config of the
 * trace: arch, n_layers, n_heads, d_model, context, vocabulary, final_norm, ..., threads, and the
 * SHA-256 of the text in the order in which it is used), step, loss, reg_loss and eval_loss (the last
 * of each), trace_uuid (empty without a trace), trace_captures and trace_scalars (entries that the
 * trace held then), and capture_loss, the mean loss of capture/tokens in nats a byte.  LayerNorm's
 * epsilon is 1e-5.
 *
 * Resuming: killed at whatever moment and made again with the same configuration and `resume`, a run
 * comes to the same numbers, bit by bit, on one machine.  It goes on from the checkpoint; the trace
 * keeps what it holds beyond that, is flushed before each checkpoint, and gets each capture once. */
#ifndef ENTRO_TRAINER_H
#define ENTRO_TRAINER_H

#include "entro-loader.h"

G_BEGIN_DECLS

#define ENTRO_TRAINER_ERROR (entro_trainer_error_quark())
ENTRO_API GQuark entro_trainer_error_quark(void);

typedef enum {
    ENTRO_TRAINER_ERROR_CONFIG, /* a value or combination that cannot be */
    ENTRO_TRAINER_ERROR_CORPUS, /* no readable text, or too little of it */
    ENTRO_TRAINER_ERROR_MEMORY,
    ENTRO_TRAINER_ERROR_OUTPUT, /* a folder where nothing can be written */
} EntroTrainerError;

typedef enum { ENTRO_NORM_NONE, ENTRO_NORM_LAYER } EntroNorm;
typedef enum { ENTRO_ACT_IDENTITY, ENTRO_ACT_RELU, ENTRO_ACT_GELU } EntroActivation;

/* out = beta x + ffn(x) / alpha, Eq. 8 of the paper; alpha and beta are learnable, one each a layer,
 * and alpha never falls below 0.01.  Fused: w_in w_out is one trained matrix (D, D). */
typedef enum { ENTRO_FFN_PLAIN, ENTRO_FFN_SCALED, ENTRO_FFN_FUSED } EntroFfn;

/* What the penalty of Algorithm 1 is computed on: every row (as the released code does) or the mean
 * over the rows of each head and sequence (as the algorithm is printed). */
typedef enum {
    ENTRO_REGULARIZE_OFF,
    ENTRO_REGULARIZE_ROWS,
    ENTRO_REGULARIZE_HEADMEAN
} EntroRegularize;

ENTRO_API const char *entro_regularize_name(EntroRegularize kind); /* "off", "rows", "headmean" */

/* Matrices that a weight or spectral normalisation is on: bits.  Queries and keys are one matrix. */
enum { ENTRO_ON_QK = 1, ENTRO_ON_V = 2, ENTRO_ON_O = 4, ENTRO_ON_FFN = 8 };

/* One row of the table of architectures. */
typedef struct {
    const char *name; /* "SM+LN+G" */
    EntroNorm norm;   /* of both sublayers */
    EntroActivation activation;
    EntroFfn ffn;
    gboolean temperature; /* SM(t): softmax(z / t), one learnable t a head and query position */
    guint weight_norm, spectral_norm; /* placements, ENTRO_ON_... */
    EntroRegularize regularize;
    const char *about;
} EntroArch;

ENTRO_API const EntroArch *entro_archs(guint *ret_n);
ENTRO_API const EntroArch *entro_arch_find(const char *name); /* NULL if there is none */

typedef struct {
    const char *arch; /* name of a row */
    /* Replace fields of that row; NULL: as it has them. */
    const char *ffn; /* "plain", "scaled", "fused" */
    const char *weight_norm,
        *spectral_norm;             /* "QK", "FFN", "QK+FFN", "QKV+FFN", "QKVO+FFN", "none" */
    const char *regularize;         /* "off", "rows", "headmean" */
    gboolean learnable_temperature; /* TRUE adds it */

    double temperature_init, temperature_guard; /* t never falls below the guard */
    double threshold_init;                      /* of the regulariser, fraction of E_max = ln T */
    double gamma;                               /* margin of the regulariser, fraction of E_max */
    double lambda;                              /* of the mean penalty; see below */

    guint n_layers, n_heads, d_model, context, batch;
    guint n_steps;
    guint64 seed;
    double lr;
    double min_lr_fraction; /* of lr, at the last step */
    double warmup;          /* fraction of the steps */
    double weight_decay;    /* on matrices only */
    double beta1, beta2, adam_eps;
    double grad_clip;    /* global norm; 0: none */
    double init_std;     /* 0: 0.02 * sqrt(768 / d_model) */
    gboolean final_norm; /* LayerNorm before the output head */
    guint n_threads;     /* 0: one a processor */

    /* Files or folders, NULL-terminated.  Folders are searched through; files with a NUL byte,
     * hidden names, and symbolic links in a folder are passed over. */
    const char *const *data;
    double held_out;  /* fraction of the files' bytes kept for evaluation */
    guint eval_every; /* steps; 0: only at the end */
    guint eval_batches;
    guint
        log_every; /* steps between the scalars in the trace; evaluations and the end always are */

    const char *trace;     /* file to write, NULL: none */
    const char *run_name;  /* NULL: stem of trace */
    guint capture_every;   /* steps; the untrained model and the last step always are captured */
    guint capture_samples; /* sequences of the fixed held-out batch */
    EntroElement element;  /* of the trace */
    guint deflate;

    const char *init;       /* checkpoint to start from, NULL: random */
    const char *checkpoint; /* written at the end and every checkpoint_every steps; NULL: none */
    guint checkpoint_every; /* 0: only at the end */
    gboolean resume;        /* go on from `checkpoint`, or start where that is not there yet */
    gboolean
        new_trace; /* then: into a trace that begins there, the run's own being lost or damaged */
} EntroTrainConfig;

#define ENTRO_TRAIN_CONFIG_DEFAULT                                                                 \
    ((EntroTrainConfig){.arch = "SM+LN+G",                                                         \
                        .temperature_init = 1e-2,                                                  \
                        .temperature_guard = 1e-4,                                                 \
                        .threshold_init = 0.5,                                                     \
                        .gamma = 0.2,                                                              \
                        .lambda = 0.164,                                                           \
                        .n_layers = 8,                                                             \
                        .n_heads = 8,                                                              \
                        .d_model = 64,                                                             \
                        .context = 64,                                                             \
                        .batch = 16,                                                               \
                        .n_steps = 1500,                                                           \
                        .seed = 1,                                                                 \
                        .lr = 1e-3,                                                                \
                        .warmup = 0.05,                                                            \
                        .weight_decay = 0.1,                                                       \
                        .beta1 = 0.9,                                                              \
                        .beta2 = 0.999,                                                            \
                        .adam_eps = 1e-8,                                                          \
                        .grad_clip = 1.0,                                                          \
                        .final_norm = TRUE,                                                        \
                        .held_out = 0.1,                                                           \
                        .eval_every = 100,                                                         \
                        .eval_batches = 8,                                                         \
                        .log_every = 1,                                                            \
                        .capture_every = 50,                                                       \
                        .capture_samples = 8,                                                      \
                        .element = ENTRO_F16})

/* The architecture that a configuration means; its name stays that of the row.  Strings are static. */
ENTRO_API gboolean entro_train_config_arch(const EntroTrainConfig *config, EntroArch *ret_arch,
                                           GError **error);

typedef struct {
    guint step; /* steps done; the first report is 1 */
    /* Nothing was done: the last step lies behind; its losses, and the last eval_loss. */
    gboolean finished;
    gboolean diverged; /* loss or gradient no longer finite; the next call finishes */
    gboolean captured, evaluated, checkpointed;
    double loss, lr, grad_norm; /* loss: cross-entropy, without the regulariser */
    double reg_loss;            /* what the regulariser adds to it; NaN without one */
    double eval_loss;           /* nats a byte; NaN unless evaluated */
    double tokens_per_second;   /* over the last seconds */
    double seconds_left;
} EntroTrainReport;

typedef struct EntroTrainer EntroTrainer;

/* Checks everything, reads the corpus, creates the trace.  Strings are copied. */
ENTRO_API EntroTrainer *entro_trainer_new(const EntroTrainConfig *config, GError **error);
/* One optimizer step with whatever is due at it.  The trace is complete and readable after each. */
ENTRO_API gboolean entro_trainer_step(EntroTrainer *trainer, EntroTrainReport *ret_report,
                                      GError **error);
/* Name of the combination trained, e.g. "SM(t)+LN+WN(FFN)". */
ENTRO_API const char *entro_trainer_get_arch(const EntroTrainer *trainer);
/* Writes the checkpoint now, if there is to be one: for a run that is about to be stopped. */
ENTRO_API gboolean entro_trainer_checkpoint(EntroTrainer *trainer, GError **error);
ENTRO_API guint entro_trainer_get_step(const EntroTrainer *trainer); /* steps done */
ENTRO_API gsize entro_trainer_get_n_parameters(const EntroTrainer *trainer);
ENTRO_API gsize entro_trainer_get_memory(const EntroTrainer *trainer); /* bytes, by the formula */
/* Bytes of attention in the whole trace, uncompressed; 0 without one. */
ENTRO_API double entro_trainer_get_trace_size(const EntroTrainer *trainer);
ENTRO_API const char *entro_trainer_describe_data(const EntroTrainer *trainer); /* one line */
ENTRO_API void entro_trainer_free(EntroTrainer *trainer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroTrainer, entro_trainer_free)

G_END_DECLS

#endif
