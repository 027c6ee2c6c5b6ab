/* test-ring.c: the ring with made-up work: order, errors, quitting early, and nothing shared that
 * ThreadSanitizer could find. */
#include "analyzer-private.h"

#include <string.h>

/* Batches of 1 to 5 slots; a slot carries its serial, a worker squares it. */
typedef struct {
    guint64 serial, square, batch;
    guint worker;
} Slot;

typedef struct {
    guint n_slots, n_workers, n_batches;
    guint64 n_total;  /* batches that the reader has */
    guint64 fails_at; /* serial at which the reader fails, G_MAXUINT64: never */
    gboolean lazy;    /* workers and reader sleep now and then */
} Plan;

#define NEVER      G_MAXUINT64
#define OPEN_MAX   8
#define SLOTS_MAX  9
#define WORKER_MAX 8

typedef struct {
    Plan plan;
    Slot slots[SLOTS_MAX];
    gpointer pointers[SLOTS_MAX];
    guint64 next_serial;                      /* the reader's */
    guint in_batch;                           /* the reader's */
    guint64 retired;                          /* under the ring's lock */
    guint64 sums[OPEN_MAX], counts[OPEN_MAX]; /* of the open batches, as retire sees them */
    guint64 worked[WORKER_MAX];               /* of each worker alone */
} World;

static guint
batch_size(guint64 batch)
{
    return 1 + (guint)(batch * 7 % 5);
}

static void
dawdle(const World *world, guint64 serial)
{
    if (world->plan.lazy && serial % 3 == 1)
        g_usleep(serial % 7 * 100);
}

/* ---- the three callbacks -------------------------------------------------------------------------- */

static gboolean
fill(gpointer data, gpointer slot, guint64 batch, gboolean *ret_ends_batch, gboolean *ret_end,
     GError **error)
{
    World *world = data;
    Slot *filled = slot;

    if (world->next_serial == world->plan.fails_at) {
        g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_MEMORY, "serial %d",
                    (int)world->next_serial);
        return FALSE;
    }
    if (batch == world->plan.n_total) {
        *ret_end = TRUE;
        return TRUE;
    }
    if (world->in_batch == 0)
        world->sums[batch % world->plan.n_batches] = world->counts[batch % world->plan.n_batches] =
            0;
    *filled = (Slot){.serial = world->next_serial++, .batch = batch};
    dawdle(world, filled->serial + 1);
    *ret_ends_batch = ++world->in_batch == batch_size(batch);
    if (*ret_ends_batch)
        world->in_batch = 0;
    return TRUE;
}

static void
work(gpointer data, gpointer slot, guint64 batch, guint worker)
{
    World *world = data;
    Slot *busy = slot;

    g_assert_cmpuint(busy->batch, ==, batch);
    g_assert_cmpuint(worker, <, world->plan.n_workers);
    dawdle(world, busy->serial);
    busy->square = busy->serial * busy->serial;
    world->worked[worker]++;
}

static void
retire(gpointer data, gpointer slot, guint64 batch)
{
    World *world = data;
    const Slot *done = slot;

    g_assert_cmpuint(done->serial, ==, world->retired++); /* in order, each once */
    g_assert_cmpuint(done->batch, ==, batch);
    world->sums[batch % world->plan.n_batches] += done->square;
    world->counts[batch % world->plan.n_batches]++;
}

/* ---- the caller ------------------------------------------------------------------------------------ */

static World *
world_new(Plan plan)
{
    World *world = g_new0(World, 1);

    world->plan = plan;
    for (guint i = 0; i < SLOTS_MAX; i++)
        world->pointers[i] = &world->slots[i];
    return world;
}

static EntroRing *
start(World *world)
{
    g_autoptr(GError) error = NULL;
    const EntroRingJob job = {.fill = fill,
                              .work = work,
                              .retire = retire,
                              .data = world,
                              .slots = world->pointers,
                              .n_slots = world->plan.n_slots,
                              .n_workers = world->plan.n_workers,
                              .n_batches = world->plan.n_batches};
    EntroRing *ring = entro_ring_new(&job, &error);

    g_assert_no_error(error);
    return ring;
}

/* Serials below the first of this batch, and the sum of the squares of the batch. */
static guint64
expected_sum(guint64 batch)
{
    guint64 first = 0, sum = 0;

    for (guint64 before = 0; before < batch; before++)
        first += batch_size(before);
    for (guint64 serial = first; serial < first + batch_size(batch); serial++)
        sum += serial * serial;
    return sum;
}

/* Takes up to `most` batches and checks each; returns how many there were. */
static guint64
take(World *world, EntroRing *ring, guint64 most, gulong pause, GError **error)
{
    guint64 n = 0, batch;
    gboolean end = FALSE;

    while (n < most && entro_ring_next(ring, &batch, &end, error) && !end) {
        g_assert_cmpuint(batch, ==, n++);
        g_usleep(pause);
        g_assert_cmpuint(world->counts[batch % world->plan.n_batches], ==, batch_size(batch));
        g_assert_cmpuint(world->sums[batch % world->plan.n_batches], ==, expected_sum(batch));
        entro_ring_release(ring);
    }
    return n;
}

static void
assert_all_arrive(Plan plan, gulong pause)
{
    g_autofree World *world = world_new(plan);
    g_autoptr(EntroRing) ring = start(world);
    g_autoptr(GError) error = NULL;
    guint64 worked = 0;

    g_assert_cmpuint(take(world, ring, NEVER, pause, &error), ==, plan.n_total);
    g_assert_no_error(error);
    for (guint worker = 0; worker < plan.n_workers; worker++)
        worked += world->worked[worker];
    g_assert_cmpuint(worked, ==, world->next_serial);
    g_assert_cmpuint(world->retired, ==, world->next_serial);
}

/* ---- tests ----------------------------------------------------------------------------------------- */

/* The i-th of 30 combinations of 1 to 8 workers, 2 to 9 slots and 1 to 4 open batches. */
static Plan
combination(guint i)
{
    return (Plan){.n_slots = 2 + i * 5 % 8,
                  .n_workers = 1 + i * 3 % 8,
                  .n_batches = 1 + i % 4,
                  .n_total = 40 + i,
                  .fails_at = NEVER,
                  .lazy = i % 3 == 0};
}

static void
batches_arrive_in_order_and_whole(void)
{
    for (guint i = 0; i < 30; i++)
        assert_all_arrive(combination(i), 0);
}

static void
a_slow_caller_is_waited_for(void)
{
    for (guint i = 0; i < 6; i++) {
        Plan plan = combination(i * 5);
        plan.n_total = 12;
        assert_all_arrive(plan, 2000);
    }
}

static void
an_empty_input_ends_at_once(void)
{
    for (guint workers = 1; workers <= WORKER_MAX; workers++)
        assert_all_arrive((Plan){2, workers, 1, 0, NEVER, FALSE}, 0);
}

static void
an_error_comes_after_all_that_went_before(void)
{
    for (guint i = 0; i < 30; i++) {
        Plan plan = combination(i);
        guint64 before = i % 7, serial = 0;
        g_autoptr(GError) error = NULL;

        for (guint64 batch = 0; batch < before; batch++)
            serial += batch_size(batch);
        plan.fails_at = serial + i % batch_size(before); /* at the start of a batch, or in it */
        g_autofree World *world = world_new(plan);
        g_autoptr(EntroRing) ring = start(world);
        g_assert_cmpuint(take(world, ring, NEVER, i % 2 ? 500 : 0, &error), ==, before);
        g_assert_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_MEMORY);
        g_autofree char *message = g_strdup_printf("serial %d", (int)plan.fails_at);
        g_assert_cmpstr(error->message, ==, message);
    }
}

static void
after_an_error_there_is_only_the_end(void)
{
    g_autofree World *world = world_new((Plan){3, 2, 2, 5, 0, FALSE});
    g_autoptr(EntroRing) ring = start(world);
    guint64 batch;
    gboolean end;

    g_assert_false(entro_ring_next(ring, &batch, &end, NULL));
    for (guint again = 0; again < 3; again++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(entro_ring_next(ring, &batch, &end, &error));
        g_assert_no_error(error);
        g_assert_true(end);
    }
}

static void
one_may_leave_at_any_time(void)
{
    for (guint i = 0; i < 30; i++) {
        Plan plan = combination(i);
        plan.fails_at = i % 5 == 4 ? i : NEVER;
        g_autofree World *world = world_new(plan);
        g_autoptr(EntroRing) ring = start(world);
        take(world, ring, i % 6, 0, NULL);
    }
}

/* With every batch still the caller's, the reader must stop at n_batches, whatever is free. */
static void
no_more_batches_are_begun_than_may_be_open(void)
{
    g_autofree World *world = world_new((Plan){SLOTS_MAX, 2, 2, 30, NEVER, FALSE});
    g_autoptr(EntroRing) ring = start(world);
    guint64 batch;
    gboolean end;

    for (guint i = 0; i < 2; i++)
        g_assert_true(entro_ring_next(ring, &batch, &end, NULL) && !end);
    g_usleep(20000);
    entro_ring_free(g_steal_pointer(&ring)); /* the threads have ended: their numbers may be read */
    g_assert_cmpuint(world->next_serial, ==, batch_size(0) + batch_size(1));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/ring/" name, function)
    ADD("batches-arrive-in-order-and-whole", batches_arrive_in_order_and_whole);
    ADD("a-slow-caller-is-waited-for", a_slow_caller_is_waited_for);
    ADD("an-empty-input-ends-at-once", an_empty_input_ends_at_once);
    ADD("an-error-comes-after-all-that-went-before", an_error_comes_after_all_that_went_before);
    ADD("after-an-error-there-is-only-the-end", after_an_error_there_is_only_the_end);
    ADD("one-may-leave-at-any-time", one_may_leave_at_any_time);
    ADD("no-more-batches-are-begun-than-may-be-open", no_more_batches_are_begun_than_may_be_open);
    return g_test_run();
}
