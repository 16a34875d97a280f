"""Scored links as they cross from the matcher to the registrar: a Parquet table and a JSON text."""

from __future__ import annotations

import json
from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from linkage.matching.candidates import NAME_ORDER
from linkage.matching.model import Model
from linkage.matching.score import Scored, SourcePair
from linkage.spec.model import LinkageSpec


def links_bytes(scored: Scored) -> bytes:
    """Return the links as Parquet."""
    buffer = BytesIO()
    scored.links.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def model_bytes(scored: Scored) -> bytes:
    """Return everything but the links as JSON."""
    model = scored.model
    content = {
        "identifiers": [identifier.name for identifier in model.identifiers],
        "m": model.m.tolist(),
        "u": model.u.tolist(),
        "r": model.r.tolist(),
        "moved": model.moved.tolist(),
        "moved_share": model.moved_share,
        "match_share": model.match_share.tolist(),
        "relative_share": model.relative_share.tolist(),
        "iterations": model.iterations,
        "converged": model.converged,
        "estimated": model.estimated,
        "source_pairs": [asdict(pair) for pair in scored.source_pairs],
        "warnings": list(scored.warnings),
    }
    return json.dumps(content, sort_keys=True).encode()


def read_scored(links: bytes, model: bytes, spec: LinkageSpec) -> Scored:
    """Put together what :func:`links_bytes` and :func:`model_bytes` wrote."""
    content: dict[str, Any] = json.loads(model)
    return Scored(
        links=pd.read_parquet(BytesIO(links)),
        model=Model(
            identifiers=tuple(
                NAME_ORDER if name == NAME_ORDER.name else spec.identifier(name) for name in content["identifiers"]
            ),
            m=np.array(content["m"]),
            u=np.array(content["u"]),
            r=np.array(content["r"]),
            moved=np.array(content["moved"]),
            moved_share=content["moved_share"],
            match_share=np.array(content["match_share"]),
            relative_share=np.array(content["relative_share"]),
            iterations=content["iterations"],
            converged=content["converged"],
            estimated=content["estimated"],
        ),
        source_pairs=tuple(SourcePair(**pair) for pair in content["source_pairs"]),
        warnings=tuple(content["warnings"]),
    )
