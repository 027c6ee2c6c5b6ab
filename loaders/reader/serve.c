/* serve.c: the child's side: one file, opened already, and questions until there are none. */
#include "message.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* An attribute takes microseconds.  One that takes so much of the processor is one whose heap has a hole:
 * there HDF5 1.10 loops for ever.  (Time on the clock would tell nothing: a disk may be asleep.) */
#define ATTRIBUTE_MICROSECONDS 500000

void (*entro_reader_before_answer)(EntroQuestion question, guint32 *number, GVariant **answer);

typedef struct {
    EntroReader *reader; /* NULL until the file is opened */
    GHashTable *open;    /* id -> EntroDataset, of those that were asked for */
} Server;

typedef GVariant *Answer(Server *server, GVariant *asked, GError **error);

static void
dataset_free(gpointer data)
{
    entro_dataset_clear(data);
    g_free(data);
}

static GVariant *
answer_file(Server *server, GVariant *asked, GError **error)
{
    const char *name;
    gboolean leave_heap;

    g_variant_get(asked, "(^&ayb)", &name, &leave_heap);
    if (leave_heap)
        entro_attributes_leave_heap();
    if (server->reader == NULL)
        server->reader = entro_reader_open_local(name, error);
    return server->reader ? g_variant_new("(^ay)", server->reader->mode) : NULL;
}

static GVariant *
answer_exists(Server *server, GVariant *asked, GError **error)
{
    const char *path;
    gboolean exists;

    g_variant_get(asked, "(^&ay)", &path);
    if (!entro_reader_exists(server->reader, path, &exists, error))
        return NULL;
    return g_variant_new("(b)", exists);
}

static GVariant *
answer_open(Server *server, GVariant *asked, GError **error)
{
    EntroDataset *dataset = g_new0(EntroDataset, 1);
    const char *path;
    guint64 max_chunk;
    gint64 *id;

    g_variant_get(asked, "(^&ayt)", &path, &max_chunk);
    if (!entro_reader_open_stored(server->reader, path, max_chunk, dataset, error)) {
        g_free(dataset);
        return NULL;
    }
    id = g_new(gint64, 1);
    *id = dataset->id;
    g_hash_table_replace(server->open, id, dataset);
    return entro_facts_to_variant(dataset);
}

static GVariant *
answer_close(Server *server, GVariant *asked, GError **error)
{
    gint64 id;

    (void)error;
    g_variant_get(asked, "(x)", &id);
    g_hash_table_remove(server->open, &id);
    return g_variant_new("()");
}

/* The corner behind, in the order of the file. */
static gboolean
next_corner(const EntroStored *stored, hsize_t *corner)
{
    for (int axis = stored->rank; axis-- > 0;) {
        corner[axis] += stored->chunk[axis];
        if (corner[axis] < stored->dims[axis])
            return TRUE;
        corner[axis] = 0;
    }
    return FALSE;
}

/* The chunk that is asked for, and those that will be asked for next. */
static GVariant *
answer_find(Server *server, GVariant *asked, GError **error)
{
    g_autoptr(GVariant) numbers = NULL;
    g_autofree char *problem = NULL;
    EntroPlace where[ENTRO_FIND_MAX] = {0};
    guint32 most, n_found = 0;
    gint64 id;
    gsize n = 0;
    EntroRead first = ENTRO_READ_DAMAGED;

    g_variant_get(asked, "(x@atu)", &id, &numbers, &most);
    const guint64 *at = g_variant_get_fixed_array(numbers, &n, sizeof *at);
    const EntroDataset *dataset = g_hash_table_lookup(server->open, &id);
    hsize_t corner[ENTRO_STORED_RANK_MAX];
    if (dataset == NULL || (int)n != dataset->stored.rank) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT, "no such dataset");
        return NULL;
    }
    for (gsize axis = 0; axis < n; axis++)
        corner[axis] = at[axis];
    for (guint i = 0; i < MIN(most, ENTRO_FIND_MAX); i++) {
        EntroExtent extent;
        g_autofree char *why = NULL;
        EntroRead read = entro_dataset_find_in_index(dataset, corner, &extent, &why);
        if (i == 0) {
            first = read;
            problem = g_steal_pointer(&why);
        }
        if (read != ENTRO_READ_OK)
            break;
        where[n_found++] = (EntroPlace){extent.offset, extent.size, extent.mask, 0};
        if (!next_corner(&dataset->stored, corner))
            break;
    }
    return g_variant_new("(u^ay@a(ttu))", (guint32)first, problem ? problem : "",
                         g_variant_new_fixed_array(G_VARIANT_TYPE("(ttu)"), where, n_found,
                                                   sizeof *where));
}

static GVariant *
answer_attribute(Server *server, GVariant *asked, GError **error)
{
    const char *path, *name;

    (void)error;
    g_variant_get(asked, "(^&ay^&ay)", &path, &name);
    g_auto(EntroValue) value = entro_reader_attribute(server->reader, path, name);
    return g_variant_new("(uxd^ay)", (guint32)value.kind, value.integer, value.real,
                         value.text ? value.text : "");
}

static GVariant *
names_variant(EntroListEnd end, const GPtrArray *names)
{
    GVariantBuilder builder;
    gsize bytes = 0;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("aay"));
    for (guint i = 0; i < names->len; i++) {
        bytes += strlen(names->pdata[i]) + 1;
        if (bytes > ENTRO_NAMES_BYTES_MAX) {
            end = MAX(end, ENTRO_LIST_CUT);
            break;
        }
        g_variant_builder_add(&builder, "^ay", (const char *)names->pdata[i]);
    }
    return g_variant_new("(uaay)", (guint32)end, &builder);
}

static GVariant *
answer_list(Server *server, GVariant *asked, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    EntroListEnd end;
    const char *path;
    gboolean attributes;
    guint64 max;

    g_variant_get(asked, "(^&aybt)", &path, &attributes, &max);
    if (!entro_reader_list(server->reader, path, attributes, max, names, &end, error))
        return NULL;
    return names_variant(end, names);
}

static GVariant *
answer_walk(Server *server, GVariant *asked, GError **error)
{
    EntroListEnd end;
    guint64 max;

    (void)error;
    g_variant_get(asked, "(t)", &max);
    g_autoptr(GPtrArray) names = entro_reader_walk(server->reader, max, &end);
    return names_variant(end, names);
}

static GVariant *
answer_read_error(Server *server, GVariant *asked, GError **error)
{
    (void)asked;
    (void)error;
    return g_variant_new("(u)", (guint32)server->reader->class->read_error(server->reader));
}

static Answer *const answers[ENTRO_N_QUESTIONS] = {
    [ENTRO_ASK_FILE] = answer_file,
    [ENTRO_ASK_EXISTS] = answer_exists,
    [ENTRO_ASK_OPEN] = answer_open,
    [ENTRO_ASK_CLOSE] = answer_close,
    [ENTRO_ASK_FIND] = answer_find,
    [ENTRO_ASK_ATTRIBUTE] = answer_attribute,
    [ENTRO_ASK_LIST] = answer_list,
    [ENTRO_ASK_WALK] = answer_walk,
    [ENTRO_ASK_READ_ERROR] = answer_read_error,
};

/* The parent's own patience is shorter; but it may be gone while this process hangs.  (A signal at the
 * parent's death would come at that of the thread which called for this process.) */
static void
set_alarm(guint seconds)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = seconds}, NULL);
}

static void
set_limit_of_processor(EntroQuestion question)
{
    const struct itimerval limit = {
        .it_value.tv_usec = question == ENTRO_ASK_ATTRIBUTE ? ATTRIBUTE_MICROSECONDS : 0};

    setitimer(ITIMER_PROF, &limit, NULL);
}

static gboolean
send_answer(EntroQuestion question, guint32 number, GVariant *answer)
{
    if (entro_reader_before_answer != NULL)
        entro_reader_before_answer(question, &number, &answer);
    return entro_message_send(ENTRO_CHILD_STREAM, number, answer);
}

/* FALSE: the other side is gone. */
static gboolean
serve_one(Server *server, guint patience)
{
    guint32 question = ENTRO_N_QUESTIONS;
    gboolean late;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) bytes =
        entro_message_receive(ENTRO_CHILD_STREAM, ENTRO_ASK_BYTES_MAX, -1, &question, &late);

    if (bytes == NULL || question >= ENTRO_N_QUESTIONS ||
        (server->reader == NULL && question != ENTRO_ASK_FILE))
        return FALSE;
    g_autoptr(GVariant) asked = entro_message_as(bytes, entro_questions[question].asked);
    set_alarm(patience);
    set_limit_of_processor(question);
    GVariant *answer = answers[question](server, asked, &error);
    set_limit_of_processor(ENTRO_N_QUESTIONS);
    set_alarm(0);
    if (answer != NULL)
        return send_answer(question, 0, answer);
    return send_answer(question, (guint32)error->code + 1, g_variant_new("(^ay)", error->message));
}

/* Never returns to what a program does at its end: HDF5 may be in any state. */
void
entro_reader_serve(int argc, char **argv)
{
    Server server = {0};
    guint patience = argc > 1 ? (guint)g_ascii_strtoull(argv[1], NULL, 10) : 60;
    guint memory = argc > 2 ? (guint)g_ascii_strtoull(argv[2], NULL, 10) : ENTRO_CHILD_MEMORY;

    server.open = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, dataset_free);
    entro_driver_use_descriptor(ENTRO_CHILD_FILE, ENTRO_CHILD_REDO);
    entro_h5_quiet();
    H5open();
    entro_sandbox_enter(memory);
    while (serve_one(&server, patience))
        ;
    _exit(0);
}
