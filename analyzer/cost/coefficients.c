/* coefficients.c: what one element, one FLOP, one byte costs under private inference.
 *
 * Fitted by samples/paper/fit-cost.py to the twelve rows of the paper's Tables 3, 4, 7 and 8; a test
 * repeats the fit.  Every one of these rows has width 768 and 12 heads, and LayerNorm and activation
 * come and go together in them: their two costs are known in one sum alone. */
#include "cost-private.h"

#define FITTED              "fitted to the 12 rows of Tables 3, 4, 7 and 8"
#define RELU_AND_LAYER_NORM 2120.5567 /* = 4 relu + 2 layer_norm: a layer has 4d and 2d elements */

#define EXACTLY(x) .value = (x), .low = (x), .high = (x)

const EntroCostCoefficient entro_cost_coefficient_rows[N_COEFFICIENTS] = {
    [COEFFICIENT_GELU] = {"gelu_over_relu", "byte/element", FITTED, EXACTLY(3366.3991)},
    [COEFFICIENT_RELU_AND_LAYER_NORM] = {"relu_and_layer_norm",
                                         "byte/(layer x token x width): 4 relu + 2 layer_norm",
                                         FITTED, EXACTLY(RELU_AND_LAYER_NORM)},
    [COEFFICIENT_RELU] = {"relu", "byte/element",
                          "not in the data, which have the sum alone: as much as layer_norm",
                          .value = RELU_AND_LAYER_NORM / 6, .low = 0,
                          .high = RELU_AND_LAYER_NORM / 4},
    [COEFFICIENT_LAYER_NORM] = {"layer_norm", "byte/element",
                                "not in the data, which have the sum alone: as much as relu",
                                .value = RELU_AND_LAYER_NORM / 6, .low = 0,
                                .high = RELU_AND_LAYER_NORM / 2},
    [COEFFICIENT_SOFTMAX] = {"softmax", "byte/element", FITTED, EXACTLY(1695.6569)},
    [COEFFICIENT_LINEAR] = {"linear", "byte/(input or output element)", FITTED, EXACTLY(53.574981)},
    [COEFFICIENT_HEAD] = {"head", "byte/logit", FITTED, EXACTLY(236.12682)},
    [COEFFICIENT_LATENCY_COMMUNICATION] = {"latency_communication", "minute/GB", FITTED,
                                           EXACTLY(0.11789332)},
    [COEFFICIENT_LATENCY_FFN] = {"latency_ffn", "minute/GFLOP", FITTED, EXACTLY(0.067184982)},
    [COEFFICIENT_LATENCY_LAYERS] = {"latency_layers", "minute/(layer x token), at width 768",
                                    FITTED, EXACTLY(1.2659021e-3)},
    [COEFFICIENT_LATENCY_HEAD] = {"latency_head", "minute/logit, at width 768", FITTED,
                                  EXACTLY(3.0601461e-7)},
};

const EntroCostCoefficient *
entro_cost_coefficients(guint *ret_n)
{
    *ret_n = N_COEFFICIENTS;
    return entro_cost_coefficient_rows;
}
