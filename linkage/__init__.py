"""Privacy-preserving record linkage for agencies that serve the same students.

>>> import linkage
>>> result = linkage.link({"college": college_frame, "workforce": workforce_frame})  # doctest: +SKIP
>>> result.clusters, result.pairs, result.certificate  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linkage.engine.local import LinkResult, link

__all__ = ["LinkResult", "link"]


def __getattr__(name: str) -> object:
    # The engine loads a compiler; a command that links nothing should start without it.
    if name in __all__:
        from linkage.engine import local

        return getattr(local, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
