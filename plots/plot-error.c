/* plot-error.c: the errors of this stage, and sentences that many places need. */
#include "figure-private.h"

/* clang-format off */
G_DEFINE_QUARK(entro-plot-error-quark, entro_plot_error)
/* clang-format on */

gboolean
entro_plot_refuse(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *clean = entro_text_clean_long(message);
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT, "%s", clean);
    return FALSE;
}

void
entro_fail_unknown(const char *kind, const char *name, const char *const *known, GError **error)
{
    g_autofree char *list = g_strjoinv(", ", (char **)known);
    g_autofree char *safe = entro_text_clean(name);

    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                "there is no %s \"%s\"; there are %s", kind, safe, list);
}
