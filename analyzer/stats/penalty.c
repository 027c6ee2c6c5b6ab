/* penalty.c: the entropy regularizer of the paper (Algorithm 1), applied to measured entropies. */
#include "entro-findings.h"

/* The whole delta^2, not what exceeds the tolerance: the penalty jumps at the margin. */
static void
penalise(EntroHeadPenalty *head, double ln_t, double gamma)
{
    head->delta = head->entropy - head->theta * ln_t;
    if (isnan(head->delta))
        head->penalty = NAN;
    else
        head->penalty = fabs(head->delta) > gamma * ln_t ? head->delta * head->delta : 0;
}

double
entro_penalty(EntroHeadPenalty *heads, gsize n, double ln_t, double gamma)
{
    double total = 0;
    guint n_layers = 0;

    for (gsize i = 0; i < n;) {
        double sum = 0;
        guint layer = heads[i].layer, n_counted = 0;

        for (; i < n && heads[i].layer == layer; i++) {
            penalise(&heads[i], ln_t, gamma);
            n_counted += !isnan(heads[i].penalty);
            sum += isnan(heads[i].penalty) ? 0 : heads[i].penalty;
        }
        if (n_counted > 0) {
            total += sum / n_counted;
            n_layers++;
        }
    }
    return n_layers > 0 ? total / n_layers : NAN;
}
