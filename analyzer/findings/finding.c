/* finding.c: a finding, its kinds and severities by name, and the history that it is found in. */
#include "entro-findings.h"

static const char *const kind_names[] = {
    [ENTRO_FINDING_COLLAPSE] = "collapse",
    [ENTRO_FINDING_OVERLOAD] = "overload",
    [ENTRO_FINDING_NAN] = "nan",
    [ENTRO_FINDING_DEAD] = "dead",
    [ENTRO_FINDING_REDUNDANT] = "redundant",
    [ENTRO_FINDING_RUNAWAY] = "runaway",
    [ENTRO_FINDING_SPIKE] = "spike",
};

static const char *const severity_names[] = {
    [ENTRO_SEVERITY_INFO] = "info",
    [ENTRO_SEVERITY_WARNING] = "warning",
    [ENTRO_SEVERITY_CRITICAL] = "critical",
};

G_STATIC_ASSERT(G_N_ELEMENTS(kind_names) == ENTRO_N_FINDING_KINDS);

static gboolean
find_name(const char *const *names, guint n, const char *name, guint *ret_index)
{
    for (*ret_index = 0; *ret_index < n; ++*ret_index)
        if (g_strcmp0(names[*ret_index], name) == 0)
            return TRUE;
    return FALSE;
}

const char *
entro_finding_kind_name(EntroFindingKind kind)
{
    return kind_names[kind];
}

gboolean
entro_finding_kind_parse(const char *name, EntroFindingKind *ret_kind)
{
    guint index;
    gboolean found = find_name(kind_names, G_N_ELEMENTS(kind_names), name, &index);

    if (found)
        *ret_kind = index;
    return found;
}

const char *
entro_severity_name(EntroSeverity severity)
{
    return severity_names[severity];
}

gboolean
entro_severity_parse(const char *name, EntroSeverity *ret_severity)
{
    guint index;
    gboolean found = find_name(severity_names, G_N_ELEMENTS(severity_names), name, &index);

    if (found)
        *ret_severity = index;
    return found;
}

void
entro_finding_free(EntroFinding *finding)
{
    if (finding == NULL)
        return;
    g_free(finding->rule);
    g_free(finding->sentence);
    g_free(finding->evidence);
    g_free(finding);
}

void
entro_history_free(EntroHistory *history)
{
    if (history == NULL)
        return;
    for (guint i = 0; history->value != NULL && i < history->n_columns; i++)
        g_free(history->value[i]);
    g_free(history->value);
    g_free(history->step);
    g_free(history->layer);
    g_free(history->head);
    g_free(history);
}
