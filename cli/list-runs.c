/* list-runs.c: runs of a database as a table and as JSON. */
#include "command.h"

#include <string.h>

#define NAME_WIDTH 20
#define NAME_MOST  40 /* what is longer is cut here; --json has it whole */

/* Columns of text count characters, not bytes. */
static void
print_padded(const char *text, int width)
{
    g_autofree char *whole = entro_printable(text ? text : "-", -1);
    gboolean cut = g_utf8_strlen(whole, -1) > NAME_MOST;
    g_autofree char *start = g_utf8_substring(whole, 0, cut ? NAME_MOST - 3 : -1);
    g_autofree char *shown = g_strconcat(start, cut ? "..." : "", NULL);

    printf("%s%*s ", shown, MAX(0, width - (int)g_utf8_strlen(shown, -1)), "");
}

/* ---- the table -------------------------------------------------------------------------------- */

static char *
steps_text(const EntroRunInfo *info)
{
    return info->n_captures == 0 ? g_strdup("none")
                                 : g_strdup_printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                                                   info->first_step, info->last_step);
}

/* "2 critical, 5 info", most severe first; "-" is "never judged", which is not "none". */
static char *
findings_text(const EntroRunInfo *info)
{
    GString *text = g_string_new(NULL);

    if (info->findings_at == NULL)
        return g_string_free(g_string_append_c(text, '-'), FALSE);
    for (int severity = ENTRO_SEVERITY_CRITICAL; severity >= 0; severity--)
        if (info->n_findings[severity] > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "",
                                   info->n_findings[severity],
                                   entro_severity_name((EntroSeverity)severity));
    return g_string_free(text->len > 0 ? text : g_string_append(text, "none"), FALSE);
}

/* Tags between commas: a tag may hold blanks. */
static void
print_tags(const EntroRunInfo *info)
{
    g_autofree char *joined = g_strjoinv(", ", info->tags);
    g_autofree char *shown = entro_printable(*joined != '\0' ? joined : "-", -1);

    puts(shown);
}

static void
print_row(const EntroRunInfo *info, const char *steps, int steps_width, const char *findings,
          int findings_width)
{
    printf("%4" G_GINT64_FORMAT " ", info->id);
    print_padded(info->name, NAME_WIDTH);
    printf("%7u ", info->attempt);
    print_padded(info->arch, 10);
    printf("%6" G_GINT64_FORMAT " %5" G_GINT64_FORMAT " %7" G_GINT64_FORMAT " %8" G_GINT64_FORMAT
           "  %-*s  %-*s  ",
           info->n_layers, info->n_heads, info->context_length, info->n_captures, steps_width,
           steps, findings_width, findings);
    print_tags(info);
}

void
entro_runs_print(const GPtrArray *runs)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(g_free);
    int steps_width = (int)strlen("STEPS"), findings_width = (int)strlen("FINDINGS");

    for (guint i = 0; i < runs->len; i++) {
        g_ptr_array_add(steps, steps_text(runs->pdata[i]));
        g_ptr_array_add(findings, findings_text(runs->pdata[i]));
        steps_width = MAX(steps_width, (int)strlen(steps->pdata[i]));
        findings_width = MAX(findings_width, (int)strlen(findings->pdata[i]));
    }
    printf("%4s %-*s %7s %-10s %6s %5s %7s %8s  %-*s  %-*s  %s\n", "ID", NAME_WIDTH, "NAME",
           "ATTEMPT", "ARCH", "LAYERS", "HEADS", "CONTEXT", "CAPTURES", steps_width, "STEPS",
           findings_width, "FINDINGS", "TAGS");
    for (guint i = 0; i < runs->len; i++)
        print_row(runs->pdata[i], steps->pdata[i], steps_width, findings->pdata[i], findings_width);
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void
add_findings(const EntroRunInfo *info, JsonBuilder *builder)
{
    entro_json_string(builder, "findings_at", info->findings_at);
    json_builder_set_member_name(builder, "findings");
    if (info->findings_at == NULL) {
        json_builder_add_null_value(builder);
        return;
    }
    json_builder_begin_object(builder);
    for (int severity = ENTRO_SEVERITY_CRITICAL; severity >= 0; severity--)
        entro_json_integer(builder, entro_severity_name((EntroSeverity)severity),
                           info->n_findings[severity]);
    json_builder_end_object(builder);
}

static void
add_config(const EntroRunInfo *info, JsonBuilder *builder)
{
    json_builder_set_member_name(builder, "config");
    json_builder_begin_object(builder);
    for (guint i = 0; i < info->n_config; i++) {
        g_autofree char *key = g_utf8_make_valid(info->config[i].key, -1);
        entro_json_string(builder, key, info->config[i].value);
    }
    json_builder_end_object(builder);
}

static void
add_tags(const EntroRunInfo *info, JsonBuilder *builder)
{
    g_autoptr(GPtrArray) tags = g_ptr_array_new();

    for (char **tag = info->tags; *tag != NULL; tag++)
        g_ptr_array_add(tags, *tag);
    entro_json_strings(builder, "tags", tags);
}

static void
add_run(const EntroRunInfo *info, JsonBuilder *builder)
{
    json_builder_begin_object(builder);
    entro_json_integer(builder, "id", info->id);
    entro_json_string(builder, "name", info->name);
    entro_json_integer(builder, "attempt", info->attempt);
    entro_json_string(builder, "arch", info->arch);
    entro_json_integer(builder, "n_layers", info->n_layers);
    entro_json_integer(builder, "n_heads", info->n_heads);
    entro_json_integer(builder, "context_length", info->context_length);
    entro_json_integer(builder, "captures", info->n_captures);
    entro_json_integer(builder, "first_step", info->first_step);
    entro_json_integer(builder, "last_step", info->last_step);
    entro_json_string(builder, "source", info->source);
    entro_json_string(builder, "fingerprint", info->fingerprint);
    entro_json_string(builder, "created_at", info->created_at);
    entro_json_string(builder, "producer", info->producer);
    entro_json_string(builder, "open_mode", info->open_mode);
    entro_json_string(builder, "tool_version", info->tool_version);
    entro_json_string(builder, "trace_name", info->trace_name);
    json_builder_set_member_name(builder, "causal");
    if (info->causal < 0)
        json_builder_add_null_value(builder);
    else
        json_builder_add_boolean_value(builder, info->causal);
    add_findings(info, builder);
    add_tags(info, builder);
    add_config(info, builder);
    json_builder_end_object(builder);
}

void
entro_runs_print_json(const GPtrArray *runs)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "runs");
    json_builder_begin_array(builder);
    for (guint i = 0; i < runs->len; i++)
        add_run(runs->pdata[i], builder);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}
