/* fuzz-patterns.c: what a person or a file gives as layout and axes, and names sorted into patterns.
 *
 *     line 1: a layout; line 2: axes; the lines behind it: names of arrays */
#include "foreign/foreign.h"
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

static void
check_match(const char *pattern, const char *name)
{
    g_autofree char *texts[ENTRO_N_ROLES] = {NULL};
    EntroMatch match;
    gboolean found = entro_pattern_match(pattern, name, &match);

    if (!found || !entro_pattern_check(pattern, NULL))
        return;
    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++) {
        g_assert_true((match.length[role] > 0) == entro_pattern_has(pattern, role));
        g_assert_true(match.number[role] >= 0);
        texts[role] =
            match.length[role] > 0 ? g_strndup(match.text[role], match.length[role]) : g_strdup("");
    }
    g_autofree char *back = entro_pattern_expand(pattern, (const char *const *)texts);
    g_assert_cmpstr(back, ==, name);
    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++)
        g_free(g_steal_pointer(&texts[role]));
}

/* Every name is of one template, whose pattern is sound and gives its first name. */
static void
check_templates(char **names)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    guint n = 0;

    for (; *names != NULL; names++)
        if (**names != '\0')
            g_ptr_array_add(list, *names);
    g_autoptr(GPtrArray) templates = entro_names_to_templates(list);
    for (guint i = 0; i < templates->len; i++) {
        const EntroTemplate *template = templates->pdata[i];
        n += template->n;
        check_match(template->pattern, template->first);
    }
    g_assert_cmpuint(n, ==, list->len);
}

/* Two arrays of two layers, [2,2,2,2] of f4. */
static int
make_tensors(char **ret_path)
{
    static const char head[] =
        "{\"l.0\":{\"dtype\":\"F32\",\"shape\":[2,2,2,2],\"data_offsets\":[0,64]},"
        "\"l.1\":{\"dtype\":\"F32\",\"shape\":[2,2,2,2],\"data_offsets\":[64,128]}}";
    guint8 file[8 + sizeof head - 1 + 128] = {sizeof head - 1};

    G_STATIC_ASSERT(sizeof head - 1 < 256);
    memcpy(file + 8, head, sizeof head - 1);
    return fuzz_file(file, sizeof file, ret_path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *path = NULL;
    FuzzBytes bytes = {data, size};
    g_autofree char *text = fuzz_take_text(&bytes);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 64);
    EntroSourceOptions options = {.limits = fuzz_limits(0)};
    g_autoptr(GError) error = NULL;

    if (path == NULL)
        make_tensors(&path);
    if (lines[0] == NULL)
        return 0;
    fuzz_check_error(entro_pattern_check(lines[0], &error), &error);
    if (error != NULL)
        fuzz_check_harmless(error->message);
    g_assert_cmpuint(entro_pattern_file_part(lines[0]), <=, strlen(lines[0]));
    options.layout = lines[0];
    fuzz_walk(path, &options);
    if (lines[1] == NULL)
        return 0;
    options.axes = lines[1];
    fuzz_walk(path, &options);
    for (char **name = lines + 2; *name != NULL; name++)
        check_match(lines[0], *name);
    check_templates(lines + 2);
    return 0;
}
