/* fail-on.c: which findings are a failure of the command that meets them. */
#include "command.h"

static gboolean
add_kind(EntroFailOn *fail_on, const char *name, GError **error)
{
    EntroFindingKind kind;

    fail_on->gate = TRUE;
    if (g_str_equal(name, "any")) {
        for (guint i = 0; i < ENTRO_N_FINDING_KINDS; i++)
            fail_on->kinds[i] = TRUE;
        return TRUE;
    }
    if (entro_finding_kind_parse(name, &kind)) {
        fail_on->kinds[kind] = TRUE;
        return TRUE;
    }
    g_autoptr(GString) there = g_string_new(NULL);
    for (guint i = 0; i < ENTRO_N_FINDING_KINDS; i++)
        g_string_append_printf(there, "%s, ", entro_finding_kind_name(i));
    return entro_usage_error(error, "--fail-on: there is no kind \"%s\"; there are %sand any", name,
                             there->str);
}

gboolean
entro_fail_on_parse(EntroFailOn *fail_on, char **texts, GError **error)
{
    for (char **text = texts; text != NULL && *text != NULL; text++) {
        g_auto(GStrv) names = g_strsplit(*text, ",", -1);

        if (names[0] == NULL)
            return add_kind(fail_on, "", error);
        for (char **name = names; *name != NULL; name++)
            if (!add_kind(fail_on, *name, error))
                return FALSE;
    }
    return TRUE;
}

gboolean
entro_fail_on_trips(const EntroFailOn *fail_on, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const EntroFinding *finding = findings->pdata[i];

        if (fail_on->kinds[finding->kind] && finding->severity > ENTRO_SEVERITY_INFO)
            return TRUE;
    }
    return FALSE;
}
