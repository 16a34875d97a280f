"""Every dataset that a ready agreement lists can be sealed from what the simulated agency exports."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from parties_of_a_consortium import TEMPLATES, TODAY, Consortium

from linkage.release.payload import accept_payload, prepare_payload
from linkage.simulation.world import World, simulate


@cache
def world() -> World:
    return simulate(1500, 1)


def extract(key: str) -> pd.DataFrame:
    agency, _, name = key.partition(".")
    files = {(a.name, Path(f.name).stem): f for a in world().agencies for f in a.files}
    return pd.DataFrame({c.name: c.values.to_pandas().astype("string") for c in files[agency, name].columns})


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_listed_columns_of_the_right_rows_are_sealed_and_accepted(path: Path, consortium: Consortium) -> None:
    agreement = consortium.sign(consortium.fill(path))
    for dataset in agreement.terms.data:
        if dataset.provider == "public-health":  # vital records are not simulated
            continue
        frame = extract(dataset.key)
        tokens = frame[dataset.local_id].map(lambda value: hashlib.sha256(value.encode()).hexdigest()[:32])
        sealed = prepare_payload(frame, dataset, agreement, TODAY, tokens, drop_unlisted=True)
        assert len(sealed.frame) > 0
        assert sealed.absent == ()
        shared = {element.name for element in dataset.elements if element.use != "link_only"}
        assert set(sealed.frame.columns) == {"person_token", *shared}
        assert len(accept_payload(sealed.frame, dataset, agreement, TODAY)) == len(sealed.frame)
