/* entro-cost.h: what an architecture costs under private inference. */
#ifndef ENTRO_ANALYZER_COST_H
#define ENTRO_ANALYZER_COST_H

#include "entro-analyzer.h"

G_BEGIN_DECLS

/* ---- private-inference cost ------------------------------------------------------------------ */

/* What an architecture costs under private inference (homomorphic encryption for linear layers,
 * protocols of two parties for the rest), by the model that README tells about:
 *
 *     EntroCostArch arch;
 *     if (entro_cost_arch_parse("SM+LN+G", &arch)) {
 *         EntroCost cost = entro_cost(&arch, &ENTRO_COST_GPT2_SMALL, NAN);
 *         ...entro_cost_get(&cost, ENTRO_COST_LATENCY).value...   minutes
 *     }
 */
typedef enum { ENTRO_COST_ACT_NONE, ENTRO_COST_ACT_RELU, ENTRO_COST_ACT_GELU } EntroCostActivation;

typedef struct {
    const char *name; /* borrowed */
    gboolean layer_norm;
    EntroCostActivation activation; /* of the FFN (d, 4d) (4d, d) */
    gboolean fused_ffn;             /* the FFN is one matrix (d, d) */
} EntroCostArch;

/* The trainer's architectures, ended by NULL. */
ENTRO_API const char *const *entro_cost_arch_names(void);
/* Reads such a name, or what the trainer calls a combination: "SM(t)+LN+G+WN(QK)". */
ENTRO_API gboolean entro_cost_arch_parse(const char *name, EntroCostArch *ret_arch);

/* Each 1 to ENTRO_COST_SIZE_MOST, but ffn_layers, 0 to layers: those that have a feed-forward. */
typedef struct {
    gint64 layers, heads, dim, context, vocabulary, ffn_layers;
} EntroCostSizes;

#define ENTRO_COST_SIZE_MOST 1000000000
#define ENTRO_COST_GPT2_SMALL                                                                      \
    ((EntroCostSizes){.layers = 12,                                                                \
                      .heads = 12,                                                                 \
                      .dim = 768,                                                                  \
                      .context = 128,                                                              \
                      .vocabulary = 50257,                                                         \
                      .ffn_layers = 12})

typedef struct {
    const char *name, *unit, *source;
    double value, low, high; /* low < high: the data do not say more */
} EntroCostCoefficient;

ENTRO_API const EntroCostCoefficient *entro_cost_coefficients(guint *ret_n);

typedef enum {
    ENTRO_COST_SOFTMAX, /* communication in GB = 1e9 bytes ... */
    ENTRO_COST_LAYER_NORM,
    ENTRO_COST_ACTIVATION,
    ENTRO_COST_LINEAR_LAYERS,
    ENTRO_COST_HEAD,
    ENTRO_COST_COMMUNICATION,         /* ... and its sum */
    ENTRO_COST_LATENCY_COMMUNICATION, /* latency in minutes ... */
    ENTRO_COST_LATENCY_FFN,
    ENTRO_COST_LATENCY_LAYERS,
    ENTRO_COST_LATENCY_HEAD,
    ENTRO_COST_LATENCY, /* ... and its sum */
    ENTRO_COST_N_ITEMS
} EntroCostItemId;

typedef struct {
    const char *name, *unit;
} EntroCostItem;

ENTRO_API const EntroCostItem *entro_cost_items(void); /* [ENTRO_COST_N_ITEMS] */

enum { ENTRO_COST_N_CORNERS = 4 };

/* So many operations on rows x columns elements. */
typedef struct {
    gint64 count, rows, columns;
} EntroCostOps;

typedef struct {
    EntroCostOps softmax, layer_norm, activation;
    double ffn_flop, attention_flop;
    double value[ENTRO_COST_N_ITEMS];
    double corners[ENTRO_COST_N_CORNERS][ENTRO_COST_N_ITEMS]; /* of what the data leave open */
} EntroCost;

/* `bandwidth` in Mbit/s scales the latency of the communication alone; NaN: as it was measured. */
ENTRO_API EntroCost entro_cost(const EntroCostArch *arch, const EntroCostSizes *sizes,
                               double bandwidth);
ENTRO_API double entro_cost_calibrated_bandwidth(void);

typedef struct {
    double value, low, high;
    gboolean estimate; /* low < high */
} EntroCostRange;

ENTRO_API EntroCostRange entro_cost_get(const EntroCost *cost, EntroCostItemId item);
/* How many times less than the baseline's; both by the same assumptions, so that they cancel. */
ENTRO_API EntroCostRange entro_cost_saving(const EntroCost *baseline, const EntroCost *cost,
                                           EntroCostItemId item);

G_END_DECLS

#endif
