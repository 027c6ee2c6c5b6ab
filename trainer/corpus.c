/* corpus.c: finds text files, reads them and holds a part out.
 *
 * Files are put in the order of a hash of their content, and the first `held_out` of all bytes is
 * the held-out part; the file at the border is cut.  So the split has the fraction asked for even
 * with one file, two copies of a file lie side by side and not one on each side, and neither names
 * nor places of files change it.  Windows may run from one file into the next. */
#include "corpus-private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

#define SNIFF 4096 /* bytes in which a binary file is expected to show a NUL */

/* One file that will be read, then one that has been. */
typedef struct {
    char *path;
    gsize size;
    gsize at; /* in the buffer of all files */
    guint64 hash;
} TextFile;

static void
text_file_free(gpointer data)
{
    TextFile *file = data;

    g_free(file->path);
    g_free(file);
}

/* ---- bytes --------------------------------------------------------------------------------------- */

static int
open_file(const char *path)
{
    return g_open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
}

/* Fills up to n bytes; returns how many came. */
static gsize
read_some(int fd, guint8 *bytes, gsize n)
{
    gsize done = 0;

    while (done < n) {
        const gssize got = read(fd, bytes + done, n - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (gsize)got;
    }
    return done;
}

static gboolean
has_nul(const guint8 *bytes, gsize n)
{
    return n > 0 && memchr(bytes, 0, n) != NULL;
}

/* By its first bytes, so that a huge binary costs neither time nor memory. */
static gboolean
looks_like_text(const char *path)
{
    const int fd = open_file(path);
    guint8 head[SNIFF];

    if (fd < 0)
        return FALSE;
    const gsize n = read_some(fd, head, sizeof head);
    close(fd);
    return n > 0 && !has_nul(head, n);
}

/* ---- finding ------------------------------------------------------------------------------------ */

static void
add_file(GPtrArray *files, const char *path, gsize size)
{
    TextFile *file = g_new0(TextFile, 1);

    file->path = g_strdup(path);
    file->size = size;
    g_ptr_array_add(files, file);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
names_in(const char *folder)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (name[0] != '.')
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* Hidden names and symbolic links are passed over: links could lead in circles or out of the
 * folder, and what they name inside it is found anyway. */
static void
scan_folder(GPtrArray *files, const char *folder)
{
    g_autoptr(GPtrArray) names = names_in(folder);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
        struct stat status;

        if (g_lstat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode))
            scan_folder(files, path);
        else if (S_ISREG(status.st_mode) && looks_like_text(path))
            add_file(files, path, (gsize)status.st_size);
    }
}

static gboolean
scan(GPtrArray *files, const char *path, GError **error)
{
    struct stat status;

    if (g_stat(path, &status) != 0) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CORPUS, "%s: %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    if (S_ISDIR(status.st_mode))
        scan_folder(files, path);
    else if (S_ISREG(status.st_mode))
        add_file(files, path, (gsize)status.st_size);
    else {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CORPUS,
                    "%s is neither a file nor a folder", path);
        return FALSE;
    }
    return TRUE;
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* file->size becomes what was read; 0 for an unreadable or binary file. */
static void
read_file(TextFile *file, guint8 *bytes)
{
    const int fd = open_file(file->path);

    if (fd < 0) {
        file->size = 0;
        return;
    }
    file->size = read_some(fd, bytes, file->size);
    close(fd);
    if (has_nul(bytes, file->size))
        file->size = 0;
}

/* FNV-1a, 64 bits. */
static guint64
hash_bytes(const guint8 *bytes, gsize n)
{
    guint64 hash = G_GUINT64_CONSTANT(0xcbf29ce484222325);

    for (gsize i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * G_GUINT64_CONSTANT(0x100000001b3);
    return hash;
}

/* Returns the bytes of all text files, one after the other; drops the files that are not text. */
static guint8 *
read_all(GPtrArray *files, gsize *ret_n, GError **error)
{
    gsize total = 0;
    gsize used = 0;

    for (guint i = 0; i < files->len; i++)
        total += ((const TextFile *)files->pdata[i])->size;
    g_autofree guint8 *bytes = g_try_malloc_n(MAX(total, 1), 1);
    if (bytes == NULL) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                    "no memory for %zu bytes of text", total);
        return NULL;
    }
    for (guint i = 0; i < files->len;) {
        TextFile *file = files->pdata[i];

        file->at = used;
        read_file(file, bytes + used);
        file->hash = hash_bytes(bytes + used, file->size);
        used += file->size;
        if (file->size == 0)
            g_ptr_array_remove_index(files, i);
        else
            i++;
    }
    *ret_n = used;
    return g_steal_pointer(&bytes);
}

/* ---- the corpus --------------------------------------------------------------------------------- */

/* By hash; files of one hash by size, so that equal files are all that is left to chance. */
static gint
compare_content(gconstpointer a, gconstpointer b)
{
    const TextFile *first = *(const TextFile *const *)a;
    const TextFile *second = *(const TextFile *const *)b;

    if (first->hash != second->hash)
        return first->hash < second->hash ? -1 : 1;
    return first->size < second->size ? -1 : first->size > second->size;
}

/* Copies the files into the order of their hashes. */
static guint8 *
reorder(GPtrArray *files, const guint8 *bytes, gsize n)
{
    guint8 *sorted = g_try_malloc_n(n, 1);
    gsize used = 0;

    if (sorted == NULL)
        return NULL;
    g_ptr_array_sort(files, compare_content);
    for (guint i = 0; i < files->len; i++) {
        const TextFile *file = files->pdata[i];

        memcpy(sorted + used, bytes + file->at, file->size);
        used += file->size;
    }
    return sorted;
}

static Corpus *
corpus_of(GPtrArray *files, const guint8 *bytes, gsize n, double held_out, GError **error)
{
    g_autoptr(Corpus) corpus = g_new0(Corpus, 1);

    corpus->bytes = reorder(files, bytes, n);
    if (corpus->bytes == NULL) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                    "no memory for %zu bytes of text", n);
        return NULL;
    }
    corpus->sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, corpus->bytes, n);
    corpus->n_files = files->len;
    corpus->n_held_out = (gsize)((double)n * held_out);
    corpus->n_train = n - corpus->n_held_out;
    corpus->about =
        g_strdup_printf("%u %s, %.*f MB training, %.*f MB held out", corpus->n_files,
                        corpus->n_files == 1 ? "file" : "files", corpus->n_train < 1000000 ? 4 : 1,
                        (double)corpus->n_train / 1e6, corpus->n_held_out < 1000000 ? 4 : 1,
                        (double)corpus->n_held_out / 1e6);
    return g_steal_pointer(&corpus);
}

Corpus *
corpus_new(const char *const *paths, double held_out, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(text_file_free);
    gsize n = 0;

    for (gsize i = 0; paths[i] != NULL; i++)
        if (!scan(files, paths[i], error))
            return NULL;
    const guint n_found = files->len;
    g_autofree guint8 *bytes = read_all(files, &n, error);
    if (bytes == NULL)
        return NULL;
    if (n == 0) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CORPUS,
                    "%s%s: no text to train on: %u file%s found, none readable, without NUL bytes "
                    "and not empty",
                    paths[0], paths[1] == NULL ? "" : " and others", n_found,
                    n_found == 1 ? "" : "s");
        return NULL;
    }
    return corpus_of(files, bytes, n, held_out, error);
}

void
corpus_free(Corpus *corpus)
{
    if (corpus == NULL)
        return;
    g_free(corpus->bytes);
    g_free(corpus->sha256);
    g_free(corpus->about);
    g_free(corpus);
}

void
corpus_draw(const Corpus *corpus, Rng *rng, gsize n, gsize context, guint8 *ret_inputs,
            guint8 *ret_targets)
{
    for (gsize i = 0; i < n; i++) {
        const guint8 *window =
            corpus->bytes + corpus->n_held_out + rng_below(rng, corpus->n_train - context);

        memcpy(ret_inputs + i * context, window, context);
        memcpy(ret_targets + i * context, window + 1, context);
    }
}

void
corpus_held_out(const Corpus *corpus, gsize first, gsize n, gsize n_all, gsize context,
                guint8 *ret_inputs, guint8 *ret_targets)
{
    const double span = (double)(corpus->n_held_out - context - 1);

    for (gsize i = 0; i < n; i++) {
        const double share = n_all < 2 ? 0 : (double)(first + i) / (double)(n_all - 1);
        const guint8 *window = corpus->bytes + (gsize)(span * share);

        memcpy(ret_inputs + i * context, window, context);
        memcpy(ret_targets + i * context, window + 1, context);
    }
}
