/* cost-private.h: the coefficients of the cost model by name. */
#ifndef ENTRO_COST_PRIVATE_H
#define ENTRO_COST_PRIVATE_H

#include "entro-cost.h"

/* Position in entro_cost_coefficients(). */
typedef enum {
    COEFFICIENT_GELU,
    COEFFICIENT_RELU_AND_LAYER_NORM,
    COEFFICIENT_RELU,
    COEFFICIENT_LAYER_NORM,
    COEFFICIENT_SOFTMAX,
    COEFFICIENT_LINEAR,
    COEFFICIENT_HEAD,
    COEFFICIENT_LATENCY_COMMUNICATION,
    COEFFICIENT_LATENCY_FFN,
    COEFFICIENT_LATENCY_LAYERS,
    COEFFICIENT_LATENCY_HEAD,
    N_COEFFICIENTS
} Coefficient;

extern const EntroCostCoefficient entro_cost_coefficient_rows[N_COEFFICIENTS];

#endif
