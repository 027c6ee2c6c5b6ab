/* test-patterns.c: names with numbers in them (pattern.c, roles.c), and arrays seen along axes in another
 * order than ours (dataset.c), against plain loops over random ones. */
#include "foreign/foreign.h"

#include <string.h>

/* ---- patterns ------------------------------------------------------------------------------------- */

static void
test_check(void)
{
    static const char *const good[] = {"attn", "{step}", "steps/{step}/layer_{layer}/attn",
                                       "{layer}.{head}", "a{step}b{head}c{layer}"};
    static const char *const bad[] = {
        "", "{", "}", "{what}", "{step}{head}", "{step}/{step}", "{Step}x", "a{step", "{{step}}"};

    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        GError *error = NULL;
        g_assert_true(entro_pattern_check(good[i], &error));
        g_assert_no_error(error);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(entro_pattern_check(bad[i], &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT);
    }
}

static void
test_match(void)
{
    static const struct {
        const char *pattern, *name;
        gint64 step, layer, head; /* -1: does not match */
    } rows[] = {
        {"s{step}/l{layer}", "s0010/l3", 10, 3, 0},
        {"s{step}/l{layer}", "s/l3", -1, 0, 0},
        {"s{step}/l{layer}", "s1/l3/x", -1, 0, 0},
        {"s{step}/l{layer}", "s1/l", -1, 0, 0},
        {"s{step}/l{layer}", "s1", -1, 0, 0},
        {"s{step}/l{layer}", "s-1/l3", -1, 0, 0},
        {"{head}.{step}", "7.8", 8, 0, 7},
        {"attn", "attn", 0, 0, 0},
        {"attn", "attn2", -1, 0, 0},
        {"{step}", "999999999999999999", 999999999999999999, 0, 0},
        {"{step}", "1000000000000000000", -1, 0, 0}, /* more digits than are counted */
        {"{step}", "99999999999999999999999999", -1, 0, 0},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        EntroMatch match;
        gboolean found = entro_pattern_match(rows[i].pattern, rows[i].name, &match);
        g_assert_cmpint(found, ==, rows[i].step >= 0);
        if (!found)
            continue;
        g_assert_cmpint(match.number[ENTRO_ROLE_STEP], ==, rows[i].step);
        g_assert_cmpint(match.number[ENTRO_ROLE_LAYER], ==, rows[i].layer);
        g_assert_cmpint(match.number[ENTRO_ROLE_HEAD], ==, rows[i].head);
    }
}

/* What was matched makes the same name again, zeros and all. */
static void
test_expand(void)
{
    static const char pattern[] = "run.h5/step{step}/{layer}-{head}/x",
                      name[] = "run.h5/step00120/03-7/x";
    EntroMatch match;
    const char *texts[ENTRO_N_ROLES];
    char *copies[ENTRO_N_ROLES];

    g_assert_true(entro_pattern_match(pattern, name, &match));
    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++)
        texts[role] = copies[role] = g_strndup(match.text[role], match.length[role]);
    g_autofree char *again = entro_pattern_expand(pattern, texts);
    g_assert_cmpstr(again, ==, name);
    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++)
        g_free(copies[role]);
}

static void
test_file_part(void)
{
    g_assert_cmpuint(entro_pattern_file_part("a/step_{step}.npz/layer_{layer}"), ==,
                     strlen("a/step_{step}.npz"));
    g_assert_cmpuint(entro_pattern_file_part("{step}.npy"), ==, strlen("{step}.npy"));
    g_assert_cmpuint(entro_pattern_file_part("x.h5y/{step}"), ==, 0);
    g_assert_cmpuint(entro_pattern_file_part("a.h5/b.npz/c"), ==, strlen("a.h5"));
    g_assert_cmpuint(entro_pattern_file_part(""), ==, 0);
}

/* ---- roles ---------------------------------------------------------------------------------------- */

/* The one template that `format` makes, with two numbers that go through the ranges. */
static char *
pattern_of(const char *format, const int *first, const int *second)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (; *first >= 0; first++)
        for (const int *inner = second; *inner >= 0; inner++) {
            g_auto(GStrv) parts = g_strsplit(format, "#", 3);
            g_ptr_array_add(names, parts[1] == NULL ? g_strdup(format)
                                   : parts[2] == NULL
                                       ? g_strdup_printf("%s%d%s", parts[0], *first, parts[1])
                                       : g_strdup_printf("%s%d%s%d%s", parts[0], *first, parts[1],
                                                         *inner, parts[2]));
        }
    g_autoptr(GPtrArray) templates = entro_names_to_templates(names);
    g_assert_cmpuint(templates->len, ==, 1);
    const EntroTemplate *template = templates->pdata[0];
    g_assert_cmpuint(template->n, ==, names->len);
    return g_strdup(template->pattern);
}

static void
test_roles(void)
{
    static const int counted[] = {0, 1, 2, -1}, steps[] = {0, 100, 2500, -1}, one[] = {3, -1};
    static const struct {
        const char *format;
        const int *first, *second;
        const char *pattern;
    } rows[] = {
        {"h.#.attn", counted, one, "h.{layer}.attn"}, /* GPT-2 */
        {"encoder.layer.#.attention.self", counted, one, "encoder.layer.{layer}.attention.self"},
        {"model.layers.#.self_attn", counted, one, "model.layers.{layer}.self_attn"},
        {"blocks.0.layer.#", counted, one, "blocks.0.layer.{layer}"},
        {"layer_#/head_#", counted, counted, "layer_{layer}/head_{head}"},
        {"l#.h#", counted, counted, "l{layer}.h{head}"},
        {"layers.#.h.#", counted, counted, "layers.{layer}.h.{head}"},
        {"step_#/layer_#", steps, counted, "step_{step}/layer_{layer}"},
        {"layer_#/step_#", counted, steps, "layer_{layer}/step_{step}"},
        {"ckpt-#.h5/attn_#", steps, counted, "ckpt-{step}.h5/attn_{layer}"},
        {"epoch#.hdf5/Layer#", steps, counted, "epoch{step}.hdf5/Layer{layer}"},
        {"#/#", steps, counted, "{step}/{layer}"},
        {"#", counted, one, "{layer}"},
        {"#", steps, one, "{step}"},
        {"attentions/#", counted, one, "attentions/{layer}"},
        {"gpt2/#.npz/attn#", steps, counted, "gpt2/{step}.npz/attn{layer}"},
        {"attention", one, one, "attention"},
        {"layers.#.h.2.h.#", counted, counted, "layers.{layer}.h.2.h.{head}"},
        {"5/#", counted, one, "5/{layer}"},
        {"x5/#", counted, one, "x5/{layer}"},
        {"run.h5/#", counted, one, "run.h5/{layer}"},
        /* of more numbers than are looked at, the last are text */
        {"1/2/3/4/5/6/7/#/8", counted, one, "1/2/3/4/5/6/7/{layer}/8"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *pattern = pattern_of(rows[i].format, rows[i].first, rows[i].second);
        g_assert_cmpstr(pattern, ==, rows[i].pattern);
        g_assert_true(entro_pattern_check(pattern, NULL));
    }
}

/* Kinds of attention that differ in a digit are two things, each with its layers. */
static void
test_kinds_beside_each_other(void)
{
    static const char *const names[] = {"layer_0/self/attn", "layer_1/self/attn",
                                        "layer_0/cross/attn", "layer_1/cross/attn", "loss"};
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        g_ptr_array_add(all, (gpointer)names[i]);
    g_autoptr(GPtrArray) templates = entro_names_to_templates(all);
    g_assert_cmpuint(templates->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        const EntroTemplate *template = templates->pdata[i];
        g_assert_cmpuint(template->n, ==, g_str_equal(template->pattern, "loss") ? 1 : 2);
    }
}

/* "attn1" and "attn2" of a block do not count layers: the blocks do. */
static void
test_digits_of_words(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (int block = 0; block < 3; block++)
        for (int kind = 1; kind <= 2; kind++)
            g_ptr_array_add(names, g_strdup_printf("blocks.%d.attn%d", block, kind));
    g_autoptr(GPtrArray) templates = entro_names_to_templates(names);
    g_assert_cmpuint(templates->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        const EntroTemplate *template = templates->pdata[i];
        g_assert_cmpstr(template->pattern, ==, i ? "blocks.{layer}.attn2" : "blocks.{layer}.attn1");
        g_assert_cmpuint(template->n, ==, 3);
    }
}

/* What varies behind a step and a layer, and says not what it is, makes other things of it. */
static void
test_numbers_of_no_role(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (int layer = 0; layer < 3; layer++)
        for (int part = 0; part < 2; part++)
            g_ptr_array_add(names, g_strdup_printf("step_1/layer_%d/x_%d", layer, part));
    g_autoptr(GPtrArray) templates = entro_names_to_templates(names);
    g_assert_cmpuint(templates->len, ==, 2);
    for (guint i = 0; i < 2; i++)
        g_assert_cmpstr(((EntroTemplate *)templates->pdata[i])->pattern, ==,
                        i ? "step_{step}/layer_{layer}/x_1" : "step_{step}/layer_{layer}/x_0");
}

/* A sign in the place of a number is no number: names with one are no names with the other. */
static void
test_signs_that_are_no_numbers(void)
{
    static const char *const pairs[][2] = {{"attn#/1", "attn2/1"},
                                           {"attn{step}/1", "attn2/1"},
                                           {"a/1234567890123456789", "a/0"}};

    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (guint k = 0; k < 2; k++)
            g_ptr_array_add(names, (gpointer)pairs[i][k]);
        g_autoptr(GPtrArray) templates = entro_names_to_templates(names);
        g_assert_cmpuint(templates->len, ==, 2);
        for (guint k = 0; k < 2; k++)
            g_assert_cmpstr(((EntroTemplate *)templates->pdata[k])->first, ==, pairs[i][k]);
    }
}

/* ---- views ---------------------------------------------------------------------------------------- */

typedef struct {
    EntroDataset dataset;
    char axes[7];
    hsize_t layer;
    guint32 *all; /* every element its own number, as stored */
    gsize n;
} Array;

static hsize_t
between(guint32 least, guint32 most)
{
    return (hsize_t)g_test_rand_int_range((gint32)least, (gint32)most + 1);
}

/* Q and K, some of the others, in any order. */
static void
random_axes(Array *array)
{
    char letters[] = "QKSLBH";
    int n = 2;

    for (int i = 2; i < 6; i++)
        if (between(0, 3) > 0)
            letters[n++] = letters[i];
    letters[n] = '\0';
    for (int i = n; i-- > 1;) {
        int k = (int)between(0, (guint32)i);
        char letter = letters[i];
        letters[i] = letters[k];
        letters[k] = letter;
    }
    g_strlcpy(array->axes, letters, sizeof array->axes);
}

static void
make_array(Array *array, gboolean chunked)
{
    EntroDataset *dataset = &array->dataset;
    EntroStored *stored = &dataset->stored;
    const char *at;

    random_axes(array);
    *dataset = (EntroDataset){.id = H5I_INVALID_HID,
                              .name = g_strdup("random"),
                              .element_size = sizeof *array->all,
                              .chunked = chunked,
                              .fd = -1};
    stored->rank = (int)strlen(array->axes);
    array->n = 1;
    for (int axis = 0; axis < stored->rank; axis++) {
        stored->dims[axis] = between(1, 4);
        stored->chunk[axis] = chunked ? between(1, 4) : stored->dims[axis];
        array->n *= stored->dims[axis];
    }
    array->all = g_new(guint32, array->n);
    for (gsize i = 0; i < array->n; i++)
        array->all[i] = (guint32)i;
    at = strchr(array->axes, 'L');
    array->layer = at ? between(0, (guint32)stored->dims[at - array->axes] - 1) : 0;
    entro_dataset_view(dataset, array->axes, array->layer);
}

static void
free_array(Array *array)
{
    entro_dataset_clear(&array->dataset);
    g_free(array->all);
}

/* The stored position of one of ours: S, B, H, Q, K. */
static void
to_stored(const Array *array, const hsize_t *ours, hsize_t *ret_stored)
{
    for (int axis = 0; array->axes[axis] != '\0'; axis++) {
        const char *at = strchr("SBHQK", array->axes[axis]);
        ret_stored[axis] = at ? ours[at - "SBHQK"] : array->layer;
    }
}

static gsize
linear(const hsize_t *at, const hsize_t *dims, int rank)
{
    gsize index = 0;

    for (int axis = 0; axis < rank; axis++)
        index = index * dims[axis] + at[axis];
    return index;
}

/* Steps `at` through a box of `dims` from 0; FALSE after the last. */
static gboolean
step(hsize_t *at, const hsize_t *dims, int rank)
{
    for (int axis = rank; axis-- > 0; at[axis] = 0)
        if (++at[axis] < dims[axis])
            return TRUE;
    return FALSE;
}

/* The chunk that holds our `at`, as a file has it; what is outside of the array is 0xff... */
static guint32 *
stored_chunk(const Array *array, const hsize_t *at)
{
    const EntroStored *stored = &array->dataset.stored;
    hsize_t first[ENTRO_STORED_RANK_MAX] = {0}, inside[ENTRO_STORED_RANK_MAX] = {0};
    gsize n = 1, i = 0;

    to_stored(array, at, first);
    for (int axis = 0; axis < stored->rank; axis++) {
        first[axis] -= first[axis] % stored->chunk[axis];
        n *= stored->chunk[axis];
    }
    guint32 *chunk = g_new(guint32, n);
    do {
        hsize_t place[ENTRO_STORED_RANK_MAX];
        gboolean outside = FALSE;
        for (int axis = 0; axis < stored->rank; axis++) {
            place[axis] = first[axis] + inside[axis];
            outside = outside || place[axis] >= stored->dims[axis];
        }
        chunk[i++] = outside ? G_MAXUINT32 : array->all[linear(place, stored->dims, stored->rank)];
    } while (step(inside, stored->chunk, stored->rank));
    return chunk;
}

/* The bytes of a chunk: out of the block when that is what chunks are. */
static guint32 *
fetch_chunk(const Array *array, const hsize_t *at)
{
    EntroExtent extent;
    char *problem = NULL;

    if (!array->dataset.flat)
        return stored_chunk(array, at);
    g_assert_cmpint(entro_dataset_find_chunk(&array->dataset, at, &extent, &problem), ==,
                    ENTRO_READ_OK);
    g_assert_cmpuint(extent.offset + extent.size, <=, array->n * sizeof *array->all);
    return g_memdup2((const guint8 *)array->all + extent.offset, extent.size);
}

/* A box by way of its chunks, as tiles take it. */
static guint32 *
read_by_chunks(const Array *array, const hsize_t *origin, const hsize_t *dims)
{
    const EntroDataset *dataset = &array->dataset;
    EntroArea wanted = entro_area(ENTRO_RANK_MAX, origin, dims);
    hsize_t at[ENTRO_RANK_MAX];
    gsize n = 1;

    for (int axis = 0; axis < ENTRO_RANK_MAX; axis++)
        n *= dims[axis];
    guint32 *box = g_new(guint32, n);
    memset(box, 0xee, n * sizeof *box);
    entro_box_first_chunk(dataset, origin, at);
    do {
        g_autofree guint32 *chunk = fetch_chunk(array, at);
        EntroArea from = entro_area_of_chunk(dataset, at);
        entro_area_copy(ENTRO_RANK_MAX, sizeof *box, &from, chunk + dataset->base, &wanted, box);
    } while (entro_box_next_chunk(dataset, origin, dims, at));
    return box;
}

static void
check_box(const Array *array)
{
    const EntroDataset *dataset = &array->dataset;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX], at[ENTRO_RANK_MAX] = {0};
    gsize i = 0;

    for (int axis = 0; axis < ENTRO_RANK_MAX; axis++) {
        origin[axis] = between(0, (guint32)dataset->dims[axis] - 1);
        dims[axis] = between(1, (guint32)(dataset->dims[axis] - origin[axis]));
    }
    g_autofree guint32 *box = read_by_chunks(array, origin, dims);
    do {
        hsize_t ours[ENTRO_RANK_MAX], place[ENTRO_STORED_RANK_MAX];
        for (int axis = 0; axis < ENTRO_RANK_MAX; axis++)
            ours[axis] = origin[axis] + at[axis];
        to_stored(array, ours, place);
        g_assert_cmpuint(box[i++], ==, linear(place, dataset->stored.dims, dataset->stored.rank));
    } while (step(at, dims, ENTRO_RANK_MAX));
}

static void
test_views_of_chunks(void)
{
    for (guint trial = 0; trial < 2000; trial++) {
        Array array;
        make_array(&array, TRUE);
        for (guint box = 0; box < 3; box++)
            check_box(&array);
        free_array(&array);
    }
}

static void
test_views_of_a_block(void)
{
    for (guint trial = 0; trial < 2000; trial++) {
        Array array;
        make_array(&array, FALSE);
        g_assert_true(entro_dataset_make_flat(&array.dataset, 1 << 20, NULL));
        for (guint box = 0; box < 3; box++)
            check_box(&array);
        free_array(&array);
    }
}

/* What is called natural is: rows of a chunk follow each other, key by key. */
static void
test_natural(void)
{
    guint n_natural = 0;

    for (guint trial = 0; trial < 2000; trial++) {
        Array array;
        make_array(&array, TRUE);
        const EntroDataset *dataset = &array.dataset;
        gboolean side_by_side = TRUE;
        for (gsize q = 0; q < dataset->chunk[3]; q++)
            for (gsize k = 0; k < dataset->chunk[4]; k++)
                if (q * dataset->stride[3] + k * dataset->stride[4] != q * dataset->chunk[4] + k)
                    side_by_side = FALSE;
        if (entro_dataset_is_natural(dataset)) {
            g_assert_true(side_by_side);
            n_natural++;
        } else if (dataset->chunk[4] > 1)
            g_assert_false(side_by_side);
        free_array(&array);
    }
    g_assert_cmpuint(n_natural, >, 100);
}

static void
test_flat_within_the_limit(void)
{
    g_autoptr(GError) error = NULL;
    Array array;

    make_array(&array, FALSE);
    g_assert_false(entro_dataset_make_flat(&array.dataset, 3, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT);
    free_array(&array);
}

#define ADD(NAME, FUNCTION) g_test_add_func("/" NAME, FUNCTION)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("pattern/check", test_check);
    ADD("pattern/match", test_match);
    ADD("pattern/expand", test_expand);
    ADD("pattern/file-part", test_file_part);
    ADD("roles/names", test_roles);
    ADD("roles/kinds", test_kinds_beside_each_other);
    ADD("roles/digits-of-words", test_digits_of_words);
    ADD("roles/numbers-of-no-role", test_numbers_of_no_role);
    ADD("roles/signs", test_signs_that_are_no_numbers);
    ADD("view/chunks", test_views_of_chunks);
    ADD("view/block", test_views_of_a_block);
    ADD("view/natural", test_natural);
    ADD("view/limit", test_flat_within_the_limit);
    return g_test_run();
}
