/* survey.c: what lies in a file or a folder, as names of arrays.
 *
 * Every file of a folder is opened once, for its names: the first that can be read need not hold all
 * layers.  One that cannot be read is taken to hold what the first does, until it is read. */
#include "foreign.h"

#include <string.h>

#define NAMES_MAX   1000000
#define FOLDERS_MAX 6  /* inside each other */
#define TRIES       16 /* files of a folder that are opened to find one to go by */

/* ---- folders -------------------------------------------------------------------------------------- */

/* Runs of digits by what they count: "step_9" before "step_10". */
static gint
compare_names(gconstpointer a, gconstpointer b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;

    while (*x != '\0' && *y != '\0') {
        if (g_ascii_isdigit(*x) && g_ascii_isdigit(*y)) {
            gsize n = strspn(x += strspn(x, "0"), "0123456789");
            gsize m = strspn(y += strspn(y, "0"), "0123456789");
            gint order = n != m ? (n < m ? -1 : 1) : strncmp(x, y, n);
            if (order != 0)
                return order;
            x += n;
            y += m;
            continue;
        }
        if (*x != *y)
            break;
        x++;
        y++;
    }
    gint order = (guint8)*x - (guint8)*y;
    return order != 0 ? order : strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
list_folder(const char *folder, const char *prefix, guint depth, GPtrArray *names, gboolean *cut)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    *cut |= dir == NULL;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *relative = g_strconcat(prefix, name, NULL);
        if (names->len >= NAMES_MAX) {
            *cut = TRUE;
            return;
        }
        if (*name == '.')
            continue;
        if (entro_is_container_name(name))
            g_ptr_array_add(names, g_steal_pointer(&relative));
        else if (depth + 1 < FOLDERS_MAX && g_file_test(path, G_FILE_TEST_IS_DIR) &&
                 !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
            g_autofree char *inner = g_strconcat(relative, "/", NULL);
            list_folder(path, inner, depth + 1, names, cut);
        }
    }
}

/* ---- names ---------------------------------------------------------------------------------------- */

static char *
join(const char *file, const char *array)
{
    return g_str_has_suffix(file, ".npy") ? g_strdup(file) : g_strconcat(file, "/", array, NULL);
}

/* NULL with a sentence: it holds no arrays, or cannot be read. */
static GPtrArray *
open_file(EntroSurvey *survey, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(survey->root, file, NULL);
    g_autoptr(EntroArchive) archive = entro_archive_open(path, error);
    gboolean cut = FALSE;

    if (archive == NULL)
        return NULL;
    g_autoptr(GPtrArray) inside = entro_archive_list(archive, NAMES_MAX, &cut);
    if (inside->len == 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s: holds no arrays",
                    path);
        return NULL;
    }
    survey->cut |= cut;
    survey->archive = g_steal_pointer(&archive);
    survey->archive_name = g_strdup(file);
    return g_steal_pointer(&inside);
}

/* The arrays of the first file that has any. */
static GPtrArray *
open_first(EntroSurvey *survey, const GPtrArray *files, GError **error)
{
    const guint n = MIN(files->len, TRIES);

    for (guint i = 0; i < n; i++) {
        GError *problem = NULL;
        GPtrArray *inside = open_file(survey, files->pdata[i], &problem);

        if (inside != NULL)
            return inside;
        g_ptr_array_add(survey->problems, g_strdup(problem->message));
        if (i + 1 == n)
            g_propagate_error(error, problem);
        else
            g_error_free(problem);
    }
    return NULL;
}

static void
add_names(EntroSurvey *survey, const char *file, const GPtrArray *inside)
{
    for (guint i = 0; i < inside->len; i++)
        g_ptr_array_add(survey->names, join(file, inside->pdata[i]));
}

/* A .npy file is one array; `expected` stands for what cannot be listed, or is not there. */
static void
name_file(EntroSurvey *survey, const char *file, const char *expected)
{
    g_autofree char *path = g_build_filename(survey->root, file, NULL);
    g_autoptr(EntroArchive) archive =
        g_str_has_suffix(file, ".npy") ? NULL : entro_archive_open(path, NULL);
    g_autoptr(GPtrArray) inside = NULL;
    gboolean cut = FALSE;

    if (archive != NULL)
        inside = entro_archive_list(archive, NAMES_MAX - survey->names->len, &cut);
    survey->cut |= cut;
    if (inside != NULL && inside->len > 0)
        add_names(survey, file, inside);
    else
        g_ptr_array_add(survey->names, join(file, expected));
}

static void
name_all(EntroSurvey *survey, const GPtrArray *files, const GPtrArray *inside)
{
    add_names(survey, survey->archive_name, inside);
    for (guint i = 0; i < files->len; i++) {
        if (survey->names->len >= NAMES_MAX) {
            survey->cut = TRUE;
            return;
        }
        if (!g_str_equal(files->pdata[i], survey->archive_name))
            name_file(survey, files->pdata[i], inside->pdata[0]);
    }
}

static gboolean
check_folder(const char *path, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &problem);

    if (dir != NULL)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN, "%s: %s", path,
                problem->message);
    return FALSE;
}

static gboolean
survey_folder(EntroSurvey *survey, const EntroSourceOptions *options, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    gsize part = options->layout ? entro_pattern_file_part(options->layout) : 0;
    g_autofree char *pattern = part ? g_strndup(options->layout, part) : NULL;
    EntroMatch match;

    if (!check_folder(survey->root, error))
        return FALSE;
    list_folder(survey->root, "", 0, files, &survey->cut);
    for (guint i = files->len; i-- > 0 && pattern != NULL;)
        if (!entro_pattern_match(pattern, files->pdata[i], &match))
            g_ptr_array_remove_index(files, i);
    g_ptr_array_sort(files, compare_names);
    if (files->len == 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN,
                    "%s: is a folder without %s", survey->root,
                    pattern ? "files of the names that --layout gives"
                            : "files ending in .npy, .npz, .safetensors, .h5 or .hdf5");
        return FALSE;
    }
    g_autoptr(GPtrArray) inside = open_first(survey, files, error);
    if (inside == NULL)
        return FALSE;
    name_all(survey, files, inside);
    return TRUE;
}

static gboolean
survey_file(EntroSurvey *survey, EntroArchive *archive, GError **error)
{
    survey->archive =
        archive ? entro_archive_ref(archive) : entro_archive_open(survey->root, error);
    if (survey->archive == NULL)
        return FALSE;
    g_ptr_array_unref(survey->names);
    survey->names = entro_archive_list(survey->archive, NAMES_MAX, &survey->cut);
    return TRUE;
}

EntroSurvey *
entro_survey_new(const char *path, EntroArchive *archive, const EntroSourceOptions *options,
                 GError **error)
{
    g_autoptr(EntroSurvey) survey = g_new0(EntroSurvey, 1);

    survey->root = g_strdup(path);
    survey->is_folder = g_file_test(path, G_FILE_TEST_IS_DIR);
    survey->names = g_ptr_array_new_with_free_func(g_free);
    survey->problems = g_ptr_array_new_with_free_func(g_free);
    if (!(survey->is_folder ? survey_folder(survey, options, error)
                            : survey_file(survey, archive, error)))
        return NULL;
    survey->templates = entro_names_to_templates(survey->names);
    return g_steal_pointer(&survey);
}

void
entro_survey_free(EntroSurvey *survey)
{
    if (survey == NULL)
        return;
    g_clear_pointer(&survey->templates, g_ptr_array_unref);
    g_ptr_array_unref(survey->names);
    g_ptr_array_unref(survey->problems);
    entro_archive_unref(survey->archive);
    g_free(survey->archive_name);
    g_free(survey->root);
    g_free(survey);
}

/* ---- arrays --------------------------------------------------------------------------------------- */

gboolean
entro_survey_get(EntroSurvey *survey, const char *name, const EntroSourceOptions *options,
                 EntroMember *ret_member, gboolean *ret_found, GError **error)
{
    g_autofree char *file = NULL;
    const char *inner = survey->is_folder ? entro_archive_split(name, &file) : name;

    *ret_found = FALSE;
    if (!survey->is_folder || g_str_equal(file, survey->archive_name))
        return entro_archive_get(survey->archive, inner, options, ret_member, ret_found, error);
    g_autofree char *path = g_build_filename(survey->root, file, NULL);
    g_autoptr(EntroArchive) archive = entro_archive_open(path, error);
    if (archive == NULL ||
        !entro_archive_get(archive, inner, options, ret_member, ret_found, error))
        return FALSE;
    entro_dataset_let_go(&ret_member->dataset);
    return TRUE;
}

gint64 *
entro_survey_get_steps(EntroSurvey *survey, gsize max, gsize *ret_n, GError **error)
{
    static const char *const names[] = {"step", "steps", "global_step", "global_steps"};
    g_autoptr(GError) first = NULL;
    gint64 *steps = NULL;

    *ret_n = 0;
    for (guint i = 0; i < G_N_ELEMENTS(names) && steps == NULL && !survey->is_folder; i++)
        steps = entro_archive_get_integers(survey->archive, names[i], max, ret_n,
                                           first == NULL ? &first : NULL);
    if (steps == NULL && first != NULL)
        g_propagate_error(error, g_steal_pointer(&first));
    return steps;
}
