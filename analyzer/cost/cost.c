/* cost.c: operations, FLOPs, communication and latency of one private inference.
 *
 * Communication is additive: bytes an element for each kind of nonlinear operation, bytes an input and
 * output element for linear layers, bytes a logit for the head.  What the data cannot tell has two
 * ends, and everything is linear in it: the extremes of any result, also of a quotient of two
 * results, lie at the corners, so the model is evaluated there. */
#include "cost-private.h"

#define FITTED_WIDTH 768. /* of every model that the coefficients come from */
#define GB           1e9
#define GFLOP        1e9
#define MBIT_PER_GB  8e3

static const EntroCostItem items[ENTRO_COST_N_ITEMS] = {
    [ENTRO_COST_SOFTMAX] = {"softmax", "GB"},
    [ENTRO_COST_LAYER_NORM] = {"layer_norm", "GB"},
    [ENTRO_COST_ACTIVATION] = {"activation", "GB"},
    [ENTRO_COST_LINEAR_LAYERS] = {"linear_layers", "GB"},
    [ENTRO_COST_HEAD] = {"head", "GB"},
    [ENTRO_COST_COMMUNICATION] = {"communication", "GB"},
    [ENTRO_COST_LATENCY_COMMUNICATION] = {"latency_communication", "minute"},
    [ENTRO_COST_LATENCY_FFN] = {"latency_ffn", "minute"},
    [ENTRO_COST_LATENCY_LAYERS] = {"latency_layers", "minute"},
    [ENTRO_COST_LATENCY_HEAD] = {"latency_head", "minute"},
    [ENTRO_COST_LATENCY] = {"latency", "minute"},
};

/* One assumption about what the data leave open. */
typedef struct {
    double relu, layer_norm; /* bytes an element, on the line 4 relu + 2 layer_norm = const */
    double layers_scale, head_scale; /* of the latency, with the width */
} Assumption;

const EntroCostItem *
entro_cost_items(void)
{
    return items;
}

static double
coefficient(Coefficient which)
{
    return entro_cost_coefficient_rows[which].value;
}

double
entro_cost_calibrated_bandwidth(void)
{
    return MBIT_PER_GB / (60 * coefficient(COEFFICIENT_LATENCY_COMMUNICATION));
}

/* ---- counts ---------------------------------------------------------------------------------- */

static double
elements(EntroCostOps ops)
{
    return (double)ops.count * (double)ops.rows * (double)ops.columns;
}

/* The final LayerNorm is not counted, as in the paper; the FFN's goes with its FFN. */
static void
count_operations(EntroCost *cost, const EntroCostArch *arch, const EntroCostSizes *sizes)
{
    const gboolean acts = arch->activation != ENTRO_COST_ACT_NONE;

    cost->softmax = (EntroCostOps){sizes->layers * sizes->heads, sizes->context, sizes->context};
    cost->layer_norm = (EntroCostOps){arch->layer_norm ? sizes->layers + sizes->ffn_layers : 0,
                                      sizes->context, sizes->dim};
    cost->activation = (EntroCostOps){acts ? sizes->ffn_layers : 0, sizes->context, 4 * sizes->dim};
}

/* 2 FLOP a multiply-add.  3 T^2 d is what the paper's tables have for the products with T x T (all
 * of them: 4 T^2 d; under the mask: 2). */
static void
count_flop(EntroCost *cost, const EntroCostArch *arch, const EntroCostSizes *sizes)
{
    const double layers = (double)sizes->layers, d = (double)sizes->dim, t = (double)sizes->context;

    cost->ffn_flop = (arch->fused_ffn ? 2 : 16) * (double)sizes->ffn_layers * t * d * d;
    cost->attention_flop = layers * (8 * t * d * d + 3 * t * t * d);
}

/* Inputs and outputs of linear layers: Q, K, V, O 8 T d, the operands of Q K^T and A V 4 T d, and the
 * FFN 10 T d, or 2 T d where it is one matrix. */
static double
linear_elements(const EntroCostArch *arch, const EntroCostSizes *sizes)
{
    const double layers = (double)sizes->layers, ffns = (double)sizes->ffn_layers;

    return (12 * layers + (arch->fused_ffn ? 2 : 10) * ffns) * (double)sizes->context *
           (double)sizes->dim;
}

/* ---- the model --------------------------------------------------------------------------------- */

static void
evaluate(const EntroCost *cost, const EntroCostArch *arch, const EntroCostSizes *sizes,
         double minutes_per_gb, const Assumption *assumed, double v[ENTRO_COST_N_ITEMS])
{
    const double activation =
        assumed->relu +
        (arch->activation == ENTRO_COST_ACT_GELU ? coefficient(COEFFICIENT_GELU) : 0);
    const double tokens = (double)sizes->context;
    const double logits = tokens * (double)sizes->vocabulary;

    v[ENTRO_COST_SOFTMAX] = coefficient(COEFFICIENT_SOFTMAX) * elements(cost->softmax) / GB;
    v[ENTRO_COST_LAYER_NORM] = assumed->layer_norm * elements(cost->layer_norm) / GB;
    v[ENTRO_COST_ACTIVATION] = activation * elements(cost->activation) / GB;
    v[ENTRO_COST_LINEAR_LAYERS] =
        coefficient(COEFFICIENT_LINEAR) * linear_elements(arch, sizes) / GB;
    v[ENTRO_COST_HEAD] = coefficient(COEFFICIENT_HEAD) * logits / GB;
    v[ENTRO_COST_COMMUNICATION] = v[ENTRO_COST_SOFTMAX] + v[ENTRO_COST_LAYER_NORM] +
                                  v[ENTRO_COST_ACTIVATION] + v[ENTRO_COST_LINEAR_LAYERS] +
                                  v[ENTRO_COST_HEAD];

    v[ENTRO_COST_LATENCY_COMMUNICATION] = minutes_per_gb * v[ENTRO_COST_COMMUNICATION];
    v[ENTRO_COST_LATENCY_FFN] = coefficient(COEFFICIENT_LATENCY_FFN) * cost->ffn_flop / GFLOP;
    v[ENTRO_COST_LATENCY_LAYERS] = coefficient(COEFFICIENT_LATENCY_LAYERS) * (double)sizes->layers *
                                   tokens * assumed->layers_scale;
    v[ENTRO_COST_LATENCY_HEAD] =
        coefficient(COEFFICIENT_LATENCY_HEAD) * logits * assumed->head_scale;
    v[ENTRO_COST_LATENCY] = v[ENTRO_COST_LATENCY_COMMUNICATION] + v[ENTRO_COST_LATENCY_FFN] +
                            v[ENTRO_COST_LATENCY_LAYERS] + v[ENTRO_COST_LATENCY_HEAD];
}

/* Latency of the layers' and the head's linear work grows with the FLOPs, d^2 and d (`scaled`), or
 * stays as it is at the one width that was measured. */
static Assumption
assume(double relu, gboolean scaled, const EntroCostSizes *sizes)
{
    const double width = scaled ? (double)sizes->dim / FITTED_WIDTH : 1;

    return (Assumption){.relu = relu,
                        .layer_norm = (coefficient(COEFFICIENT_RELU_AND_LAYER_NORM) - 4 * relu) / 2,
                        .layers_scale = width * width,
                        .head_scale = width};
}

EntroCost
entro_cost(const EntroCostArch *arch, const EntroCostSizes *sizes, double bandwidth)
{
    const EntroCostCoefficient *relu = &entro_cost_coefficient_rows[COEFFICIENT_RELU];
    const double minutes_per_gb =
        MBIT_PER_GB / (60 * (isnan(bandwidth) ? entro_cost_calibrated_bandwidth() : bandwidth));
    const Assumption best = assume(relu->value, TRUE, sizes);
    EntroCost cost = {0};

    count_operations(&cost, arch, sizes);
    count_flop(&cost, arch, sizes);
    evaluate(&cost, arch, sizes, minutes_per_gb, &best, cost.value);
    for (guint corner = 0; corner < ENTRO_COST_N_CORNERS; corner++) {
        const Assumption end =
            assume((corner & 1) != 0 ? relu->high : relu->low, (corner & 2) != 0, sizes);
        evaluate(&cost, arch, sizes, minutes_per_gb, &end, cost.corners[corner]);
    }
    return cost;
}

/* ---- results with their ranges --------------------------------------------------------------- */

#define SAME 1e-9 /* relative: what is closer differs by rounding alone */

static EntroCostRange
range_of(double value, const double corners[ENTRO_COST_N_CORNERS])
{
    EntroCostRange range = {.value = value, .low = value, .high = value};

    for (guint corner = 0; corner < ENTRO_COST_N_CORNERS; corner++) {
        range.low = MIN(range.low, corners[corner]);
        range.high = MAX(range.high, corners[corner]);
    }
    range.estimate = range.high - range.low > SAME * fabs(value);
    if (!range.estimate)
        range.low = range.high = value;
    return range;
}

EntroCostRange
entro_cost_get(const EntroCost *cost, EntroCostItemId item)
{
    double corners[ENTRO_COST_N_CORNERS];

    for (guint corner = 0; corner < ENTRO_COST_N_CORNERS; corner++)
        corners[corner] = cost->corners[corner][item];
    return range_of(cost->value[item], corners);
}

EntroCostRange
entro_cost_saving(const EntroCost *baseline, const EntroCost *cost, EntroCostItemId item)
{
    double corners[ENTRO_COST_N_CORNERS];

    for (guint corner = 0; corner < ENTRO_COST_N_CORNERS; corner++)
        corners[corner] = baseline->corners[corner][item] / cost->corners[corner][item];
    return range_of(baseline->value[item] / cost->value[item], corners);
}
