/* choose-layers.c: which builds of the layers this processor runs. */
#include "layers-private.h"

extern const Layers layers_base;

#ifdef ENTRO_LAYERS_X86
extern const Layers layers_avx2;
extern const Layers layers_avx512;

/* The same instruction sets as in meson.build. */
static gboolean
has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static gboolean
has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

static gboolean
has_base(void)
{
    return TRUE;
}

const Layers *
supported_layers(guint position)
{
    static const struct {
        gboolean (*supported)(void);
        const Layers *layers;
    } builds[] = {
#ifdef ENTRO_LAYERS_X86
        {has_avx512, &layers_avx512},
        {has_avx2, &layers_avx2},
#endif
        {has_base, &layers_base},
    };

    for (guint i = 0; i < G_N_ELEMENTS(builds); i++)
        if (builds[i].supported() && position-- == 0)
            return builds[i].layers;
    return NULL;
}
