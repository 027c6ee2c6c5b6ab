/* test-run-memory.c: the analyzer's memory does not grow with the file.
 *
 * Each run is a child of its own, which says its own peak. */
#include "trace-fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED_KIB 3072

/* 1 MiB a capture. */
static const TraceShape shape = {.n_layers = 2,
                                 .n_heads = 8,
                                 .n_samples = 1,
                                 .n_queries = 128,
                                 .n_keys = 128,
                                 .element = ENTRO_F32,
                                 .causal = TRUE};

static glong
peak_kib(void)
{
    g_autofree char *status = NULL;

    g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    const char *line = strstr(status, "VmHWM:");
    g_assert_nonnull(line);
    return strtol(line + strlen("VmHWM:"), NULL, 10);
}

/* The child: analyses the file and prints how much it took. */
static int
analyse_and_tell(const char *path)
{
    g_autoptr(GError) error = NULL;
    const EntroRunOptions options = {.n_threads = 2, .tolerance = NAN, .memory = 8u << 20};
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(EntroRun) run = entro_run_new(source, &options, &error);
    g_assert_no_error(error);
    EntroCapture capture = {0};
    gboolean end = FALSE;

    while (!end)
        g_assert_true(entro_run_next(run, &capture, &end, &error));
    printf("%ld\n", peak_kib());
    return 0;
}

static glong
peak_of_child(const char *path)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    const char *argv[] = {program, "--analyse", path, NULL};
    /* freed memory that a sanitizer keeps back is no growth; elsewhere it means nothing */
    const char *options = g_getenv("ASAN_OPTIONS");
    g_autofree char *asan =
        g_strconcat(options == NULL ? "" : options, ":quarantine_size_mb=1", NULL);
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "ASAN_OPTIONS", asan, TRUE);
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;

    g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status,
                 &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return strtol(out, NULL, 10);
}

static glong
peak_of(const char *path, gsize n_captures, const Storage *storage)
{
    TraceShape here = shape;

    here.n_captures = n_captures;
    if (storage != NULL)
        write_plain_trace(path, &here, storage);
    else
        write_trace(path, &here);
    return peak_of_child(path);
}

static void
memory_does_not_grow(const Fixture *fixture, const Storage *storage)
{
    glong small = peak_of(fixture->path, 12, storage);
    glong large = peak_of(fixture->path, 150, storage);

    g_test_message("12 MiB: %ld KiB, 150 MiB: %ld KiB", small, large);
    g_assert_cmpint(small, >, 1000);
    g_assert_cmpint(large - small, <, ALLOWED_KIB);
}

static void
memory_does_not_grow_with_the_captures(Fixture *fixture, gconstpointer data)
{
    (void)data;
    memory_does_not_grow(fixture, NULL);
}

static void
nor_with_contiguous_captures(Fixture *fixture, gconstpointer data)
{
    (void)data;
    memory_does_not_grow(fixture, &(Storage){.causal = ENTRO_CAUSAL_YES});
}

static void
nor_where_chunks_span_captures(Fixture *fixture, gconstpointer data)
{
    (void)data;
    memory_does_not_grow(fixture, &(Storage){.chunk = (hsize_t[]){4, 1, 2, 64, 128},
                                             .causal = ENTRO_CAUSAL_YES});
}

static void
nor_with_learnable_parameters(Fixture *fixture, gconstpointer data)
{
    TraceShape here = shape;

    (void)data;
    here.params = (1u << ENTRO_N_PARAMS) - 1;
    here.n_captures = 12;
    write_trace(fixture->path, &here);
    glong small = peak_of_child(fixture->path);
    here.n_captures = 150;
    write_trace(fixture->path, &here);
    glong large = peak_of_child(fixture->path);
    g_test_message("12 captures: %ld KiB, 150 captures: %ld KiB", small, large);
    g_assert_cmpint(large - small, <, ALLOWED_KIB);
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--analyse") == 0)
        return analyse_and_tell(argv[2]);
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) FIXTURE_TEST("/run/memory/" name, function)
    ADD("does-not-grow-with-the-captures", memory_does_not_grow_with_the_captures);
    ADD("nor-with-contiguous-captures", nor_with_contiguous_captures);
    ADD("nor-where-chunks-span-captures", nor_where_chunks_span_captures);
    ADD("nor-with-learnable-parameters", nor_with_learnable_parameters);
    return g_test_run();
}
