"""Two registers that share half their people, with errors: enough to time on, not to judge accuracy by."""

from __future__ import annotations

import numpy as np
import pandas as pd
from faker.providers.person.en_US import Provider as Names


def _frequent(table: dict[str, float], count: int, rng: np.random.Generator) -> np.ndarray:
    chance = np.array(list(table.values()), dtype=float)
    return rng.choice(np.array(list(table), dtype=object), count, p=chance / chance.sum())


def _people(count: int, rng: np.random.Generator) -> pd.DataFrame:
    days = rng.integers(0, 13 * 365, count)
    surnames = _frequent(dict(Names.last_names), count, rng)
    # Half of the surnames are double, so that they are as many as in a real state.
    second = _frequent(dict(Names.last_names), count, rng)
    surnames = np.where(rng.random(count) < 0.3, surnames + " " + second, surnames)
    return pd.DataFrame(
        {
            "first_name": np.where(
                rng.random(count) < 0.5,
                _frequent(dict(Names.first_names_female), count, rng),
                _frequent(dict(Names.first_names_male), count, rng),
            ),
            "last_name": surnames,
            "birth_date": (np.datetime64("2005-01-01") + days).astype("datetime64[D]").astype(str),
            "sex": rng.choice(["F", "M"], count),
            "street": pd.Series(rng.integers(1, 9999, count)).astype(str)
            + " "
            + pd.Series(_frequent(dict(Names.last_names), count, rng))
            + " St",
            "city": pd.Series(rng.integers(0, 400, count)).map(lambda n: f"Town {n}"),
            "zip": pd.Series(rng.integers(0, 900, count)).map(lambda n: f"{50000 + n}"),
            "phone": pd.Series(rng.integers(2_000_000_000, 9_999_999_999, count)).astype(str),
        }
    )


def registers(records: int, seed: int = 1) -> tuple[dict[str, pd.DataFrame], dict[str, pd.Series]]:
    """Return two registers of ``records`` people, half of them in both, and the person of each row.

    In the second a tenth of the first and last names lose a letter, 4 % of the birth dates are wrong, 15 % of people
    moved, and 5 % of each field is missing.
    """
    rng = np.random.default_rng(seed)
    people = _people(records + records // 2, rng)
    first = people.iloc[:records]
    second = people.iloc[records // 2 :].copy()
    for column in ("first_name", "last_name"):
        hit = rng.random(len(second)) < 0.1
        second.loc[hit, column] = second.loc[hit, column].str[:2] + second.loc[hit, column].str[3:]
    moved = rng.random(len(second)) < 0.15
    elsewhere = _people(int(moved.sum()), rng)
    for column in ("street", "city", "zip", "phone"):
        second.loc[moved, column] = elsewhere[column].to_numpy()
    wrong = rng.random(len(second)) < 0.04
    second.loc[wrong, "birth_date"] = _people(int(wrong.sum()), rng)["birth_date"].to_numpy()
    for column in second.columns:
        second.loc[rng.random(len(second)) < 0.05, column] = ""
    order = rng.permutation(len(second))
    frames = {"a": first.reset_index(drop=True), "b": second.iloc[order].reset_index(drop=True)}
    return frames, {"a": pd.Series(first.index), "b": pd.Series(second.index[order])}
