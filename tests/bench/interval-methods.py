"""interval-methods.py [SIMULATIONS]: which 95 % interval of a mean holds with few values.

For a mean and for a difference of means of small samples: how often each method covers the truth, and
how wide the studentised bootstrap is beside Student's (Welch's) t, at the median and at the ninth
decile.  This is why analyzer/stats/bootstrap.c is studentised and begins at four values.  Skipped
without numpy and scipy."""
import sys

try:
    import numpy as np
    from scipy import stats
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

RESAMPLES = 999
KINDS = {  # mean 0
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1,
    "lognormal": lambda rng, shape: rng.lognormal(0, 0.7, size=shape) - np.exp(0.245),
    "t, 3 d.f.": lambda rng, shape: rng.standard_t(3, size=shape),
}
Z = stats.norm.ppf([0.025, 0.975])


def resample(rng, x):
    """Means and squared standard errors of resamples of each row."""
    n = x.shape[1]
    drawn = x[:, rng.integers(0, n, size=(RESAMPLES, n))]
    return drawn.mean(2), drawn.var(2, ddof=1) / n


def covers(low, high):
    return float(((low <= 0) & (high >= 0)).mean())


def bca(x, means, estimate):
    """Percentiles corrected for bias and acceleration (Efron 1987); of one mean."""
    n = x.shape[1]
    below = (means < estimate[:, None]).mean(1) + (means == estimate[:, None]).mean(1) / 2
    z0 = stats.norm.ppf(below.clip(1e-4, 1 - 1e-4))
    off = estimate[:, None] - (x.sum(1)[:, None] - x) / (n - 1)
    a = (off ** 3).sum(1) / (6 * (off ** 2).sum(1) ** 1.5)
    ordered = np.sort(means, 1)
    ends = [stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in Z]
    places = [np.clip((end * (RESAMPLES - 1)).round().astype(int), 0, RESAMPLES - 1)
              for end in ends]
    return [ordered[np.arange(len(x)), place] for place in places]


def studentised(means, squares, estimate, error):
    with np.errstate(all="ignore"):
        off = means - estimate[:, None]
        t = np.where(squares > 1e-20, off / np.sqrt(squares), np.sign(off) * np.inf)
    t.sort(axis=1)
    rank = (RESAMPLES + 1) * 25 // 1000
    return estimate - t[:, RESAMPLES - rank] * error, estimate - t[:, rank - 1] * error


def measure(estimate, square, df, means, squares, corrected):
    error = np.sqrt(square)
    half = stats.t.ppf(0.975, df) * error
    low, high = studentised(means, squares, estimate, error)
    finite = np.isfinite(high - low)
    width = ((high - low) / (2 * half))[finite]
    percentile = np.quantile(means, [0.025, 0.975], axis=1)
    return [covers(*percentile), covers(*corrected) if corrected else float("nan"),
            covers(estimate - half, estimate + half), covers(low, high), 1 - finite.mean(),
            *(np.quantile(width, [0.5, 0.9]) if len(width) else [np.nan, np.nan])]


def show(name, size, numbers):
    print(f"{name:12s} {size:14s} " + " ".join(f"{x:8.3f}" for x in numbers), flush=True)


def of_mean(rng, n_simulations, name, n):
    x = KINDS[name](rng, (n_simulations, n))
    means, squares = resample(rng, x)
    show(name, f"{n}", measure(x.mean(1), x.var(1, ddof=1) / n, n - 1, means, squares,
                               bca(x, means, x.mean(1))))


def of_difference(rng, n_simulations, name, sizes, spread):
    x = KINDS[name](rng, (n_simulations, sizes[0]))
    y = KINDS[name](rng, (n_simulations, sizes[1])) * spread
    v, w = x.var(1, ddof=1) / sizes[0], y.var(1, ddof=1) / sizes[1]
    df = (v + w) ** 2 / (v ** 2 / (sizes[0] - 1) + w ** 2 / (sizes[1] - 1))
    (means_x, squares_x), (means_y, squares_y) = resample(rng, x), resample(rng, y)
    show(name, f"{sizes[0]} v {sizes[1]}, sd {spread}",
         measure(x.mean(1) - y.mean(1), v + w, df, means_x - means_y, squares_x + squares_y, None))


def main():
    n_simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = np.random.default_rng(2385)
    print(f"{'values':12s} {'n':14s} {'percent.':>8s} {'BCa':>8s} {'t':>8s} {'student.':>8s} "
          f"{'infinite':>8s} {'width':>8s} {'9th dec.':>8s}")
    for name in KINDS:
        for n in (3, 4, 5, 6, 8, 10, 20):
            of_mean(rng, n_simulations, name, n)
    for name in KINDS:
        for spread in (1, 3, 30):
            for sizes in ((3, 3), (6, 3), (4, 4), (5, 5), (8, 8)):
                of_difference(rng, n_simulations, name, sizes, spread)


main()
