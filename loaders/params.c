/* params.c: the learnable parameters that may lie beside a layer's attention: what each is called and
 * what shape it has.
 *
 * Writer, reader and messages go by this table.  The axes are those of the attention, one entry a
 * capture: S steps, H heads, Q queries. */
#include "loader-private.h"

#include <string.h>

typedef struct {
    const char *name; /* of the dataset */
    const char *axes;
} ParamRow;

static const ParamRow rows[] = {
    [ENTRO_PARAM_TEMPERATURE] = {"temperature", "SHQ"},
    [ENTRO_PARAM_THRESHOLD] = {"threshold", "SH"},
    [ENTRO_PARAM_ALPHA] = {"alpha", "S"},
    [ENTRO_PARAM_BETA] = {"beta", "S"},
};

G_STATIC_ASSERT(G_N_ELEMENTS(rows) == ENTRO_N_PARAMS);

const char *
entro_param_name(EntroParam param)
{
    return rows[param].name;
}

int
entro_param_dims(EntroParam param, guint n_heads, gsize n_queries, hsize_t *ret_dims)
{
    const char *axes = rows[param].axes;
    int rank = (int)strlen(axes);

    for (int axis = 0; axis < rank; axis++)
        ret_dims[axis] = axes[axis] == 'H' ? n_heads : axes[axis] == 'Q' ? n_queries : 1;
    return rank;
}
