/* message.c: questions and answers on a stream of bytes. */
#include "message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const EntroQuestionRow entro_questions[ENTRO_N_QUESTIONS] = {
    [ENTRO_ASK_FILE] = {"(ayb)",
                        "(ay)"}, /* name for messages, heaps are left alone; how it was opened */
    [ENTRO_ASK_EXISTS] = {"(ay)", "(b)"},           /* path */
    [ENTRO_ASK_OPEN] = {"(ayt)", ENTRO_FACTS_TYPE}, /* path, max_chunk */
    [ENTRO_ASK_CLOSE] = {"(x)", "()"},              /* id */
    [ENTRO_ASK_FIND] = {"(xatu)", "(uaya(ttu))"},   /* id, corner, most; EntroRead, why, where */
    [ENTRO_ASK_ATTRIBUTE] = {"(ayay)", "(uxday)"},  /* path, name; kind, number, text */
    [ENTRO_ASK_LIST] = {"(aybt)", "(uaay)"},        /* path, attributes, most; end, names */
    [ENTRO_ASK_WALK] = {"(t)", "(uaay)"},
    [ENTRO_ASK_READ_ERROR] = {"()", "(u)"},
};

typedef struct {
    guint32 size, number;
} Head;

/* ---- bytes ---------------------------------------------------------------------------------------- */

static gboolean
write_all(int fd, const void *bytes, gsize size)
{
    const guint8 *from = bytes;

    while (size > 0) {
        gssize n = send(fd, from, size, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return FALSE;
        if (n > 0) {
            from += n;
            size -= (gsize)n;
        }
    }
    return TRUE;
}

gboolean
entro_message_send(int fd, guint32 number, GVariant *value)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(value);
    Head head = {(guint32)g_variant_get_size(owned), number};
    g_autofree guint8 *bytes = NULL;

    if (g_variant_get_size(owned) > ENTRO_ANSWER_BYTES_MAX)
        return FALSE;
    bytes = g_try_malloc(sizeof head + head.size);
    if (bytes == NULL)
        return FALSE;
    memcpy(bytes, &head, sizeof head);
    g_variant_store(owned, bytes + sizeof head);
    return write_all(fd, bytes, sizeof head + head.size);
}

/* Not poll() in the child, which may have no descriptors any more by then: without a timeout. */
static gboolean
wait_for(int fd, gint64 deadline, gboolean *ret_late)
{
    for (;;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        gint64 left = deadline < 0 ? 0 : deadline - g_get_monotonic_time() / 1000;
        if (deadline < 0)
            return TRUE;
        int n = poll(&one, 1, (int)CLAMP(left, 0, G_MAXINT));
        if (n > 0)
            return TRUE;
        if (n < 0 && errno == EINTR)
            continue;
        *ret_late = TRUE;
        return FALSE;
    }
}

static gboolean
read_all(int fd, void *to, gsize size, gint64 deadline, gboolean *ret_late)
{
    guint8 *at = to;

    while (size > 0) {
        if (!wait_for(fd, deadline, ret_late))
            return FALSE;
        gssize n = read(fd, at, size);
        if (n == 0 || (n < 0 && errno != EINTR))
            return FALSE;
        if (n > 0) {
            at += n;
            size -= (gsize)n;
        }
    }
    return TRUE;
}

GVariant *
entro_message_receive(int fd, gsize max, int timeout, guint32 *ret_number, gboolean *ret_late)
{
    gint64 deadline = timeout < 0 ? -1 : g_get_monotonic_time() / 1000 + timeout;
    Head head;
    guint8 *bytes;

    *ret_late = FALSE;
    if (!read_all(fd, &head, sizeof head, deadline, ret_late) || head.size > max)
        return NULL;
    bytes = g_try_malloc(MAX(head.size, 1));
    if (bytes == NULL || !read_all(fd, bytes, head.size, deadline, ret_late)) {
        g_free(bytes);
        return NULL;
    }
    *ret_number = head.number;
    g_autoptr(GBytes) owned = g_bytes_new_take(bytes, head.size);
    return g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, owned, FALSE));
}

GVariant *
entro_message_as(GVariant *bytes, const char *type)
{
    g_autoptr(GBytes) data = g_variant_get_data_as_bytes(bytes);

    return g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), data, FALSE));
}

/* ---- facts of a dataset ---------------------------------------------------------------------------- */

static GVariant *
dims_variant(const hsize_t *dims, int rank)
{
    guint64 numbers[ENTRO_STORED_RANK_MAX];

    for (int axis = 0; axis < rank; axis++)
        numbers[axis] = dims[axis];
    return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, numbers, (gsize)rank, sizeof *numbers);
}

GVariant *
entro_facts_to_variant(const EntroDataset *dataset)
{
    const EntroStored *stored = &dataset->stored;
    const EntroType *type = &dataset->type;
    GVariantBuilder filters;

    g_variant_builder_init(&filters, G_VARIANT_TYPE("ai"));
    for (guint i = 0; i < dataset->n_filters; i++)
        g_variant_builder_add(&filters, "i", (gint32)dataset->filters[i]);
    return g_variant_new("(x@at@attbtttaiibibbb)", dataset->id,
                         dims_variant(stored->dims, stored->rank),
                         dims_variant(stored->chunk, stored->rank), (guint64)dataset->element_size,
                         dataset->chunked, (guint64)dataset->chunk_bytes, (guint64)dataset->offset,
                         (guint64)0, &filters, (gint32)type->class, type->is_ours,
                         (gint32)type->element, type->big_endian, type->is_signed, type->is_plain);
}

static int
take_dims(GVariant *variant, hsize_t *dims)
{
    gsize n = 0;
    const guint64 *numbers = g_variant_get_fixed_array(variant, &n, sizeof *numbers);

    if (n < 1 || n > ENTRO_STORED_RANK_MAX)
        return -1;
    for (gsize axis = 0; axis < n; axis++)
        dims[axis] = numbers[axis];
    return (int)n;
}

static gboolean
take_filters(GVariant *variant, EntroDataset *dataset)
{
    gsize n = g_variant_n_children(variant);

    if (n > ENTRO_FILTERS_MAX)
        return FALSE;
    for (gsize i = 0; i < n; i++) {
        gint32 filter;
        g_variant_get_child(variant, i, "i", &filter);
        if (filter < 0 || !entro_filter_may_follow(dataset, filter))
            return FALSE;
        dataset->filters[dataset->n_filters++] = filter;
    }
    return TRUE;
}

static gboolean
dims_make_sense(const EntroDataset *dataset)
{
    gsize bytes = dataset->element_size;

    for (int axis = 0; axis < dataset->stored.rank; axis++)
        if (dataset->stored.dims[axis] > 0 &&
            __builtin_mul_overflow(bytes, (gsize)dataset->stored.dims[axis], &bytes))
            return FALSE;
    return TRUE;
}

gboolean
entro_facts_from_variant(GVariant *variant, EntroDataset *ret_dataset)
{
    EntroDataset *dataset = ret_dataset;
    g_autoptr(GVariant) dims = NULL;
    g_autoptr(GVariant) chunk = NULL;
    g_autoptr(GVariant) filters = NULL;
    guint64 element_size, chunk_bytes, offset, reserved;
    gint32 class, element;
    EntroType type = {0};

    *dataset = (EntroDataset){0};
    g_variant_get(variant, "(x@at@attbttt@aiibibbb)", &dataset->id, &dims, &chunk, &element_size,
                  &dataset->chunked, &chunk_bytes, &offset, &reserved, &filters, &class,
                  &type.is_ours, &element, &type.big_endian, &type.is_signed, &type.is_plain);
    dataset->stored.rank = take_dims(dims, dataset->stored.dims);
    if (dataset->stored.rank < 1 ||
        take_dims(chunk, dataset->stored.chunk) != dataset->stored.rank || element_size < 1 ||
        element_size > G_MAXUINT32 || class < 0 || class > ENTRO_CLASS_OTHER || element < 0 ||
        element > ENTRO_F64 || (offset != HADDR_UNDEF && offset > G_MAXINT64 / 2) ||
        !take_filters(filters, dataset))
        return FALSE;
    type.class = (EntroClass) class;
    type.element = (EntroElement)element;
    dataset->type = type;
    dataset->element_size = element_size;
    dataset->offset = offset;
    if (!dataset->chunked)
        memcpy(dataset->stored.chunk, dataset->stored.dims, sizeof dataset->stored.dims);
    return dims_make_sense(dataset) &&
           (!type.is_ours || entro_element_size(type.element) == element_size) &&
           (dataset->chunked || dataset->n_filters == 0);
}
