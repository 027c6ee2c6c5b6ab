/* ring.c: a reader, workers and the caller around a ring of slots.  The only threads of the stage.
 *
 *     reader:  FREE -> FULL, in order      worker: FULL -> BUSY -> DONE, any order
 *     retire:  DONE -> FREE, in order, by whichever worker finished the oldest slot
 *
 * Slot s % n_slots holds serial s, so serials are the whole state:
 *     retired <= taken <= filled <= retired + n_slots
 * Memory is bounded: the reader waits for a free slot and for a free batch.  Errors of the reader
 * are delivered after everything before them, so what the caller sees does not depend on threads. */
#include "analyzer-private.h"

#include <pthread.h>
#include <string.h>

typedef struct {
    guint64 batch;
    gboolean ends_batch, done;
} SlotState;

struct EntroRing {
    EntroRingJob job;
    pthread_t *threads;
    guint n_threads;
    pthread_mutex_t lock;
    pthread_cond_t may_fill, may_work, may_take;

    guint64 filled, taken, retired;              /* serials */
    guint64 begun, finished, received, released; /* batches */
    SlotState *states;
    gboolean at_end, stopping;
    GError *error; /* the reader's */
};

typedef struct {
    EntroRing *ring;
    guint number;
} WorkerStart;

/* ---- the reader --------------------------------------------------------------------------------- */

static gboolean
wait_for_room(EntroRing *ring, gboolean begins_batch)
{
    while (!ring->stopping &&
           (ring->filled - ring->retired >= ring->job.n_slots ||
            (begins_batch && ring->begun - ring->released >= ring->job.n_batches)))
        pthread_cond_wait(&ring->may_fill, &ring->lock);
    return !ring->stopping;
}

/* The slot belongs to the reader while it is neither filled nor unretired: no lock is needed. */
static gboolean
fill_one(EntroRing *ring, gboolean *begins_batch)
{
    g_autoptr(GError) error = NULL;
    gboolean ends_batch = FALSE, end = FALSE;
    guint index = ring->filled % ring->job.n_slots;
    guint64 batch = *begins_batch ? ring->begun : ring->begun - 1;

    pthread_mutex_unlock(&ring->lock);
    gboolean good =
        ring->job.fill(ring->job.data, ring->job.slots[index], batch, &ends_batch, &end, &error);
    pthread_mutex_lock(&ring->lock);
    if (!good || end) {
        ring->error = g_steal_pointer(&error);
        return FALSE;
    }
    ring->states[index] = (SlotState){.batch = batch, .ends_batch = ends_batch};
    ring->begun = batch + 1;
    ring->filled++;
    *begins_batch = ends_batch;
    pthread_cond_signal(&ring->may_work);
    return TRUE;
}

static void *
read_all(void *data)
{
    EntroRing *ring = data;
    gboolean begins_batch = TRUE;

    pthread_mutex_lock(&ring->lock);
    while (wait_for_room(ring, begins_batch) && fill_one(ring, &begins_batch))
        ;
    ring->at_end = TRUE;
    pthread_cond_broadcast(&ring->may_work);
    pthread_cond_broadcast(&ring->may_take);
    pthread_mutex_unlock(&ring->lock);
    return NULL;
}

/* ---- the workers -------------------------------------------------------------------------------- */

static void
retire_done(EntroRing *ring)
{
    while (ring->retired < ring->taken) {
        guint index = ring->retired % ring->job.n_slots;
        SlotState *state = &ring->states[index];

        if (!state->done)
            break;
        ring->job.retire(ring->job.data, ring->job.slots[index], state->batch);
        if (state->ends_batch) {
            ring->finished++;
            pthread_cond_signal(&ring->may_take);
        }
        ring->retired++;
    }
    /* not at every slot: the reader is woken for a good part of the ring, not for one tile */
    if (ring->filled - ring->retired <= ring->job.n_slots / 2)
        pthread_cond_signal(&ring->may_fill);
    if (ring->at_end && ring->retired == ring->filled)
        pthread_cond_broadcast(&ring->may_take);
}

static gboolean
wait_for_work(EntroRing *ring)
{
    while (!ring->stopping && ring->taken == ring->filled && !ring->at_end)
        pthread_cond_wait(&ring->may_work, &ring->lock);
    return !ring->stopping && ring->taken < ring->filled;
}

static void *
work_all(void *data)
{
    g_autofree WorkerStart *start = data;
    EntroRing *ring = start->ring;

    pthread_mutex_lock(&ring->lock);
    while (wait_for_work(ring)) {
        guint index = ring->taken++ % ring->job.n_slots;
        guint64 batch = ring->states[index].batch;

        pthread_mutex_unlock(&ring->lock);
        ring->job.work(ring->job.data, ring->job.slots[index], batch, start->number);
        pthread_mutex_lock(&ring->lock);
        ring->states[index].done = TRUE;
        retire_done(ring);
    }
    pthread_mutex_unlock(&ring->lock);
    return NULL;
}

/* ---- the caller --------------------------------------------------------------------------------- */

static gboolean
start_thread(EntroRing *ring, void *(*run)(void *), void *data, GError **error)
{
    int code = pthread_create(&ring->threads[ring->n_threads], NULL, run, data);

    if (code == 0) {
        ring->n_threads++;
        return TRUE;
    }
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_THREAD,
                "cannot start a thread: %s", g_strerror(code));
    return FALSE;
}

EntroRing *
entro_ring_new(const EntroRingJob *job, GError **error)
{
    g_autoptr(EntroRing) ring = g_new0(EntroRing, 1);

    ring->job = *job;
    ring->threads = g_new0(pthread_t, job->n_workers + 1);
    ring->states = g_new0(SlotState, job->n_slots);
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->may_fill, NULL);
    pthread_cond_init(&ring->may_work, NULL);
    pthread_cond_init(&ring->may_take, NULL);
    if (!start_thread(ring, read_all, ring, error))
        return NULL;
    for (guint worker = 0; worker < job->n_workers; worker++) {
        WorkerStart *start = g_new(WorkerStart, 1);
        *start = (WorkerStart){ring, worker};
        if (!start_thread(ring, work_all, start, error)) {
            g_free(start);
            return NULL;
        }
    }
    return g_steal_pointer(&ring);
}

gboolean
entro_ring_next(EntroRing *ring, guint64 *ret_batch, gboolean *ret_end, GError **error)
{
    gboolean good = TRUE;

    pthread_mutex_lock(&ring->lock);
    while (ring->finished == ring->received && !(ring->at_end && ring->retired == ring->filled))
        pthread_cond_wait(&ring->may_take, &ring->lock);
    *ret_end = ring->finished == ring->received;
    if (!*ret_end)
        *ret_batch = ring->received++;
    else if (ring->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&ring->error));
        good = FALSE;
    }
    pthread_mutex_unlock(&ring->lock);
    return good;
}

void
entro_ring_release(EntroRing *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->released++;
    pthread_cond_signal(&ring->may_fill);
    pthread_mutex_unlock(&ring->lock);
}

void
entro_ring_free(EntroRing *ring)
{
    if (ring == NULL)
        return;
    pthread_mutex_lock(&ring->lock);
    ring->stopping = TRUE;
    pthread_cond_broadcast(&ring->may_fill);
    pthread_cond_broadcast(&ring->may_work);
    pthread_mutex_unlock(&ring->lock);
    for (guint thread = 0; thread < ring->n_threads; thread++)
        pthread_join(ring->threads[thread], NULL);
    pthread_cond_destroy(&ring->may_fill);
    pthread_cond_destroy(&ring->may_work);
    pthread_cond_destroy(&ring->may_take);
    pthread_mutex_destroy(&ring->lock);
    g_clear_error(&ring->error);
    g_free(ring->threads);
    g_free(ring->states);
    g_free(ring);
}
