/* team.c: data-parallel forward and backward.
 *
 * Part k of n takes a fixed run of the samples, merged into one matrix product, with gradients of
 * its own; these are added in the order of the parts.  So the same number of parts gives the same
 * bits, whatever thread runs which part. */
#include "team-private.h"
#include "arena.h"
#include <string.h>

static gsize
part_capacity(guint n_parts, gsize capacity)
{
    return (capacity + n_parts - 1) / n_parts;
}

gsize
team_size(const TensorTable *table, guint n_parts, gsize capacity)
{
    return n_parts *
           (table->arena + gpt_state_size(&table->shape, part_capacity(n_parts, capacity)));
}

Team *
team_new(const Gpt *gpt, guint n_parts, gsize capacity)
{
    g_autoptr(Team) team = g_new0(Team, 1);

    team->gpt = gpt;
    team->n_parts = n_parts;
    team->state = g_new0(GptState *, n_parts);
    team->grads = g_new0(real *, n_parts);
    for (guint part = 0; part < n_parts; part++) {
        team->state[part] = gpt_state_new(&gpt->table->shape, part_capacity(n_parts, capacity));
        team->grads[part] = arena_new(gpt->table->arena);
        if (team->state[part] == NULL || team->grads[part] == NULL)
            return NULL;
    }
    return g_steal_pointer(&team);
}

void
team_free(Team *team)
{
    if (team == NULL)
        return;
    for (guint part = 0; part < team->n_parts; part++) {
        gpt_state_free(team->state[part]);
        arena_free(team->grads[part]);
    }
    g_free(team->state);
    g_free(team->grads);
    g_free(team);
}

/* First sample of a part; that of part n_parts is the end. */
static gsize
first_sample(const Team *team, guint part, gsize n_samples)
{
    return n_samples * part / team->n_parts;
}

/* What a part adds to the sum of the losses and to the regulariser's penalty. */
typedef struct {
    double loss, reg_loss;
} Share;

static Share
run_part(Team *team, guint part, real *weights, const Batch *batch, gboolean backward)
{
    const gsize context = team->gpt->table->shape.context;
    const gsize first = first_sample(team, part, batch->n_samples);
    const gsize n = first_sample(team, part + 1, batch->n_samples) - first;
    const guint8 *inputs = batch->inputs + first * context;
    const double scale = 1.0 / (double)(batch->n_samples * context);
    GptState *state = team->state[part];
    real *grads = team->grads[part];
    Share share = {0, 0};

    if (backward)
        memset(grads, 0, team->gpt->table->arena * sizeof(real));
    if (n == 0)
        return share;
    gpt_forward(team->gpt, weights, state, inputs, n);
    share.loss = gpt_loss(team->gpt, state, batch->targets + first * context, n, scale);
    if (backward) {
        share.reg_loss = gpt_regularize(team->gpt, weights, grads, state, n, batch->n_samples);
        gpt_backward(team->gpt, weights, grads, state, inputs, n);
    }
    return share;
}

static Share
run_parts(Team *team, real *weights, const Batch *batch, gboolean backward)
{
    const gsize n_tokens = batch->n_samples * team->gpt->table->shape.context;
    g_autofree Share *shares = g_new(Share, team->n_parts);
    Share sum = {0, 0};

#pragma omp parallel for schedule(static, 1) num_threads((int)team->n_parts)
    for (guint part = 0; part < team->n_parts; part++)
        shares[part] = run_part(team, part, weights, batch, backward);
    for (guint part = 0; part < team->n_parts; part++) {
        sum.loss += shares[part].loss;
        sum.reg_loss += shares[part].reg_loss;
    }
    sum.loss /= (double)n_tokens;
    return sum;
}

static void
add_grads(Team *team)
{
    const TensorTable *table = team->gpt->table;

#pragma omp parallel for schedule(dynamic) num_threads((int)team->n_parts)
    for (guint i = 0; i < table->n; i++)
        for (guint part = 1; part < team->n_parts; part++)
            team->gpt->layers->add(team->grads[0] + table->items[i].offset,
                                   team->grads[part] + table->items[i].offset,
                                   table->items[i].size);
}

double
team_train(Team *team, real *weights, const Batch *batch, double *ret_reg_loss)
{
    const Share sum = run_parts(team, weights, batch, TRUE);

    add_grads(team);
    *ret_reg_loss = sum.reg_loss;
    return sum.loss;
}

double
team_evaluate(Team *team, real *weights, const Batch *batch)
{
    return run_parts(team, weights, batch, FALSE).loss;
}

void
team_get_attention(const Team *team, gsize layer, gsize n_samples, float *ret_p)
{
    const GptShape *shape = &team->gpt->table->shape;
    const gsize per_sample = shape->n_heads * shape->context * shape->context;

    for (guint part = 0; part < team->n_parts; part++) {
        const gsize first = first_sample(team, part, n_samples);
        const gsize n = first_sample(team, part + 1, n_samples) - first;
        const real *p = team->state[part]->blocks[layer].p;

        for (gsize i = 0; i < n * per_sample; i++)
            ret_p[first * per_sample + i] = (float)p[i];
    }
}
