"""The passes of a package, read one at a time.

A million records have gigabytes of encodings, and matching needs one pass of each source at a time; so a pass is read
when it is asked for and given back when another one is. The last one is held, so that asking twice costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO

import pyarrow.parquet as pq

from linkage.engine.steward import pass_member
from linkage.exchange.package import OpenedPackage
from linkage.spec.encodings import EncodedPass
from linkage.spec.model import LinkageSpec


class OpenedPasses(Mapping[str, EncodedPass]):
    """A view of an open package's passes, in the spec's order; it ends when the package is closed."""

    def __init__(self, package: OpenedPackage, spec: LinkageSpec) -> None:
        self._package = package
        self._spec = spec
        self._last: EncodedPass | None = None
        self._names = tuple(p.name for p in spec.passes if package.readable(pass_member(p.name)))

    def __getitem__(self, name: str) -> EncodedPass:
        if name not in self._names:
            raise KeyError(name)
        if self._last is None or self._last.name != name:
            self._last = None
            table = pq.read_table(BytesIO(self._package.member(pass_member(name))))
            self._last = EncodedPass.from_arrow(name, table, self._spec)
        return self._last

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
