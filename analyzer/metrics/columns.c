/* columns.c: the statistics of a head and of a layer, one row each, in the order of their enums.
 *
 * Database columns, the table `metric`, help and documentation are made from these rows: a new
 * statistic is a row here, its enum, and the line that computes it in stats/head-stats.c. */
#include "entro-analyzer.h"

static const EntroColumn head_columns[] = {
    [ENTRO_HEAD_ENTROPY_MEAN] = {"entropy_mean", "Head entropy", "nats",
                                 "Mean over the valid rows of all samples of H = -sum p ln p, "
                                 "0 ln 0 = 0 (arXiv 2501.03489, Eq. 7)."},
    [ENTRO_HEAD_ENTROPY_SD] = {"entropy_sd", "Standard deviation of row entropy", "nats",
                               "Over the valid rows, with n - 1; NULL with fewer than two."},
    [ENTRO_HEAD_ENTROPY_MIN] = {"entropy_min", "Smallest row entropy", "nats",
                                "Over the valid rows."},
    [ENTRO_HEAD_ENTROPY_P05] = {"entropy_p05", "5 % quantile of row entropy", "nats",
                                "Exact over the valid rows, linear interpolation."},
    [ENTRO_HEAD_ENTROPY_MEDIAN] = {"entropy_median", "Median row entropy", "nats",
                                   "Exact over the valid rows, linear interpolation."},
    [ENTRO_HEAD_ENTROPY_P95] = {"entropy_p95", "95 % quantile of row entropy", "nats",
                                "Exact over the valid rows, linear interpolation."},
    [ENTRO_HEAD_ENTROPY_MAX] = {"entropy_max", "Largest row entropy", "nats",
                                "Over the valid rows."},
    [ENTRO_HEAD_ENTROPY_NORM] = {"entropy_norm", "Normalised entropy", "1",
                                 "Mean of H / ln n over the valid rows with n >= 2 allowed keys: "
                                 "1 for a uniform head at every length; NULL without such a row."},
    [ENTRO_HEAD_ENTROPY_CEILING] = {"entropy_ceiling", "Entropy ceiling", "nats",
                                    "Mean of ln n over the valid rows, n = allowed keys: the "
                                    "entropy of a uniform head; ln(T!)/T for a causal square."},
    [ENTRO_HEAD_EFFECTIVE_KEYS] = {"effective_keys", "Effective keys", "keys",
                                   "Mean of exp(H) over the valid rows."},
    [ENTRO_HEAD_MAX_WEIGHT] = {"max_weight", "Largest weight", "1",
                               "Mean over the valid rows of the row's largest weight."},
    [ENTRO_HEAD_SINK_MASS] = {"sink_mass", "Weight on the first key", "1",
                              "Mean over the valid rows of the weight on key 0."},
    [ENTRO_HEAD_DISTANCE] = {"distance", "Attention distance", "keys",
                             "Mean over the valid rows of sum_k p_k |q - k|, q the query's own "
                             "position among the keys."},
    [ENTRO_HEAD_SELF_WEIGHT] = {"self_weight", "Weight on the query's own position", "1",
                                "Mean over the valid rows."},
    [ENTRO_HEAD_PREVIOUS_WEIGHT] = {"previous_weight", "Weight on the key before the query", "1",
                                    "Mean over the valid rows; a first query has none: 0."},
    [ENTRO_HEAD_ROWS_COLLAPSED] = {"rows_collapsed", "Share of collapsed rows", "1",
                                   "Share of the valid rows with n >= 2 allowed keys whose H < "
                                   "0.05 ln n."},
    [ENTRO_HEAD_ROWS_OVERLOADED] = {"rows_overloaded", "Share of overloaded rows", "1",
                                    "Share of the valid rows with n >= 2 allowed keys whose H >= "
                                    "0.75 ln n."},
    [ENTRO_HEAD_LOGIT_MAX] =
        {"logit_max", "Largest logit", "1",
         "Largest over the valid rows of z = t (ln p - mean of ln p over the keys with p > 0), t "
         "the row's temperature (1 without): the logit before the temperature, counted from the "
         "row's mean; NULL if a t is not above 0. Of traces with temperature, or on request "
         "(analyze --with logits)."},
    [ENTRO_HEAD_LOGIT_SQUARE] = {"logit_square", "Mean-square logit", "1",
                                 "Mean over the valid rows of the mean of z^2 over the keys with "
                                 "p > 0; z as in logit_max."},
    [ENTRO_HEAD_LOGIT_PEAK] = {"logit_peak", "Largest logit as computed", "1",
                               "Largest over the valid rows of scale q k, before the temperature "
                               "and not counted from any mean; of traces with queries and keys or "
                               "row_max_logit. NULL if that of a row is not known."},
    [ENTRO_HEAD_NEAREST_HEAD] = {"nearest_head", "Most similar head", "head",
                                 "The head of the same layer with the smallest Jensen-Shannon "
                                 "divergence. On request (analyze --with pairs)."},
    [ENTRO_HEAD_NEAREST_DIVERGENCE] =
        {"nearest_divergence", "Divergence from the most similar head", "nats",
         "Mean Jensen-Shannon divergence from it, at most ln 2, over 16 evenly spaced queries of "
         "all samples. On request (analyze --with pairs)."},
};

static const EntroColumn layer_columns[] = {
    [ENTRO_LAYER_ENTROPY_MEAN] =
        {"entropy_mean", "Layer entropy", "nats",
         "Mean of the head entropies, heads without a valid row left out."},
    [ENTRO_LAYER_ENTROPY_SPREAD] = {"entropy_spread", "Spread of entropy over heads", "nats",
                                    "Standard deviation (n - 1) of the head entropies; NULL with "
                                    "fewer than two heads."},
    [ENTRO_LAYER_ENTROPY_CEILING] = {"entropy_ceiling", "Entropy ceiling of the layer", "nats",
                                     "Mean of the heads' ceilings."},
    [ENTRO_LAYER_DIVERSITY] =
        {"diversity", "Head diversity", "nats",
         "Generalised Jensen-Shannon divergence of the heads: H(mean over heads of p) - mean over "
         "heads of H(p), over the heads valid in a row, mean over the rows with two or more; 0: "
         "all heads do the same, at most ln of their number."},
    [ENTRO_LAYER_HEADS_BAND_1] = {"heads_band_1", "Heads below 1/4 of their ceiling", "1",
                                  "Share of the heads with a value."},
    [ENTRO_LAYER_HEADS_BAND_2] = {"heads_band_2", "Heads in [1/4, 1/2) of their ceiling", "1",
                                  "Share of the heads with a value."},
    [ENTRO_LAYER_HEADS_BAND_3] = {"heads_band_3", "Heads in [1/2, 3/4) of their ceiling", "1",
                                  "Share of the heads with a value."},
    [ENTRO_LAYER_HEADS_BAND_4] = {"heads_band_4", "Heads at 3/4 of their ceiling or above", "1",
                                  "Share of the heads with a value."},
    [ENTRO_LAYER_PAIR_DIVERGENCE] =
        {"pair_divergence", "Mean divergence of two heads", "nats",
         "Mean over all pairs of heads of their Jensen-Shannon divergence, at most ln 2, over 16 "
         "evenly spaced queries of all samples. On request (analyze --with pairs)."},
};

static const EntroColumn head_param_columns[] = {
    [ENTRO_HEAD_PARAM_THRESHOLD] =
        {"threshold", "Entropy threshold", "E_max",
         "Learnable threshold of the entropy regularizer, as a fraction of E_max = ln T "
         "(arXiv 2501.03489); as stored by the trainer."},
    [ENTRO_HEAD_PARAM_TEMPERATURE_MEAN] = {"temperature_mean", "Mean softmax temperature", "1",
                                           "Learnable temperature of the softmax, mean over the "
                                           "queries; NULL when one is not finite."},
    [ENTRO_HEAD_PARAM_TEMPERATURE_MIN] = {"temperature_min", "Smallest softmax temperature", "1",
                                          "Over the queries; NULL when one is not finite."},
    [ENTRO_HEAD_PARAM_TEMPERATURE_MAX] = {"temperature_max", "Largest softmax temperature", "1",
                                          "Over the queries; NULL when one is not finite."},
};

static const EntroColumn layer_param_columns[] = {
    [ENTRO_LAYER_PARAM_ALPHA] = {"alpha", "FFN scaling alpha", "1",
                                 "Learnable scaling alpha of the feed-forward network; as stored "
                                 "by the trainer."},
    [ENTRO_LAYER_PARAM_BETA] = {"beta", "FFN scaling beta", "1",
                                "Learnable scaling beta of the feed-forward network; as stored by "
                                "the trainer."},
};

static const EntroColumn count_columns[] = {
    {"n_rows", "Rows", "rows", "All rows of the head: samples times queries."},
    {"n_nan", "NaN rows", "rows", "Rows with a weight that is NaN or Inf; not in any statistic."},
    {"n_masked", "Masked rows", "rows",
     "Rows whose query is padding, that may attend to no key, or whose weights are all 0; not in "
     "any statistic."},
    {"n_off_sum", "Rows off their sum", "rows",
     "Rows whose weights do not sum to 1 within the tolerance, with a weight below minus the "
     "tolerance, or with more than the tolerance on keys that are not allowed; not in any "
     "statistic."},
};

static const EntroWithRow with_rows[] = {
    {"quantiles", ENTRO_WITH_QUANTILES, "5 %, 50 % and 95 % quantiles of row entropy"},
    {"diversity", ENTRO_WITH_DIVERSITY, "divergence of the heads of a layer"},
    {"logits", ENTRO_WITH_LOGITS, "logits, also of traces without temperature"},
    {"pairs", ENTRO_WITH_PAIRS, "divergence of every two heads, and each head's nearest"},
};

const EntroWithRow *
entro_with_rows(guint *ret_n)
{
    *ret_n = G_N_ELEMENTS(with_rows);
    return with_rows;
}

G_STATIC_ASSERT(G_N_ELEMENTS(head_columns) == ENTRO_HEAD_N_COLUMNS);
G_STATIC_ASSERT(G_N_ELEMENTS(layer_columns) == ENTRO_LAYER_N_COLUMNS);
G_STATIC_ASSERT(G_N_ELEMENTS(head_param_columns) == ENTRO_HEAD_PARAM_N_COLUMNS);
G_STATIC_ASSERT(G_N_ELEMENTS(layer_param_columns) == ENTRO_LAYER_PARAM_N_COLUMNS);

const EntroColumn *
entro_head_columns(void)
{
    return head_columns;
}

const EntroColumn *
entro_layer_columns(void)
{
    return layer_columns;
}

const EntroColumn *
entro_head_param_columns(void)
{
    return head_param_columns;
}

const EntroColumn *
entro_layer_param_columns(void)
{
    return layer_param_columns;
}

const EntroColumn *
entro_count_columns(void)
{
    return count_columns;
}
