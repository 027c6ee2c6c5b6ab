/* test-reader.c: files read through a child are what they are without; and what is left of a file, and of
 * this process, when the child crashes, hangs or lies.
 *
 * The child is this program, called by a link beside which its plan lies: it has no environment.
 * ENTRO_HANGS=1 hangs at every question; ENTRO_LIES sets how often a file is opened by a liar. */
#include "loader-fixture.h"

#include "reader/message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define N_CAPTURES 4
#define LIES       150
#define TILES_MOST 3000 /* of a trace that a liar made up */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

/* ---- the child -------------------------------------------------------------------------------------- */

static struct {
    char mode; /* 's'egmentation fault, 'a'bort, 'e'xit, 'h'ang, 'l'ie, 'c'raft; 0: none */
    guint at, seen, births;
    GRand *random;
} plan;

static GBytes *
twist(GVariant *answer)
{
    static const guint64 telling[] = {
        0, 1, G_MAXUINT64, G_MAXINT64, (guint64)1 << 63, (guint64)1 << 62, G_MAXUINT32, 4096, 255};
    gsize size = g_variant_get_size(answer);
    GByteArray *bytes = g_byte_array_append(g_byte_array_new(), g_variant_get_data(answer), size);

    switch (g_rand_int_range(plan.random, 0, 5)) {
    case 0:
        if (size > 0)
            bytes->data[g_rand_int_range(plan.random, 0, (gint)size)] ^=
                (guint8)(1 << g_rand_int_range(plan.random, 0, 8));
        break;
    case 1:
        if (size >= 8)
            memcpy(bytes->data + 8 * g_rand_int_range(plan.random, 0, (gint)size / 8),
                   &telling[g_rand_int_range(plan.random, 0, G_N_ELEMENTS(telling))], 8);
        break;
    case 2:
        g_byte_array_set_size(bytes, (guint)g_rand_int_range(plan.random, 0, (gint)size + 1));
        break;
    case 3:
        g_byte_array_set_size(bytes, (guint)g_rand_int_range(plan.random, 0, 400));
        for (guint i = 0; i < bytes->len; i++)
            bytes->data[i] = (guint8)g_rand_int(plan.random);
        break;
    default:
        for (guint i = 0; i < 3 && size > 0; i++)
            bytes->data[g_rand_int_range(plan.random, 0, (gint)size)] =
                (guint8)g_rand_int(plan.random);
    }
    return g_byte_array_free_to_bytes(bytes);
}

static void
lie(guint32 *number, GVariant **answer)
{
    static const gint rarity[] = {6, 30, 90}; /* who lies often is found out at once */

    if (g_rand_int_range(plan.random, 0, rarity[plan.at % G_N_ELEMENTS(rarity)]) != 0)
        return;
    g_autoptr(GVariant) truth = g_variant_ref_sink(*answer);
    g_autoptr(GBytes) bytes = twist(truth);
    *answer = g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, bytes, FALSE);
    if (g_rand_int_range(plan.random, 0, 20) == 0)
        *number = g_rand_int(plan.random);
}

/* Lies that random bytes hardly ever are: facts that could be, and are others than before. */
typedef enum {
    LARGE_CHUNK,
    OTHER_RANK, /* these of a dataset that is opened again, after the first child died over its chunks */
    OTHER_DIMS,
    OTHER_CHUNK,
    OTHER_SIZE,
    OTHER_FILTERS,
    FEWER_FILTERS,
    NOT_CHUNKED,
    SHRUNK,
    NOT_THERE,
    NO_SIZE,
    FAR_AWAY,
    MANY_NAMES,
    ODD_ERRNO,
    N_CRAFTS
} Craft;

static void
craft_facts(EntroDataset *facts, Craft craft)
{
    EntroStored *stored = &facts->stored;

    if (craft == LARGE_CHUNK)
        stored->chunk[0] = (hsize_t)1 << 40;
    if (craft == OTHER_RANK)
        stored->rank--;
    if (craft == OTHER_DIMS)
        stored->dims[1]++;
    if (craft == OTHER_CHUNK)
        stored->chunk[1]++;
    if (craft == OTHER_SIZE) {
        facts->type.is_ours = FALSE;
        facts->element_size = 8;
    }
    for (guint i = 0; craft == OTHER_FILTERS && i < facts->n_filters; i++)
        if (facts->filters[i] == H5Z_FILTER_DEFLATE)
            facts->filters[i] = ENTRO_FILTER_LZF;
    if (craft == FEWER_FILTERS)
        facts->n_filters--;
    if (craft == NOT_CHUNKED) {
        facts->chunked = FALSE;
        facts->n_filters = 0;
    }
    if (craft == SHRUNK)
        stored->dims[0]--;
}

static GVariant *
craft_names(void)
{
    GVariantBuilder names;
    g_autofree char *name = g_strnfill(ENTRO_NAME_MAX + 1, 'n');

    g_variant_builder_init(&names, G_VARIANT_TYPE("aay"));
    g_variant_builder_add(&names, "^ay", name);
    for (guint i = 0; i < 100000; i++)
        g_variant_builder_add(&names, "^ay", "0");
    return g_variant_new("(uaay)", (guint32)ENTRO_LIST_WHOLE, &names);
}

static GVariant *
craft_place(Craft craft)
{
    const EntroPlace place = {.offset = craft == FAR_AWAY ? G_MAXUINT64 : 4096,
                              .size = craft == NO_SIZE ? 0 : 8};

    return g_variant_new("(uay@a(ttu))", (guint32)ENTRO_READ_OK, NULL,
                         g_variant_new_fixed_array(G_VARIANT_TYPE("(ttu)"), &place, 1,
                                                   sizeof place));
}

static void
craft(EntroQuestion question, guint32 *number, GVariant **answer)
{
    const Craft wanted = (Craft)plan.at;
    const gboolean again = wanted >= OTHER_RANK && wanted <= NOT_THERE;
    EntroDataset facts;

    if (again && plan.births == 0 && question == ENTRO_ASK_FIND && plan.seen > 0)
        _exit(9);
    if (question == ENTRO_ASK_OPEN && *number == 0 && plan.births == 0)
        plan.seen += entro_facts_from_variant(*answer, &facts) && facts.stored.rank > 3;
    if (question == ENTRO_ASK_OPEN && (wanted == LARGE_CHUNK || (again && plan.births > 0)) &&
        *number == 0 && entro_facts_from_variant(*answer, &facts) && facts.stored.rank > 3) {
        *number = wanted == NOT_THERE ? 1 + ENTRO_LOADER_ERROR_FORMAT : 0;
        craft_facts(&facts, wanted);
        *answer =
            wanted == NOT_THERE ? g_variant_new("(ay)", NULL) : entro_facts_to_variant(&facts);
    }
    if (question == ENTRO_ASK_FIND && (wanted == NO_SIZE || wanted == FAR_AWAY))
        *answer = craft_place(wanted);
    if (question == ENTRO_ASK_LIST && wanted == MANY_NAMES)
        *answer = craft_names();
    if (question == ENTRO_ASK_READ_ERROR && wanted == ODD_ERRNO)
        *answer = g_variant_new("(u)", G_MAXUINT32);
}

static void
act(EntroQuestion question, guint32 *number, GVariant **answer)
{
    (void)question;
    if (plan.mode == 'l')
        lie(number, answer);
    if (plan.mode == 'c')
        craft(question, number, answer);
    if (plan.mode == 'l' || plan.mode == 'c' || plan.seen++ != plan.at)
        return;
    signal(SIGSEGV, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    if (plan.mode == 's')
        raise(SIGSEGV);
    if (plan.mode == 'a')
        raise(SIGABRT);
    while (plan.mode == 'h')
        g_usleep(100000);
    _exit(9);
}

/* "MODE NUMBER ONCE" in <program>.plan; each birth is a byte in <program>.births. */
static void
serve_as_planned(int argc, char **argv)
{
    const char *program = argv[0];
    g_autofree char *plan_name = g_strdup_printf("%s.plan", program);
    g_autofree char *births_name = g_strdup_printf("%s.births", program);
    g_autofree char *text = NULL;
    guint once = 0;
    FILE *births = fopen(births_name, "a");

    if (births != NULL) /* of those before */
        plan.births = (guint)ftell(births);
    if (births != NULL)
        fputc('x', births), fclose(births);
    if (g_file_get_contents(plan_name, &text, NULL, NULL) &&
        sscanf(text, "%c %u %u", &plan.mode, &plan.at, &once) == 3) {
        plan.random = g_rand_new_with_seed(plan.at);
        entro_reader_before_answer = act;
        if (once)
            g_unlink(plan_name);
    }
    entro_reader_serve(argc - 1, argv + 1);
}

/* ---- a trace in words ------------------------------------------------------------------------------- */

static void
put_trace(GString *to, const EntroTrace *trace)
{
    g_string_append_printf(to, "%s|%s|%s|%s|%s|%s|%s|%u %u %" G_GUINT64_FORMAT " %d %d %s\n",
                           trace->layout, trace->recognised, trace->pattern, trace->axes,
                           trace->run_name, trace->producer, trace->trace_uuid,
                           trace->format_version, trace->attempt, trace->context_length,
                           trace->causal, trace->complete, trace->open_mode);
    for (gsize i = 0; i < MIN(trace->n_captures, 1000); i++)
        g_string_append_printf(to, "%" G_GINT64_FORMAT "/%u ", trace->steps[i], trace->attempts[i]);
    for (guint i = 0; i < trace->n_config; i++)
        g_string_append_printf(to, "\n%s=%s", trace->config[i].key, trace->config[i].value);
    for (guint i = 0; i < trace->n_scalars; i++) {
        const EntroScalar *scalar = &trace->scalars[i];
        g_string_append_printf(to, "\nscalar %s", scalar->name);
        for (gsize k = 0; k < MIN(scalar->n, 1000); k++)
            g_string_append_printf(to, " %" G_GINT64_FORMAT ":%.17g", scalar->step[k],
                                   scalar->value[k]);
    }
    for (guint i = 0; i < trace->notes->len; i++)
        g_string_append_printf(to, "\nnote %s", (char *)trace->notes->pdata[i]);
    for (guint i = 0; i < trace->problems->len; i++)
        g_string_append_printf(to, "\nproblem %s", (char *)trace->problems->pdata[i]);
    g_string_append_printf(to, "\n%d %d\n", trace->has_key_mask, trace->has_segment);
}

static void
put_layer(GString *to, const EntroLayer *layer)
{
    g_string_append_printf(to, "layer %u %d %u  %zu %zu %zu %zu  %d %zu %u %zu %.17g %d ",
                           layer->index, layer->input, layer->n_heads, layer->n_samples,
                           layer->n_queries, layer->n_keys, layer->row_size, layer->causal,
                           layer->window, layer->n_key_heads, layer->head_dim, layer->scale,
                           layer->max_logits);
    g_string_append_printf(to, "%d %d %x %d %d %d %" G_GUINT64_FORMAT " %s", layer->element,
                           layer->big_endian, layer->params, layer->split_rows, layer->checksummed,
                           layer->complete, layer->bytes_decoded, layer->storage);
    for (gsize i = 0; layer->query_rows != NULL && i < MIN(layer->n_queries, 1000); i++)
        g_string_append_printf(to, " %" G_GINT64_FORMAT, layer->query_rows[i]);
    g_string_append_c(to, '\n');
}

static void
put_params(GString *to, EntroSource *source)
{
    const EntroTrace *trace = entro_source_get_trace(source);

    for (guint layer = 0; layer < trace->n_layers; layer++)
        for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
            if (!(trace->layers[layer].params & 1u << param))
                continue;
            g_autofree float *values =
                g_new0(float, entro_param_size(param, &trace->layers[layer]));
            for (gsize capture = 0; capture < MIN(trace->n_captures, 100); capture++) {
                g_autofree char *problem = NULL;
                int status =
                    entro_source_read_param(source, layer, param, capture, values, &problem);
                g_string_append_printf(to, "param %d %.9g %s\n", status, (double)values[0],
                                       problem);
            }
        }
}

typedef struct {
    const EntroLayer *layer;
    EntroTile *tile;
    EntroTileRows *rows;
    GChecksum *sum;
    float *scratch;
} Seen;

static void
sum_row(const Seen *seen, gsize capture, gsize sample, guint head, gsize query)
{
    const float *row = entro_tile_rows_get(seen->rows, capture, sample, head, query, seen->scratch);

    g_checksum_update(seen->sum, (const guchar *)row,
                      (gssize)(seen->layer->row_size * sizeof *row));
}

static void
sum_beside(const Seen *seen, gsize capture, gsize sample)
{
    const guint8 *mask = entro_tile_key_mask(seen->tile, capture, sample);
    const gint64 *segment = entro_tile_segment(seen->tile, capture, sample);
    gsize n_keys = seen->layer->n_keys;

    if (mask != NULL)
        g_checksum_update(seen->sum, mask, (gssize)n_keys);
    if (segment != NULL)
        g_checksum_update(seen->sum, (const guchar *)segment, (gssize)(n_keys * 8));
    if (seen->layer->input != ENTRO_INPUT_QUERIES)
        return;
    g_autofree float *keys = g_try_new0(float, n_keys * seen->layer->head_dim);
    for (guint head = 0; keys != NULL && head < seen->tile->n_heads; head++)
        if (entro_tile_rows_read_beside(seen->rows, seen->tile, capture, sample, head, keys))
            g_checksum_update(seen->sum, (const guchar *)keys,
                              (gssize)(n_keys * seen->layer->head_dim * sizeof *keys));
}

static void
sum_tile(const Seen *seen)
{
    const EntroTile *tile = seen->tile;

    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++) {
            for (guint head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++)
                    sum_row(seen, capture, sample, head, query);
            sum_beside(seen, capture, sample);
        }
}

static void
put_tiles(GString *to, EntroSource *source)
{
    const EntroTrace *trace = entro_source_get_trace(source);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree float *scratch = g_new(float, ENTRO_LIMITS_DEFAULT.max_seq);
    gboolean end = FALSE;

    for (guint n = 0; tile != NULL && rows != NULL && n < TILES_MOST &&
                      entro_source_next(source, tile, &end, NULL) && !end;
         n++) {
        const Seen seen = {&trace->layers[tile->layer], tile, rows, sum, scratch};
        if (entro_tile_rows_read(rows, tile))
            sum_tile(&seen);
        g_string_append_printf(to, "%u %zu %zu %u %zu  %d %s %" G_GUINT64_FORMAT "\n", tile->layer,
                               tile->capture, tile->sample, tile->head, tile->query, tile->status,
                               tile->problem, tile->stored_size);
    }
    g_string_append(to, g_checksum_get_string(sum));
}

static char *
describe(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    GString *text = g_string_new(NULL);

    if (source == NULL) {
        if (!g_str_has_prefix(error->message, path))
            g_error("\"%s\" does not name the file", error->message);
        g_string_append_printf(text, "refused %d %s", error->code, error->message);
        return g_string_free(text, FALSE);
    }
    const EntroTrace *trace = entro_source_get_trace(source);
    put_trace(text, trace);
    for (guint i = 0; i < trace->n_layers; i++)
        put_layer(text, &trace->layers[i]);
    put_params(text, source);
    put_tiles(text, source);
    return g_string_free(text, FALSE);
}

/* ---- the parent ------------------------------------------------------------------------------------- */

static const char *program, *plan_path, *births_path, *trace_path;

static void
set_plan(char mode, guint at, gboolean once)
{
    g_autofree char *text = g_strdup_printf("%c %u %d", mode, at, once);

    g_unlink(births_path);
    g_unlink(plan_path);
    if (mode != 0)
        g_assert_true(g_file_set_contents(plan_path, text, -1, NULL));
}

static gsize
count_births(void)
{
    g_autofree char *text = NULL;
    gsize n = 0;

    g_file_get_contents(births_path, &text, &n, NULL);
    return n;
}

static guint
count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    guint n = 0;

    while (dir != NULL && readdir(dir) != NULL)
        n++;
    if (dir != NULL)
        closedir(dir);
    return n;
}

static void
assert_nothing_is_left(guint descriptors)
{
    g_assert_cmpuint(count_descriptors(), ==, descriptors);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    g_assert_cmpint(errno, ==, ECHILD);
}

static void
compare(const char *path)
{
    entro_reader_use_child(NULL, 0);
    g_autofree char *here = describe(path);
    entro_reader_use_child(program, 30);
    guint descriptors = count_descriptors();
    g_autofree char *there = describe(path);
    assert_nothing_is_left(descriptors);
    entro_reader_use_child(NULL, 0);
    g_assert_cmpstr(there, ==, here);
}

static void
test_fixtures_are_the_same(void)
{
    const char *folder = g_getenv("FIXTURES");
    g_autoptr(GDir) dir = folder ? g_dir_open(folder, 0, NULL) : NULL;
    const char *name;
    guint n = 0;

    if (dir == NULL) {
        g_test_skip("no FIXTURES");
        return;
    }
    set_plan(0, 0, FALSE);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (!g_str_has_suffix(name, ".h5"))
            continue;
        compare(path);
        n++;
    }
    g_assert_cmpuint(n, >, 10);
    g_assert_cmpuint(count_births(), >=, n); /* it was a child that read them */
}

static void
make_trace(const char *path, gboolean closed, guint deflate)
{
    static const guint heads[] = {3, 2};
    static const char *const scalars[] = {"loss", NULL};
    const EntroAttribute config[] = {ENTRO_INTEGER("seed", 1), ENTRO_TEXT("arch", "SM")};
    EntroWriterOptions options = fixture_writer_options(heads, 2);
    g_autoptr(GError) error = NULL;

    options.scalars = scalars;
    options.config = config;
    options.n_config = G_N_ELEMENTS(config);
    options.deflate = deflate;
    EntroWriter *writer = entro_writer_new(path, &options, &error);
    g_assert_no_error(error);
    for (gsize capture = 0; capture < N_CAPTURES; capture++)
        g_assert_true(fixture_put_capture(writer, &options, capture, NULL));
    if (closed) {
        g_assert_true(entro_writer_close(writer, NULL));
        return;
    }
    fixture_copy(path, fixture_path("beside.h5"), -1);
    entro_writer_free(writer);
}

static void
test_files_in_any_state_are_the_same(void)
{
    const LayerSpec specs[] = {
        {.index = 0,
         .element = ENTRO_F64,
         .big_endian = TRUE,
         .dims = {5, 2, 3, 5, 6},
         .chunk = {2, 1, 2, 5, 4},
         .filters = "sdf",
         .n_written = 3},
        {.index = 4, .as_uint16 = TRUE, .element = ENTRO_BF16, .dims = {5, 2, 2, 5, 6}}};
    const char *whole = fixture_path("state.h5"), *cut = fixture_path("cut.h5");
    g_autofree char *bytes = NULL;
    gsize size;

    set_plan(0, 0, FALSE);
    make_trace(fixture_path("growing.h5"), FALSE, 0);
    compare(fixture_path("beside.h5")); /* as a writer has it open */
    fixture_trace(whole, specs, 2, TRUE);
    compare(whole);
    fixture_trace(whole, specs, 2, FALSE);
    compare(whole);
    g_assert_true(g_file_get_contents(whole, &bytes, &size, NULL));
    for (gsize part = 1; part < 8; part++) {
        fixture_copy(whole, cut, (gssize)(size * part / 8));
        compare(cut);
        fixture_copy(trace_path, cut, (gssize)(size * part / 8));
        compare(cut);
    }
    compare(fixture_path("is-not-there.h5"));
}

/* A dataset a step, as another program leaves them. */
static void
test_another_layout_is_the_same(void)
{
    const char *path = fixture_path("foreign.h5");
    const hsize_t dims[4] = {1, 2, 4, 4};
    float weights[32];
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(4, dims, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(weights); i++)
        weights[i] = 0.25f;
    for (guint step = 0; step < 3; step++)
        for (guint layer = 0; layer < 2; layer++) {
            g_autofree char *name = g_strdup_printf("steps/%u/layer_%u/attn", step * 100, layer);
            entro_h5_create_groups(file, name);
            hid_t data = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                                    H5P_DEFAULT);
            H5Dwrite(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, weights);
            H5Dclose(data);
        }
    H5Sclose(space);
    H5Fclose(file);
    set_plan(0, 0, FALSE);
    compare(path);
    g_autofree char *text = describe(path);
    g_assert_false(g_str_has_prefix(text, "refused"));
}

static void
test_tensors_are_the_same(void)
{
    const char *path = fixture_path("tensors.h5");
    float data[6] = {1, 2, 3, 4, 5, 6}, found[6] = {0};
    EntroTensor tensor = {.name = "a/b", .n_dims = 2, .dims = {2, 3}, .data = data};
    g_autoptr(GError) error = NULL;

    g_assert_true(entro_tensors_write(path, "some", NULL, 0, &tensor, 1, NULL));
    entro_reader_use_child(program, 30);
    set_plan(0, 0, FALSE);
    tensor.data = found;
    g_assert_true(entro_tensors_read(path, "some", &tensor, 1, &error));
    g_assert_cmpmem(found, sizeof found, data, sizeof data);
    g_assert_cmpuint(count_births(), ==, 1);
    entro_reader_use_child(NULL, 0);
}

/* ---- children that die ------------------------------------------------------------------------------ */

/* FALSE: it had not so many questions. */
static gboolean
read_with_a_death(char mode, guint at, gboolean once, gsize n_tiles)
{
    g_autoptr(GError) error = NULL;
    guint descriptors = count_descriptors();
    gsize missing = 0, damaged = 0;

    set_plan(mode, at, once);
    EntroSource *source = entro_source_open(trace_path, NULL, &error);
    gsize good = source ? fixture_walk_quietly(source, &missing, &damaged) : 0;
    guint n_layers = source ? entro_source_get_trace(source)->n_layers : 0;
    entro_source_free(source);
    gsize births = count_births();
    g_test_message("%c at %u: %zu good %zu missing %zu damaged, %u layers, %zu children: %s", mode,
                   at, good, missing, damaged, n_layers, births, error ? error->message : "");
    assert_nothing_is_left(descriptors);
    g_assert_cmpuint(births, <=, once ? 2 : 10);
    if (source == NULL) {
        g_assert_true(g_str_has_prefix(error->message, trace_path));
        return TRUE;
    }
    if (once && n_layers == 2)
        g_assert_cmpuint(good + 1, >=, n_tiles);
    g_assert_cmpuint(missing, ==, 0);
    return births > 1 || good < n_tiles;
}

static gsize
count_tiles(void)
{
    g_autoptr(EntroSource) source = entro_source_open(trace_path, NULL, NULL);

    return fixture_walk_quietly(source, NULL, NULL);
}

static void
test_a_child_that_dies_costs_what_it_was_asked(void)
{
    gsize n_tiles = count_tiles();
    guint at = 0;

    entro_reader_use_child(program, 30);
    while (read_with_a_death("sae"[at % 3], at, TRUE, n_tiles))
        at++;
    g_assert_cmpuint(at, >, 20);
    entro_reader_use_child(NULL, 0);
}

static void
test_children_that_die_again_and_again_end(void)
{
    gsize n_tiles = count_tiles();

    entro_reader_use_child(program, 30);
    for (guint at = 0; at < 60; at += at < 6 ? 1 : 9)
        read_with_a_death("es"[at % 2], at, FALSE, n_tiles);
    entro_reader_use_child(NULL, 0);
}

static void
test_a_child_that_hangs_is_not_waited_for(void)
{
    gsize n_tiles = count_tiles();
    guint step = g_getenv("ENTRO_HANGS") ? 1 : 9;

    entro_reader_use_child(program, 1);
    for (guint at = 0;; at += step) {
        gint64 begin = g_get_monotonic_time();
        gboolean died = read_with_a_death('h', at, TRUE, n_tiles);
        double seconds = (double)(g_get_monotonic_time() - begin) / 1e6;
        g_test_message("%.1f s", seconds);
        g_assert_cmpfloat(seconds, <, 8); /* one second, and what a busy machine adds */
        if (!died)
            break;
        g_assert_cmpfloat(seconds, >=, 0.9);
    }
    entro_reader_use_child(NULL, 30);
}

/* Without a program there is no child, and without a file nothing to ask it. */
static void
test_a_program_that_is_not_there(void)
{
    guint descriptors = count_descriptors();
    g_autoptr(GError) error = NULL;

    if (strstr(g_getenv("LD_PRELOAD") ? g_getenv("LD_PRELOAD") : "", "valgrind") != NULL) {
        g_test_skip("valgrind's posix_spawn() does not tell that there is no program");
        return;
    }
    set_plan(0, 0, FALSE);
    entro_reader_use_child("/nowhere/entroscope", 30);
    fixture_expect_refusal(trace_path, NULL, ENTRO_LOADER_ERROR_FORMAT,
                           "there is no process to read it", g_strerror(ENOENT), NULL);
    g_assert_null(entro_reader_open_remote(trace_path, NULL));
    entro_reader_use_child(program, 30);
    g_assert_null(entro_reader_open_remote(fixture_path("nowhere.h5"), &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN);
    g_assert_null(entro_reader_open_remote(fixture_path("nowhere.h5"), NULL));
    g_assert_null(entro_reader_open_remote(plan_path, NULL));
    g_assert_true(g_file_set_contents(fixture_path("text.h5"), "step,loss\n1,2.385\n", -1, NULL));
    g_assert_null(entro_reader_open_remote(fixture_path("text.h5"), NULL));
    entro_reader_use_child(NULL, 0);
    assert_nothing_is_left(descriptors);
}

static void
test_a_child_that_lies_breaks_nothing(void)
{
    const char *wanted = g_getenv("ENTRO_LIES");
    guint n = wanted ? (guint)g_ascii_strtoull(wanted, NULL, 10) : LIES, n_read = 0;
    g_autofree char *shuffled = g_strdup(fixture_path("lies.h5"));
    guint descriptors;

    make_trace(shuffled, TRUE, 1);
    entro_reader_use_child(program, 30);
    descriptors = count_descriptors();
    for (guint seed = 1; seed <= n; seed++) {
        set_plan('l', seed, FALSE);
        g_autofree char *text = describe(seed % 2 ? trace_path : shuffled);
        n_read += !g_str_has_prefix(text, "refused");
        assert_nothing_is_left(descriptors);
    }
    g_test_message("%u of %u were read", n_read, n);
    g_assert_cmpuint(n_read, >, 0);
    entro_reader_use_child(NULL, 0);
}

/* What each says of the whole file, at least once. */
static const char *const crafted[N_CRAFTS] = {
    [LARGE_CHUNK] = "has chunks of more than",
    [OTHER_RANK] = "cannot be looked up",
    [OTHER_DIMS] = "cannot be looked up",
    [OTHER_CHUNK] = "cannot be looked up",
    [OTHER_SIZE] = "cannot be looked up",
    [OTHER_FILTERS] = "cannot be looked up",
    [FEWER_FILTERS] = "cannot be looked up",
    [NOT_CHUNKED] = "cannot be looked up",
    [SHRUNK] = "cannot be looked up",
    [NOT_THERE] = "cannot be looked up",
    [NO_SIZE] = "where no chunk can",
    [FAR_AWAY] = "where no chunk can",
    [MANY_NAMES] = "--max-layers",
    [ODD_ERRNO] = "a part of it could not be read",
};

static void
test_lies_that_could_be_true(void)
{
    const char *path = fixture_path("crafted.h5");
    guint descriptors;

    make_trace(path, TRUE, 4);
    entro_reader_use_child(program, 30);
    descriptors = count_descriptors();
    for (Craft lie = 0; lie < N_CRAFTS; lie++) {
        set_plan('c', lie, FALSE);
        g_autofree char *text = describe(path);
        g_auto(GStrv) parts = g_strsplit(text, crafted[lie], -1);
        const guint n = g_strv_length(parts) - 1;
        /* the first child's death alone costs one thing */
        if (n < (lie >= OTHER_RANK && lie <= NOT_THERE ? 3 : 1))
            g_error("lie %u: %s", lie, text);
        assert_nothing_is_left(descriptors);
    }
    entro_reader_use_child(NULL, 0);
}

/* ---- the sandbox ------------------------------------------------------------------------------------ */

static void
try_memory(gsize mib)
{
    void *volatile block = malloc(mib << 20);

    printf("memory %d\n", block == NULL);
    free(block);
}

/* A chunk of a few KiB that HDF5's own pipeline would inflate to 300 MiB. */
static void
try_bomb(hid_t data)
{
    hsize_t one[5] = {1, 1, 1, 1, 1}, origin[5] = {0};
    hid_t memory = H5Screate_simple(5, one, NULL), space = H5Dget_space(data);
    float value;

    H5Sselect_hyperslab(space, H5S_SELECT_SET, origin, NULL, one, NULL);
    printf("bomb %d\n", H5Dread(data, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, &value) < 0);
}

#define TRY(name, call) printf("%s %d\n", name, (call) < 0)

static int
probe(const char *bomb)
{
    struct sockaddr address = {.sa_family = AF_UNIX};
    pid_t parent = getppid();
    hid_t file = H5Fopen(bomb, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t data = H5Dopen2(file, "/layers/0/attention", H5P_DEFAULT);

    entro_h5_quiet();
    entro_sandbox_enter(512);
    if (prctl(PR_GET_SECCOMP) != 2 && errno == 0)
        return 77;
    TRY("open", syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY));
    TRY("fopen", fopen("/dev/null", "r") ? 0 : -1);
    TRY("socket", socket(AF_INET, SOCK_STREAM, 0));
    TRY("connect", connect(1, &address, sizeof address));
    TRY("fork", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    TRY("execve", execl("/bin/true", "true", NULL));
    TRY("ptrace", ptrace(PTRACE_ATTACH, parent, NULL, NULL));
    TRY("kill", kill(parent, 0));
    TRY("tgkill", syscall(SYS_tgkill, parent, parent, 0));
    TRY("unlink", unlink(bomb));
    TRY("prlimit", prlimit(parent, RLIMIT_CORE, NULL, NULL));
    printf("self %d\n", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0) == 0);
    try_memory(1024);
    try_bomb(data);
    fflush(stdout);
    _exit(0);
}

/* Zeros, deflated as often as `stages` says. */
static guint8 *
make_bomb(gsize mib, guint stages, gsize *ret_size)
{
    g_autofree guint8 *zeros = g_malloc0(1 << 20);
    gsize capacity = 4 << 20;
    guint8 *bytes = g_malloc(capacity);
    z_stream stream = {0};

    deflateInit(&stream, 9);
    stream.next_out = bytes;
    stream.avail_out = (uInt)capacity;
    for (gsize i = 0; i < mib; i++) {
        stream.next_in = zeros;
        stream.avail_in = 1 << 20;
        g_assert_cmpint(deflate(&stream, i + 1 == mib ? Z_FINISH : Z_NO_FLUSH), >=, 0);
    }
    *ret_size = stream.total_out;
    deflateEnd(&stream);
    if (stages > 1) {
        uLongf size = capacity;
        guint8 *outer = g_malloc(capacity);
        g_assert_cmpint(compress(outer, &size, bytes, *ret_size), ==, Z_OK);
        g_free(bytes);
        bytes = outer;
        *ret_size = size;
    }
    return bytes;
}

static void
write_bomb(const char *path, guint stages)
{
    const hsize_t dims[5] = {1, 1, 1, 128, 128}, origin[5] = {0};
    hid_t file = fixture_create(path, FALSE), space = H5Screate_simple(5, dims, NULL);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    gsize size;
    g_autofree guint8 *bytes = make_bomb(300, stages, &size);

    fixture_steps(file, NULL, 1);
    g_assert_true(entro_h5_create_groups(file, "layers/0/"));
    H5Pset_chunk(creation, 5, dims);
    for (guint i = 0; i < stages; i++)
        H5Pset_deflate(creation, 1);
    hid_t data = H5Dcreate2(file, "/layers/0/attention", H5T_IEEE_F32LE, space, H5P_DEFAULT,
                            creation, H5P_DEFAULT);
    g_assert_cmpint(data, >=, 0);
    g_assert_cmpint(H5Dwrite_chunk(data, H5P_DEFAULT, 0, origin, size, bytes), >=, 0);
    H5Dclose(data);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
}

static void
test_bombs_take_no_memory(void)
{
    const char *path = fixture_path("bomb.h5");
    struct rusage ours, theirs;
    gsize damaged = 0;

    entro_reader_use_child(program, 30);
    set_plan(0, 0, FALSE);
    write_bomb(path, 1);
    EntroSource *source = entro_source_open(path, NULL, NULL);
    g_assert_nonnull(source);
    g_assert_cmpuint(fixture_walk_quietly(source, NULL, &damaged), ==, 0);
    g_assert_cmpuint(damaged, >, 0);
    entro_source_free(source);
    write_bomb(path, 2);
    fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_POLICY, "deflate", NULL);
    entro_reader_use_child(NULL, 0);
    getrusage(RUSAGE_SELF, &ours);
    getrusage(RUSAGE_CHILDREN, &theirs);
    g_test_message("%ld + %ld KiB", ours.ru_maxrss, theirs.ru_maxrss);
    if (!IS_SANITIZED)
        g_assert_cmpint(ours.ru_maxrss + theirs.ru_maxrss, <, 512 << 10);
}

static void
test_the_sandbox_holds(void)
{
    const char *path = fixture_path("probe.h5");
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    char *arguments[] = {self, (char *)"probe", (char *)path, NULL};
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    if (IS_SANITIZED) {
        g_test_skip("a sanitizer needs what the sandbox forbids");
        return;
    }
    write_bomb(path, 1);
    g_assert_true(g_spawn_sync(NULL, arguments, NULL, 0, NULL, NULL, &out, NULL, &status, &error));
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        g_test_skip("no seccomp here");
        return;
    }
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 14 + 1);
    for (char **line = lines; **line != '\0'; line++)
        if (!g_str_has_suffix(*line, " 1"))
            g_error("the sandbox lets it: %s", *line);
}

/* ---- a heap with a hole ----------------------------------------------------------------------------- */

static void
write_heap_texts(const char *path)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    const char *names[] = {"run_name", "producer", "format", "trace_uuid"};
    const char *value = "attention-trace";

    H5Tset_size(type, H5T_VARIABLE);
    fixture_small(file);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        hid_t id = H5Acreate2(file, names[i], type, space, H5P_DEFAULT, H5P_DEFAULT);
        H5Awrite(id, type, &value);
        H5Aclose(id);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
}

static void
test_a_hole_in_a_heap_costs_its_texts(void)
{
    const char *path = fixture_path("heap.h5");
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    gsize size;

    write_heap_texts(path);
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    char *heap = memmem(bytes, size, "GCOL", 4);
    g_assert_nonnull(heap);
    memset(heap + 512, 0, 4096 - 512);
    memset(heap + 16, 0, 64);
    g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    set_plan(0, 0, FALSE);
    entro_reader_use_child(program, 30);
    gint64 begin = g_get_monotonic_time();
    EntroSource *source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat((double)(g_get_monotonic_time() - begin) / 1e6, <, 20);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpstr(trace->run_name, ==, "heap");
    g_assert_cmpuint(trace->problems->len, >=, 2);
    g_assert_cmpuint(count_births(), ==, 3); /* two died; then such texts are left alone */
    gsize damaged = 0;
    g_assert_cmpuint(fixture_walk_quietly(source, NULL, &damaged), >, 0);
    g_assert_cmpuint(damaged, ==, 0);
    entro_source_free(source);
    entro_reader_use_child(NULL, 0);
}

int
main(int argc, char **argv)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

    if (argc > 1 && g_str_equal(argv[1], ENTRO_READER_ARGUMENT))
        serve_as_planned(argc, argv);
    if (argc > 2 && g_str_equal(argv[1], "probe"))
        return probe(argv[2]);
    g_test_init(&argc, &argv, NULL);
    program = fixture_path("reader");
    plan_path = fixture_path("reader.plan");
    births_path = fixture_path("reader.births");
    trace_path = fixture_path("trace.h5");
    g_assert_cmpint(symlink(self, program), ==, 0);
    make_trace(trace_path, TRUE, 0);
#define ADD(NAME, TEST) g_test_add_func("/reader/" NAME, TEST)
    ADD("bombs-take-no-memory", test_bombs_take_no_memory);
    ADD("the-sandbox-holds", test_the_sandbox_holds);
    ADD("fixtures-are-the-same", test_fixtures_are_the_same);
    ADD("files-in-any-state-are-the-same", test_files_in_any_state_are_the_same);
    ADD("another-layout-is-the-same", test_another_layout_is_the_same);
    ADD("tensors-are-the-same", test_tensors_are_the_same);
    ADD("a-hole-in-a-heap-costs-its-texts", test_a_hole_in_a_heap_costs_its_texts);
    ADD("a-child-that-dies-costs-what-it-was-asked",
        test_a_child_that_dies_costs_what_it_was_asked);
    ADD("children-that-die-again-and-again-end", test_children_that_die_again_and_again_end);
    ADD("a-child-that-hangs-is-not-waited-for", test_a_child_that_hangs_is_not_waited_for);
    ADD("a-program-that-is-not-there", test_a_program_that_is_not_there);
    ADD("lies-that-could-be-true-are-seen", test_lies_that_could_be_true);
    ADD("a-child-that-lies-breaks-nothing", test_a_child_that_lies_breaks_nothing);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
