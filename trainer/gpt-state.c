/* gpt-state.c: the memory that forward and backward work in, one allocation. */
#include "gpt-private.h"
#include "arena.h"

#define ALIGNMENT 16 /* elements: 64 bytes of float */

/* Hands out parts of an arena; with base NULL it only counts. */
typedef struct {
    real *base;
    gsize used;
} Carver;

static real *
take(Carver *carver, gsize n)
{
    real *part = carver->base == NULL ? NULL : carver->base + carver->used;

    carver->used += (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return part;
}

static void
carve_block(Carver *carver, BlockState *block, const GptShape *shape, gsize capacity)
{
    const gsize t = shape->context;
    const gsize n = capacity * t;
    const gsize d = shape->d_model;
    const gboolean norm = shape->arch->norm == ENTRO_NORM_LAYER;
    const gboolean linear = shape->arch->activation == ENTRO_ACT_IDENTITY;
    const gboolean fused = shape->arch->ffn == ENTRO_FFN_FUSED;
    const gboolean regularized = shape->arch->regularize != ENTRO_REGULARIZE_OFF;

    block->x = take(carver, n * d);
    block->norm1 = norm ? take(carver, n * d) : block->x;
    block->stats1 = norm ? take(carver, n * 2) : NULL;
    block->qk = take(carver, n * 2 * d);
    block->v = take(carver, n * d);
    block->p = take(carver, capacity * shape->n_heads * t * t);
    block->pull = regularized ? take(carver, capacity * shape->n_heads * t) : NULL;
    block->mixed = take(carver, n * d);
    block->middle = take(carver, n * d);
    block->norm2 = norm ? take(carver, n * d) : block->middle;
    block->stats2 = norm ? take(carver, n * 2) : NULL;
    block->slope = fused ? NULL : take(carver, n * 4 * d);
    block->hidden = linear ? block->slope : take(carver, n * 4 * d);
}

static void
carve(Carver *carver, GptState *state, const GptShape *shape, gsize capacity)
{
    const gsize n = capacity * shape->context;
    const gsize d = shape->d_model;

    for (gsize layer = 0; layer < shape->n_layers; layer++)
        carve_block(carver, &state->blocks[layer], shape, capacity);
    state->last = take(carver, n * d);
    state->final = shape->final_norm ? take(carver, n * d) : state->last;
    state->final_stats = shape->final_norm ? take(carver, n * 2) : NULL;
    state->logits = take(carver, n * GPT_VOCAB);
    state->dx = take(carver, n * d);
    state->dnorm = take(carver, n * d);
    state->dwide = take(carver, n * 4 * d);
    state->scratch = take(carver, ATTENTION_BLOCK * shape->context);
}

gsize
gpt_state_size(const GptShape *shape, gsize capacity)
{
    g_autofree BlockState *blocks = g_new0(BlockState, shape->n_layers);
    GptState state = {.blocks = blocks};
    Carver carver = {0};

    carve(&carver, &state, shape, capacity);
    return carver.used;
}

GptState *
gpt_state_new(const GptShape *shape, gsize capacity)
{
    g_autoptr(GptState) state = g_new0(GptState, 1);
    Carver carver = {0};

    /* Cleared: attention never writes the blocks after the query, which must read 0. */
    state->arena = arena_new(gpt_state_size(shape, capacity));
    if (state->arena == NULL)
        return NULL;
    state->capacity = capacity;
    state->blocks = g_new0(BlockState, shape->n_layers);
    carver.base = state->arena;
    carve(&carver, state, shape, capacity);
    return g_steal_pointer(&state);
}

void
gpt_state_free(GptState *state)
{
    if (state == NULL)
        return;
    arena_free(state->arena);
    g_free(state->blocks);
    g_free(state);
}
