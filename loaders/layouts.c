/* layouts.c: the table of ways in which attention lies in a file, and the paths that follow from it.
 *
 * A row is a path with {layer} and the order of the dataset's axes.  The first row whose group is in
 * the file is taken, unless the caller names one; /step is needed in all of them. */
#include "loader-private.h"

#include <string.h>

#define PLACE "/{layer}"

static const EntroLayout layouts[] = {
    {"trace-v1", "layers/{layer}/attention", "SBHQK",
     "entroscope's own trace format, version 1: a group a layer, growing by captures"},
    {"attentions", "attentions/{layer}", "SBHQK",
     "a dataset a layer, as outputs.attentions of Hugging Face models stacked over steps"},
};

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
