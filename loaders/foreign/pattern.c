/* pattern.c: names with {step}, {layer} and {head} in the place of digits. */
#include "foreign.h"

#include <string.h>

const char *const entro_role_names[ENTRO_N_ROLES] = {"step", "layer", "head"};

static const char *const container_ends[] = {".npy", ".npz", ".safetensors", ".h5", ".hdf5"};

/* Of the placeholder that begins here; ENTRO_N_ROLES: none does. */
static EntroRole
role_at(const char *pattern, gsize *ret_length)
{
    for (EntroRole role = 0; role < ENTRO_N_ROLES; role++) {
        gsize n = strlen(entro_role_names[role]);
        if (pattern[0] == '{' && strncmp(pattern + 1, entro_role_names[role], n) == 0 &&
            pattern[n + 1] == '}') {
            *ret_length = n + 2;
            return role;
        }
    }
    return ENTRO_N_ROLES;
}

gboolean
entro_pattern_has(const char *pattern, EntroRole role)
{
    g_autofree char *name = g_strdup_printf("{%s}", entro_role_names[role]);

    return strstr(pattern, name) != NULL;
}

static gboolean
bad_pattern(const char *pattern, const char *why, GError **error)
{
    g_autofree char *shown = entro_printable(pattern, -1);

    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT,
                "the layout \"%s\" %s; it is a key (inspect --help), or the name of an array with "
                "{step}, {layer} and {head} in the place of digits, e.g. "
                "\"steps/{step}/layer_{layer}/attn\"",
                shown, why);
    return FALSE;
}

gboolean
entro_pattern_check(const char *pattern, GError **error)
{
    guint seen[ENTRO_N_ROLES + 1] = {0};
    gboolean after = FALSE; /* directly behind a placeholder */

    if (*pattern == '\0')
        return bad_pattern(pattern, "is empty", error);
    while (*pattern != '\0') {
        gsize length = 1;
        EntroRole role = role_at(pattern, &length);
        if (role == ENTRO_N_ROLES && (*pattern == '{' || *pattern == '}'))
            return bad_pattern(pattern, "has a brace that is none of these", error);
        if (role < ENTRO_N_ROLES && (after || seen[role]++ > 0))
            return bad_pattern(pattern, "has one twice, or two without a text between", error);
        after = role < ENTRO_N_ROLES;
        pattern += length;
    }
    return TRUE;
}

/* As many digits as there are; numbers too large to count are none. */
static gboolean
take_digits(const char **name, EntroRole role, EntroMatch *match)
{
    const char *end = *name;
    guint64 number;

    while (g_ascii_isdigit(*end))
        end++;
    match->text[role] = *name;
    match->length[role] = (gsize)(end - *name);
    if (end == *name || match->length[role] > 18)
        return FALSE;
    number = g_ascii_strtoull(*name, NULL, 10);
    match->number[role] = (gint64)number;
    *name = end;
    return TRUE;
}

gboolean
entro_pattern_match(const char *pattern, const char *name, EntroMatch *ret_match)
{
    *ret_match = (EntroMatch){0};
    while (*pattern != '\0') {
        gsize length = 1;
        EntroRole role = role_at(pattern, &length);
        if (role == ENTRO_N_ROLES && *pattern != *name++)
            return FALSE;
        if (role < ENTRO_N_ROLES && !take_digits(&name, role, ret_match))
            return FALSE;
        pattern += length;
    }
    return *name == '\0';
}

char *
entro_pattern_expand(const char *pattern, const char *const texts[ENTRO_N_ROLES])
{
    GString *name = g_string_new(NULL);

    while (*pattern != '\0') {
        gsize length = 1;
        EntroRole role = role_at(pattern, &length);
        if (role == ENTRO_N_ROLES)
            g_string_append_c(name, *pattern);
        else
            g_string_append(name, texts[role]);
        pattern += length;
    }
    return g_string_free(name, FALSE);
}

gboolean
entro_is_container_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(container_ends); i++)
        if (g_str_has_suffix(name, container_ends[i]))
            return TRUE;
    return FALSE;
}

gsize
entro_pattern_file_part(const char *pattern)
{
    for (const char *end = pattern;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        g_autofree char *part = g_strndup(pattern, (gsize)(end - pattern));
        if (entro_is_container_name(part))
            return (gsize)(end - pattern);
        if (*end == '\0')
            return 0;
    }
}
