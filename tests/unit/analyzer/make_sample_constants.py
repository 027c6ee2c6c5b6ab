#!/usr/bin/python3
"""Pairs of samples and what scipy says of them.

    make_sample_constants.py            prints sample-constants.h
    make_sample_constants.py --check H  exits 1 unless H is what it prints; 77 without scipy

Effect sizes are written down again from their definitions: Cliff's delta by counting pairs, Hedges' g
with the exact gamma factor.  scipy 1.10 has no Benjamini-Hochberg: q by its definition, the smallest
rate at which the step-up procedure finds the test.
"""
import sys
import warnings

try:
    import numpy as np
    from scipy import special, stats
except ImportError as missing:
    print('skipped:', missing)
    sys.exit(77)

SEED = 2385
MOST = 24


def samples():
    rng = np.random.default_rng(SEED)

    def short(values):
        return [float(f'{v:.6g}') for v in values]

    def normal(n, mean=0.0, sd=1.0):
        return short(rng.normal(mean, sd, n))

    return [
        ('one-and-one', [2.385], [0.5]),
        ('one-and-four', [2.385], [0.5, 2.5, 3.0, 3.5]),
        ('three-and-three-apart', [1.0, 2.0, 3.0], [4.0, 5.0, 6.5]),
        ('three-and-three-mixed', [1.0, 2.25, 3.0], [2.0, 2.5, 2.75]),
        ('four-and-five', normal(4), normal(5, 0.5)),
        ('five-and-five-ties', [1.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 2.0, 5.0, 6.0]),
        ('all-equal', [2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0]),
        ('two-constants', [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]),
        ('one-constant', [1.0, 1.0, 1.0, 1.0], [2.0, 2.5, 3.0]),
        ('eight-and-twenty', normal(8), normal(20, 1.0, 2.0)),
        ('nine-and-nine', normal(9), normal(9, 1.0)),
        ('twenty-and-twenty-four', normal(20, 3.0), normal(24, 3.0)),
        ('twelve-and-ten-ties', short(np.round(rng.normal(0, 2, 12))),
         short(np.round(rng.normal(1, 2, 10)))),
        ('far-apart', normal(15, 0.0, 0.01), normal(15, 100.0, 0.01)),
        ('large-offset', [4096 + k / 1024 for k in (1, 2, 3, 5)],
         [4096 + k / 1024 for k in (4, 6, 9, 12)]),
    ]


def delta(a, b):
    return sum(np.sign(x - y) for x in a for y in b) / (len(a) * len(b))


def hedges(a, b):
    df = len(a) + len(b) - 2
    if min(len(a), len(b)) < 2:
        return np.nan
    squares = sum((x - np.mean(v)) ** 2 for v in (a, b) for x in v)
    factor = np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    return (np.mean(a) - np.mean(b)) / np.sqrt(squares / df) * factor if squares > 0 else np.nan


def welch(a, b):
    if min(len(a), len(b)) < 2 or np.ptp(a) + np.ptp(b) == 0:
        return np.nan, np.nan  # scipy: nan, or p = 0 for two constants
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # one of the samples is constant
        return stats.ttest_ind(a, b, equal_var=False)


def rank_sum(a, b):
    if len(set(a + b)) == 1:
        return len(a) * len(b) / 2, 1.0
    return stats.mannwhitneyu(a, b, alternative='two-sided', method='auto')


P_VALUES = [0.001, 0.8, None, 0.013, 0.04, 0.04, 1.0, 0.2, 0.0001, None, 0.05, 0.35]


def step_up(p, rate):
    """What the procedure of 1995 finds at this rate."""
    tests = sorted(x for x in p if x is not None)
    passed = [x for k, x in enumerate(tests, 1) if x <= k * rate / len(tests)]
    return [x is not None and bool(passed) and x <= max(passed) for x in p]


def discovery(p):
    m = sum(x is not None for x in p)
    rates = sorted({m * x / k for x in p if x is not None for k in range(1, m + 1)} | {1.0})
    return [np.nan if x is None else
            min(r for r in rates if step_up(p, r * (1 + 1e-12))[i]) for i, x in enumerate(p)]


def number(value):
    return 'NAN' if value is None or value != value else repr(float(value))


def initialiser(values):
    return '{' + ', '.join(number(v) for v in values) + '}'


def header():
    lines = ['/* sample-constants.h: written by make_sample_constants.py, from scipy. */',
             '/* clang-format off */',
             f'enum {{ MOST_VALUES = {MOST}, N_P_VALUES = {len(P_VALUES)} }};', '',
             'static const struct {', '    const char *name;', '    gsize n_a, n_b;',
             '    double a[MOST_VALUES], b[MOST_VALUES];',
             '    double u, rank_sum_p, t, welch_p, delta, g;', '} samples[] = {']
    for name, a, b in samples():
        u, p_u = rank_sum(a, b)
        t, p_t = welch(a, b)
        lines += [f'    {{"{name}", {len(a)}, {len(b)},', f'     {initialiser(a)},',
                  f'     {initialiser(b)},',
                  '     ' + ', '.join(map(number, (u, p_u, t, p_t, delta(a, b), hedges(a, b)))) + '},']
    lines += ['};', '', f'static const double p_values[N_P_VALUES] = {initialiser(P_VALUES)};',
              f'static const double q_values[N_P_VALUES] = {initialiser(discovery(P_VALUES))};', '']
    return '\n'.join(lines)


def same(ours, there):
    """Numbers may differ in their last digits between builds of numpy and scipy."""
    words, others = ours.replace(',', ' ').split(), there.replace(',', ' ').split()
    return len(words) == len(others) and all(x == y or close(x, y) for x, y in zip(words, others))


def close(x, y):
    try:
        return abs(float(x.strip('{}')) - float(y.strip('{}'))) <= 1e-11 * abs(float(x.strip('{}')))
    except ValueError:
        return False


if len(sys.argv) == 3 and sys.argv[1] == '--check':
    with open(sys.argv[2], encoding='utf-8') as file:
        sys.exit(0 if same(header(), file.read()) else 1)
print(header(), end='')
