/* axes.c: an array along our axes, and boxes of elements in memory. */
#include "loader-private.h"

#include <string.h>

/* ---- axes ------------------------------------------------------------------------------------------ */

static const char our_axes[] = "SBHQK";

/* Elements between neighbours along our axes, and where our first is, in a chunk. */
static void
set_strides(EntroDataset *dataset)
{
    const EntroStored *stored = &dataset->stored;
    gsize strides[ENTRO_STORED_RANK_MAX], stride = 1;

    dataset->base = 0;
    for (int axis = stored->rank; axis-- > 0;) {
        strides[axis] = stride;
        dataset->base += (dataset->fixed[axis] % MAX(stored->chunk[axis], 1)) * stride;
        stride *= stored->chunk[axis];
    }
    for (int axis = 0; axis < ENTRO_RANK_MAX; axis++) {
        int at = dataset->axis[axis];
        dataset->dims[axis] = at < 0 ? 1 : stored->dims[at];
        dataset->chunk[axis] = at < 0 ? 1 : stored->chunk[at];
        dataset->stride[axis] = at < 0 ? 0 : strides[at];
    }
}

void
entro_dataset_view(EntroDataset *dataset, const char *axes, hsize_t layer)
{
    const EntroStored *stored = &dataset->stored;

    memset(dataset->fixed, 0, sizeof dataset->fixed);
    for (int axis = 0; axis < ENTRO_RANK_MAX; axis++) {
        const char *at = axes ? strchr(axes, our_axes[axis]) : NULL;
        dataset->axis[axis] = axes ? (at ? (int)(at - axes) : -1) : axis < stored->rank ? axis : -1;
    }
    if (axes != NULL && strchr(axes, 'L') != NULL)
        dataset->fixed[strchr(axes, 'L') - axes] = layer;
    dataset->rank = axes ? ENTRO_RANK_MAX : stored->rank;
    set_strides(dataset);
}

gboolean
entro_dataset_is_natural(const EntroDataset *dataset)
{
    return dataset->stride[4] == (dataset->axis[4] < 0 ? 0 : 1) &&
           (dataset->chunk[3] == 1 || dataset->stride[3] == dataset->chunk[4]);
}

/* From the first of heads, queries and keys on, in the order of the file, everything is whole. */
gboolean
entro_dataset_make_flat(EntroDataset *dataset, gsize max_chunk, GError **error)
{
    EntroStored *stored = &dataset->stored;
    int first = stored->rank;

    for (int axis = 2; axis < ENTRO_RANK_MAX; axis++)
        if (dataset->axis[axis] >= 0)
            first = MIN(first, dataset->axis[axis]);
    for (int axis = 0; axis < stored->rank; axis++)
        stored->chunk[axis] = axis < first ? 1 : stored->dims[axis];
    dataset->chunked = dataset->flat = TRUE;
    if (!entro_dataset_check_chunk(dataset, max_chunk, error))
        return FALSE;
    set_strides(dataset);
    return TRUE;
}

/* ---- boxes ----------------------------------------------------------------------------------------- */

/* Overlap of two boxes along one axis: FALSE when there is none. */
static gboolean
overlap(hsize_t a, hsize_t a_size, hsize_t b, hsize_t b_size, hsize_t *ret_start, hsize_t *ret_size)
{
    hsize_t end = MIN(a + a_size, b + b_size);

    *ret_start = MAX(a, b);
    *ret_size = end > *ret_start ? end - *ret_start : 0;
    return *ret_size > 0;
}

EntroArea
entro_area(int rank, const hsize_t *origin, const hsize_t *dims)
{
    EntroArea box = {0};
    gsize stride = 1;

    for (int axis = rank; axis-- > 0;) {
        box.origin[axis] = origin[axis];
        box.dims[axis] = dims[axis];
        box.stride[axis] = stride;
        stride *= dims[axis];
    }
    return box;
}

EntroArea
entro_area_of_chunk(const EntroDataset *dataset, const hsize_t *at)
{
    EntroArea box;

    memcpy(box.origin, at, sizeof box.origin);
    memcpy(box.dims, dataset->chunk, sizeof box.dims);
    memcpy(box.stride, dataset->stride, sizeof box.stride);
    return box;
}

/* Along the last axis, where the elements of one of the boxes may lie apart. */
static void
copy_line(gsize element_size, const guint8 *from, gsize from_stride, guint8 *to, gsize to_stride,
          gsize n)
{
    if (from_stride == 1 && to_stride == 1) {
        memcpy(to, from, n * element_size);
        return;
    }
    for (gsize i = 0; i < n; i++)
        memcpy(to + i * to_stride * element_size, from + i * from_stride * element_size,
               element_size);
}

static void
copy_axis(int axis, int rank, gsize element_size, const EntroArea *from_box, const guint8 *from,
          const EntroArea *to_box, guint8 *to)
{
    hsize_t start, size;

    if (!overlap(from_box->origin[axis], from_box->dims[axis], to_box->origin[axis],
                 to_box->dims[axis], &start, &size))
        return;
    gsize from_step = from_box->stride[axis] * element_size;
    gsize to_step = to_box->stride[axis] * element_size;
    from += (start - from_box->origin[axis]) * from_step;
    to += (start - to_box->origin[axis]) * to_step;
    if (axis == rank - 1) {
        copy_line(element_size, from, from_box->stride[axis], to, to_box->stride[axis], size);
        return;
    }
    for (hsize_t i = 0; i < size; i++)
        copy_axis(axis + 1, rank, element_size, from_box, from + i * from_step, to_box,
                  to + i * to_step);
}

void
entro_area_copy(int rank, gsize element_size, const EntroArea *from_box, const void *from,
                const EntroArea *to_box, void *to)
{
    copy_axis(0, rank, element_size, from_box, from, to_box, to);
}

void
entro_box_first_chunk(const EntroDataset *dataset, const hsize_t *origin, hsize_t *at)
{
    for (int axis = 0; axis < dataset->rank; axis++)
        at[axis] = origin[axis] - origin[axis] % dataset->chunk[axis];
}

gboolean
entro_box_next_chunk(const EntroDataset *dataset, const hsize_t *origin, const hsize_t *dims,
                     hsize_t *at)
{
    for (int axis = dataset->rank; axis-- > 0;) {
        at[axis] += dataset->chunk[axis];
        if (at[axis] < origin[axis] + dims[axis])
            return TRUE;
        at[axis] = origin[axis] - origin[axis] % dataset->chunk[axis];
    }
    return FALSE;
}
