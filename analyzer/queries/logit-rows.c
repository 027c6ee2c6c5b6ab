/* logit-rows.c: what is known of softmax(Q K^T), a tile of logits at a time, by an online softmax.
 *
 * A tile is a matrix product of some queries and some keys, small enough to stay in a core's cache; each
 * row keeps a few sums, which are scaled when a later tile has a larger logit (Milakov and Gimelshein
 * 2018, arXiv 1805.02867).  T x T numbers are never in memory. */
#include "logit-rows.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#ifdef ENTRO_LOGITS_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

/* Keys of one tile, and the runs that meet them. */
typedef struct {
    gsize first, end;
    gsize first_run, end_run;
    gsize n_rows;
    const EntroReal *logits; /* [n_rows][end - first] */
} Tile;

static void
make_tile(const EntroLogitHead *head, const EntroReal *queries, Tile *tile)
{
    gsize n = tile->end - tile->first;

    GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)tile->n_rows, (blasint)n,
         (blasint)head->head_dim, 1, queries, (blasint)head->head_dim,
         head->keys + tile->first * head->head_dim, (blasint)head->head_dim, 0, head->tile,
         (blasint)n);
    tile->logits = head->tile;
}

/* Keys that any of the rows may attend to. */
static void
find_span(const EntroLogitRow *rows, gsize n, gsize *ret_first, gsize *ret_end)
{
    *ret_first = G_MAXSIZE;
    *ret_end = 0;
    for (gsize i = 0; i < n; i++)
        if (rows[i].end > rows[i].first) {
            *ret_first = MIN(*ret_first, rows[i].first);
            *ret_end = MAX(*ret_end, rows[i].end);
        }
}

/* The next tile of a walk over keys first to end - 1; begins with tile->end = first.  Tiles in which
 * there is only padding are passed over. */
static gboolean
next_tile(const EntroLogitHead *head, gsize end, Tile *tile)
{
    tile->first_run = tile->end_run;
    while (tile->first_run > 0 && head->runs[tile->first_run - 1].end > tile->end)
        tile->first_run--;
    while (tile->first_run < head->n_runs && head->runs[tile->first_run].end <= tile->end)
        tile->first_run++;
    if (tile->first_run == head->n_runs)
        return FALSE;
    tile->first = MAX(tile->end, head->runs[tile->first_run].first);
    tile->end = MIN(tile->first + ENTRO_LOGIT_KEYS, end);
    tile->end_run = tile->first_run;
    while (tile->end_run < head->n_runs && head->runs[tile->end_run].first < tile->end)
        tile->end_run++;
    return tile->first < end;
}

/* The part of a run in the tile that the row may attend to. */
static gboolean
meet(const EntroLogitHead *head, const Tile *tile, gsize run, const EntroLogitRow *row,
     gsize *ret_first, gsize *ret_end)
{
    const EntroKeyRun *keys = &head->runs[run];

    *ret_first = MAX(MAX(keys->first, tile->first), row->first);
    *ret_end = MIN(MIN(keys->end, tile->end), row->end);
    return *ret_first < *ret_end && (head->any_segment || keys->segment == row->segment);
}

/* ---- sums ---------------------------------------------------------------------------------------------- */

static void
raise_largest(EntroLogitRow *row, double largest)
{
    double factor = exp(row->largest - largest); /* 0 of the first keys */

    if (row->weight > 0)
        row->surprise = factor * (row->surprise + row->weight * (largest - row->largest));
    row->weight *= factor;
    row->away *= factor;
    row->largest = largest;
}

/* Keys that all lie on one side of the query. */
static void
add_side(const EntroLogitHead *head, EntroLogitRow *row, const EntroReal *x, gsize first, gsize n)
{
    EntroLogitSums sums;
    double from = (double)row->position - (double)first; /* |q - k| = +-(from - (k - first)) */

    if (n == 0)
        return;
    head->kernels->sums(x, n, (EntroReal)row->largest, &sums);
    row->weight += sums.weight;
    row->surprise += sums.surprise;
    row->away += from >= 0 ? from * sums.weight - sums.moment : sums.moment - from * sums.weight;
}

static void
keep(double *ret_logit, gssize key, const EntroReal *x, gsize first, gsize end)
{
    if (key >= (gssize)first && key < (gssize)end)
        *ret_logit = (double)x[key - (gssize)first];
}

/* Keys first to end - 1, all allowed; x are their logits. */
static void
add_keys(const EntroLogitHead *head, EntroLogitRow *row, const EntroReal *x, gsize first, gsize end)
{
    EntroLogitSpread spread;
    gsize n = end - first, n_before;

    if (row->n == 0)
        row->centre = (double)x[0];
    head->kernels->spread(x, n, (EntroReal)row->centre, &spread);
    row->n += n;
    row->sum += spread.sum;
    row->squares += spread.squares;
    if (!isfinite(row->sum) || !isfinite(row->centre))
        return; /* the row is none */
    if ((double)spread.largest > row->largest)
        raise_largest(row, (double)spread.largest);
    keep(&row->sink, 0, x, first, end);
    keep(&row->self, row->position, x, first, end);
    keep(&row->previous, row->position - 1, x, first, end);
    n_before = (gsize)CLAMP(row->position + 1 - (gssize)first, 0, (gssize)n);
    add_side(head, row, x, first, n_before);
    add_side(head, row, x + n_before, first + n_before, n - n_before);
}

static void
begin_row(EntroLogitRow *row)
{
    *row = (EntroLogitRow){.position = row->position,
                           .first = row->first,
                           .end = row->end,
                           .segment = row->segment,
                           .largest = -INFINITY,
                           .sink = -INFINITY,
                           .self = -INFINITY,
                           .previous = -INFINITY};
}

void
ENTRO_REAL_NAME(entro_logit_rows_measure)(const EntroLogitHead *head, const EntroReal *queries,
                                          gsize n, EntroLogitRow *rows)
{
    Tile tile = {.n_rows = n};
    gsize span_end, first, end;

    for (gsize i = 0; i < n; i++)
        begin_row(&rows[i]);
    find_span(rows, n, &tile.end, &span_end);
    while (next_tile(head, span_end, &tile)) {
        make_tile(head, queries, &tile);
        for (gsize i = 0; i < n; i++) {
            const EntroReal *x = tile.logits + i * (tile.end - tile.first);
            for (gsize run = tile.first_run; run < tile.end_run; run++)
                if (meet(head, &tile, run, &rows[i], &first, &end))
                    add_keys(head, &rows[i], x + (first - tile.first), first, end);
        }
    }
}

double
ENTRO_REAL_NAME(entro_logit_row_entropy)(const EntroLogitRow *row)
{
    gboolean known = row->n > 0 && isfinite(row->sum) && isfinite(row->centre);

    return known ? log(row->weight) + row->surprise / row->weight : NAN;
}

/* ---- weights -------------------------------------------------------------------------------------------- */

void
ENTRO_REAL_NAME(entro_logit_rows_weights)(const EntroLogitHead *head, const EntroReal *queries,
                                          gsize n, const EntroLogitRow *rows, EntroReal *p)
{
    Tile tile = {.n_rows = n};
    gsize span_end, first, end;

    memset(p, 0, n * head->n_keys * sizeof *p);
    find_span(rows, n, &tile.end, &span_end);
    while (next_tile(head, span_end, &tile)) {
        make_tile(head, queries, &tile);
        for (gsize i = 0; i < n; i++) {
            const EntroReal *x = tile.logits + i * (tile.end - tile.first);
            EntroReal *to = p + i * head->n_keys, factor = (EntroReal)(1 / rows[i].weight);
            for (gsize run = tile.first_run; run < tile.end_run; run++) {
                if (!meet(head, &tile, run, &rows[i], &first, &end))
                    continue;
                head->kernels->weights(x + (first - tile.first), end - first,
                                       (EntroReal)rows[i].largest, to + first);
                for (gsize key = first; key < end; key++)
                    to[key] *= factor;
            }
        }
    }
}
