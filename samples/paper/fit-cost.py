#!/usr/bin/python3
"""fit-cost.py: the coefficients of `entroscope cost` from the published tables.

    samples/paper/fit-cost.py            prints them and how far each row of the tables is off

Least squares of the relative residuals, so that 6 GB count as much as 145 GB.  Latency is fitted to
the printed communication.  What comes out stands in analyzer/cost/coefficients.c; a test compares.
"""
import json
from pathlib import Path

import numpy as np

TABLES = Path(__file__).with_name("cost-tables.json")


def read_rows(path=TABLES):
    """Rows of all tables, each with the sizes of its table."""
    tables = json.loads(path.read_text(encoding="utf-8"))["tables"]
    return [{**{key: value for key, value in table.items() if key != "rows"}, **row}
            for table in tables for row in table["rows"]]


def communication_features(row):
    """What multiplies gelu_over_relu, relu_and_layer_norm, softmax, linear and head, in 1e9."""
    layers, ffns, d, t = row["layers"], row["ffn_layers"], row["dim"], row["context"]
    has_both = row["arch"].startswith("SM+LN+")
    ffn = 2 if "Fu" in row["arch"] else 10
    return np.array([4 * ffns * t * d * row["arch"].endswith("+G"),
                     ffns * t * d * has_both,
                     layers * row["heads"] * t * t,
                     (12 * layers + ffn * ffns) * t * d,
                     t * row["vocabulary"]]) / 1e9


def ffn_gflop(row):
    return (2 if "Fu" in row["arch"] else 16) * row["ffn_layers"] * row["context"] \
        * row["dim"] ** 2 / 1e9


def latency_features(row, gigabytes):
    """What multiplies the four latency_ coefficients."""
    return np.array([gigabytes, ffn_gflop(row), row["layers"] * row["context"],
                     row["context"] * row["vocabulary"]])


def solve(features, values):
    scale = features.max(axis=0)  # columns of like size, for the accuracy of the solution
    relative = features / scale / values[:, None]
    return np.linalg.lstsq(relative, np.ones(len(values)), rcond=None)[0] / scale


def fit(rows):
    """Coefficients by their names in the program."""
    rows = [row for row in rows if row["fitted"]]
    gigabytes = np.array([row["communication_gb"] for row in rows])
    minutes = np.array([row["latency_min"] for row in rows])
    communication = solve(np.array([communication_features(row) for row in rows]), gigabytes)
    latency = solve(np.array([latency_features(row, row["communication_gb"]) for row in rows]),
                    minutes)
    return dict(zip(["gelu_over_relu", "relu_and_layer_norm", "softmax", "linear", "head",
                     "latency_communication", "latency_ffn", "latency_layers", "latency_head"],
                    [*communication, *latency]))


def predict(row, coefficients):
    """GB and minutes, the minutes from the predicted GB, as the program does."""
    values = list(coefficients.values())
    gigabytes = float(communication_features(row) @ values[:5])
    return gigabytes, float(latency_features(row, gigabytes) @ values[5:])


def main():
    rows = read_rows()
    coefficients = fit(rows)
    for name, value in coefficients.items():
        print(f"{name:22} {value:.8g}")
    print("\ntable  architecture     FFNs       GB            min            fitted")
    for row in rows:
        gigabytes, minutes = predict(row, coefficients)
        print(f"{row['table']:6} {row['arch']:16} {row['ffn_layers']:4} {row['communication_gb']:8} "
              f"{gigabytes / row['communication_gb'] - 1:+7.2%} {row['latency_min']:6} "
              f"{minutes / row['latency_min'] - 1:+7.2%}  {'yes' if row['fitted'] else 'no'}")


if __name__ == "__main__":
    main()
