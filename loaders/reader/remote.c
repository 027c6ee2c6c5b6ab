/* remote.c: the questions to a reader, answered by a child that may die of them.
 *
 * The child is this program again, with one file open and nothing else.  When it crashes or says nothing
 * for too long, what was asked counts as damaged, and the next question goes to a new one: it opens again
 * what is still in use, and goes on behind the bad place. */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DEATHS_MAX           5           /* then the file is given up */
#define DATASET_DEATHS_MAX   2           /* then its chunks are */
#define ATTRIBUTE_DEATHS_MAX 5           /* then attributes and lists are; they count apart */
#define HEAP_DEATHS_MAX      2           /* of these; then only texts in heaps are */
#define TEXT_MAX             (64u << 10) /* of an attribute, or of an error */

/* A dataset that is open here; in the child, as long as that lives. */
typedef struct {
    char *path;
    gsize max_chunk;
    guint generation; /* of the child that knows it */
    gint64 id;        /* there */
    guint n_deaths;   /* of children that looked up its chunks */
    /* chunks that were answered ahead, in the order of the file */
    hsize_t from[ENTRO_STORED_RANK_MAX];
    guint n_ahead;
    EntroExtent *ahead;
} Handle;

typedef struct {
    EntroReader base;
    char *path;
    int redo; /* descriptor of what a killed writer has left; negative: nothing */
    EntroChild child;
    guint generation, n_deaths, n_attribute_deaths;
    char *last_words;    /* why the last child died */
    GHashTable *deadly;  /* GBytes of a question that a child died of -> why: not asked again */
    GHashTable *handles; /* gint64 -> Handle */
    gint64 next_id;
} RemoteReader;

static void
set_last_words(RemoteReader *remote, char *words)
{
    g_free(remote->last_words);
    remote->last_words = words;
}

static gboolean
is_about_attributes(EntroQuestion question)
{
    return question == ENTRO_ASK_ATTRIBUTE || question == ENTRO_ASK_LIST;
}

/* Takes leave of the child, with its last words. */
static void
bury(RemoteReader *remote, EntroQuestion question, gboolean late)
{
    int status = entro_child_end(&remote->child);

    set_last_words(remote, late ? g_strdup_printf("HDF5 says nothing about it for %d s (damaged; "
                                                  "--stall-timeout waits longer)",
                                                  entro_child_patience() / 1000)
                                : entro_child_words(status));
    if (is_about_attributes(question))
        remote->n_attribute_deaths++;
    else
        remote->n_deaths++;
}

/* ---- questions ------------------------------------------------------------------------------------ */

typedef enum { ANSWERED, REFUSED /* error is set */, DEAD /* last_words */ } Outcome;

static Outcome
ask_child(RemoteReader *remote, EntroQuestion question, GVariant *value, GVariant **ret_answer,
          GError **error)
{
    guint32 number = 0;
    gboolean late = FALSE;
    g_autoptr(GVariant) bytes = NULL;

    if (entro_message_send(remote->child.stream, question, value))
        bytes = entro_message_receive(remote->child.stream, ENTRO_ANSWER_BYTES_MAX,
                                      entro_child_patience(), &number, &late);
    if (bytes == NULL) {
        bury(remote, question, late);
        return DEAD;
    }
    if (number == 0) {
        *ret_answer = entro_message_as(bytes, entro_questions[question].answered);
        return ANSWERED;
    }
    g_autoptr(GVariant) words = entro_message_as(bytes, "(ay)");
    const char *text;
    g_variant_get(words, "(^&ay)", &text);
    g_autofree char *shown = entro_printable(text, (gssize)strnlen(text, TEXT_MAX));
    g_set_error_literal(error, ENTRO_LOADER_ERROR, (gint)MIN(number - 1, ENTRO_LOADER_ERROR_WRITE),
                        shown);
    return REFUSED;
}

/* A child with the file open. */
static Outcome
start(RemoteReader *remote, GError **error)
{
    g_autoptr(GVariant) answer = NULL;
    const char *mode;

    if (remote->n_deaths >= DEATHS_MAX)
        return DEAD;
    int problem = entro_child_start(&remote->child, remote->base.fd, remote->redo);
    if (problem != 0) {
        set_last_words(remote,
                       g_strdup_printf("there is no process to read it: %s", g_strerror(problem)));
        remote->n_deaths = DEATHS_MAX;
        return DEAD;
    }
    remote->generation++;
    gboolean leave_heap = remote->n_attribute_deaths >= HEAP_DEATHS_MAX;
    Outcome outcome = ask_child(remote, ENTRO_ASK_FILE,
                                g_variant_new("(^ayb)", remote->path, leave_heap), &answer, error);
    if (outcome != ANSWERED)
        return outcome;
    g_variant_get(answer, "(^&ay)", &mode);
    remote->base.mode = entro_open_mode(mode);
    return ANSWERED;
}

/* Two things with one name are one thing: what it was asked, and of what. */
static GBytes *
question_key(EntroQuestion question, GVariant *value)
{
    GByteArray *key = g_byte_array_new();
    const guint8 number = (guint8)question;

    g_byte_array_append(key, &number, 1);
    g_byte_array_append(key, g_variant_get_data(value), (guint)g_variant_get_size(value));
    return g_byte_array_free_to_bytes(key);
}

/* Chunks are asked for by an id that differs from child to child: their handle counts. */
static gboolean
is_given_up(RemoteReader *remote, EntroQuestion question, GVariant *value)
{
    if (remote->n_deaths + remote->n_attribute_deaths == 0)
        return FALSE;
    if (is_about_attributes(question) && remote->n_attribute_deaths >= ATTRIBUTE_DEATHS_MAX)
        return TRUE;
    g_autoptr(GBytes) key = question_key(question, value);
    const char *words = g_hash_table_lookup(remote->deadly, key);
    if (words != NULL)
        set_last_words(remote, g_strdup(words));
    return words != NULL;
}

/* Takes `value`. */
static Outcome
ask(RemoteReader *remote, EntroQuestion question, GVariant *value, GVariant **ret_answer,
    GError **error)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(value);

    if (is_given_up(remote, question, owned))
        return DEAD;
    if (remote->child.stream < 0) {
        Outcome outcome = start(remote, error);
        if (outcome != ANSWERED)
            return outcome;
    }
    Outcome outcome = ask_child(remote, question, owned, ret_answer, error);
    if (outcome == DEAD && question != ENTRO_ASK_FIND)
        g_hash_table_replace(remote->deadly, question_key(question, owned),
                             g_strdup(remote->last_words));
    return outcome;
}

static const char *
last_words(const RemoteReader *remote)
{
    return remote->last_words ? remote->last_words : "there is no process to read it";
}

static gboolean
fail_dead(const RemoteReader *remote, Outcome outcome, const char *path, GError **error)
{
    if (outcome == DEAD)
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s: %s", path,
                    last_words(remote));
    return FALSE;
}

/* ---- one object ----------------------------------------------------------------------------------- */

static gboolean
remote_exists(EntroReader *reader, const char *path, gboolean *ret_exists, GError **error)
{
    RemoteReader *remote = (RemoteReader *)reader;
    g_autoptr(GVariant) answer = NULL;
    Outcome outcome = ask(remote, ENTRO_ASK_EXISTS, g_variant_new("(^ay)", path), &answer, error);

    if (outcome != ANSWERED)
        return fail_dead(remote, outcome, path, error);
    g_variant_get(answer, "(b)", ret_exists);
    return TRUE;
}

static void
handle_free(gpointer data)
{
    Handle *handle = data;

    g_free(handle->path);
    g_free(handle->ahead);
    g_free(handle);
}

/* Facts that the child tells; what cannot be is damage. */
static gboolean
ask_open(RemoteReader *remote, const char *path, gsize max_chunk, EntroDataset *ret_dataset,
         GError **error)
{
    g_autoptr(GVariant) answer = NULL;
    Outcome outcome = ask(remote, ENTRO_ASK_OPEN, g_variant_new("(^ayt)", path, (guint64)max_chunk),
                          &answer, error);

    if (outcome != ANSWERED)
        return fail_dead(remote, outcome, path, error);
    if (!entro_facts_from_variant(answer, ret_dataset)) {
        *ret_dataset = (EntroDataset){.id = -1};
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s has facts that cannot be", path);
        return FALSE;
    }
    return TRUE;
}

static gboolean
remote_open(EntroReader *reader, const char *path, gsize max_chunk, EntroDataset *ret_dataset,
            GError **error)
{
    RemoteReader *remote = (RemoteReader *)reader;
    Handle *handle;
    gint64 *key;

    *ret_dataset = (EntroDataset){.id = -1};
    if (!ask_open(remote, path, max_chunk, ret_dataset, error))
        return FALSE;
    handle = g_new0(Handle, 1);
    *handle = (Handle){.path = g_strdup(path),
                       .max_chunk = max_chunk,
                       .generation = remote->generation,
                       .id = ret_dataset->id};
    key = g_new(gint64, 1);
    *key = ret_dataset->id = remote->next_id++;
    g_hash_table_insert(remote->handles, key, handle);
    ret_dataset->name = g_strdup(path);
    if (!ret_dataset->chunked || entro_dataset_check_chunk(ret_dataset, max_chunk, error))
        return TRUE;
    reader->class->close(reader, ret_dataset->id);
    ret_dataset->id = -1; /* it is nobody's any more */
    return FALSE;
}

static void
remote_close(EntroReader *reader, gint64 id)
{
    RemoteReader *remote = (RemoteReader *)reader;
    const Handle *handle = g_hash_table_lookup(remote->handles, &id);
    g_autoptr(GVariant) answer = NULL;

    if (handle != NULL && handle->generation == remote->generation && remote->child.stream >= 0)
        ask_child(remote, ENTRO_ASK_CLOSE, g_variant_new("(x)", handle->id), &answer, NULL);
    g_hash_table_remove(remote->handles, &id);
}

static EntroValue
remote_attribute(EntroReader *reader, const char *path, const char *name)
{
    RemoteReader *remote = (RemoteReader *)reader;
    EntroValue value = {.kind = ENTRO_VALUE_DAMAGED};
    g_autoptr(GVariant) answer = NULL;
    const char *text;
    guint32 kind;

    if (ask(remote, ENTRO_ASK_ATTRIBUTE, g_variant_new("(^ay^ay)", path, name), &answer, NULL) !=
        ANSWERED)
        return value;
    g_variant_get(answer, "(uxd^&ay)", &kind, &value.integer, &value.real, &text);
    if (kind <= ENTRO_VALUE_TEXT)
        value.kind = kind;
    if (value.kind == ENTRO_VALUE_TEXT)
        value.text = g_strndup(text, TEXT_MAX);
    return value;
}

/* ---- lists ---------------------------------------------------------------------------------------- */

static EntroListEnd
take_names(GVariant *answer, gsize max, GPtrArray *names)
{
    g_autoptr(GVariant) list = NULL;
    guint32 end;

    g_variant_get(answer, "(u@aay)", &end, &list);
    gsize n = MIN(g_variant_n_children(list), max);
    for (gsize i = 0; i < n; i++) {
        const char *name;
        g_variant_get_child(list, i, "^&ay", &name);
        if (strlen(name) <= ENTRO_NAME_MAX)
            g_ptr_array_add(names, g_strdup(name));
    }
    return end <= ENTRO_LIST_DAMAGED ? (EntroListEnd)end : ENTRO_LIST_DAMAGED;
}

static gboolean
remote_list(EntroReader *reader, const char *path, gboolean attributes, gsize max, GPtrArray *names,
            EntroListEnd *ret_end, GError **error)
{
    RemoteReader *remote = (RemoteReader *)reader;
    g_autoptr(GVariant) answer = NULL;
    Outcome outcome = ask(remote, ENTRO_ASK_LIST,
                          g_variant_new("(^aybt)", path, attributes, (guint64)max), &answer, error);

    if (outcome != ANSWERED)
        return fail_dead(remote, outcome, path, error);
    *ret_end = take_names(answer, max, names);
    return TRUE;
}

static EntroListEnd
remote_walk(EntroReader *reader, gsize max, GPtrArray *names)
{
    g_autoptr(GVariant) answer = NULL;

    if (ask((RemoteReader *)reader, ENTRO_ASK_WALK, g_variant_new("(t)", (guint64)max), &answer,
            NULL) != ANSWERED)
        return ENTRO_LIST_DAMAGED;
    return take_names(answer, max, names);
}

/* ---- chunks --------------------------------------------------------------------------------------- */

/* Place of a chunk among all, in the order of the file. */
static guint64
place_of(const EntroStored *stored, const hsize_t *corner)
{
    guint64 place = 0;

    for (int axis = 0; axis < stored->rank; axis++) {
        hsize_t n = (stored->dims[axis] + stored->chunk[axis] - 1) / stored->chunk[axis];
        place = place * MAX(n, 1) + corner[axis] / stored->chunk[axis];
    }
    return place;
}

static gboolean
take_ahead(const Handle *handle, const EntroStored *stored, const hsize_t *corner,
           EntroExtent *ret_extent)
{
    guint64 from, place;

    if (handle->n_ahead == 0)
        return FALSE;
    from = place_of(stored, handle->from);
    place = place_of(stored, corner);
    if (place < from || place - from >= handle->n_ahead)
        return FALSE;
    *ret_extent = handle->ahead[place - from];
    return TRUE;
}

/* Beside a writer it may have grown. */
static gboolean
is_same(const EntroDataset *again, const EntroDataset *dataset)
{
    const EntroStored *a = &again->stored, *b = &dataset->stored;
    gsize axes = (gsize)b->rank; /* at least 1 */

    return a->rank == b->rank && again->chunked && a->dims[0] >= b->dims[0] &&
           memcmp(a->dims + 1, b->dims + 1, (axes - 1) * sizeof *a->dims) == 0 &&
           memcmp(a->chunk, b->chunk, axes * sizeof *a->chunk) == 0 &&
           again->element_size == dataset->element_size && again->n_filters == dataset->n_filters &&
           memcmp(again->filters, dataset->filters, again->n_filters * sizeof *again->filters) == 0;
}

/* The child that knew the dataset is dead: the next one is told of it. */
static gboolean
open_again(RemoteReader *remote, Handle *handle, const EntroDataset *dataset)
{
    EntroDataset again;

    if (!ask_open(remote, handle->path, handle->max_chunk, &again, NULL) ||
        !is_same(&again, dataset))
        return FALSE;
    handle->generation = remote->generation;
    handle->id = again.id;
    return TRUE;
}

static GVariant *
find_question(const Handle *handle, const EntroDataset *dataset, const hsize_t *corner)
{
    guint64 numbers[ENTRO_STORED_RANK_MAX];
    /* a chunk that grows with the captures moves when it is written again */
    guint32 most = dataset->stored.chunk[0] > 1 ? 1 : ENTRO_FIND_MAX;

    for (int axis = 0; axis < dataset->stored.rank; axis++)
        numbers[axis] = corner[axis];
    return g_variant_new("(x@atu)", handle->id,
                         g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, numbers,
                                                   (gsize)dataset->stored.rank, sizeof *numbers),
                         most);
}

/* Bounds are those of the library's own reader. */
static EntroRead
take_found(Handle *handle, const EntroDataset *dataset, const hsize_t *corner, GVariant *answer,
           EntroExtent *ret_extent, char **ret_problem)
{
    g_autoptr(GVariant) where = NULL;
    const char *problem;
    guint32 read;
    gsize n;

    g_variant_get(answer, "(u^&ay@a(ttu))", &read, &problem, &where);
    const EntroPlace *places = g_variant_get_fixed_array(where, &n, sizeof *places);
    n = MIN(n, ENTRO_FIND_MAX);
    if (read != ENTRO_READ_OK || n == 0) {
        *ret_problem = entro_printable(*problem ? problem : "cannot be looked up",
                                       *problem ? (gssize)strnlen(problem, TEXT_MAX) : -1);
        return read <= ENTRO_READ_REFUSED && read != ENTRO_READ_OK ? (EntroRead)read
                                                                   : ENTRO_READ_DAMAGED;
    }
    memcpy(handle->from, corner, sizeof handle->from);
    handle->n_ahead = 0;
    handle->ahead = g_renew(EntroExtent, handle->ahead, n);
    for (gsize i = 0; i < n; i++) {
        const EntroExtent extent = {.offset = places[i].offset,
                                    .size = places[i].size,
                                    .mask = places[i].mask};
        g_autofree char *why = NULL;
        if (extent.size == 0 || extent.offset > G_MAXINT64 / 2 ||
            entro_dataset_check_extent(dataset, &extent, &why) != ENTRO_READ_OK)
            break;
        handle->ahead[handle->n_ahead++] = extent;
    }
    if (handle->n_ahead == 0) {
        *ret_problem = g_strdup("lies where no chunk can");
        return ENTRO_READ_DAMAGED;
    }
    *ret_extent = handle->ahead[0];
    return ENTRO_READ_OK;
}

static EntroRead
remote_find(EntroReader *reader, const EntroDataset *dataset, const hsize_t *corner,
            EntroExtent *ret_extent, char **ret_problem)
{
    RemoteReader *remote = (RemoteReader *)reader;
    Handle *handle = g_hash_table_lookup(remote->handles, &dataset->id);
    g_autoptr(GVariant) answer = NULL;
    g_autoptr(GError) error = NULL;
    Outcome outcome = DEAD;

    if (take_ahead(handle, &dataset->stored, corner, ret_extent))
        return ENTRO_READ_OK;
    if (handle->n_deaths < DATASET_DEATHS_MAX &&
        ((remote->child.stream >= 0 && handle->generation == remote->generation) ||
         open_again(remote, handle, dataset))) {
        outcome =
            ask(remote, ENTRO_ASK_FIND, find_question(handle, dataset, corner), &answer, &error);
        handle->n_deaths += outcome == DEAD;
    }
    if (outcome == ANSWERED)
        return take_found(handle, dataset, corner, answer, ret_extent, ret_problem);
    *ret_problem = outcome == REFUSED
                       ? g_strdup(error->message)
                       : g_strdup_printf("cannot be looked up: %s", last_words(remote));
    return ENTRO_READ_DAMAGED;
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static int
remote_read_error(EntroReader *reader)
{
    g_autoptr(GVariant) answer = NULL;
    guint32 number = 0;

    if (ask((RemoteReader *)reader, ENTRO_ASK_READ_ERROR, g_variant_new("()"), &answer, NULL) !=
        ANSWERED)
        return EIO;
    g_variant_get(answer, "(u)", &number);
    return (int)MIN(number, G_MAXINT);
}

static void
remote_free(EntroReader *reader)
{
    RemoteReader *remote = (RemoteReader *)reader;

    if (remote->child.stream >= 0)
        entro_child_end(&remote->child);
    entro_redo_detach(remote->base.fd);
    close(remote->base.fd);
    if (remote->redo >= 0)
        close(remote->redo);
    g_hash_table_unref(remote->handles);
    g_hash_table_unref(remote->deadly);
    g_free(remote->last_words);
    g_free(remote->path);
    g_free(remote);
}

static const EntroReaderClass remote_class = {
    .exists = remote_exists,
    .open = remote_open,
    .close = remote_close,
    .find = remote_find,
    .attribute = remote_attribute,
    .list = remote_list,
    .walk = remote_walk,
    .read_error = remote_read_error,
    .free = remote_free,
};

/* Sentences about files begin with their names; one that a child makes up need not. */
static void
name_file(const char *path, GError **error)
{
    g_autofree char *shown = entro_printable(path, -1);

    if (error != NULL && *error != NULL && !g_str_has_prefix((*error)->message, path) &&
        !g_str_has_prefix((*error)->message, shown))
        g_prefix_error(error, "%s: ", path);
}

EntroReader *
entro_reader_open_remote(const char *path, GError **error)
{
    RemoteReader *remote;
    int fd = entro_child_lift(entro_open_regular(path, error));

    if (fd < 0) {
        if (error != NULL && *error == NULL)
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN, "%s: %s", path,
                        g_strerror(errno));
        return NULL;
    }
    remote = g_new0(RemoteReader, 1);
    remote->base = (EntroReader){&remote_class, fd, NULL};
    remote->path = g_strdup(path);
    remote->child.stream = -1;
    remote->redo = entro_child_lift(entro_redo_open(path));
    remote->handles = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, handle_free);
    remote->deadly =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, g_free);
    entro_redo_attach(path, fd);
    Outcome outcome = entro_is_hdf5(fd, path, error) ? start(remote, error) : REFUSED;
    if (outcome == ANSWERED)
        return &remote->base;
    fail_dead(remote, outcome, path, error);
    name_file(path, error);
    remote_free(&remote->base);
    return NULL;
}
