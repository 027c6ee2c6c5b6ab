/* configs.c: the architectures, and what may be combined with them.
 *
 * The first six rows are Table 1 of the paper: residuals and softmax (SM) are always there, what
 * differs is the LayerNorm of the two sublayers (LN) and the activation of the FFN (G: GELU, R:
 * ReLU).  The others are its static normalisations (section 4, Tables 5 and 6) and the steps to its
 * final model, the last row.  Options replace single fields of a row, and arch_name() names what
 * comes of it in the same way. */
#include "trainer-private.h"

#define ON_ALL (ENTRO_ON_QK | ENTRO_ON_V | ENTRO_ON_O | ENTRO_ON_FFN)

static const EntroArch archs[] = {
    {.name = "SM+LN+G",
     .norm = ENTRO_NORM_LAYER,
     .activation = ENTRO_ACT_GELU,
     .about = "GPT-2: LayerNorm and GELU"},
    {.name = "SM+LN+R",
     .norm = ENTRO_NORM_LAYER,
     .activation = ENTRO_ACT_RELU,
     .about = "LayerNorm and ReLU"},
    {.name = "SM+LN", .norm = ENTRO_NORM_LAYER, .about = "LayerNorm, linear FFN"},
    {.name = "SM+G", .activation = ENTRO_ACT_GELU, .about = "no LayerNorm, GELU"},
    {.name = "SM+R", .activation = ENTRO_ACT_RELU, .about = "no LayerNorm, ReLU"},
    {.name = "SM", .about = "softmax is the only nonlinearity"},
    {.name = "SM+WN(FFN)", .weight_norm = ENTRO_ON_FFN, .about = "SM, weight-normalised FFN"},
    {.name = "SM+SN(FFN)", .spectral_norm = ENTRO_ON_FFN, .about = "SM, spectrally normalised FFN"},
    {.name = "SM+ScFFN", .ffn = ENTRO_FFN_SCALED, .about = "SM, learnable scales around the FFN"},
    {.name = "SM+ScFuFFN", .ffn = ENTRO_FFN_FUSED, .about = "SM, scaled FFN fused to one matrix"},
    {.name = "SM(t)+ScFuFFN",
     .ffn = ENTRO_FFN_FUSED,
     .temperature = TRUE,
     .about = "... and a learnable softmax temperature"},
    {.name = "EReg(SM(t)+ScFuFFN)",
     .ffn = ENTRO_FFN_FUSED,
     .temperature = TRUE,
     .regularize = ENTRO_REGULARIZE_ROWS,
     .about = "... and entropy regularisation: the paper's model"},
};

/* The placements of Table 5. */
static const struct {
    const char *name;
    guint where;
} placements[] = {
    {"QK", ENTRO_ON_QK},
    {"FFN", ENTRO_ON_FFN},
    {"QK+FFN", ENTRO_ON_QK | ENTRO_ON_FFN},
    {"QKV+FFN", ENTRO_ON_QK | ENTRO_ON_V | ENTRO_ON_FFN},
    {"QKVO+FFN", ON_ALL},
    {"none", 0},
};

static const char *const ffns[] = {
    [ENTRO_FFN_PLAIN] = "plain", [ENTRO_FFN_SCALED] = "scaled", [ENTRO_FFN_FUSED] = "fused"};
static const char *const regularizers[] = {[ENTRO_REGULARIZE_OFF] = "off",
                                           [ENTRO_REGULARIZE_ROWS] = "rows",
                                           [ENTRO_REGULARIZE_HEADMEAN] = "headmean"};

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

const char *
entro_regularize_name(EntroRegularize kind)
{
    return regularizers[kind];
}

/* ---- the name of a combination ---------------------------------------------------------------- */

static const char *
placement_name(guint where)
{
    for (guint i = 0; i < G_N_ELEMENTS(placements); i++)
        if (placements[i].where == where)
            return placements[i].name;
    return "?"; /* placements come from the table alone */
}

char *
arch_name(const EntroArch *arch)
{
    static const char *const activations[] = {
        [ENTRO_ACT_IDENTITY] = "", [ENTRO_ACT_RELU] = "+R", [ENTRO_ACT_GELU] = "+G"};
    static const char *const scalings[] = {
        [ENTRO_FFN_PLAIN] = "", [ENTRO_FFN_SCALED] = "+ScFFN", [ENTRO_FFN_FUSED] = "+ScFuFFN"};
    GString *name = g_string_new(arch->regularize != ENTRO_REGULARIZE_OFF ? "EReg(SM" : "SM");

    g_string_append(name, arch->temperature ? "(t)" : "");
    g_string_append(name, arch->norm == ENTRO_NORM_LAYER ? "+LN" : "");
    g_string_append(name, activations[arch->activation]);
    g_string_append(name, scalings[arch->ffn]);
    if (arch->weight_norm != 0)
        g_string_append_printf(name, "+WN(%s)", placement_name(arch->weight_norm));
    if (arch->spectral_norm != 0)
        g_string_append_printf(name, "+SN(%s)", placement_name(arch->spectral_norm));
    g_string_append(name, arch->regularize != ENTRO_REGULARIZE_OFF ? ")" : "");
    return g_string_free(name, FALSE);
}

/* ---- options over a row ----------------------------------------------------------------------- */

/* Position of `given` among the names; NULL leaves *ret_choice as the architecture has it. */
static gboolean
choose(const char *what, const char *given, const char *const *names, guint n, guint *ret_choice,
       GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);

    if (given == NULL)
        return TRUE;
    for (guint i = 0; i < n; i++) {
        if (g_str_equal(given, names[i])) {
            *ret_choice = i;
            return TRUE;
        }
        g_string_append_printf(all, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    return train_refuse(error, "there is no %s \"%s\"; there are %s", what, given, all->str);
}

static gboolean
choose_placement(const char *what, const char *given, guint *where, GError **error)
{
    const char *names[G_N_ELEMENTS(placements)];
    guint choice = 0;

    for (guint i = 0; i < G_N_ELEMENTS(placements); i++)
        names[i] = placements[i].name;
    if (!choose(what, given, names, G_N_ELEMENTS(placements), &choice, error))
        return FALSE;
    if (given != NULL)
        *where = placements[choice].where;
    return TRUE;
}

static gboolean
check_combination(const EntroArch *arch, GError **error)
{
    const guint both = arch->weight_norm & arch->spectral_norm;

    if (arch->ffn == ENTRO_FFN_FUSED && arch->activation != ENTRO_ACT_IDENTITY)
        return train_refuse(
            error,
            "a fused FFN is one matrix without a hidden layer, so there is no place for "
            "the activation of %s; --ffn scaled keeps it",
            arch->name);
    if (both != 0)
        return train_refuse(
            error,
            "weight normalisation on %s and spectral normalisation on %s meet on the "
            "same matrices; each matrix takes one of them",
            placement_name(arch->weight_norm), placement_name(arch->spectral_norm));
    return TRUE;
}

gboolean
entro_train_config_arch(const EntroTrainConfig *config, EntroArch *ret_arch, GError **error)
{
    const EntroArch *row = entro_arch_find(config->arch);
    g_autoptr(GString) names = g_string_new(NULL);
    guint ffn, regularize;

    for (guint i = 0; row == NULL && i < G_N_ELEMENTS(archs); i++)
        g_string_append_printf(names, "%s%s", i == 0 ? "" : ", ", archs[i].name);
    if (row == NULL)
        return train_refuse(error, "there is no architecture \"%s\"; there are %s",
                            config->arch == NULL ? "" : config->arch, names->str);
    *ret_arch = *row;
    ffn = row->ffn;
    regularize = row->regularize;
    if (!choose("FFN", config->ffn, ffns, G_N_ELEMENTS(ffns), &ffn, error) ||
        !choose("regularisation", config->regularize, regularizers, G_N_ELEMENTS(regularizers),
                &regularize, error) ||
        !choose_placement("placement of weight normalisation", config->weight_norm,
                          &ret_arch->weight_norm, error) ||
        !choose_placement("placement of spectral normalisation", config->spectral_norm,
                          &ret_arch->spectral_norm, error))
        return FALSE;
    ret_arch->ffn = ffn;
    ret_arch->regularize = regularize;
    ret_arch->temperature = row->temperature || config->learnable_temperature;
    return check_combination(ret_arch, error);
}
