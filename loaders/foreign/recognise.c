/* recognise.c: which of the arrays that are there is attention, and along which axes.
 *
 * The names tell what is counted outside of an array, the number of its axes what must be inside; the
 * table of layouts holds every pair that has a meaning.  What has two meanings is not guessed: the
 * person is told both, with the option to write. */
#include "foreign.h"

#include <string.h>

#define SHOWN_MAX 4 /* templates that a message names */

/* What the file says of itself; 0: nothing. */
typedef struct {
    gsize n_steps, n_layers, n_heads;
} Facts;

static const char axis_letters[] = "SLBHQK";

/* ---- facts ---------------------------------------------------------------------------------------- */

static gsize
count_attribute(EntroReader *reader, const char *const *names)
{
    gint64 count = -1;

    for (; *names != NULL && count < 1; names++)
        count = entro_integer_attribute(reader, "/", *names, -1);
    return (gsize)MAX(count, 0);
}

static Facts
read_facts(EntroSurvey *survey, const EntroSourceOptions *options)
{
    static const char *const layers[] = {"n_layers", "num_layers", "num_hidden_layers", "n_layer",
                                         NULL};
    static const char *const heads[] = {"n_heads", "num_heads", "num_attention_heads", "n_head",
                                        NULL};
    EntroReader *reader = entro_archive_get_reader(survey->archive);
    Facts facts = {0};

    g_free(entro_survey_get_steps(survey, options->limits.max_captures, &facts.n_steps, NULL));
    facts.n_layers = count_attribute(reader, layers);
    facts.n_heads = count_attribute(reader, heads);
    return facts;
}

/* ---- axes ----------------------------------------------------------------------------------------- */

static gboolean
axes_fit(const char *axes, const EntroTemplate *template, const Facts *facts)
{
    const EntroMember *member = &template->member;
    gboolean step_named = entro_pattern_has(template->pattern, ENTRO_ROLE_STEP);

    if ((int)strlen(axes) != member->dataset.stored.rank)
        return FALSE;
    const hsize_t steps = entro_member_dim_of(member, axes, 'S'),
                  layers = entro_member_dim_of(member, axes, 'L'),
                  heads = entro_member_dim_of(member, axes, 'H');
    if (facts->n_steps > 0 && !step_named &&
        (steps > 0 ? steps != facts->n_steps : facts->n_steps > 1))
        return FALSE;
    if (facts->n_layers > 0 && layers > 0 && layers != facts->n_layers)
        return FALSE;
    if (facts->n_layers > 1 && layers == 0 &&
        !entro_pattern_has(template->pattern, ENTRO_ROLE_LAYER))
        return FALSE;
    return facts->n_heads == 0 || heads == 0 || heads == facts->n_heads;
}

/* They differ along axes of one entry alone. */
static gboolean
mean_the_same(const EntroTemplate *template, const char *a, const char *b)
{
    const EntroStored *stored = &template->member.dataset.stored;

    for (int axis = 0; axis < stored->rank; axis++)
        if (a[axis] != b[axis] && entro_member_dim(&template->member, axis) != 1)
            return FALSE;
    return TRUE;
}

/* "*{step}*{layer}*": the same roles, in whatever order. */
static gboolean
roles_fit(const EntroLayout *layout, const char *pattern)
{
    if (layout->pattern[0] != '*')
        return g_str_equal(layout->pattern, pattern);
    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++)
        if (entro_pattern_has(layout->pattern, role) != entro_pattern_has(pattern, role))
            return FALSE;
    return TRUE;
}

/* The template's axes by one row of the table; FALSE: more than one reading. */
static void
try_layout(EntroTemplate *template, const EntroLayout *layout, const Facts *facts)
{
    g_auto(GStrv) readings = g_strsplit(layout->axes, "|", -1);
    g_autoptr(GString) choices = g_string_new(NULL);
    const char *found = NULL;
    guint n = 0;

    if (!roles_fit(layout, template->pattern))
        return;
    for (char **axes = readings; *axes != NULL; axes++) {
        if (!axes_fit(*axes, template, facts) ||
            (found != NULL && mean_the_same(template, found, *axes)))
            continue;
        g_string_append_printf(choices, "%s%s", n++ ? " or " : "", *axes);
        found = found ? found : *axes;
    }
    if (n == 1) {
        template->layout = layout;
        template->axes = g_strdup(found);
    } else if (n > 1)
        template->choices = g_string_free(g_steal_pointer(&choices), FALSE);
}

/* ---- one template --------------------------------------------------------------------------------- */

static gboolean
check_axes(const char *axes, GError **error)
{
    guint seen[G_N_ELEMENTS(axis_letters)] = {0};

    for (const char *letter = axes; *letter != '\0'; letter++) {
        const char *at = strchr(axis_letters, *letter);
        if (at != NULL && seen[at - axis_letters]++ == 0)
            continue;
        g_autofree char *shown = entro_printable(axes, -1);
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT,
                    "the axes \"%s\" are not letters of S (steps), L (layers), B (samples), H "
                    "(heads), Q (queries) and K (keys), each at most once",
                    shown);
        return FALSE;
    }
    if (strchr(axes, 'Q') != NULL && strchr(axes, 'K') != NULL)
        return TRUE;
    g_autofree char *shown = entro_printable(axes, -1);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT,
                "the axes \"%s\" need Q (queries) and K (keys)", shown);
    return FALSE;
}

/* Both a name and an axis cannot count the same. */
static const char *
counted_twice(const EntroTemplate *template, const char *axes)
{
    static const char letters[ENTRO_N_ROLES] = {'S', 'L', 'H'};

    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++)
        if (entro_pattern_has(template->pattern, role) && strchr(axes, letters[role]) != NULL)
            return entro_role_names[role];
    return NULL;
}

static void
take_axes(EntroTemplate *template, const char *axes)
{
    const char *twice = counted_twice(template, axes);
    guint n_layouts;
    const EntroLayout *layouts = entro_layouts(&n_layouts);

    if ((int)strlen(axes) != template->member.dataset.stored.rank) {
        template->problem =
            g_strdup_printf("has %d axes, --axes %s names %zu",
                            template->member.dataset.stored.rank, axes, strlen(axes));
        return;
    }
    if (twice != NULL) {
        template->problem =
            g_strdup_printf("counts the %ss in its name and in --axes %s", twice, axes);
        return;
    }
    for (guint i = 0; i < n_layouts && template->layout == NULL; i++)
        if (roles_fit(&layouts[i], template->pattern))
            template->layout = &layouts[i];
    template->axes = g_strdup(axes);
}

/* Queries attend to as many keys; of what was looked at and has no problem, so that it has axes or
 * choices. */
static gboolean
is_square(const EntroTemplate *template)
{
    const char *axes = template->axes ? template->axes : template->choices;
    g_autofree char *first = g_strndup(axes, strcspn(axes, " "));

    return entro_member_dim_of(&template->member, first, 'Q') ==
           entro_member_dim_of(&template->member, first, 'K');
}

/* What the names alone forbid. */
static char *
name_problem(const EntroTemplate *template, const EntroLayout *only)
{
    if (strpbrk(template->first, "{}") != NULL)
        return g_strdup("has a brace in its name, which no --layout can say");
    if (only != NULL && !roles_fit(only, template->pattern))
        return g_strdup_printf("has other names than those of the layout %s (%s)", only->key,
                               only->pattern);
    return NULL;
}

/* "attn holds whole numbers" of what is called attn: it is shown behind its name. */
static char *
without_name(const EntroSurvey *survey, const char *name, const char *message)
{
    g_autofree char *file = NULL;
    const char *inner = survey->is_folder ? entro_archive_split(name, &file) : name;
    g_autofree char *prefix = g_strconcat(inner, " ", NULL);

    return g_strdup(g_str_has_prefix(message, prefix) ? message + strlen(prefix) : message);
}

static void
look_at(EntroSurvey *survey, EntroTemplate *template, const EntroSourceOptions *options,
        const Facts *facts, const EntroLayout *only)
{
    g_autoptr(GError) error = NULL;
    guint n_layouts;
    const EntroLayout *layouts = entro_layouts(&n_layouts);
    gboolean found = FALSE;

    template->is_readable =
        entro_survey_get(survey, template->first, options, &template->member, &found, &error) &&
        found;
    if (!template->is_readable) {
        template->problem = error ? without_name(survey, template->first, error->message)
                                  : g_strdup("is not there");
        template->code = error ? (EntroLoaderError)error->code : ENTRO_LOADER_ERROR_EMPTY;
        return;
    }
    template->problem = name_problem(template, only);
    if (template->problem == NULL && options->axes != NULL)
        take_axes(template, options->axes);
    for (guint i = 0; i < n_layouts && template->problem == NULL && options->axes == NULL; i++)
        if (template->layout == NULL && template->choices == NULL &&
            (only == NULL || only == &layouts[i]))
            try_layout(template, &layouts[i], facts);
    template->code = ENTRO_LOADER_ERROR_FORMAT;
    if (template->axes == NULL && template->choices == NULL && template->problem == NULL)
        template->problem =
            g_strdup_printf("has %d ax%s: no layout of such names has so many",
                            template->member.dataset.stored.rank,
                            template->member.dataset.stored.rank == 1 ? "is" : "es");
}

/* ---- the choice ----------------------------------------------------------------------------------- */

/* 2: the name says so; 1: the shape may be; 0: no. */
static guint
likelihood(const EntroTemplate *template)
{
    g_autofree char *name = g_ascii_strdown(template->pattern, -1);

    if (template->problem != NULL || !is_square(template))
        return 0;
    return strstr(name, "att") != NULL ? 2 : 1;
}

static gint
by_likelihood(gconstpointer a, gconstpointer b)
{
    const EntroTemplate *x = *(EntroTemplate *const *)a, *y = *(EntroTemplate *const *)b;
    guint first = likelihood(x), second = likelihood(y);

    return first != second ? (first > second ? -1 : 1) : strcmp(x->pattern, y->pattern);
}

static char *
name_templates(const GPtrArray *templates, guint n)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < MIN(n, SHOWN_MAX); i++) {
        const EntroTemplate *template = templates->pdata[i];
        g_autofree char *shown = entro_printable(template->pattern, -1);
        g_string_append_printf(text, "%s--layout '%s' --axes %s", i ? ", or " : "", shown,
                               template->axes ? template->axes : template->choices);
    }
    return g_string_free(text, FALSE);
}

static const EntroTemplate *
choose(EntroSurvey *survey, GError **error)
{
    const GPtrArray *templates = survey->templates;
    const EntroTemplate *first = templates->len > 0 ? templates->pdata[0] : NULL;
    guint best = first ? likelihood(first) : 0, n = 0;

    while (n < templates->len && likelihood(templates->pdata[n]) == best)
        n++;
    if (best > 0 && n == 1 && first->axes != NULL)
        return first;
    g_autofree char *names = name_templates(templates, best > 0 ? n : 0);
    if (templates->len == 0)
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "is %s, but no attention trace: holds no arrays",
                    entro_archive_get_kind(survey->archive));
    else if (best == 0)
        g_set_error(
            error, ENTRO_LOADER_ERROR, first->problem ? first->code : ENTRO_LOADER_ERROR_FORMAT,
            "is %s, but no attention trace: nothing in it is recognised as attention; inspect "
            "lists what is there, --layout 'PATTERN' --axes AXES says what it is (e.g. "
            "%s: %s)",
            survey->is_folder ? "a folder" : entro_archive_get_kind(survey->archive),
            first->pattern,
            first->problem ? first->problem : "its queries and keys are not as many");
    else
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT,
                    "what it holds could be several things; say which: %s%s", names,
                    n > SHOWN_MAX ? " ..." : "");
    return NULL;
}

/* The templates that the pattern gives, in place of those found. */
static gboolean
use_pattern(EntroSurvey *survey, const char *pattern, GError **error)
{
    EntroTemplate *template = NULL;

    if (!entro_pattern_check(pattern, error))
        return FALSE;
    for (guint i = 0; i < survey->names->len; i++) {
        EntroMatch match;
        if (!entro_pattern_match(pattern, survey->names->pdata[i], &match))
            continue;
        if (template == NULL) {
            template = g_new0(EntroTemplate, 1);
            template->pattern = g_strdup(pattern);
            template->first = g_strdup(survey->names->pdata[i]);
        }
        template->n++;
    }
    if (template == NULL) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "holds no array of the name \"%s\"; inspect lists what is there", pattern);
        return FALSE;
    }
    g_ptr_array_set_size(survey->templates, 0);
    g_ptr_array_add(survey->templates, template);
    return TRUE;
}

const EntroTemplate *
entro_survey_recognise(EntroSurvey *survey, const EntroSourceOptions *options, GError **error)
{
    const EntroLayout *only = options->layout ? entro_layout_find(options->layout) : NULL;
    Facts facts = read_facts(survey, options);
    gboolean given = options->layout != NULL && only == NULL;

    if ((options->axes != NULL && !check_axes(options->axes, error)) ||
        (given && !use_pattern(survey, options->layout, error)))
        return NULL;
    for (guint i = 0; i < survey->templates->len; i++)
        look_at(survey, survey->templates->pdata[i], options, &facts, only);
    g_ptr_array_sort(survey->templates, by_likelihood);
    if (!given)
        return choose(survey, error);

    const EntroTemplate *template = survey->templates->pdata[0];
    if (template->axes != NULL)
        return template;
    g_set_error(error, ENTRO_LOADER_ERROR,
                template->problem && template->code == ENTRO_LOADER_ERROR_POLICY
                    ? ENTRO_LOADER_ERROR_POLICY
                    : ENTRO_LOADER_ERROR_ARGUMENT,
                "%s %s%s%s", template->first,
                template->problem ? template->problem : "could be several things: --axes ",
                template->problem ? "" : template->choices, template->problem ? "" : "?");
    return NULL;
}

/* ---- for a person to read ------------------------------------------------------------------------- */

static char *
shape_text(const EntroMember *member)
{
    const EntroStored *stored = &member->dataset.stored;
    GString *text = g_string_new("[");

    for (int axis = 0; axis < stored->rank; axis++)
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, axis ? "," : "",
                               (guint64)entro_member_dim(member, axis));
    g_string_append_printf(text, "] %s", entro_element_name(member->element));
    return g_string_free(text, FALSE);
}

static void
arrays_free(EntroArrays *arrays)
{
    g_free(arrays->pattern);
    g_free(arrays->shape);
    g_free(arrays->axes);
    g_free(arrays->remark);
    g_free(arrays);
}

static EntroArrays *
describe(const EntroTemplate *template)
{
    EntroArrays *arrays = g_new0(EntroArrays, 1);

    arrays->pattern = g_strdup(template->pattern);
    arrays->n = template->n;
    arrays->shape = template->is_readable ? shape_text(&template->member) : NULL;
    arrays->layout = template->layout ? template->layout->key : NULL;
    arrays->axes = g_strdup(template->axes);
    if (template->problem != NULL)
        arrays->remark = g_strdup(template->problem);
    else if (template->choices != NULL)
        arrays->remark = g_strdup_printf("%s?", template->choices);
    else if (template->axes != NULL && !is_square(template)) /* or nobody has looked at it */
        arrays->remark = g_strdup("not as many keys as queries");
    return arrays;
}

GPtrArray *
entro_survey(const char *path, const EntroSourceOptions *options, GError **error)
{
    EntroSourceOptions defaults = ENTRO_SOURCE_OPTIONS_DEFAULT;
    g_autoptr(EntroSurvey) survey =
        entro_survey_new(path, NULL, options ? options : &defaults, error);

    if (survey == NULL)
        return NULL;
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)arrays_free);
    entro_survey_recognise(survey, options ? options : &defaults, NULL);
    for (guint i = 0; i < survey->templates->len; i++)
        g_ptr_array_add(all, describe(survey->templates->pdata[i]));
    return all;
}
