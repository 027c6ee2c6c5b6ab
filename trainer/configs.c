/* configs.c: the architectures, Table 1 of the paper.
 *
 * Every row keeps both residuals and the softmax (SM); what differs is the LayerNorm of the two
 * sublayers (LN) and the activation of the FFN (G: GELU, R: ReLU). */
#include "entro-trainer.h"

/* name, norm, activation, about */
static const EntroArch archs[] = {
    {"SM+LN+G", ENTRO_NORM_LAYER, ENTRO_ACT_GELU, "GPT-2: LayerNorm and GELU"},
    {"SM+LN+R", ENTRO_NORM_LAYER, ENTRO_ACT_RELU, "LayerNorm and ReLU"},
    {"SM+LN", ENTRO_NORM_LAYER, ENTRO_ACT_IDENTITY, "LayerNorm, linear FFN"},
    {"SM+G", ENTRO_NORM_NONE, ENTRO_ACT_GELU, "no LayerNorm, GELU"},
    {"SM+R", ENTRO_NORM_NONE, ENTRO_ACT_RELU, "no LayerNorm, ReLU"},
    {"SM", ENTRO_NORM_NONE, ENTRO_ACT_IDENTITY, "softmax is the only nonlinearity"},
};

const EntroArch *
entro_archs(guint *ret_n)
{
    *ret_n = G_N_ELEMENTS(archs);
    return archs;
}

const EntroArch *
entro_arch_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(archs); i++)
        if (g_strcmp0(archs[i].name, name) == 0)
            return &archs[i];
    return NULL;
}
