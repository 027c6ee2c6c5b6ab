/* curve-spec.c: what a figure of curves is made from: panels, each with its curves and pens. */
#include "view-private.h"

static void
panel_free(gpointer data)
{
    EntroCurvePanel *panel = data;

    g_free(panel->title);
    g_free(panel->annotation);
    g_ptr_array_unref(panel->curves);
    g_array_unref(panel->pens);
    g_free(panel);
}

EntroCurvePanel *
entro_curve_panel_new(const char *title)
{
    EntroCurvePanel *panel = g_new0(EntroCurvePanel, 1);

    panel->title = g_strdup(title);
    panel->curves = g_ptr_array_new_with_free_func((GDestroyNotify)entro_curve_free);
    panel->pens = g_array_new(FALSE, FALSE, sizeof(EntroPen));
    panel->ceiling = panel->stop = NAN;
    panel->crosses = TRUE;
    return panel;
}

void
entro_curve_panel_add(EntroCurvePanel *panel, EntroCurve *curve, EntroPen pen)
{
    g_ptr_array_add(panel->curves, curve);
    g_array_append_val(panel->pens, pen);
}

void
entro_curve_spec_init(EntroCurveSpec *spec)
{
    *spec = (EntroCurveSpec){.x_label = "Training step", .first_layer = NAN, .last_layer = NAN};
    spec->panels = g_ptr_array_new_with_free_func(panel_free);
    entro_footer_init(&spec->footer);
    entro_legend_init(&spec->beside);
}

void
entro_curve_spec_clear(EntroCurveSpec *spec)
{
    g_clear_pointer(&spec->panels, g_ptr_array_unref);
    entro_footer_clear(&spec->footer);
    entro_legend_clear(&spec->beside);
}
