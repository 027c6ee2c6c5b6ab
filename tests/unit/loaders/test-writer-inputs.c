/* test-writer-inputs.c: what the writer takes instead of attention, or beside it, is read back: queries
 * with keys, row entropies, positions of rows, windows, documents. */
#include "loader-fixture.h"

#include <string.h>

enum { B = 2, T = 6, D = 5, S = 3 };

static const guint heads[] = {4, 6}, key_heads[] = {2, 6};
static const gint64 positions[] = {1, 2, 5};

static EntroWriterOptions
make_options(EntroInput input)
{
    EntroWriterOptions options = fixture_writer_options(heads, 2);

    options.input = input;
    options.n_queries = T;
    if (input == ENTRO_INPUT_QUERIES) {
        options.n_key_heads = key_heads;
        options.head_dim = D;
    }
    return options;
}

/* What lies in a part of a layer of a capture, exact in every element type; part 1 is beside. */
static float
value_of(guint layer, guint part, gsize capture, gsize i)
{
    return (float)((layer * 301 + part * 77 + capture * 31 + i * 7) % 255) / 256;
}

static float *
make_values(guint layer, guint part, gsize capture, gsize n)
{
    float *values = g_new(float, n);

    for (gsize i = 0; i < n; i++)
        values[i] = value_of(layer, part, capture, i);
    return values;
}

static gsize
size_beside(const EntroWriterOptions *options, guint layer)
{
    return options->input == ENTRO_INPUT_QUERIES
               ? B * (options->n_key_heads ? options->n_key_heads[layer] : heads[layer]) * T * D
               : B * heads[layer] * options->n_queries;
}

static gboolean
put_layer(EntroWriter *writer, const EntroWriterOptions *options, guint layer, gsize capture,
          GError **error)
{
    gsize n_rows = B * heads[layer] * options->n_queries;
    gsize row = options->input == ENTRO_INPUT_QUERIES     ? D
                : options->input == ENTRO_INPUT_ATTENTION ? options->n_keys
                                                          : 1;
    g_autofree float *rows = make_values(layer, 0, capture, n_rows * row);
    g_autofree float *beside = make_values(layer, 1, capture, size_beside(options, layer));

    if (options->input == ENTRO_INPUT_QUERIES)
        return entro_writer_put_queries(writer, layer, rows, beside, error);
    if (options->input == ENTRO_INPUT_ATTENTION)
        return entro_writer_put_attention(writer, layer, rows, error);
    return entro_writer_put_row_entropy(writer, layer, rows, options->max_logits ? beside : NULL,
                                        error);
}

static gint32
document_of(gsize capture, gsize i)
{
    return (gint32)(i / 2 + capture * 100000) - 1;
}

/* The masks first: a reopened writer must open the file for whatever comes. */
static void
put_capture(EntroWriter *writer, const EntroWriterOptions *options, gsize capture)
{
    g_autoptr(GError) error = NULL;
    guint8 mask[B * T];
    gint32 ids[B * T];
    const float alpha = (float)capture;

    for (gsize i = 0; i < B * T; i++) {
        mask[i] = fixture_mask(capture, i / T, i % T);
        ids[i] = document_of(capture, i);
    }
    for (guint layer = 0; options->params != 0 && layer < 2; layer++)
        g_assert_true(entro_writer_put_param(writer, layer, ENTRO_PARAM_ALPHA, &alpha, &error));
    if (options->segment)
        g_assert_true(entro_writer_put_segment(writer, ids, &error));
    if (options->key_mask)
        g_assert_true(entro_writer_put_key_mask(writer, mask, &error));
    for (guint layer = 0; layer < 2; layer++)
        g_assert_true(put_layer(writer, options, layer, capture, &error));
    g_assert_true(entro_writer_commit(writer, 10 * (gint64)(capture + 1), &error));
    g_assert_no_error(error);
}

static const char *
write_run(const EntroWriterOptions *options, gsize n)
{
    const char *path = fixture_path("inputs.h5");
    g_autoptr(GError) error = NULL;
    EntroWriter *writer = entro_writer_new(path, options, &error);

    g_assert_no_error(error);
    for (gsize capture = 0; capture < n; capture++)
        put_capture(writer, options, capture);
    g_assert_true(entro_writer_close(writer, &error));
    return path;
}

static EntroSource *
open_run(const char *path)
{
    g_autoptr(GError) error = NULL;
    EntroSource *source = entro_source_open(path, NULL, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(entro_source_get_trace(source)->problems->len, ==, 0);
    g_assert_cmpuint(entro_source_get_trace(source)->notes->len, ==, 0);
    return source;
}

/* ---- reading back ------------------------------------------------------------------------------------ */

static void
check_beside(EntroTileRows *rows, EntroTile *tile, const EntroWriterOptions *options, gsize sample,
             guint head)
{
    gsize capture = tile->capture, n_heads = heads[tile->layer], head_of = tile->head + head;
    gsize n_key_heads = options->n_key_heads ? options->n_key_heads[tile->layer] : n_heads;
    gboolean is_keys = options->input == ENTRO_INPUT_QUERIES;
    gsize first =
        is_keys ? ((tile->sample + sample) * n_key_heads + head_of * n_key_heads / n_heads) * T * D
                : ((tile->sample + sample) * n_heads + head_of) * options->n_queries + tile->query;
    float beside[T * D];

    g_assert_true(entro_tile_rows_read_beside(rows, tile, 0, sample, head, beside));
    for (gsize i = 0; i < (is_keys ? T * D : tile->n_queries); i++)
        g_assert_cmpfloat(beside[i], ==, value_of(tile->layer, 1, capture, first + i));
}

static void
check_masks(const EntroTile *tile, const EntroWriterOptions *options, gsize sample)
{
    for (gsize key = 0; options->key_mask && key < T; key++)
        g_assert_cmpuint(entro_tile_key_mask(tile, 0, sample)[key], ==,
                         fixture_mask(tile->capture, tile->sample + sample, key));
    for (gsize key = 0; options->segment && key < T; key++)
        g_assert_cmpint(entro_tile_segment(tile, 0, sample)[key], ==,
                        document_of(tile->capture, (tile->sample + sample) * T + key));
}

/* Returns how many rows the tile had. */
static gsize
check_tile(EntroTileRows *rows, EntroTile *tile, const EntroWriterOptions *options, gsize size)
{
    float scratch[64] __attribute__((aligned(64)));

    g_assert_true(entro_tile_rows_read(rows, tile));
    for (gsize sample = 0; sample < tile->n_samples; sample++) {
        check_masks(tile, options, sample);
        for (guint head = 0; head < tile->n_heads; head++) {
            if (options->input == ENTRO_INPUT_QUERIES || options->max_logits)
                check_beside(rows, tile, options, sample, head);
            for (gsize query = 0; query < tile->n_queries; query++) {
                gsize at = ((tile->sample + sample) * heads[tile->layer] + tile->head + head) *
                               options->n_queries +
                           tile->query + query;
                const float *row = entro_tile_rows_get(rows, 0, sample, head, query, scratch);
                for (gsize i = 0; i < size; i++)
                    g_assert_cmpfloat(row[i], ==,
                                      value_of(tile->layer, 0, tile->capture, at * size + i));
            }
        }
    }
    return tile->n_samples * tile->n_heads * tile->n_queries;
}

static void
check_layer(const EntroLayer *layer, const EntroWriterOptions *options, guint i)
{
    g_assert_cmpint(layer->input, ==, options->input);
    g_assert_cmpuint(layer->n_heads, ==, heads[i]);
    g_assert_cmpuint(layer->n_queries, ==, options->n_queries);
    g_assert_cmpuint(layer->n_keys, ==, options->n_keys);
    g_assert_cmpuint(layer->window, ==, options->window);
    g_assert_true(layer->checksummed && layer->complete && !layer->split_rows);
    g_assert_cmpint(layer->element, ==,
                    options->input == ENTRO_INPUT_ROW_ENTROPY ? ENTRO_F32 : options->element);
    g_assert_true(layer->max_logits == options->max_logits);
    for (gsize row = 0; row < options->n_queries; row++)
        g_assert_cmpint(entro_layer_position(layer, row), ==,
                        options->query_rows ? options->query_rows[row]
                                            : (gssize)(row + T - options->n_queries));
    if (options->input != ENTRO_INPUT_QUERIES)
        return;
    g_assert_cmpuint(layer->n_key_heads, ==, options->n_key_heads ? key_heads[i] : heads[i]);
    g_assert_cmpuint(layer->head_dim, ==, D);
    g_assert_cmpfloat(layer->scale, ==, options->scale != 0 ? options->scale : 1 / sqrt(D));
}

static void
check_run(const char *path, const EntroWriterOptions *options, gsize n)
{
    g_autoptr(EntroSource) source = open_run(path);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    gboolean end = FALSE;
    gsize n_rows = 0;

    g_assert_true(trace->complete);
    g_assert_cmpuint(trace->n_captures, ==, n);
    g_assert_cmpuint(trace->n_layers, ==, 2);
    for (guint i = 0; i < 2; i++)
        check_layer(&trace->layers[i], options, i);
    g_assert_true(trace->has_segment == options->segment);
    while (entro_source_next(source, tile, &end, NULL) && !end)
        n_rows += check_tile(rows, tile, options, trace->layers[tile->layer].row_size);
    g_assert_cmpuint(n_rows, ==, n * B * (heads[0] + heads[1]) * options->n_queries);
}

/* ---- round trips -------------------------------------------------------------------------------------- */

static void
test_queries_and_keys_come_back(void)
{
    for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++)
        for (guint variant = 0; variant < 4; variant++) {
            EntroWriterOptions options = make_options(ENTRO_INPUT_QUERIES);
            options.element = element;
            options.deflate = variant % 2 ? 4 : 0;
            options.scale = variant < 2 ? 0 : 0.75;
            if (variant == 3)
                options.n_key_heads = NULL;
            if (variant == 2)
                options.n_queries = 3; /* of the end, as while text is generated */
            check_run(write_run(&options, S), &options, S);
        }
}

static void
test_row_entropies_come_back(void)
{
    for (guint variant = 0; variant < 4; variant++) {
        EntroWriterOptions options = make_options(ENTRO_INPUT_ROW_ENTROPY);
        options.max_logits = variant % 2;
        options.deflate = variant / 2 * 6;
        options.n_queries = variant < 2 ? T : 4;
        check_run(write_run(&options, S), &options, S);
    }
}

static void
test_what_says_which_keys_are_allowed_comes_back(void)
{
    for (EntroInput input = ENTRO_INPUT_ATTENTION; input <= ENTRO_INPUT_QUERIES; input++) {
        EntroWriterOptions options = make_options(input);
        options.segment = options.key_mask = TRUE;
        options.query_rows = positions;
        options.n_queries = G_N_ELEMENTS(positions);
        options.window = 3;
        check_run(write_run(&options, S), &options, S);
    }
}

static void
test_layers_not_given_are_missing(void)
{
    for (EntroInput input = ENTRO_INPUT_ROW_ENTROPY; input <= ENTRO_INPUT_QUERIES; input++) {
        EntroWriterOptions options = make_options(input);
        const char *path = fixture_path("holes.h5");
        EntroWriter *writer = entro_writer_new(path, &options, NULL);
        gboolean end = FALSE;
        guint n[2] = {0};

        for (gsize capture = 0; capture < 4; capture++) {
            put_layer(writer, &options, 0, capture, NULL);
            if (capture % 2 == 0)
                put_layer(writer, &options, 1, capture, NULL);
            g_assert_true(entro_writer_commit(writer, (gint64)capture, NULL));
        }
        g_assert_true(entro_writer_close(writer, NULL));
        g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
        g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
        while (entro_source_next(source, tile, &end, NULL) && !end) {
            gboolean missing = tile->layer == 1 && tile->capture % 2 == 1;
            g_assert_cmpint(tile->status, ==, missing ? ENTRO_TILE_MISSING : ENTRO_TILE_OK);
            n[missing]++;
        }
        g_assert_cmpuint(n[0], >=, 6);
        g_assert_cmpuint(n[1], >=, 2);
    }
}

/* ---- the file ------------------------------------------------------------------------------------------- */

static void
check_chunk(const char *name, guint n_heads, gsize n_rows, gsize row_bytes)
{
    g_auto(EntroHid) file = H5Fopen(fixture_path("chunks.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    g_auto(EntroHid) dataset = H5Dopen2(file, name, H5P_DEFAULT);
    g_auto(EntroHid) properties = H5Dget_create_plist(dataset);
    g_auto(EntroHid) space = H5Dget_space(dataset);
    hsize_t chunk[5] = {1, 1, 1, 1, 1}, dims[5] = {1, 1, 1, 1, 1};
    int rank = H5Pget_chunk(properties, 5, chunk);

    g_assert_cmpint(rank, ==, H5Sget_simple_extent_dims(space, dims, NULL));
    g_assert_cmpint(H5Pget_nfilters(properties), ==, 1); /* fletcher32 */
    g_assert_cmpuint(chunk[0] * chunk[1], ==, 1);
    g_assert_cmpuint(chunk[4], ==, dims[4]);
    g_assert_cmpuint(chunk[2] * chunk[3] * row_bytes, <=, 1u << 20);
    g_assert_cmpuint(chunk[2] * chunk[3] * row_bytes, >=,
                     MIN(n_heads * n_rows * row_bytes, 64u << 10));
}

static void
test_chunks_are_of_a_good_size(void)
{
    static const guint many[] = {32}, few[] = {8};
    static const gsize lengths[] = {64, 1000, 32768};

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++)
        for (EntroInput input = ENTRO_INPUT_ROW_ENTROPY; input <= ENTRO_INPUT_QUERIES; input++) {
            EntroWriterOptions options = fixture_writer_options(many, 1);
            options.input = input;
            options.n_samples = 1;
            options.n_queries = options.n_keys = lengths[i];
            options.max_logits = input == ENTRO_INPUT_ROW_ENTROPY;
            if (input == ENTRO_INPUT_QUERIES) {
                options.n_key_heads = few;
                options.head_dim = 128;
            }
            g_autoptr(EntroWriter) writer =
                entro_writer_new(fixture_path("chunks.h5"), &options, NULL);
            g_clear_pointer(&writer, entro_writer_free);
            if (input == ENTRO_INPUT_QUERIES) {
                check_chunk("/layers/0/queries", 32, lengths[i], 256);
                check_chunk("/layers/0/keys", 8, lengths[i], 256);
            } else {
                check_chunk("/layers/0/row_entropy", 32, lengths[i], 4);
                check_chunk("/layers/0/row_max_logit", 32, lengths[i], 4);
            }
        }
}

/* Attention alone says nothing that it did not say before: older traces are gone on with. */
static void
test_nothing_is_said_that_is_not_asked_for(void)
{
    static const char *const none[] = {"window", "scale", "n_keys"};
    static const char *const parts[] = {"segment", "layers/0/query_rows", "layers/0/queries"};
    EntroWriterOptions options = make_options(ENTRO_INPUT_ATTENTION);
    g_auto(EntroHid) file = H5Fopen(write_run(&options, 1), H5F_ACC_RDONLY, H5P_DEFAULT);

    for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
        g_assert_cmpint(H5Aexists(file, none[i]), ==, 0);
        g_assert_cmpint(H5Lexists(file, parts[i], H5P_DEFAULT), ==, 0);
    }
}

/* ---- going on ------------------------------------------------------------------------------------------- */

static EntroWriterOptions
everything(EntroInput input)
{
    EntroWriterOptions options = make_options(input);

    options.segment = options.key_mask = TRUE;
    options.query_rows = positions;
    options.n_queries = G_N_ELEMENTS(positions);
    options.window = 3;
    options.max_logits = input == ENTRO_INPUT_ROW_ENTROPY;
    options.scale = input == ENTRO_INPUT_QUERIES ? 0.5 : 0;
    options.params = 1u << ENTRO_PARAM_ALPHA;
    options.trace_uuid = "c0ffee00-0000-4000-8000-000000000000";
    return options;
}

/* Two captures, and a third by halves.  There are more stored rows than captures: query_rows would be
 * cut if it were taken for what grows. */
static void
test_a_trace_that_was_left_is_gone_on_with(void)
{
    for (EntroInput input = ENTRO_INPUT_ATTENTION; input <= ENTRO_INPUT_QUERIES; input++) {
        EntroWriterOptions options = everything(input);
        const char *path = fixture_path("left.h5");
        g_autoptr(GError) error = NULL;
        EntroWriter *writer = entro_writer_new(path, &options, &error);

        put_capture(writer, &options, 0);
        put_capture(writer, &options, 1);
        g_assert_true(put_layer(writer, &options, 0, 7, &error));
        entro_writer_free(writer);
        writer = entro_writer_reopen(path, &options, &error);
        g_assert_no_error(error);
        g_assert_true(entro_writer_has_capture(writer, 20));
        g_assert_false(entro_writer_has_capture(writer, 30));
        for (gsize capture = 2; capture < 5; capture++)
            put_capture(writer, &options, capture);
        g_assert_true(entro_writer_close(writer, &error));
        check_run(path, &options, 5);
    }
}

static void
expect_refusal(const char *path, const EntroWriterOptions *options, const char *sentence)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(entro_writer_reopen(path, options, &error));
    g_test_message("%s", error->message);
    if (strstr(error->message, sentence) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, sentence);
}

#define EXPECT(CHANGE, SENTENCE)                                                                   \
    do {                                                                                           \
        EntroWriterOptions asked = options;                                                        \
        CHANGE;                                                                                    \
        expect_refusal(path, &asked, SENTENCE);                                                    \
    } while (0)

static void
test_a_trace_made_otherwise_is_refused(void)
{
    static const gint64 others[] = {1, 3, 5};
    static const guint other_heads[] = {2, 3};
    EntroWriterOptions options = everything(ENTRO_INPUT_QUERIES);
    const char *path = write_run(&options, 2);

    EXPECT(asked.query_rows = others, "layers/0/query_rows: entry 1 is 2, this run stores row 3");
    EXPECT(asked.query_rows = NULL, "groups and datasets, this run writes");
    EXPECT(asked.n_queries = 2, "layers/0/queries has the shape (captures,2,4,3,5), this run");
    EXPECT(asked.window = 4, "attribute window of / is 3, this run has 4");
    EXPECT(asked.window = 0, "attribute window of / is 3, this run has none");
    EXPECT(asked.scale = 0, "attribute scale of / is 0.5, this run has none");
    EXPECT(asked.n_key_heads = other_heads, "layers/1/keys has the shape (captures,2,6,6,5), this");
    EXPECT(asked.segment = FALSE, "groups and datasets, this run writes");
    EXPECT((asked.input = ENTRO_INPUT_ATTENTION, asked.n_key_heads = NULL, asked.head_dim = 0,
            asked.scale = 0),
           "layers/0/attention is not there");
    options = everything(ENTRO_INPUT_ROW_ENTROPY);
    path = write_run(&options, 2);
    EXPECT(asked.max_logits = FALSE, "groups and datasets, this run writes");
    EXPECT(asked.n_queries = 2, "layers/0/query_rows has the shape (3), this run writes (2)");
    options.segment = options.key_mask = FALSE;
    path = write_run(&options, 2);
    EXPECT(asked.n_keys = 7, "attribute n_keys of / is 6, this run has 7");
}

/* ---- what goes wrong ------------------------------------------------------------------------------------- */

static void
expect_never(const EntroWriterOptions *options, const char *sentence)
{
    const char *path = fixture_path("never.h5");
    g_autoptr(GError) error = NULL;

    g_assert_null(entro_writer_new(path, options, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT);
    g_assert_true(g_str_has_prefix(error->message, path));
    if (strstr(error->message, sentence) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, sentence);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

#define NEVER(CHANGE, SENTENCE)                                                                    \
    do {                                                                                           \
        EntroWriterOptions asked = options;                                                        \
        CHANGE;                                                                                    \
        expect_never(&asked, SENTENCE);                                                            \
    } while (0)

static void
test_what_no_reader_would_take_is_refused(void)
{
    static const guint no_divisor[] = {2, 4}, none[] = {0, 1};
    static const gint64 back[] = {2, 1, 5}, twice[] = {1, 1, 5}, late[] = {1, 2, T},
                        below[] = {-1, 2, 5};
    EntroWriterOptions options = everything(ENTRO_INPUT_QUERIES);

    NEVER(asked.n_key_heads = no_divisor, "6 heads that share 4 heads of keys in layer 1");
    NEVER(asked.n_key_heads = none, "4 heads that share 0 heads of keys in layer 0");
    NEVER(asked.head_dim = 0, "queries of 0 dimensions");
    NEVER(asked.head_dim = 32769, "queries of 32769 dimensions");
    NEVER(asked.scale = NAN, "the scale nan");
    NEVER(asked.max_logits = TRUE, "largest logits beside queries");
    NEVER(asked.query_rows = back, "row 1 as stored row 1");
    NEVER(asked.query_rows = twice, "row 1 as stored row 1");
    NEVER(asked.query_rows = late, "row 6 as stored row 2: expected ascending positions below 6");
    NEVER(asked.query_rows = below, "row -1 as stored row 0");
    NEVER(asked.input = ENTRO_INPUT_ATTENTION, "without queries");
    NEVER(asked.input = 7, "the kind of input 7");
    options = everything(ENTRO_INPUT_ATTENTION);
    NEVER(asked.max_logits = TRUE, "largest logits beside attention");
    NEVER(asked.scale = 2, "a scale without queries");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/writer-inputs/" NAME, TEST)
    ADD("queries-and-keys-come-back", test_queries_and_keys_come_back);
    ADD("row-entropies-come-back", test_row_entropies_come_back);
    ADD("what-says-which-keys-are-allowed-comes-back",
        test_what_says_which_keys_are_allowed_comes_back);
    ADD("layers-not-given-are-missing", test_layers_not_given_are_missing);
    ADD("chunks-are-of-a-good-size", test_chunks_are_of_a_good_size);
    ADD("nothing-is-said-that-is-not-asked-for", test_nothing_is_said_that_is_not_asked_for);
    ADD("a-trace-that-was-left-is-gone-on-with", test_a_trace_that_was_left_is_gone_on_with);
    ADD("a-trace-made-otherwise-is-refused", test_a_trace_made_otherwise_is_refused);
    ADD("what-no-reader-would-take-is-refused", test_what_no_reader_would_take_is_refused);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
