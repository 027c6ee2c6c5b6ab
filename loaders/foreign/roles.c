/* roles.c: what the digits in names count: steps, layers or heads.
 *
 * Names that differ in digits alone belong together.  Of such digits, the word before them tells what
 * they count; where it says nothing, how they vary does. */
#include "foreign.h"

#include <string.h>

#define RUNS_MAX   8  /* runs of digits in one name; further ones are text */
#define DIGITS_MAX 18 /* longer ones are no numbers */

typedef struct {
    const char *word;
    EntroRole role;
} WordRow;

static const WordRow words[] = {
    {"step", ENTRO_ROLE_STEP},        {"steps", ENTRO_ROLE_STEP},
    {"iter", ENTRO_ROLE_STEP},        {"iters", ENTRO_ROLE_STEP},
    {"iteration", ENTRO_ROLE_STEP},   {"iterations", ENTRO_ROLE_STEP},
    {"it", ENTRO_ROLE_STEP},          {"epoch", ENTRO_ROLE_STEP},
    {"epochs", ENTRO_ROLE_STEP},      {"checkpoint", ENTRO_ROLE_STEP},
    {"checkpoints", ENTRO_ROLE_STEP}, {"ckpt", ENTRO_ROLE_STEP},
    {"update", ENTRO_ROLE_STEP},      {"t", ENTRO_ROLE_STEP},
    {"layer", ENTRO_ROLE_LAYER},      {"layers", ENTRO_ROLE_LAYER},
    {"block", ENTRO_ROLE_LAYER},      {"blocks", ENTRO_ROLE_LAYER},
    {"blk", ENTRO_ROLE_LAYER},        {"l", ENTRO_ROLE_LAYER},
    {"head", ENTRO_ROLE_HEAD},        {"heads", ENTRO_ROLE_HEAD},
    {"hd", ENTRO_ROLE_HEAD},
};

/* A run of digits, the same in all names of a group. */
typedef struct {
    char *word;         /* before it, in small letters */
    GHashTable *values; /* gint64: those that occur */
    gint64 least, most;
    EntroRole role; /* ENTRO_N_ROLES: they are text */
    gboolean known; /* by its word */
} Run;

/* Names that are the same but for their digits. */
typedef struct {
    GPtrArray *names; /* borrowed */
    Run runs[RUNS_MAX];
    guint n_runs;
} Group;

static void
group_free(Group *group)
{
    for (guint i = 0; i < group->n_runs; i++) {
        g_free(group->runs[i].word);
        g_hash_table_unref(group->runs[i].values);
    }
    g_ptr_array_unref(group->names);
    g_free(group);
}

/* ---- runs of digits ------------------------------------------------------------------------------- */

/* The 5 of ".h5" and ".hdf5". */
static gboolean
is_file_end(const char *name, const char *run, gsize length)
{
    return length == 1 && *run == '5' && (run[1] == '/' || run[1] == '\0') &&
           ((run - name >= 2 && strncmp(run - 2, ".h", 2) == 0) ||
            (run - name >= 4 && strncmp(run - 4, ".hdf", 4) == 0));
}

/* The next run at or behind `at` that counts as a number; NULL: none. */
static const char *
next_run(const char *name, const char *at, gsize *ret_length)
{
    while (*at != '\0') {
        gsize length = strspn(at, "0123456789");
        if (length > 0 && length <= DIGITS_MAX && !is_file_end(name, at, length)) {
            *ret_length = length;
            return at;
        }
        at += MAX(length, 1);
    }
    return NULL;
}

/* "layers" of "model/layers.12": letters, then at most punctuation. */
static char *
word_before(const char *name, const char *run)
{
    const char *end = run, *begin;

    while (end > name && strchr("/._- [(:", end[-1]) != NULL)
        end--;
    for (begin = end; begin > name && g_ascii_isalpha(begin[-1]);)
        begin--;
    return g_ascii_strdown(begin, end - begin);
}

/* The name with 0 for each number: nothing else of a name looks like that. */
static char *
skeleton(const char *name)
{
    GString *text = g_string_new(NULL);
    const char *at = name;
    gsize length;
    guint n = 0;

    for (const char *run; n < RUNS_MAX && (run = next_run(name, at, &length)) != NULL; n++) {
        g_string_append_len(text, at, run - at);
        g_string_append_c(text, '0');
        at = run + length;
    }
    g_string_append(text, at);
    return g_string_free(text, FALSE);
}

static void
add_name(Group *group, const char *name)
{
    const char *at = name, *run;
    gsize length;

    for (guint i = 0; i < RUNS_MAX && (run = next_run(name, at, &length)) != NULL; i++) {
        Run *facts = &group->runs[i];
        gint64 value = (gint64)g_ascii_strtoull(run, NULL, 10), *key;
        if (i >= group->n_runs) {
            *facts = (Run){word_before(name, run),
                           g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
                           value,
                           value,
                           ENTRO_N_ROLES,
                           FALSE};
            group->n_runs = i + 1;
        }
        facts->least = MIN(facts->least, value);
        facts->most = MAX(facts->most, value);
        if (!g_hash_table_contains(facts->values, &value)) {
            key = g_new(gint64, 1);
            *key = value;
            g_hash_table_add(facts->values, key);
        }
        at = run + length;
    }
    g_ptr_array_add(group->names, (gpointer)name);
}

/* ---- roles ---------------------------------------------------------------------------------------- */

static gboolean
varies(const Run *run)
{
    return run->least != run->most;
}

static gboolean
is_taken(const Group *group, EntroRole role)
{
    for (guint i = 0; i < group->n_runs; i++)
        if (group->runs[i].role == role)
            return TRUE;
    return FALSE;
}

/* From the last: of "blocks.0.layer.3", where both vary, the inner one counts the layers. */
static void
set_by_words(Group *group)
{
    for (guint i = group->n_runs; i-- > 0;)
        for (guint word = 0; word < G_N_ELEMENTS(words); word++) {
            Run *run = &group->runs[i];
            if (!g_str_equal(run->word, words[word].word) || is_taken(group, words[word].role))
                continue;
            run->role = words[word].role;
            run->known = TRUE;
        }
    /* "h.3" is a layer of GPT-2, unless something else is the layer */
    for (guint i = group->n_runs; i-- > 0;) {
        EntroRole role = is_taken(group, ENTRO_ROLE_LAYER) ? ENTRO_ROLE_HEAD : ENTRO_ROLE_LAYER;
        if (g_str_equal(group->runs[i].word, "h") && !is_taken(group, role)) {
            group->runs[i].role = role;
            group->runs[i].known = TRUE;
        }
    }
}

/* Layers are counted one by one from 0 or 1; "attn_3" is of layer 3. */
static gboolean
looks_like_layers(const Run *run)
{
    guint n = g_hash_table_size(run->values);

    return strstr(run->word, "att") != NULL ||
           (run->least <= 1 && run->most - run->least + 1 == (gint64)n);
}

static void
set_by_values(Group *group)
{
    for (guint i = 0; i < group->n_runs; i++) {
        Run *run = &group->runs[i];
        gboolean step = is_taken(group, ENTRO_ROLE_STEP), layer = is_taken(group, ENTRO_ROLE_LAYER);
        gboolean is_last = TRUE; /* of those that nobody knows */
        for (guint k = i + 1; k < group->n_runs; k++)
            is_last = is_last && (group->runs[k].role != ENTRO_N_ROLES || !varies(&group->runs[k]));
        if (run->role != ENTRO_N_ROLES || !varies(run))
            continue;
        if (!layer && (step || (is_last && looks_like_layers(run))))
            run->role = ENTRO_ROLE_LAYER;
        else if (!step && strstr(run->word, "att") == NULL)
            run->role = ENTRO_ROLE_STEP;
    }
}

/* ---- templates ------------------------------------------------------------------------------------ */

static char *
pattern_of(const Group *group, const char *name)
{
    GString *text = g_string_new(NULL);
    const char *at = name, *run;
    gsize length;

    for (guint i = 0; i < group->n_runs; i++) {
        EntroRole role = group->runs[i].role;
        run = next_run(name, at, &length);
        g_string_append_len(text, at, run - at);
        if (role == ENTRO_N_ROLES)
            g_string_append_len(text, run, (gssize)length);
        else
            g_string_append_printf(text, "{%s}", entro_role_names[role]);
        at = run + length;
    }
    g_string_append(text, at);
    return g_string_free(text, FALSE);
}

static void
sort_group(const Group *group, GHashTable *by_pattern, GPtrArray *templates)
{
    for (guint i = 0; i < group->names->len; i++) {
        const char *name = group->names->pdata[i];
        g_autofree char *pattern = pattern_of(group, name);
        EntroTemplate *template = g_hash_table_lookup(by_pattern, pattern);

        if (template == NULL) {
            template = g_new0(EntroTemplate, 1);
            template->first = g_strdup(name);
            template->pattern = g_steal_pointer(&pattern);
            g_hash_table_insert(by_pattern, template->pattern, template);
            g_ptr_array_add(templates, template);
        }
        template->n++;
    }
}

GPtrArray *
entro_names_to_templates(const GPtrArray *names)
{
    GPtrArray *templates = g_ptr_array_new_with_free_func((GDestroyNotify)entro_template_free);
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func((GDestroyNotify)group_free);
    g_autoptr(GHashTable) by_skeleton =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) by_pattern = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *bones = skeleton(names->pdata[i]);
        Group *group = g_hash_table_lookup(by_skeleton, bones);
        if (group == NULL) {
            group = g_new0(Group, 1);
            group->names = g_ptr_array_new();
            g_ptr_array_add(groups, group);
            g_hash_table_insert(by_skeleton, g_steal_pointer(&bones), group);
        }
        add_name(group, names->pdata[i]);
    }
    for (guint i = 0; i < groups->len; i++) {
        set_by_words(groups->pdata[i]);
        set_by_values(groups->pdata[i]);
        sort_group(groups->pdata[i], by_pattern, templates);
    }
    return templates;
}

void
entro_template_free(EntroTemplate *template)
{
    if (template->is_readable)
        entro_dataset_clear(&template->member.dataset);
    g_free(template->pattern);
    g_free(template->first);
    g_free(template->problem);
    g_free(template->axes);
    g_free(template->choices);
    g_free(template);
}
