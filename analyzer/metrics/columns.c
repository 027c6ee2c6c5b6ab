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
