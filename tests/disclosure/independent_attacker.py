"""An attacker that shares nothing with the product: published frames, codes that may occur, and scipy."""

import numpy as np
from scipy.optimize import linprog


def membership(frame, dimensions, codes, columns):
    """For each published row, which inner combinations it sums; a row's level column says what its code is of."""
    found = []
    for record in frame.to_dict("records"):
        match = np.ones(len(codes), dtype=bool)
        for dimension in dimensions:
            level = record.get(f"{dimension}_level", dimension)
            if record[dimension] != "Total":
                match &= codes[:, columns.index(level)] == record[dimension]
        found.append(match)
    return np.array(found, dtype=float)


def bounds(rows, values, target):
    """Smallest and largest value of ``target @ x`` over x >= 0 with ``rows @ x = values``."""
    ends = []
    for sign in (1.0, -1.0):
        solved = linprog(sign * target, A_eq=rows, b_eq=values, bounds=(0, None), method="highs")
        assert solved.status in (0, 3), solved.message
        ends.append(sign * solved.fun if solved.status == 0 else np.inf)
    return ends[0], ends[1]


def violations(frames, data, inner, columns, threshold=10):
    """Small hidden counts that the attacker bounds too closely; ``frames`` lists (frame, dimensions)."""
    codes = inner[columns].astype(str).to_numpy()
    truth = data.groupby(columns).size()
    amount = np.array([truth.get(tuple(code) if len(columns) > 1 else code[0], 0) for code in codes], dtype=float)
    rows, values, hidden = [], [], []
    for frame, dimensions in frames:
        matrix = membership(frame, dimensions, codes, columns)
        shown = frame["count"].ne("*").to_numpy()
        assert np.allclose(matrix[shown] @ amount, frame["count"][shown].to_numpy(float)), "printed numbers are true"
        rows.append(matrix[shown])
        values.append(frame["count"][shown].to_numpy(float))
        hidden.append(matrix[~shown])
    rows, values, hidden = np.vstack(rows), np.concatenate(values), np.vstack(hidden)
    found = []
    for target in np.unique(hidden, axis=0):
        value = float(target @ amount)
        if 0 < value < threshold:
            low, high = bounds(rows, values, target)
            if low > value - 1 + 1e-6 or high < threshold - 1e-6:
                found.append((value, low, high))
    return found
