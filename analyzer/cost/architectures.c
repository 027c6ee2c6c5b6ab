/* architectures.c: what of an architecture has a cost, told from its name.
 *
 * The names are those of the trainer.  What folds into linear layers before inference costs nothing:
 * learnable temperatures, the scales of the FFN, weight and spectral normalisation; nor does the
 * regularisation, which belongs to the training. */
#include "entro-cost.h"

#include <string.h>

static const char *const names[] = {"SM+LN+G",    "SM+LN+R",       "SM+LN",
                                    "SM+G",       "SM+R",          "SM",
                                    "SM+WN(FFN)", "SM+SN(FFN)",    "SM+ScFFN",
                                    "SM+ScFuFFN", "SM(t)+ScFuFFN", "EReg(SM(t)+ScFuFFN)",
                                    NULL};

typedef enum { SLOT_NORM, SLOT_ACTIVATION, SLOT_FFN, SLOT_WEIGHT_NORM, SLOT_SPECTRAL_NORM } Slot;

/* What may follow the softmax; one part a slot. */
static const struct {
    const char *name;
    Slot slot;
    gboolean layer_norm;
    EntroCostActivation activation;
    gboolean fused_ffn;
} parts[] = {
    {.name = "LN", .slot = SLOT_NORM, .layer_norm = TRUE},
    {.name = "G", .slot = SLOT_ACTIVATION, .activation = ENTRO_COST_ACT_GELU},
    {.name = "R", .slot = SLOT_ACTIVATION, .activation = ENTRO_COST_ACT_RELU},
    {.name = "ScFFN", .slot = SLOT_FFN},
    {.name = "ScFuFFN", .slot = SLOT_FFN, .fused_ffn = TRUE},
    {.name = "WN(QK)", .slot = SLOT_WEIGHT_NORM},
    {.name = "WN(FFN)", .slot = SLOT_WEIGHT_NORM},
    {.name = "WN(QK+FFN)", .slot = SLOT_WEIGHT_NORM},
    {.name = "WN(QKV+FFN)", .slot = SLOT_WEIGHT_NORM},
    {.name = "WN(QKVO+FFN)", .slot = SLOT_WEIGHT_NORM},
    {.name = "SN(QK)", .slot = SLOT_SPECTRAL_NORM},
    {.name = "SN(FFN)", .slot = SLOT_SPECTRAL_NORM},
    {.name = "SN(QK+FFN)", .slot = SLOT_SPECTRAL_NORM},
    {.name = "SN(QKV+FFN)", .slot = SLOT_SPECTRAL_NORM},
    {.name = "SN(QKVO+FFN)", .slot = SLOT_SPECTRAL_NORM},
};

const char *const *
entro_cost_arch_names(void)
{
    return names;
}

static gboolean
skip(const char **text, const char *expected)
{
    const gsize length = strlen(expected);

    if (strncmp(*text, expected, length) != 0)
        return FALSE;
    *text += length;
    return TRUE;
}

/* The part that stands at *text and ends there. */
static gboolean
take_part(const char **text, EntroCostArch *arch, guint *slots)
{
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *after = *text;

        if (!skip(&after, parts[i].name) || strchr("+)", *after) == NULL ||
            (*slots & 1u << parts[i].slot) != 0)
            continue;
        *slots |= 1u << parts[i].slot;
        arch->layer_norm |= parts[i].layer_norm;
        arch->activation = MAX(arch->activation, parts[i].activation);
        arch->fused_ffn |= parts[i].fused_ffn;
        *text = after;
        return TRUE;
    }
    return FALSE;
}

/* ["EReg("] "SM" ["(t)"] {"+" part} [")"] */
gboolean
entro_cost_arch_parse(const char *name, EntroCostArch *ret_arch)
{
    const char *text = name;
    EntroCostArch arch = {.name = name};
    guint slots = 0;
    gboolean regularized = skip(&text, "EReg(");

    if (!skip(&text, "SM"))
        return FALSE;
    skip(&text, "(t)");
    while (skip(&text, "+"))
        if (!take_part(&text, &arch, &slots))
            return FALSE;
    if ((regularized && !skip(&text, ")")) || *text != '\0')
        return FALSE;
    /* one matrix has no hidden layer where an activation could be */
    if (arch.fused_ffn && arch.activation != ENTRO_COST_ACT_NONE)
        return FALSE;
    *ret_arch = arch;
    return TRUE;
}
