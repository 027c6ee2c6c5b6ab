/* layouts.c: the table of ways in which attention lies in a file, and the paths that follow from it.
 *
 * A row is what the names count and the order of an array's axes.  The first two are traces in
 * one HDF5 file that grows, with /step; the others are what programs leave behind (foreign/). */
#include "loader-private.h"

#include <string.h>

#define PLACE "/{layer}"

static const EntroLayout layouts[] = {
    {"trace-v1", "layers/{layer}/attention", "SBHQK",
     "entroscope's own trace format, version 1: a group a layer, growing by captures"},
    {"attentions", "attentions/{layer}", "SBHQK",
     "a dataset a layer, as outputs.attentions of Hugging Face models stacked over steps"},
    {"step-layer-head", "*{step}*{layer}*{head}*", "BQK|QK", "an array for each step, layer, head"},
    {"step-layer", "*{step}*{layer}*", "BHQK|HQK",
     "an array for each step and layer: groups in either order, files of a folder"},
    {"step", "*{step}*", "LBHQK|LHQK|BHQK|HQK", "an array for each step: of all layers, or of one"},
    {"layer-head", "*{layer}*{head}*", "SBQK|SQK|BQK|QK",
     "an array for each layer and head: stacked over steps, or of one step"},
    {"layer", "*{layer}*", "SBHQK|SHQK|BHQK|HQK",
     "an array for each layer: stacked over steps, or of one step"},
    {"stacked", "*", "SLBHQK|LSBHQK|SLHQK|LSHQK|SBHQK|LBHQK|LHQK|SHQK|BHQK|HQK",
     "one array of everything: steps or layers first"},
};

/* Those of our own reader: a path in a file with /step. */
#define N_OWN 2

gboolean
entro_layout_is_own(const EntroLayout *layout)
{
    return layout < layouts + N_OWN;
}

const EntroLayout *
entro_layout_find(const char *key)
{
    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++)
        if (g_str_equal(layouts[i].key, key))
            return &layouts[i];
    return NULL;
}

const EntroLayout *
entro_layouts(guint *ret_n)
{
    *ret_n = G_N_ELEMENTS(layouts);
    return layouts;
}

/* What stands behind the layer's number: "/attention", or nothing. */
static const char *
behind_layer(const EntroLayout *layout)
{
    return strstr(layout->pattern, PLACE) + strlen(PLACE);
}

char *
entro_layout_group(const EntroLayout *layout)
{
    return g_strdup_printf("/%.*s", (int)(strstr(layout->pattern, PLACE) - layout->pattern),
                           layout->pattern);
}

char *
entro_layout_path(const EntroLayout *layout, guint layer)
{
    g_autofree char *group = entro_layout_group(layout);

    return g_strdup_printf("%s/%u%s", group, layer, behind_layer(layout));
}

char *
entro_layout_folder(const EntroLayout *layout, guint layer)
{
    g_autofree char *group = entro_layout_group(layout);

    return *behind_layer(layout) ? g_strdup_printf("%s/%u", group, layer) : NULL;
}
