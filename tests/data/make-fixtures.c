/* make-fixtures.c: the traces that the tests of the command line read, made with the loaders' writer.
 *
 *     make-fixtures FOLDER
 *
 * One row of the table is one file, NAME.h5, and the same weights as plain floats, NAME.f32, in the
 * order capture, layer, sample, head, query, key: for readers without HDF5.  Fixed seeds and uuids: the same bytes every time.  Only the
 * shape of each story matters (healthy, collapsing ...), so a row is a softmax of noise whose
 * sharpness depends on layer and capture. */
#include "entro-loader.h"

#include <string.h>
#include <zlib.h>

#define N_LAYERS_MOST 4
#define N_KEYS_MOST   16
#define N_HEADS_MOST  8
#define N_SAMPLES     2
#define FIRST_STEP    10 /* between captures, too */

typedef struct Fixture Fixture;
struct Fixture {
    const char *file, *run_name;
    guint uuid; /* the last digits; files with the same one are one trace */
    guint n_captures, n_layers;
    gsize n_keys;
    guint n_heads[N_LAYERS_MOST];
    guint layer_index[N_LAYERS_MOST];
    /* Factor on the logits: 0 is a uniform row, 100 a row with one key. */
    double (*sharpness)(const Fixture *fixture, guint capture, guint layer);
    gboolean key_mask, not_causal, unfinished;
    EntroElement element;
    guint deflate;
    int nan_since; /* capture from which the last layer is NaN; 0: never, -1: always */
    int missing_from, damaged_at; /* captures, 0: none; it is layer 1 */
    int restart_at;               /* capture at which the steps begin again; 0: never */
    guint params;                 /* learnable parameters, bits as the writer takes them */
    int params_damaged_at,
        params_missing_from; /* captures, 0: none; threshold and alpha of layer 1 */
};

/* ---- the stories ------------------------------------------------------------------------------------ */

static double
healthy(const Fixture *fixture, guint capture, guint layer)
{
    (void)fixture;
    return 0.5 + 0.3 * capture + 0.4 * layer;
}

static double
uniform(const Fixture *fixture, guint capture, guint layer)
{
    (void)fixture, (void)capture, (void)layer;
    return 0.0;
}

/* Early layers stay uniform, the last one ends with one key a row. */
static double
collapsing(const Fixture *fixture, guint capture, guint layer)
{
    return layer + 1 == fixture->n_layers ? 4.0 * capture : 0.1;
}

static double
wobbling(const Fixture *fixture, guint capture, guint layer)
{
    (void)fixture;
    return 0.2 + 0.01 * ((capture * 7 + layer * 3) % 50);
}

#define ALIKE                                                                                      \
    {                                                                                              \
        4, 4, 4, 4                                                                                 \
    }
#define CONSECUTIVE                                                                                \
    {                                                                                              \
        0, 1, 2, 3                                                                                 \
    }
#define ALL_PARAMS ((1u << ENTRO_N_PARAMS) - 1)
#define HOSTILE    "\x1b[31mred\x1b[0m\nrun; DROP TABLE runs;--\t'\"\x7f"

static const Fixture fixtures[] = {
    {"healthy", "healthy", 1, 5, 4, 12, ALIKE, CONSECUTIVE, .sharpness = healthy},
    {"collapsing", "collapsing", 2, 6, 4, 12, ALIKE, CONSECUTIVE, .sharpness = collapsing,
     .element = ENTRO_F16, .deflate = 4},
    {"overloaded", "overloaded", 3, 4, 4, 12, ALIKE, CONSECUTIVE, .sharpness = uniform},
    {"diverged",
     "diverged",
     4,
     5,
     3,
     10,
     {4, 4, 4},
     CONSECUTIVE,
     .sharpness = healthy,
     .nan_since = 3},
    {"all-nan", "all-nan", 5, 2, 1, 8, {2}, CONSECUTIVE, .sharpness = healthy, .nan_since = -1},
    {"masked", "masked", 6, 3, 2, 10, {2, 2}, CONSECUTIVE, .sharpness = healthy, .key_mask = TRUE},
    {"uneven", "uneven", 7, 3, 3, 8, {2, 5, 1}, CONSECUTIVE, .sharpness = healthy},
    {"hybrid", "hybrid", 8, 3, 3, 8, {2, 2, 2}, {0, 2, 7}, .sharpness = healthy},
    {"one-token", "one-token", 9, 2, 2, 1, {2, 2}, CONSECUTIVE, .sharpness = uniform},
    {"restarted",
     "restarted",
     10,
     6,
     2,
     8,
     {2, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .restart_at = 3},
    {"missing",
     "missing",
     11,
     4,
     3,
     8,
     {2, 2, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .missing_from = 2,
     .unfinished = TRUE},
    {"damaged",
     "damaged",
     12,
     4,
     3,
     16,
     {2, 2, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .damaged_at = 2},
    {"repaired", "damaged", 12, 4, 3, 16, {2, 2, 2}, CONSECUTIVE, .sharpness = healthy},
    {"holes", "holes", 19, 60, 2, 4, {1, 1}, CONSECUTIVE, .sharpness = healthy, .missing_from = 5},
    {"grown-3",
     "grown",
     13,
     3,
     2,
     8,
     {2, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .unfinished = TRUE},
    {"grown-6", "grown", 13, 6, 2, 8, {2, 2}, CONSECUTIVE, .sharpness = healthy},
    {"impostor", "healthy", 14, 3, 2, 8, {2, 2}, CONSECUTIVE, .sharpness = healthy},
    {"square",
     "square",
     15,
     2,
     2,
     8,
     {2, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .not_causal = TRUE,
     .element = ENTRO_F64},
    {"learned",
     "learned",
     30,
     5,
     3,
     8,
     {2, 4, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .params = ALL_PARAMS},
    {"learned-damaged",
     "learned-damaged",
     31,
     5,
     3,
     8,
     {2, 4, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .params = ALL_PARAMS,
     .params_damaged_at = 2,
     .params_missing_from = 4},
    {"empty", "empty", 16, 0, 2, 8, {2, 2}, CONSECUTIVE, .sharpness = healthy},
    {"long", "long", 18, 300, 2, 16, ALIKE, CONSECUTIVE, .sharpness = wobbling},
    {"bf16",
     "bf16",
     17,
     2,
     2,
     16,
     {2, 2},
     CONSECUTIVE,
     .sharpness = healthy,
     .element = ENTRO_BF16},
    /* names that no terminal, spreadsheet or statement should meet raw */
    {"name-escapes", HOSTILE, 21, 2, 1, 4, {1}, CONSECUTIVE, .sharpness = healthy},
    {"name-formula", "=cmd|' /C calc'!A0", 22, 2, 1, 4, {1}, CONSECUTIVE, .sharpness = healthy},
    {"name-bidi",
     "a\u202egnp.\u202c\u2066b\xc2\x9b"
     "31m\u2028c",
     23,
     2,
     1,
     4,
     {1},
     CONSECUTIVE,
     .sharpness = healthy},
    {"name-bytes", "caf\xe9 \xff\xfe", 24, 2, 1, 4, {1}, CONSECUTIVE, .sharpness = healthy},
    {"name-empty", "", 25, 2, 1, 4, {1}, CONSECUTIVE, .sharpness = healthy},
    {"name-number", "#1", 26, 2, 1, 4, {1}, CONSECUTIVE, .sharpness = healthy},
    {"name-path", "../../etc/passwd", 27, 2, 1, 4, {1}, CONSECUTIVE, .sharpness = healthy},
    {"name-markup",
     "<b>&amp;</b> %s%n {{x}} \\u001b",
     28,
     2,
     1,
     4,
     {1},
     CONSECUTIVE,
     .sharpness = healthy},
    {"name-long", NULL /* 2000 letters */, 29, 2, 1, 4, {1}, CONSECUTIVE, .sharpness = healthy},
};

/* ---- values ------------------------------------------------------------------------------------------- */

/* Steele and others' splitmix64: a new number for every state. */
static double
noise(guint64 *state)
{
    guint64 z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static gboolean
is_real_token(const Fixture *fixture, gsize sample, gsize key)
{
    return !fixture->key_mask || key < fixture->n_keys - 3 * sample;
}

static void
fill_row(const Fixture *fixture, double sharpness, gsize sample, gsize query, guint64 *state,
         float *row)
{
    double logit[N_KEYS_MOST], largest = -INFINITY, sum = 0;

    for (gsize key = 0; key < fixture->n_keys; key++) {
        gboolean allowed =
            (fixture->not_causal || key <= query) && is_real_token(fixture, sample, key);
        double value = sharpness * 8.0 * noise(state);
        logit[key] = allowed ? value : -INFINITY;
        largest = MAX(largest, logit[key]);
    }
    for (gsize key = 0; key < fixture->n_keys; key++)
        sum += exp(logit[key] - largest);
    for (gsize key = 0; key < fixture->n_keys; key++)
        row[key] =
            is_real_token(fixture, sample, query) ? (float)(exp(logit[key] - largest) / sum) : 0;
}

/* [N_SAMPLES][n_heads][n_keys][n_keys], to be freed */
static float *
make_attention(const Fixture *fixture, guint capture, guint layer)
{
    gsize n = fixture->n_keys, n_rows = N_SAMPLES * fixture->n_heads[layer] * n;
    float *p = g_new(float, n_rows *n);
    guint64 state = fixture->uuid * 1000003u + capture * 1009u + layer;
    gboolean diverged = fixture->nan_since != 0 && (int)capture >= fixture->nan_since &&
                        layer + 1 == fixture->n_layers;

    for (gsize row = 0; row < n_rows; row++)
        fill_row(fixture, fixture->sharpness(fixture, capture, layer),
                 row / (fixture->n_heads[layer] * n), row % n, &state, p + row * n);
    for (gsize i = 0; diverged && i < n_rows * n; i++)
        p[i] = NAN;
    return p;
}

/* As training might move them: temperatures near 1, thresholds from 0.5 to 1, alpha and beta near 1. */
static float
param_value(const Fixture *fixture, guint capture, guint layer, EntroParam param, gsize i)
{
    guint64 state = fixture->uuid * 7919u + capture * 1009u + layer * 31u + param * 5u + (guint)i;
    double spread = capture * 0.1 * (noise(&state) - 0.5);

    return (float)(param == ENTRO_PARAM_THRESHOLD ? 0.75 + spread : 1 + spread);
}

/* ---- files ---------------------------------------------------------------------------------------------- */

static EntroWriter *
open_writer(const char *path, const Fixture *fixture, GError **error)
{
    static const char *const scalars[] = {"loss", "lr", NULL};
    const EntroAttribute config[] = {ENTRO_TEXT("arch", "SM+LN+G"),
                                     ENTRO_INTEGER("n_layers", fixture->n_layers),
                                     ENTRO_INTEGER("seed", 7), ENTRO_REAL("lr", 0.001),
                                     ENTRO_TEXT("=note",
                                                fixture->run_name ? fixture->run_name : "")};
    g_autofree char *uuid = g_strdup_printf("%08u-0000-4000-8000-000000000000", fixture->uuid);
    g_autofree char *long_name = g_strnfill(2000, 'w');

    return entro_writer_new(
        path,
        &(EntroWriterOptions){.run_name = fixture->run_name ? fixture->run_name : long_name,
                              .producer = "make-fixtures",
                              .trace_uuid = uuid,
                              .causal = !fixture->not_causal,
                              .context_length = fixture->n_keys,
                              .n_layers = fixture->n_layers,
                              .layer_index = fixture->layer_index,
                              .n_heads = fixture->n_heads,
                              .n_samples = N_SAMPLES,
                              .n_queries = fixture->n_keys,
                              .n_keys = fixture->n_keys,
                              .element = fixture->element == ENTRO_F16 && fixture->deflate == 0
                                             ? ENTRO_F32
                                             : fixture->element,
                              .deflate = fixture->deflate,
                              .key_mask = fixture->key_mask,
                              .params = fixture->params,
                              .config = config,
                              .n_config = G_N_ELEMENTS(config),
                              .scalars = scalars},
        error);
}

static gboolean
put_layers(EntroWriter *writer, const Fixture *fixture, guint capture, GError **error)
{
    for (guint layer = 0; layer < fixture->n_layers; layer++) {
        g_autofree float *p = make_attention(fixture, capture, layer);
        gboolean missing =
            fixture->missing_from > 0 && (int)capture >= fixture->missing_from && layer == 1;

        if (!missing && !entro_writer_put_attention(writer, layer, p, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
put_params(EntroWriter *writer, const Fixture *fixture, guint capture, GError **error)
{
    float values[N_KEYS_MOST * N_HEADS_MOST];

    for (guint at = 0; at < fixture->n_layers * ENTRO_N_PARAMS; at++) {
        guint layer = at / ENTRO_N_PARAMS, param = at % ENTRO_N_PARAMS;
        gboolean missing = fixture->params_missing_from > 0 && layer == 1 &&
                           (int)capture >= fixture->params_missing_from &&
                           param == ENTRO_PARAM_ALPHA;

        if ((fixture->params & 1u << param) == 0 || missing)
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
            values[i] = param_value(fixture, capture, layer, param, i);
        if (!entro_writer_put_param(writer, layer, param, values, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
put_mask(EntroWriter *writer, const Fixture *fixture, GError **error)
{
    g_autofree guint8 *mask = g_new(guint8, N_SAMPLES * fixture->n_keys);

    if (!fixture->key_mask)
        return TRUE;
    for (gsize i = 0; i < N_SAMPLES * fixture->n_keys; i++)
        mask[i] = is_real_token(fixture, i / fixture->n_keys, i % fixture->n_keys);
    return entro_writer_put_key_mask(writer, mask, error);
}

static gboolean
put_capture(EntroWriter *writer, const Fixture *fixture, guint capture, GError **error)
{
    gboolean diverged = fixture->nan_since != 0 && (int)capture >= fixture->nan_since;
    int first = (int)capture >= fixture->restart_at ? fixture->restart_at : 0;
    gint64 step = FIRST_STEP * ((gint64)capture - first + (first > 0));

    return put_layers(writer, fixture, capture, error) &&
           put_params(writer, fixture, capture, error) && put_mask(writer, fixture, error) &&
           entro_writer_put_scalar(writer, "loss", step, diverged ? NAN : 5.5 / (1 + capture),
                                   error) &&
           entro_writer_put_scalar(writer, "lr", step, 0.001, error) &&
           entro_writer_commit(writer, step, error);
}

static gboolean
write_fixture(const char *path, const Fixture *fixture, GError **error)
{
    g_autoptr(EntroWriter) writer = open_writer(path, fixture, error);

    if (writer == NULL)
        return FALSE;
    for (guint capture = 0; capture < fixture->n_captures; capture++)
        if (!put_capture(writer, fixture, capture, error))
            return FALSE;
    return fixture->unfinished || entro_writer_close(g_steal_pointer(&writer), error);
}

/* Changes one byte of what is stored so, so that its checksum does not fit. */
static gboolean
spoil(const char *path, const void *stored, gsize n, GError **error)
{
    g_autofree char *bytes = NULL;
    gsize size;

    if (!g_file_get_contents(path, &bytes, &size, error))
        return FALSE;
    char *place = memmem(bytes, size, stored, n);
    g_assert(place != NULL);
    place[2] ^= 0x10;
    return g_file_set_contents(path, bytes, (gssize)size, error);
}

static gboolean
damage(const char *path, const Fixture *fixture, GError **error)
{
    g_autofree float *p = make_attention(fixture, (guint)fixture->damaged_at, 1);

    return spoil(path, p + 5 * fixture->n_keys, fixture->n_keys * sizeof *p, error);
}

static gboolean
damage_threshold(const char *path, const Fixture *fixture, GError **error)
{
    const guint n = fixture->n_heads[1];
    guint8 shuffled[N_HEADS_MOST * sizeof(float)], stored[256];
    uLongf size = sizeof stored;

    for (guint head = 0; head < n; head++) {
        float value =
            param_value(fixture, (guint)fixture->params_damaged_at, 1, ENTRO_PARAM_THRESHOLD, head);
        for (gsize byte = 0; byte < sizeof value; byte++)
            shuffled[byte * n + head] = ((const guint8 *)&value)[byte];
    }
    compress2(stored, &size, shuffled, n * sizeof(float), 1);
    return spoil(path, stored, size, error);
}

static gboolean
write_floats(const char *path, const Fixture *fixture, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    for (guint capture = 0; capture < fixture->n_captures; capture++)
        for (guint layer = 0; layer < fixture->n_layers; layer++) {
            g_autofree float *p = make_attention(fixture, capture, layer);
            gsize n = N_SAMPLES * fixture->n_heads[layer] * fixture->n_keys * fixture->n_keys;
            g_byte_array_append(bytes, (const guint8 *)p, (guint)(n * sizeof *p));
        }
    return g_file_set_contents(path, (const char *)bytes->data, (gssize)bytes->len, error);
}

static gboolean
make(const char *folder, const Fixture *fixture, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%s.h5", folder, fixture->file);
    g_autofree char *floats = g_strdup_printf("%s/%s.f32", folder, fixture->file);

    return write_fixture(path, fixture, error) &&
           (fixture->damaged_at == 0 || damage(path, fixture, error)) &&
           (fixture->params_damaged_at == 0 || damage_threshold(path, fixture, error)) &&
           write_floats(floats, fixture, error);
}

int
main(int argc, char **argv)
{
    g_assert(argc == 2);
    g_mkdir_with_parents(argv[1], 0777);
    for (guint i = 0; i < G_N_ELEMENTS(fixtures); i++) {
        g_autoptr(GError) error = NULL;

        if (!make(argv[1], &fixtures[i], &error))
            g_error("%s", error->message);
    }
    return 0;
}
