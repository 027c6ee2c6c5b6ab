/* test-lists.c: what a file of HDF5 is asked for by name: lists that are long, deep, or broken off. */
#include "loader-fixture.h"

#include "reader/reader.h"

#include <string.h>

static EntroReader *
open_reader(const char *path)
{
    g_autoptr(GError) error = NULL;
    EntroReader *reader = entro_reader_open(path, &error);

    g_assert_no_error(error);
    return reader;
}

static void
put_number(hid_t file, const char *path)
{
    g_auto(EntroHid) space = H5Screate(H5S_SCALAR);
    g_auto(EntroHid) links = H5Pcreate(H5P_LINK_CREATE);

    H5Pset_create_intermediate_group(links, 1);
    g_auto(EntroHid) id =
        H5Dcreate2(file, path, H5T_STD_I32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    g_assert_cmpint(id, >=, 0);
}

/* Names that are too long, links that are not hard, types that are no data, and 20 groups inside each
 * other. */
static const char *
make_file(void)
{
    const char *path = fixture_path("lists.h5");
    hid_t file = fixture_create(path, FALSE);
    g_autofree char *name = g_strnfill(ENTRO_NAME_MAX + 1, 'n');
    g_autoptr(GString) deep = g_string_new("deep");

    put_number(file, name);
    put_number(file, "a");
    put_number(file, "b/c");
    put_number(file, "b/d");
    for (guint depth = 0; depth < 20; depth++) {
        g_autofree char *number = g_strdup_printf("%s/x", deep->str);
        put_number(file, number);
        g_string_append(deep, "/in");
    }
    H5Lcreate_soft("/a", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, "b/circle", H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Tcopy(H5T_STD_I32LE);
    H5Tcommit2(file, "type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
    H5Fclose(file);
    return path;
}

static void
test_walks_end(void)
{
    EntroReader *reader = open_reader(make_file());
    EntroListEnd end;

    g_autoptr(GPtrArray) all = entro_reader_walk(reader, 1000, &end);
    g_assert_cmpint(end, ==, ENTRO_LIST_CUT); /* deeper than is looked */
    g_assert_true(g_ptr_array_find_with_equal_func(all, "a", g_str_equal, NULL));
    g_assert_true(g_ptr_array_find_with_equal_func(all, "b/d", g_str_equal, NULL));
    g_assert_false(g_ptr_array_find_with_equal_func(all, "soft", g_str_equal, NULL));
    g_assert_cmpuint(all->len, >, 15);
    g_assert_cmpuint(all->len, <, 3 + 20);
    g_autoptr(GPtrArray) few = entro_reader_walk(reader, 3, &end);
    g_assert_cmpint(end, ==, ENTRO_LIST_CUT);
    g_assert_cmpuint(few->len, ==, 3);
    entro_reader_free(reader);
    entro_reader_free(NULL);
}

static void
test_lists_end(void)
{
    EntroReader *reader = open_reader(make_file());
    g_autoptr(GError) error = NULL;
    EntroListEnd end;

    for (guint attributes = 0; attributes < 2; attributes++) {
        g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GPtrArray) one = g_ptr_array_new_with_free_func(g_free);
        g_assert_true(entro_reader_list(reader, "/", attributes, 100, all, &end, NULL));
        g_assert_cmpint(end, ==, ENTRO_LIST_WHOLE);
        g_assert_cmpuint(all->len, ==, attributes ? 2 : 5); /* without the long name */
        g_assert_true(entro_reader_list(reader, "/", attributes, 1, one, &end, NULL));
        g_assert_cmpint(end, ==, ENTRO_LIST_CUT);
        g_assert_cmpuint(one->len, ==, 1);
        g_assert_false(entro_reader_list(reader, "/a", attributes, 1, one, &end, &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT);
        g_clear_error(&error);
    }
    entro_reader_free(reader);
}

/* Attributes of what is not there, or is reached by no hard link, are absent. */
static void
test_attributes_of_nothing(void)
{
    static const char *const paths[] = {"/none", "/soft", "/a/b", "/type"};
    EntroReader *reader = open_reader(make_file());

    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_auto(EntroValue) value = entro_reader_attribute(reader, paths[i], "x");
        g_assert_cmpint(value.kind, ==, ENTRO_VALUE_ABSENT);
    }
    gboolean exists = TRUE;
    g_assert_true(entro_reader_exists(NULL, "/a", &exists, NULL));
    g_assert_false(exists);
    entro_reader_free(reader);
}

/* The marks of what groups are made of, one after the other: HDF5 sees that, and does not crash. */
static void
test_groups_that_are_damaged(void)
{
    static const char *const marks[] = {"SNOD", "TREE", "HEAP"};
    const char *path = fixture_path("damaged.h5");
    g_autofree char *bytes = NULL;
    gsize n;
    guint n_damaged = 0;
    hid_t file = fixture_create(path, TRUE);

    put_number(file, "a");
    put_number(file, "b/c");
    put_number(file, "b/d/e");
    H5Fclose(file);
    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    for (gsize at = 0; at + 4 < n; at++) {
        EntroListEnd end;
        if (strncmp(bytes + at, marks[0], 4) != 0 && strncmp(bytes + at, marks[1], 4) != 0 &&
            strncmp(bytes + at, marks[2], 4) != 0)
            continue;
        bytes[at] ^= 1;
        g_assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL));
        bytes[at] ^= 1;
        EntroReader *reader = entro_reader_open(path, NULL);
        if (reader == NULL)
            continue;
        g_autoptr(GPtrArray) names = entro_reader_walk(reader, 100, &end);
        g_assert_cmpuint(names->len, <, 3);
        g_assert_cmpint(end, ==, ENTRO_LIST_DAMAGED);
        n_damaged++;
        entro_reader_free(reader);
    }
    g_assert_cmpuint(n_damaged, >, 3);
}

/* What a link leads to cannot be read: it is left out, which is said, and the rest is found. */
static void
test_objects_that_are_damaged(void)
{
    static const struct {
        const char *broken;
        guint n; /* datasets that are left */
    } rows[] = {{"a", 3}, {"b", 2}, {"b/c", 3}, {"b/d/e", 3}};

    for (guint old = 0; old < 2; old++)
        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
            const char *path = fixture_path("damaged.h5");
            g_autofree char *bytes = NULL;
            EntroListEnd end;
            H5O_info_t facts;
            gsize n;
            hid_t file = fixture_create(path, old);
            put_number(file, "a");
            put_number(file, "b/c");
            put_number(file, "b/d/e");
            put_number(file, "f");
            H5Oget_info_by_name2(file, rows[i].broken, &facts, H5O_INFO_BASIC, H5P_DEFAULT);
            H5Fclose(file);
            g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
            bytes[facts.addr] ^= 0x70; /* a version, or a mark */
            g_assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL));
            EntroReader *reader = open_reader(path);
            g_autoptr(GPtrArray) names = entro_reader_walk(reader, 100, &end);
            g_assert_cmpint(end, ==, ENTRO_LIST_DAMAGED);
            g_assert_cmpuint(names->len, ==, rows[i].n);
            g_assert_false(
                g_ptr_array_find_with_equal_func(names, rows[i].broken, g_str_equal, NULL));
            entro_reader_free(reader);
        }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/lists/" NAME, TEST)
    ADD("walks-end", test_walks_end);
    ADD("lists-end", test_lists_end);
    ADD("attributes-of-nothing", test_attributes_of_nothing);
    ADD("groups-that-are-damaged", test_groups_that_are_damaged);
    ADD("objects-that-are-damaged", test_objects_that_are_damaged);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
