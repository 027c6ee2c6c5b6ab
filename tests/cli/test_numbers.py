"""The numbers in the database against a plain computation from the weights themselves.

The weights come from the .f32 files beside the fixtures; nothing here is shared with the program.
"""
import array
import math

import clitest
from clitest import FIXTURES, query, test

COLUMNS = ["entropy_mean", "entropy_sd", "entropy_min", "entropy_p05", "entropy_median",
           "entropy_p95", "entropy_max", "entropy_norm", "entropy_ceiling", "effective_keys",
           "max_weight", "sink_mass", "distance", "self_weight", "previous_weight",
           "rows_collapsed", "rows_overloaded"]
TOLERANCE = 1e-4  # on row sums
SAMPLES = 2


def mean(values):
    return math.fsum(values) / len(values) if values else None


def quantile(ordered, f):
    """GSL's: linear between the two neighbours of f (n - 1)."""
    place = f * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def row_entropy(row):
    return -math.fsum(p * math.log(p) for p in row if p > 0) + 0.0


def allowed_keys(query_row, n_keys, n_real, causal):
    return min(n_real, query_row + 1 if causal else n_keys)


def classify(row, is_real, n):
    if any(not math.isfinite(p) for p in row):
        return "nan"
    if not is_real or n == 0 or not any(row):
        return "masked"
    if abs(math.fsum(row) - 1) > TOLERANCE or min(row) < -TOLERANCE:
        return "off_sum"
    return "valid"


def judged(rows, n_keys, causal, masked):
    """Of the rows of one head, [sample][query]: class, allowed keys, position and weights of each."""
    for sample, queries in enumerate(rows):
        n_real = n_keys - 3 * sample if masked else n_keys
        for position, row in enumerate(queries):
            n = allowed_keys(position, n_keys, n_real, causal)
            yield classify(row, position < n_real, n), n, position, row


def share(flags):
    return mean([float(flag) for flag in flags])


def head_stats(rows, n_keys, causal, masked):
    """Of the rows of one head, [sample][query]; a dictionary of the columns and counts."""
    counts = dict.fromkeys(("nan", "masked", "off_sum", "valid"), 0)
    valid = []
    for kind, n, position, row in judged(rows, n_keys, causal, masked):
        counts[kind] += 1
        if kind == "valid":
            valid.append((row_entropy(row), n, position, row))
    entropies = sorted(h for h, _, _, _ in valid)
    found = dict.fromkeys(COLUMNS)
    found.update(n_rows=sum(counts.values()), n_nan=counts["nan"], n_masked=counts["masked"],
                 n_off_sum=counts["off_sum"])
    if not valid:
        return found
    average = mean(entropies)
    found.update(
        entropy_mean=average, entropy_min=entropies[0], entropy_max=entropies[-1],
        entropy_p05=quantile(entropies, 0.05), entropy_median=quantile(entropies, 0.5),
        entropy_p95=quantile(entropies, 0.95),
        entropy_sd=math.sqrt(math.fsum((h - average) ** 2 for h in entropies) / (len(valid) - 1))
        if len(valid) > 1 else None,
        entropy_norm=mean([h / math.log(n) for h, n, _, _ in valid if n >= 2]),
        entropy_ceiling=mean([math.log(n) for _, n, _, _ in valid]),
        effective_keys=mean([math.exp(h) for h, _, _, _ in valid]),
        max_weight=mean([max(row) for _, _, _, row in valid]),
        sink_mass=mean([row[0] for _, _, _, row in valid]),
        distance=mean([math.fsum(p * abs(q - k) for k, p in enumerate(row))
                       for _, _, q, row in valid]),
        self_weight=mean([row[q] for _, _, q, row in valid]),
        previous_weight=mean([row[q - 1] if q > 0 else 0 for _, _, q, row in valid]),
        rows_collapsed=share([h < 0.05 * math.log(n) for h, n, _, _ in valid if n >= 2]),
        rows_overloaded=share([h >= 0.75 * math.log(n) for h, n, _, _ in valid if n >= 2]))
    return found


def layer_stats(heads, n_keys, causal, masked):
    """Of the heads' rows, [head][sample][query]: diversity, and heads by quarter of their ceiling."""
    divergences = []
    for at_once in zip(*(judged(rows, n_keys, causal, masked) for rows in heads)):
        valid = [row for kind, _, _, row in at_once if kind == "valid"]
        if len(valid) >= 2:
            together = [mean(weights) for weights in zip(*valid)]
            divergences.append(row_entropy(together) - mean([row_entropy(row) for row in valid]))
    found = {"diversity": mean(divergences)}
    stats = [head_stats(rows, n_keys, causal, masked) for rows in heads]
    scaled = [head["entropy_mean"] / head["entropy_ceiling"] for head in stats
              if head["entropy_mean"] is not None and head["entropy_ceiling"]]
    for band in range(4):
        found[f"heads_band_{band + 1}"] = share([min(int(4 * x + 1e-9), 3) == band for x in scaled])
    return found


def weights(name):
    numbers = array.array("f")
    numbers.frombytes((FIXTURES / f"{name}.f32").read_bytes())
    return numbers


def blocks(name, n_captures, heads, n_keys):
    """(capture, layer, head, rows) in turn."""
    numbers, place = weights(name), 0
    for capture in range(n_captures):
        for layer, n_heads in enumerate(heads):
            layer_rows = {}
            for sample in range(SAMPLES):
                for head in range(n_heads):
                    rows = []
                    for _ in range(n_keys):
                        rows.append(list(numbers[place:place + n_keys]))
                        place += n_keys
                    layer_rows.setdefault(head, []).append(rows)
            for head, rows in layer_rows.items():
                yield capture, layer, head, rows
    assert place == len(numbers)


def compare(world, name, n_captures, heads, n_keys, causal=True, masked=False):
    world.analyze(f"{name}.h5", options=["--threads", "2"])
    columns = COLUMNS + ["n_rows", "n_nan", "n_masked", "n_off_sum"]
    stored = {row[:3]: row[3:] for row in query(
        world / "r.db", f"SELECT step, layer, head, {', '.join(columns)} FROM head_stats")}
    n = 0
    for capture, layer, head, rows in blocks(name, n_captures, heads, n_keys):
        expected = head_stats(rows, n_keys, causal, masked)
        for column, value in zip(columns, stored[10 * capture, layer, head]):
            where = f"{name}: capture {capture}, layer {layer}, head {head}, {column}"
            close_enough(value, expected[column], where)
        n += 1
    assert n == len(stored), f"{len(stored)} rows stored, {n} expected"
    compare_layers(world, name, n_captures, heads, n_keys, causal, masked)


def compare_layers(world, name, n_captures, heads, n_keys, causal=True, masked=False):
    columns = ["diversity"] + [f"heads_band_{band}" for band in range(1, 5)]
    stored = {row[:2]: row[2:] for row in query(
        world / "r.db", f"SELECT step, layer, {', '.join(columns)} FROM layer_stats")}
    by_layer = {}
    for capture, layer, _, rows in blocks(name, n_captures, heads, n_keys):
        by_layer.setdefault((10 * capture, layer), []).append(rows)
    assert by_layer.keys() == stored.keys()
    for place, rows in by_layer.items():
        expected = layer_stats(rows, n_keys, causal, masked)
        for column, value in zip(columns, stored[place]):
            close_enough(value, expected[column], f"{name}: step, layer {place}, {column}")


def close_enough(value, expected, where):
    if expected is None or value is None:
        assert value is None and expected is None, f"{where}: {value}, expected {expected}"
    else:
        assert abs(value - expected) <= 1e-6 * max(1, abs(expected)), \
            f"{where}: {value}, expected {expected}"


@test
def a_causal_trace(world):
    compare(world, "healthy", 5, [4] * 4, 12)


@test
def a_uniform_trace_is_at_its_ceiling(world):
    compare(world, "overloaded", 4, [4] * 4, 12)
    rows = query(world / "r.db", "SELECT entropy_norm, entropy_mean, entropy_ceiling FROM head_stats")
    for norm, average, ceiling in rows:
        assert abs(norm - 1) < 1e-6 and abs(average - ceiling) < 1e-6
        assert abs(ceiling - math.lgamma(13) / 12) < 1e-12  # ln(T!) / T


@test
def a_diverged_trace(world):
    compare(world, "diverged", 5, [4] * 3, 10)


@test
def a_trace_without_any_number(world):
    compare(world, "all-nan", 2, [2], 8)


@test
def a_padded_trace(world):
    compare(world, "masked", 3, [2, 2], 10, masked=True)


@test
def layers_of_different_head_counts(world):
    compare(world, "uneven", 3, [2, 5, 1], 8)


@test
def a_trace_that_is_not_causal(world):
    compare(world, "square", 2, [2, 2], 8, causal=False)


@test
def a_trace_of_one_token(world):
    compare(world, "one-token", 2, [2, 2], 1)


@test
def layers_are_means_of_their_heads(world):
    world.analyze("uneven.h5", "diverged.h5")
    rows = query(world / "r.db", """
        SELECT l.entropy_mean, avg(h.entropy_mean), l.entropy_ceiling, avg(h.entropy_ceiling)
        FROM layer_stats l JOIN head_stats h USING (run_id, step, layer)
        GROUP BY run_id, step, layer""")
    assert len(rows) == 24, len(rows)
    for stored, computed, ceiling, computed_ceiling in rows:
        close_enough(stored, computed, "entropy_mean")
        close_enough(ceiling, computed_ceiling, "entropy_ceiling")


@test
def exports_give_back_the_same_doubles(world):
    world.analyze("healthy.h5")
    stored = query(world / "r.db", "SELECT entropy_mean FROM head_stats"
                                   " ORDER BY run_id, step, layer, head")
    rows = world.run("export", "head_stats", "--db", "r.db", "--format", "json", check=0).json()
    assert [row["entropy_mean"] for row in rows] == [value for (value,) in stored]
    lines = world.run("export", "head_stats", "--db", "r.db", check=0).out.splitlines()
    place = lines[0].split(",").index("entropy_mean")
    assert [float(line.split(",")[place]) for line in lines[1:]] == [value for (value,) in stored]


clitest.main()
