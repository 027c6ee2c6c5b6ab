/* mutants.c: damaged copies of one trace, analysed, and what became of its numbers.
 *
 *     mutants [OPTION...] FILE FIRST N            analyses them in children and prints a table
 *     mutants [OPTION...] FILE FIRST N FOLDER     only writes them, as FOLDER/<number>-<kind>.h5
 *
 *     --metadata     damages a block of HDF5's metadata that has a checksum, and makes that right again
 *     --box          HDF5 runs in a child of its own, as in the program
 *
 * Damage may cost a number, and it may be told; it may not change a number unseen.  A mutant is its
 * number: the same damage whenever it is made.  A child does as many as it survives, and says in shared
 * memory where it is; one that dies in libhdf5 is told apart from one that dies in our own code. */
#include "entro-analyzer.h"
#include "metadata.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS  20 /* a mutant that takes longer hangs */
#define PATIENCE 2  /* seconds that a child of the box may say nothing */
#define BATCH    50 /* mutants of one child */

/* ---- damage -------------------------------------------------------------------------------------- */

static const char *const kinds[] = {"bit", "bytes", "value", "run", "page", "cut"};
enum { N_KINDS = G_N_ELEMENTS(kinds), N_ROWS = MAX(N_KINDS, N_BLOCK_KINDS) };

/* What is to be damaged. */
typedef struct {
    guint8 *bytes;
    gsize length;
    GArray *blocks; /* MetadataBlock: only these, and their checksums made right; NULL: anything */
} Victim;

static void
victim_clear(Victim *victim)
{
    g_free(victim->bytes);
    g_clear_pointer(&victim->blocks, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Victim, victim_clear)

static const char *
kind_name(const Victim *victim, guint kind)
{
    return victim->blocks ? metadata_kinds[kind] : kinds[kind];
}

static void
put_value(guint8 *at, gsize left, GRand *random)
{
    static const guint64 telling[] = {0,          1,          0x7f,           0x80,
                                      0xff,       0xffff,     0x7fffffff,     0x80000000u,
                                      0xffffffff, 1ull << 40, G_MAXINT64 - 7, G_MAXUINT64};
    guint64 value = GUINT64_TO_LE(telling[g_rand_int_range(random, 0, G_N_ELEMENTS(telling))]);
    gsize size = 1u << g_rand_int_range(random, 0, 4);

    memcpy(at, &value, MIN(size, left));
}

/* Half of the mutants hit the ends of the file, where most of the metadata lies. */
static gsize
choose_place(gsize length, GRand *random)
{
    const gsize end = MIN(length, 4096);
    gsize at = (gsize)g_rand_int_range(random, 0, (gint32)length);

    switch (g_rand_int_range(random, 0, 4)) {
    case 0:
        return at % end;
    case 1:
        return length - 1 - at % end;
    default:
        return at;
    }
}

static void
damage(guint8 *bytes, gsize *length, gsize at, guint kind, GRand *random)
{
    const gsize left = *length - at;
    gsize n = 0;

    switch (kind) {
    case 0:
        bytes[at] ^= (guint8)(1 << g_rand_int_range(random, 0, 8));
        break;
    case 1:
        n = (gsize)g_rand_int_range(random, 1, 5);
        for (gsize i = 0; i < MIN(n, left); i++)
            bytes[at + i] = (guint8)g_rand_int(random);
        break;
    case 2:
        put_value(bytes + at, left, random);
        break;
    case 3:
        n = (gsize)g_rand_int_range(random, 1, 513);
        memset(bytes + at, 0, MIN(n, left));
        break;
    case 4:
        memset(bytes + at / 512 * 512, 0, MIN(512, *length - at / 512 * 512));
        break;
    default:
        *length = at;
    }
}

/* Something inside of the block, behind its signature: a bit, bytes, a telling value, or what stands
 * anywhere else in the metadata, such as another address.  Every eighth time it is done twice. */
static guint
damage_metadata(const Victim *victim, guint8 *bytes, GRand *random)
{
    const GArray *blocks = victim->blocks;
    const MetadataBlock *block =
        &g_array_index(blocks, MetadataBlock,
                       (guint)g_rand_int_range(random, 0, (gint32)blocks->len));
    const MetadataBlock *other =
        &g_array_index(blocks, MetadataBlock,
                       (guint)g_rand_int_range(random, 0, (gint32)blocks->len));

    for (gint32 again = g_rand_int_range(random, 0, 8) == 0; again >= 0; again--) {
        gsize at = (gsize)g_rand_int_range(random, 4, (gint32)block->size);
        gsize end = block->at + block->size,
              from = (gsize)g_rand_int_range(random, 4, (gint32)other->size);
        const guint kind = (guint)g_rand_int_range(random, 0, 4);
        if (kind < 3)
            damage(bytes, &end, block->at + at, kind, random);
        else
            memmove(bytes + block->at + at, victim->bytes + other->at + from,
                    MIN(MIN(block->size - at, other->size - from), 8));
    }
    metadata_seal(bytes, block);
    return block->kind;
}

/* A damaged copy; returns the kind. */
static guint
mutate(const Victim *victim, guint32 number, guint8 **ret_bytes, gsize *ret_length)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(number);

    *ret_bytes = g_memdup2(victim->bytes, victim->length);
    *ret_length = victim->length;
    if (victim->blocks != NULL)
        return damage_metadata(victim, *ret_bytes, random);
    damage(*ret_bytes, ret_length, choose_place(victim->length, random), number % N_KINDS, random);
    return number % N_KINDS;
}

/* ---- numbers ------------------------------------------------------------------------------------- */

/* All that analysis says of one file. */
typedef struct {
    GHashTable *numbers; /* "attempt/step kind layer head column" -> its text */
    gboolean told;       /* refused, a problem, a partial capture */
} Numbers;

static void
numbers_clear(Numbers *numbers)
{
    g_hash_table_unref(numbers->numbers);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Numbers, numbers_clear)

static void
add_number(Numbers *numbers, const EntroCapture *capture, const char *what, guint layer,
           gint64 head, guint column, double value)
{
    if (!isnan(value))
        g_hash_table_insert(numbers->numbers,
                            g_strdup_printf("%u/%" G_GINT64_FORMAT " %s %u %" G_GINT64_FORMAT " %u",
                                            capture->attempt, capture->step, what, layer, head,
                                            column),
                            g_strdup_printf("%.17g", value));
}

static void
add_heads(Numbers *numbers, const EntroCapture *capture)
{
    for (guint i = 0; i < capture->n_heads; i++) {
        const EntroHeadStats *head = &capture->heads[i];
        const gint64 counts[] = {head->n_rows, head->n_nan, head->n_masked, head->n_off_sum};
        for (guint j = 0; j < G_N_ELEMENTS(counts); j++)
            add_number(numbers, capture, "count", head->layer, head->head, j, (double)counts[j]);
        for (guint j = 0; j < ENTRO_HEAD_N_COLUMNS; j++)
            add_number(numbers, capture, "head", head->layer, head->head, j, head->values[j]);
    }
    for (guint i = 0; i < capture->n_head_params; i++)
        for (guint j = 0; j < ENTRO_HEAD_PARAM_N_COLUMNS; j++)
            add_number(numbers, capture, "param", capture->head_params[i].layer,
                       capture->head_params[i].head, j, capture->head_params[i].values[j]);
}

static void
add_layers(Numbers *numbers, const EntroCapture *capture)
{
    for (guint i = 0; i < capture->n_layers; i++)
        for (guint j = 0; j < ENTRO_LAYER_N_COLUMNS; j++)
            add_number(numbers, capture, "layer", capture->layers[i].layer, -1, j,
                       capture->layers[i].values[j]);
    for (guint i = 0; i < capture->n_layer_params; i++)
        for (guint j = 0; j < ENTRO_LAYER_PARAM_N_COLUMNS; j++)
            add_number(numbers, capture, "layer-param", capture->layer_params[i].layer, -1, j,
                       capture->layer_params[i].values[j]);
}

static void
add_scalars(Numbers *numbers, const EntroTrace *trace)
{
    for (guint i = 0; i < trace->n_scalars; i++)
        for (gsize j = 0; j < trace->scalars[i].n; j++)
            g_hash_table_insert(numbers->numbers,
                                g_strdup_printf("scalar %s %zu %" G_GINT64_FORMAT,
                                                trace->scalars[i].name, j,
                                                trace->scalars[i].step[j]),
                                g_strdup_printf("%.17g", trace->scalars[i].value[j]));
}

static void
run(Numbers *numbers, EntroSource *source)
{
    EntroRunOptions options = ENTRO_RUN_OPTIONS_DEFAULT;
    EntroCapture capture = {0};
    gboolean end = FALSE;

    options.n_threads = 1;
    g_autoptr(EntroRun) run = entro_run_new(source, &options, NULL);
    numbers->told = run == NULL || entro_source_get_trace(source)->problems->len > 0;
    while (run != NULL && entro_run_next(run, &capture, &end, NULL) && !end) {
        numbers->told |= capture.status == ENTRO_CAPTURE_PARTIAL;
        add_heads(numbers, &capture);
        add_layers(numbers, &capture);
    }
    numbers->told |= !end;
    entro_capture_clear(&capture);
    add_scalars(numbers, entro_source_get_trace(source));
}

/* The limits keep a size that is a lie from costing a minute. */
static Numbers
analyse(const char *path)
{
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    Numbers numbers = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free), TRUE};

    options.limits.max_captures = 10000;
    options.limits.max_chunk = 16u << 20;
    g_autoptr(EntroSource) source = entro_source_open(path, &options, NULL);
    if (source != NULL)
        run(&numbers, source);
    return numbers;
}

/* ---- judgement ----------------------------------------------------------------------------------- */

typedef enum {
    NOT_DONE,
    SAME,    /* every number, and nothing was said */
    LESS,    /* numbers are missing, those that are there are the same */
    TOLD,    /* damage was told; what is there is the same */
    COUNTED, /* rows of a head are counted as NaN, masked or off their sum, and its numbers follow */
    ALTERED, /* damage was told, and a number is another */
    BLIND, /* the same, where words of ones became zeros or the reverse: Fletcher's sums cannot tell */
    SILENT, /* a number is another, and nothing was said */
    CRASH_HDF5,
    CRASH_OURS,
    HANG_HDF5,
    HANG_OURS,
    N_FATES
} Fate;

static const char *const fates[] = {"?",          "same",       "less",      "told",
                                    "counted",    "altered",    "blind",     "silent",
                                    "crash-hdf5", "crash-ours", "hang-hdf5", "hang-ours"};
G_STATIC_ASSERT(G_N_ELEMENTS(fates) == N_FATES);

static gboolean talkative; /* of one mutant alone: which numbers */

static Fate
judge(const Numbers *whole, const Numbers *damaged)
{
    GHashTableIter iter;
    gpointer key, value;
    gboolean counted = FALSE, changed = FALSE;

    g_hash_table_iter_init(&iter, damaged->numbers);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const char *before = g_hash_table_lookup(whole->numbers, key);
        if (g_strcmp0(before, value) == 0)
            continue;
        changed = TRUE;
        if (talkative)
            printf("# %s: %s became %s\n", (const char *)key, before ? before : "nothing",
                   (const char *)value);
        counted |= before != NULL && strstr(key, " count ") != NULL;
    }
    if (changed)
        return counted ? COUNTED : damaged->told ? ALTERED : SILENT;
    if (damaged->told)
        return TOLD;
    return g_hash_table_size(damaged->numbers) < g_hash_table_size(whole->numbers) ? LESS : SAME;
}

/* ---- children ------------------------------------------------------------------------------------- */

/* What the children tell, in shared memory. */
typedef struct {
    guint current;          /* that is being analysed, from 0 */
    guint slowest, longest; /* took most time; milliseconds */
    struct {
        guint8 fate, kind;
    } mutant[];
} Report;

typedef struct {
    const Victim *victim;
    guint first, n;
    volatile Report *report;
} Batch;

/* The first frame outside of the C library tells whose it is. */
static Fate
whose(Fate hdf5, Fate ours)
{
    void *frames[64];
    int n = backtrace(frames, G_N_ELEMENTS(frames));

    for (int i = 2; i < n; i++) { /* behind this function and the handler */
        Dl_info info;
        if (dladdr(frames[i], &info) == 0 || info.dli_fname == NULL ||
            strstr(info.dli_fname, "/libc.so") != NULL)
            continue;
        return strstr(info.dli_fname, "libhdf5") != NULL ? hdf5 : ours;
    }
    return ours;
}

static Batch *the_batch;

static void
on_signal(int signal)
{
    the_batch->report->mutant[the_batch->report->current].fate =
        (guint8)(signal == SIGALRM ? whose(HANG_HDF5, HANG_OURS) : whose(CRASH_HDF5, CRASH_OURS));
    _exit(1);
}

/* Sanitizers report by themselves; here the signals are ours. */
static void
watch_signals(Batch *batch)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
    void *frame;

    the_batch = batch;
    backtrace(&frame, 1); /* loads what it needs */
    for (guint i = 0; i < G_N_ELEMENTS(signals); i++)
        signal(signals[i], on_signal);
}

/* Sums modulo 65535, in which 0x0000 and 0xffff are the same. */
static gboolean
is_beyond_fletcher(const Victim *victim, const guint8 *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (bytes[i] != victim->bytes[i] &&
            ((bytes[i] ^ victim->bytes[i]) != 0xff || (bytes[i] != 0 && bytes[i] != 0xff)))
            return FALSE;
    return length == victim->length;
}

static int
write_mutant(Batch *batch, guint i, char **ret_path, gboolean *ret_blind)
{
    g_autofree guint8 *bytes = NULL;
    gsize length;
    int fd = memfd_create("mutant", MFD_CLOEXEC);

    batch->report->mutant[i].kind =
        (guint8)mutate(batch->victim, batch->first + i, &bytes, &length);
    *ret_blind = batch->victim->blocks == NULL && is_beyond_fletcher(batch->victim, bytes, length);
    if (fd < 0 || write(fd, bytes, length) != (gssize)length)
        _exit(2);
    *ret_path = g_strdup_printf("/proc/self/fd/%d", fd);
    return fd;
}

static void
note_time(volatile Report *report, guint i, gint64 began)
{
    const guint took = (guint)((g_get_monotonic_time() - began) / 1000);

    if (took > report->longest) {
        report->longest = took;
        report->slowest = i;
    }
}

static void
work(Batch *batch, const char *path, guint from, guint end)
{
    g_auto(Numbers) whole = analyse(path);

    watch_signals(batch);
    for (guint i = from; i < end; i++) {
        g_autofree char *mutant = NULL;
        gboolean blind;
        batch->report->current = i;
        int fd = write_mutant(batch, i, &mutant, &blind);
        gint64 began = g_get_monotonic_time();
        alarm(SECONDS);
        g_auto(Numbers) damaged = analyse(mutant);
        alarm(0);
        note_time(batch->report, i, began);
        Fate fate = judge(&whole, &damaged);
        batch->report->mutant[i].fate = (guint8)(fate == SILENT && blind ? BLIND : fate);
        close(fd);
    }
    fflush(stdout);
    _exit(0);
}

/* One that dies is not asked again; the next child goes on behind it. */
static gboolean
work_through(Batch *batch, const char *path)
{
    guint next = 0;

    while (next < batch->n) {
        const guint end = MIN(next + BATCH, batch->n);
        int status = 0;
        batch->report->current = next;
        pid_t child = fork();
        if (child == 0)
            work(batch, path, next, end);
        if (child < 0 || waitpid(child, &status, 0) != child)
            return FALSE;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            next = end;
            continue;
        }
        next = batch->report->current;
        if (batch->report->mutant[next].fate == NOT_DONE) /* not even its handler came to an end */
            batch->report->mutant[next].fate = CRASH_OURS;
        next++;
    }
    return TRUE;
}

/* ---- the table ------------------------------------------------------------------------------------- */

static void
print_row(const char *name, const guint n[N_FATES])
{
    printf("%-6s", name);
    for (Fate fate = SAME; fate < N_FATES; fate++)
        printf(" %10u", n[fate]);
    putchar('\n');
}

static void
print_table(const Batch *batch)
{
    guint n[N_ROWS + 1][N_FATES] = {{0}}, n_mutants[N_ROWS] = {0};

    for (guint i = 0; i < batch->n; i++) {
        const Fate fate = batch->report->mutant[i].fate;
        const guint kind = batch->report->mutant[i].kind;
        n[kind][fate]++;
        n[N_ROWS][fate]++;
        n_mutants[kind]++;
        if (fate > BLIND)
            printf("# mutant %u (%s): %s\n", batch->first + i, kind_name(batch->victim, kind),
                   fates[fate]);
    }
    printf("# mutant %u took longest, %u ms\n", batch->first + batch->report->slowest,
           batch->report->longest);
    printf("%-6s", "kind");
    for (Fate fate = SAME; fate < N_FATES; fate++)
        printf(" %10s", fates[fate]);
    putchar('\n');
    for (guint kind = 0; kind < N_ROWS; kind++)
        if (n_mutants[kind] > 0)
            print_row(kind_name(batch->victim, kind), n[kind]);
    print_row("all", n[N_ROWS]);
}

static int
write_all(const Batch *batch, const char *folder)
{
    for (guint i = 0; i < batch->n; i++) {
        g_autofree guint8 *bytes = NULL;
        gsize length;
        const guint number = batch->first + i,
                    kind = mutate(batch->victim, number, &bytes, &length);
        g_autofree char *path =
            g_strdup_printf("%s/%u-%s.h5", folder, number, kind_name(batch->victim, kind));
        if (!g_file_set_contents(path, (const char *)bytes, (gssize)length, NULL))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* ---- the command line ------------------------------------------------------------------------------- */

static gboolean metadata, box;

static const GOptionEntry entries[] = {
    {"metadata", 0, 0, G_OPTION_ARG_NONE, &metadata, "Damage metadata under its checksum", NULL},
    {"box", 0, 0, G_OPTION_ARG_NONE, &box, "Run HDF5 in a child", NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

static gboolean
read_arguments(int *argc, char ***argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new("FILE FIRST N [FOLDER]");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (g_option_context_parse(context, argc, argv, &error) && *argc >= 4)
        return TRUE;
    fprintf(stderr, "mutants: %s\n", error ? error->message : "FILE FIRST N [FOLDER]");
    return FALSE;
}

static gboolean
take_victim(Victim *victim, const char *path)
{
    char *bytes = NULL;

    if (!g_file_get_contents(path, &bytes, &victim->length, NULL))
        return FALSE;
    victim->bytes = (guint8 *)bytes;
    if (metadata)
        victim->blocks = metadata_find(victim->bytes, victim->length);
    if (metadata && victim->blocks->len == 0)
        fprintf(stderr, "mutants: %s: no metadata with a checksum\n", path);
    return victim->length > 0 && (!metadata || victim->blocks->len > 0);
}

static gboolean
share_report(Batch *batch)
{
    const gsize size = sizeof *batch->report + batch->n * sizeof *batch->report->mutant;
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    batch->report = shared;
    return shared != MAP_FAILED;
}

int
main(int argc, char **argv)
{
    g_auto(Victim) victim = {0};
    Batch batch = {.victim = &victim};

    if (argc > 1 && g_str_equal(argv[1], ENTRO_READER_ARGUMENT))
        entro_reader_serve(argc - 1, argv + 1);
    if (!read_arguments(&argc, &argv) || !take_victim(&victim, argv[1]))
        return 2;
    batch.first = (guint)g_ascii_strtoull(argv[2], NULL, 10);
    batch.n = (guint)g_ascii_strtoull(argv[3], NULL, 10);
    if (argc > 4)
        return write_all(&batch, argv[4]);
    if (box)
        entro_reader_use_child("/proc/self/exe", PATIENCE);
    talkative = batch.n == 1;
    if (!share_report(&batch) || !work_through(&batch, argv[1]))
        return 2;
    print_table(&batch);
    return EXIT_SUCCESS;
}
